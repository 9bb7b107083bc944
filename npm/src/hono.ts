import { Hono } from "hono";
import { withHono } from "./adapters/hono.js";

export * from "./core.js";
export type { ClientAuthClient, ServerAuthClient, SentriHonoEnv } from "./adapters/hono.js";

/** Auth for Hono 4, and its idempotency middleware by itself. */
export const { createAuthHono, createIdempotencyMiddleware } = withHono(Hono);

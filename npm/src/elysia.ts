import { Elysia } from "elysia";
import { withElysia } from "./adapters/elysia.js";

export * from "./core.js";
export type * from "./adapters/elysia-types.js";

/** Auth for Elysia 1.4, and its idempotency middleware by itself. */
export const { createAuthElysia, createIdempotencyMiddleware } = withElysia(Elysia);

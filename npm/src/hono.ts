import { Hono } from "hono";
import { withHono } from "./adapters/hono.js";

export * from "./core.js";
export type { ClientAuthClient, ServerAuthClient, SentriHonoEnv } from "./adapters/hono.js";

const factories = withHono(Hono);

/**
 * Makes an auth server or client for Hono 4.
 *
 * @example
 * const auth = createAuthHono({ mode: "server", db: "sqlite:./auth.db", validRoles: ["user", "admin"] });
 * app.route("/auth", auth.router()).get("/me", auth.protect(), (c) => c.json(c.get("user")));
 */
export const createAuthHono = factories.createAuthHono;

/** The idempotency middleware by itself, without an auth server. */
export const createIdempotencyMiddleware = factories.createIdempotencyMiddleware;

import { Elysia } from "elysia";
import { withElysia } from "./adapters/elysia.js";

export * from "./core.js";
export type * from "./adapters/elysia-types.js";

const factories = withElysia(Elysia);

/**
 * Makes an auth server or client for Elysia 1.4.
 *
 * @example
 * const auth = createAuthElysia({ mode: "server", db: "sqlite:./auth.db", validRoles: ["user", "admin"] });
 * app.group("/auth", (group) => group.use(auth.router()));
 */
export const createAuthElysia = factories.createAuthElysia;

/** The idempotency middleware by itself, without an auth server. */
export const createIdempotencyMiddleware = factories.createIdempotencyMiddleware;

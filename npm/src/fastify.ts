export * from "./core.js";
export { createAuthFastify, createIdempotencyMiddleware } from "./adapters/fastify.js";
export type { ClientAuthClient, FastifyErrorHandler, ServerAuthClient } from "./adapters/fastify.js";
export type { SentriFastifyRequest } from "./adapters/fastify-context.js";

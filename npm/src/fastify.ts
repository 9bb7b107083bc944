export * from "./core.js";
export { createAuthFastify, createIdempotencyMiddleware } from "./adapters/fastify.js";
export type { ClientAuthClient, FastifyErrorHandler, SentriFastifyRequest, ServerAuthClient } from "./adapters/fastify.js";

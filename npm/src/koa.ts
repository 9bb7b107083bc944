export * from "./core.js";
export { createAuthKoa, createIdempotencyMiddleware } from "./adapters/koa.js";
export type { ClientAuthClient, KoaContext, KoaRouter, ServerAuthClient } from "./adapters/koa.js";

export * from "./core.js";
export { createAuthKoa, createIdempotencyMiddleware } from "./adapters/koa.js";
export type { ClientAuthClient, KoaRouter, ServerAuthClient } from "./adapters/koa.js";
export type { KoaContext } from "./adapters/koa-context.js";

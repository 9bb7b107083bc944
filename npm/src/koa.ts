export * from "./core.js";
export { createAuthKoa } from "./adapters/koa.js";
export type { ClientAuthClient, KoaContext, KoaRouter, ServerAuthClient } from "./adapters/koa.js";

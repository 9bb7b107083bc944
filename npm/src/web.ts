export * from "./core.js";
export { createAuthWeb } from "./adapters/web-auth.js";
export type * from "./adapters/web-types.js";

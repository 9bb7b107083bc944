export * from "./core.js";
export { createAuth, createAuthExpress, createAuthServer } from "./adapters/express.js";
export type { ClientAuthClient, PermitCheck, ServerAuthClient } from "./adapters/express.js";

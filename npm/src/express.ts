export * from "./core.js";
export { createAuth, createAuthExpress, createAuthServer, createIdempotencyMiddleware } from "./adapters/express.js";
export type {
  ClientAuthClient,
  ExpressErrorHandler,
  ExpressMiddleware,
  ExpressRequest,
  SentriExpressRequest,
  ServerAuthClient,
} from "./adapters/express.js";

import type { ErrorRequestHandler, Request, RequestHandler } from "express";
import type { AuthInfo, AuthUser } from "../types.js";
import type { GuardApi, ServingApi, WriteItWithParentheses } from "./api.js";

/**
 * The members of requests, `user` and `auth` behind `protect()`. An application may declare the same members more
 * narrowly.
 */
export interface SentriExpressRequest {
  user?: Express.User | undefined;
  auth?: AuthInfo | undefined;
  requestId?: string | undefined;
}

declare global {
  namespace Express {
    interface User extends AuthUser {}
    interface Request extends SentriExpressRequest {}
  }
}

/**
 * The request that your functions get. Its parameters are texts, as in handlers of a path that is a string literal.
 */
export interface ExpressRequest extends Request<Record<string, string>> {}

/**
 * A middleware of sentri. It has its own name so that an application's declaration files can name it without further
 * packages of Express.
 */
export interface ExpressMiddleware extends RequestHandler {}

/** An error handler of sentri. */
export interface ExpressErrorHandler extends ErrorRequestHandler {}

/**
 * The API of client mode for an Express application: `protect()` sets `req.user` and `req.auth`; `errorHandler()` is
 * mounted last.
 */
export interface ClientAuthClient<Role extends string = string>
  extends GuardApi<Role, ExpressRequest, ExpressMiddleware, ExpressErrorHandler, Request> {}

/** The API of server mode for an Express application. */
export interface ServerAuthClient<Role extends string = string>
  extends ClientAuthClient<Role>,
    ServingApi<Role, ExpressRequest, ExpressMiddleware> {
  /** The endpoints, to be mounted where you like: `app.use("/auth", auth.router())`. */
  router(...none: WriteItWithParentheses[]): ExpressMiddleware;
}

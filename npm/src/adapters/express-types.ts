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
 * A request as your functions are given it: parameters are texts, as they are in the handlers of a path that is written
 * down.
 */
export interface ExpressRequest extends Request<Record<string, string>> {}

/**
 * A middleware of ours. It has a name of its own so that declarations of applications can name it without Express's
 * further packages.
 */
export interface ExpressMiddleware extends RequestHandler {}

/** An error handler of ours. */
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

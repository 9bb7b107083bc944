import type { ErrorRequestHandler, Request, RequestHandler, Response } from "express";
import { requestIdOf } from "../context.js";
import type { Guardian } from "../guardian.js";
import type { AuthServer } from "../server.js";
import type { AuthInfo, AuthUser, ClientOptions, RateLimiterOptions, ServerOptions } from "../types.js";
import type { GuardApi, ServingApi, Uncounted, WriteItWithParentheses } from "./api.js";
import { assemble } from "./assemble.js";
import { makeAnswer, makeChecks, makeLimiter, proceed, type Check, type Surface } from "./checks.js";
import { serveRead } from "./cut-off.js";
import { expressGate } from "./idempotency/express.js";
import { Gate, type IdempotencyOptions } from "./idempotency/gate.js";
import { addPinned } from "./pinned.js";
import { NodeGuardRequest, addHeaders, forwardedFor, one, readRequest, writeResponse } from "./node.js";

/** The members of requests, `user` and `auth` behind `protect()`. An application may declare the same members more narrowly. */
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

/** A request as your functions are given it: parameters are texts, as they are in the handlers of a path that is written down. */
export interface ExpressRequest extends Request<Record<string, string>> {}

/** A middleware of ours. It has a name of its own so that declarations of applications can name it without Express's further packages. */
export interface ExpressMiddleware extends RequestHandler {}

/** An error handler of ours. */
export interface ExpressErrorHandler extends ErrorRequestHandler {}

/** The API of client mode for an Express application: `protect()` sets `req.user` and `req.auth`; `errorHandler()` is mounted last. */
export interface ClientAuthClient<Role extends string = string> extends GuardApi<Role, ExpressRequest, ExpressMiddleware, ExpressErrorHandler, Request> {}

/** The API of server mode for an Express application. */
export interface ServerAuthClient<Role extends string = string> extends ClientAuthClient<Role>, ServingApi<Role, ExpressRequest, ExpressMiddleware> {
  /** The endpoints, to be mounted where you like: `app.use("/auth", auth.router())`. */
  router(...none: WriteItWithParentheses[]): ExpressMiddleware;
}

const requestId = (req: Request) => requestIdOf([req.requestId, (req as { id?: unknown }).id], one(req.headers["x-request-id"]));

const surface: Surface<Request, Response> = {
  guardRequest: (req) => new NodeGuardRequest(req, req),
  raw: (req) => req,
  requestId,
  user: (req) => (req.auth ? (req.user as AuthUser | undefined) : undefined),
  admit(req, user, auth) {
    req.user = user;
    req.auth = auth;
  },
  addHeaders, pinHeaders: addPinned,
  hasHeader: (res, name) => res.hasHeader(name),
};

const middleware = (check: Check<Request, Response>): ExpressMiddleware => (req, res, next) => {
  const outcome = check(req, res);
  if (outcome === undefined) next();
  else proceed(outcome, next, (response) => writeResponse(req, res, response));
};

function guards<Role extends string>(guardian: Guardian): Uncounted<ClientAuthClient<Role>> {
  const checks = makeChecks(guardian, surface);
  return {
    protect: () => middleware(checks.protect),
    authorize: (...roles) => middleware(checks.authorize(roles)),
    permit: (options) => middleware(checks.permit(options)),
    errorHandler(options = {}) {
      const answer = makeAnswer<Request, Response>(guardian, surface, options, (req) => req);
      return (error: unknown, req, res, next) => {
        if (res.headersSent) return next(error);
        writeResponse(req, res, answer(error, req, res));
      };
    },
  };
}

function serving(server: AuthServer) {
  return {
    router: (): ExpressMiddleware => (req, res, next) => {
      const { url, originalUrl: fullUrl, ip: clientIp, protocol: scheme, body } = req;
      if (!server.native.hasRoute(req.method, url.split("?", 1)[0]!)) return next();
      serveRead(server, readRequest(req, { url, fullUrl, clientIp, requestId: requestId(req), scheme, body }))
        .then((response) => writeResponse(req, res, response))
        .catch(next);
    },
    rateLimiter: (options: RateLimiterOptions<Request>) => middleware(makeLimiter(server, surface, options, (req) => [req.ip, forwardedFor(req)])),
    idempotencyMiddleware: (options?: IdempotencyOptions<Request>): ExpressMiddleware => expressGate(new Gate(options, server)),
  };
}

/** Auth for Express 4 and 5. The last form is for a mode decided at run time; it has compilers name a misspelt option. */
export function createAuthExpress<Role extends string = string>(options: ServerOptions<Role>): ServerAuthClient<Role>;
export function createAuthExpress<Role extends string = string>(options: ClientOptions<Role>): ClientAuthClient<Role>;
export function createAuthExpress<Role extends string = string>(options: ServerOptions<Role> | ClientOptions<Role>): ServerAuthClient<Role> | ClientAuthClient<Role>;
export function createAuthExpress<Role extends string = string>(
  options: ServerOptions<Role> | ClientOptions<Role>,
): ServerAuthClient<Role> | ClientAuthClient<Role> {
  return assemble<Role, ClientAuthClient<Role>, ReturnType<typeof serving>>(options, guards, serving);
}

/** The same as `createAuthExpress`. */
export const createAuth = createAuthExpress;

/** Server mode with RS256, keys made and kept in the database. */
export function createAuthServer<Role extends string = string>(options: Omit<ServerOptions<Role>, "mode">): ServerAuthClient<Role> {
  return createAuthExpress<Role>({ algorithm: "RS256", ...options, mode: "server" });
}

/** The idempotency middleware by itself, without an auth server. */
export function createIdempotencyMiddleware(options?: IdempotencyOptions<Request>): ExpressMiddleware {
  return expressGate(new Gate(options));
}

import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from "express";
import { requestIdOf } from "../context.js";
import { fromData } from "../errors.js";
import type { Guarded } from "../guardian.js";
import { AuthServer } from "../server.js";
import type { AuthInfo, AuthUser, ClientOptions, RateLimiterOptions, ServerOptions } from "../types.js";
import { makeIdempotency, type IdempotencyOptions } from "./idempotency.js";
import { addHeaders, guardRequest, readRequest, writeResponse } from "./node.js";

declare global {
  namespace Express {
    interface User {
      id: string;
      roles: string[];
    }
    interface Request {
      user?: User | undefined;
      auth?: AuthInfo | undefined;
      requestId?: string | undefined;
    }
  }
}

/** The verdict of `permit()`: whether the request may go on. */
export type PermitCheck = (req: Request) => unknown;

/** What server mode offers an Express application, beside the programmatic API. */
export interface ServerAuthClient<Role extends string = string> extends AuthServer<Role> {
  /** The endpoints, to be mounted where you like: `app.use("/auth", auth.router())`. */
  router(): RequestHandler;
  /** Lets authenticated requests pass and sets `req.user` and `req.auth`. */
  protect(): RequestHandler;
  /** Lets users with any of the roles pass; after `protect()`. */
  authorize(...roles: Array<Role | readonly Role[]>): RequestHandler;
  /** Lets requests pass that your check says yes to; after `protect()`. */
  permit(check: PermitCheck | { roles?: readonly Role[]; check: PermitCheck }): RequestHandler;
  /** Limits how often a client may call a route. */
  rateLimiter(options: RateLimiterOptions<Request>): RequestHandler;
  /** Answers repeats of a request with the same key from memory; mount it after the body parser. */
  idempotencyMiddleware(options?: IdempotencyOptions): RequestHandler;
  /** Answers every error in the envelope; mount it last. */
  errorHandler(options?: { onUnhandled?: (error: unknown, req: Request) => void }): ErrorRequestHandler;
}

/** What client mode offers: not in this version yet. */
export type ClientAuthClient<Role extends string = string> = Pick<
  ServerAuthClient<Role>,
  "protect" | "authorize" | "permit" | "errorHandler"
>;

class ExpressAuth<Role extends string> extends AuthServer<Role> implements ServerAuthClient<Role> {
  router(): RequestHandler {
    return (req, res, next) => {
      const at = req.url.indexOf("?");
      if (!this.native.hasRoute(req.method, at < 0 ? req.url : req.url.slice(0, at))) return next();
      readRequest(req, req.url, req.ip)
        .then((request) => this.handle(request))
        .then((response) => writeResponse(req, res, response))
        .catch(next);
    };
  }

  protect(): RequestHandler {
    return (req, res, next) => {
      const requestId = this.dispatcher.logging ? requestIdOf(req) : undefined;
      const request = guardRequest(req, undefined);
      const guarded = this.guardNow(request, requestId);
      if (guarded !== undefined) return admit(guarded, req, res, next);
      this.guard(request, requestId).then((late) => admit(late, req, res, next)).catch(next);
    };
  }

  authorize(...roles: Array<Role | readonly Role[]>): RequestHandler {
    const check = this.roleCheck(roles.flat());
    return (req, _res, next) => {
      const error = check(userOf(req), this.dispatcher.logging ? requestIdOf(req) : undefined);
      if (error) next(error);
      else next();
    };
  }

  permit(options: PermitCheck | { roles?: readonly Role[]; check: PermitCheck }): RequestHandler {
    const { roles, check } = typeof options === "function" ? { roles: undefined, check: options } : options;
    if (roles) this.roleCheck(roles);
    const verdictOf = async (req: Request, user: AuthUser): Promise<string> => {
      const bypass = roles?.find((role) => user.roles.includes(role));
      if (bypass !== undefined) return `bypass:${bypass}`;
      return (await check(req)) ? "passed" : "denied";
    };
    return (req, _res, next) => {
      const user = userOf(req);
      Promise.resolve(user ? verdictOf(req, user) : "unauthenticated")
        .then((verdict) => this.permitted(user, verdict, requestIdOf(req), next))
        .catch(next);
    };
  }

  private permitted(user: AuthUser | undefined, verdict: string, requestId: string | undefined, next: NextFunction): void {
    const error = this.permitVerdict(user, verdict, requestId);
    if (error) next(error);
    else next();
  }

  rateLimiter(options: RateLimiterOptions<Request>): RequestHandler {
    const rule = this.checkLimitRule(options);
    return (req, res, next) => {
      const own = options.key;
      Promise.resolve(own ? own(req) : req.ip ?? "")
        .then((key) => this.limit(rule, String(key), own === undefined, requestIdOf(req)))
        .then(({ headers, error }) => {
          addHeaders(res, headers);
          if (error) next(error);
          else next();
        })
        .catch(next);
    };
  }

  idempotencyMiddleware(options?: IdempotencyOptions): RequestHandler {
    return makeIdempotency({ redisUrl: this.redisUrl(), ...options }, (req) => this.mayReplay(guardRequest(req, undefined)));
  }

  errorHandler(options: { onUnhandled?: (error: unknown, req: Request) => void } = {}): ErrorRequestHandler {
    return (error: unknown, req, res, next) => {
      if (res.headersSent) return next(error);
      const response = this.errorResponse(error);
      if (response.status >= 500 && options.onUnhandled) options.onUnhandled(error, req);
      writeResponse(req, res, response);
    };
  }
}

function userOf(req: Request): AuthUser | undefined {
  return req.auth ? (req.user as AuthUser | undefined) : undefined;
}

function admit(guarded: Guarded, req: Request, res: Response, next: NextFunction): void {
  if (guarded.headers.length > 0) addHeaders(res, guarded.headers);
  const { principal } = guarded;
  if (!principal) return next(fromData(guarded.error!));
  // Fresh objects: what a handler does to them is its own affair.
  req.user = { id: principal.id, roles: principal.roles.slice() };
  req.auth = { sessionId: principal.sessionId, token: principal.token };
  next();
}

/** Auth for Express 4 and 5. */
export function createAuthExpress<Role extends string = string>(options: ServerOptions<Role>): ServerAuthClient<Role>;
export function createAuthExpress<Role extends string = string>(options: ClientOptions<Role>): ClientAuthClient<Role>;
export function createAuthExpress<Role extends string = string>(
  options: ServerOptions<Role> | ClientOptions<Role>,
): ServerAuthClient<Role> | ClientAuthClient<Role> {
  return new ExpressAuth<Role>(options as ServerOptions<Role>);
}

/** The same as `createAuthExpress`. */
export const createAuth = createAuthExpress;

/** Server mode with RS256, keys made and kept in the database. */
export function createAuthServer<Role extends string = string>(options: Omit<ServerOptions<Role>, "mode">): ServerAuthClient<Role> {
  return createAuthExpress<Role>({ algorithm: "RS256", ...options, mode: "server" });
}

/** The idempotency middleware by itself, without an auth server. */
export function createIdempotencyMiddleware(options?: IdempotencyOptions): RequestHandler {
  return makeIdempotency(options);
}

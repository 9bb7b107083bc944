import type { Request, Response } from "express";
import { requestIdOf } from "../context.js";
import type { ProtectHost } from "../protect-host.js";
import type { AuthServer } from "../server.js";
import type { AuthUser, ClientOptions, RateLimiterOptions, ServerOptions } from "../types.js";
import type { Uncounted } from "./api.js";
import { assemble } from "./assemble.js";
import { makeAnswer, makeChecks, makeLimiter, proceed, type Check, type Surface } from "./checks.js";
import { serveRead } from "./cut-off.js";
import type { ClientAuthClient, ExpressMiddleware, ServerAuthClient } from "./express-types.js";
import { expressGate } from "./idempotency/express.js";
import { Gate, type IdempotencyOptions } from "./idempotency/gate.js";
import { addPinned } from "./pinned.js";
import { NodeGuardRequest, addHeaders, forwardedFor, one, readRequest, writeResponse } from "./node.js";

export type * from "./express-types.js";

const requestId = (req: Request) =>
  requestIdOf([req.requestId, (req as { id?: unknown }).id], one(req.headers["x-request-id"]));

const surface: Surface<Request, Response> = {
  guardRequest: (req) => new NodeGuardRequest(req, req),
  raw: (req) => req,
  requestId,
  user: (req) => (req.auth ? (req.user as AuthUser | undefined) : undefined),
  auth: (req) => req.auth,
  admit(req, user, auth) {
    req.user = user;
    req.auth = auth;
  },
  addHeaders,
  pinHeaders: addPinned,
  hasHeader: (res, name) => res.hasHeader(name),
};

const middleware =
  (check: Check<Request, Response>): ExpressMiddleware =>
  (req, res, next) => {
    const outcome = check(req, res);
    if (outcome === undefined) next();
    else proceed(outcome, next, (response) => writeResponse(req, res, response));
  };

function guards<Role extends string>(protectHost: ProtectHost): Uncounted<ClientAuthClient<Role>> {
  const checks = makeChecks(protectHost, surface);
  return {
    protect: (asked) => middleware(checks.protect(asked)),
    authorize: (...roles) => middleware(checks.authorize(roles)),
    permit: (options) => middleware(checks.permit(options)),
    errorHandler(options = {}) {
      const answer = makeAnswer<Request, Response>(protectHost, surface, options, (req) => req);
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
    rateLimiter: (options: RateLimiterOptions<Request>) =>
      middleware(makeLimiter(server, surface, options, (req) => [req.ip, forwardedFor(req)])),
    idempotencyMiddleware: (options?: IdempotencyOptions<Request>): ExpressMiddleware =>
      expressGate(new Gate(options, server)),
  };
}

/**
 * Makes an auth server or client for Express 4 and 5. The third overload is for a mode that is decided at run time;
 * because of it, compilers name a misspelt option.
 *
 * @example
 * const auth = createAuthExpress({ mode: "server", db: "sqlite:./auth.db", validRoles: ["user", "admin"] });
 * app.use("/auth", auth.router());
 * app.get("/me", auth.protect(), (req, res) => res.json(req.user));
 */
export function createAuthExpress<Role extends string = string>(options: ServerOptions<Role>): ServerAuthClient<Role>;
export function createAuthExpress<Role extends string = string>(options: ClientOptions<Role>): ClientAuthClient<Role>;
export function createAuthExpress<Role extends string = string>(
  options: ServerOptions<Role> | ClientOptions<Role>,
): ServerAuthClient<Role> | ClientAuthClient<Role>;
export function createAuthExpress<Role extends string = string>(
  options: ServerOptions<Role> | ClientOptions<Role>,
): ServerAuthClient<Role> | ClientAuthClient<Role> {
  return assemble<Role, ClientAuthClient<Role>, ReturnType<typeof serving>>(options, guards, serving);
}

/** The same as `createAuthExpress`. */
export const createAuth = createAuthExpress;

/**
 * Makes server mode with RS256 and keys that sentri makes and keeps in the database.
 *
 * @example const auth = createAuthServer({ db: process.env.DATABASE_URL, validRoles: ["user", "admin"] });
 */
export function createAuthServer<Role extends string = string>(
  options: Omit<ServerOptions<Role>, "mode">,
): ServerAuthClient<Role> {
  return createAuthExpress<Role>({ algorithm: "RS256", ...options, mode: "server" });
}

/** The idempotency middleware by itself, without an auth server. */
export function createIdempotencyMiddleware(options?: IdempotencyOptions<Request>): ExpressMiddleware {
  return expressGate(new Gate(options));
}

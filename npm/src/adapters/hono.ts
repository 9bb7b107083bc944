import type { Context, ErrorHandler, Hono, MiddlewareHandler } from "hono";
import type { ProtectHost } from "../protect-host.js";
import type { AuthServer } from "../server.js";
import type { AuthInfo, AuthUser, ClientOptions, RateLimiterOptions, ServerOptions } from "../types.js";
import type { GuardApi, ServingApi, Uncounted, WriteItWithParentheses } from "./api.js";
import { assemble } from "./assemble.js";
import { makeAnswer, makeChecks, makeLimiter } from "./checks.js";
import { serveRead } from "./cut-off.js";
import { originOf, peerOf, requestId, respond, surface, waitUntilOf, type Ctx } from "./hono-context.js";
import { middleware } from "./hono-middleware.js";
import { Gate, type IdempotencyOptions } from "./idempotency/gate.js";
import { honoGate } from "./idempotency/hono.js";
import { below } from "./paths.js";
import { readRequest, toResponse } from "./web.js";

/** The environment of an application behind `protect()`: `new Hono<SentriHonoEnv>()`. */
export interface SentriHonoEnv<Role extends string = string> {
  Variables: { user: AuthUser<Role>; auth: AuthInfo };
}

/**
 * The API of client mode for a Hono application. `protect()` sets `c.get("user")` and `c.get("auth")`. The error
 * handler is set by `app.onError(auth.errorHandler())`.
 */
export interface ClientAuthClient<Role extends string = string>
  extends GuardApi<
    Role,
    Context<SentriHonoEnv<Role>>,
    MiddlewareHandler<SentriHonoEnv<Role>>,
    ErrorHandler<any>,
    Context
  > {}

/** The API of server mode for a Hono application. */
export interface ServerAuthClient<Role extends string = string>
  extends ClientAuthClient<Role>,
    ServingApi<Role, Context, MiddlewareHandler> {
  /** The endpoints: `app.route("/auth", auth.router())`. */
  router(...none: WriteItWithParentheses[]): Hono;
}

const addressBy = (server: AuthServer) => (c: Ctx) => server.clientAddress(...originOf(c));

function guards<Role extends string>(protectHost: ProtectHost): Uncounted<ClientAuthClient<Role>> {
  const checks = makeChecks(protectHost, surface);
  return {
    protect: (asked) => middleware(checks.protect(asked)),
    authorize: (...roles) => middleware(checks.authorize(roles)),
    permit: (options) => middleware(checks.permit(options)),
    errorHandler(options = {}) {
      const answer = makeAnswer<Ctx, Ctx>(protectHost, surface, options, (c) => c.env?.incoming);
      return (error, c) => {
        // An HTTPException may be no error but, for example, a redirect.
        if ("getResponse" in error && (error as { status?: number }).status! < 400) return error.getResponse();
        return respond(c, answer(error, c, c));
      };
    },
  };
}

/** The factories, over the application's own copy of Hono. */
export function withHono(Framework: new () => Hono) {
  const serving = (server: AuthServer) => ({
    router() {
      const app = new Framework();
      for (const { method, path } of server.routes) {
        app.on(method, path, async (c) => {
          const facts = {
            method,
            url: below(c.req.url, path),
            clientIp: peerOf(c),
            requestId: requestId(c),
            kept: () => c.req.arrayBuffer(),
          };
          return toResponse(await serveRead(server, readRequest(c.req.raw, facts), waitUntilOf(c)));
        });
      }
      return app;
    },
    rateLimiter: (options: RateLimiterOptions<Context>) => middleware(makeLimiter(server, surface, options, originOf)),
    idempotencyMiddleware: (options?: IdempotencyOptions<Context>) =>
      honoGate(new Gate(options, server), addressBy(server)),
  });
  function createAuthHono<Role extends string = string>(options: ServerOptions<Role>): ServerAuthClient<Role>;
  function createAuthHono<Role extends string = string>(options: ClientOptions<Role>): ClientAuthClient<Role>;
  function createAuthHono<Role extends string = string>(
    options: ServerOptions<Role> | ClientOptions<Role>,
  ): ServerAuthClient<Role> | ClientAuthClient<Role>;
  function createAuthHono<Role extends string = string>(
    options: ServerOptions<Role> | ClientOptions<Role>,
  ): ServerAuthClient<Role> | ClientAuthClient<Role> {
    return assemble<Role, ClientAuthClient<Role>, ReturnType<typeof serving>>(options, guards, serving);
  }
  /** The idempotency middleware by itself, without an auth server. */
  const createIdempotencyMiddleware = (options?: IdempotencyOptions<Context>): MiddlewareHandler =>
    honoGate(new Gate(options), peerOf);
  return { createAuthHono, createIdempotencyMiddleware };
}

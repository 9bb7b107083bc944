import type { Middleware } from "koa";
import type { ProtectHost } from "../protect-host.js";
import type { NativeRequest } from "../generated/native.js";
import type { AuthServer } from "../server.js";
import type { ClientOptions, RateLimiterOptions, ServerOptions } from "../types.js";
import type { GuardApi, ServingApi, Uncounted, WriteItWithParentheses } from "./api.js";
import { assemble } from "./assemble.js";
import { demand, makeAnswer, makeChecks, makeLimiter, type Check } from "./checks.js";
import { serveRead } from "./cut-off.js";
import { Gate, type IdempotencyOptions } from "./idempotency/gate.js";
import { koaGate } from "./idempotency/koa.js";
import { hushCutOffs, requestId, respond, surface, type KoaContext } from "./koa-context.js";
import { loadRouter, type KoaRouter } from "./koa-router.js";
import { forwardedFor, readRequest } from "./node.js";
import { below } from "./paths.js";

export type { KoaRouter };

/**
 * The API of client mode for a Koa application: `protect()` sets `ctx.state.user` and `ctx.state.auth`;
 * `errorHandler()` answers errors of middleware that is mounted after it.
 */
export interface ClientAuthClient<Role extends string = string>
  extends GuardApi<Role, KoaContext, Middleware, Middleware> {}

/** The API of server mode for a Koa application. */
export interface ServerAuthClient<Role extends string = string>
  extends ClientAuthClient<Role>,
    ServingApi<Role, KoaContext, Middleware> {
  /** The endpoints, the same router at every call: `router.use("/auth", auth.router().routes())`. */
  router(...none: WriteItWithParentheses[]): KoaRouter;
}

// Continues without a promise of its own if the check passes at once, since that would be one more at every request.
const middleware =
  (check: Check<KoaContext>): Middleware =>
  (ctx, next) => {
    const outcome = check(ctx, ctx);
    return outcome === undefined
      ? next()
      : demand(outcome).then((response) => (response === undefined ? next() : respond(ctx, response)));
  };

function guards<Role extends string>(protectHost: ProtectHost): Uncounted<ClientAuthClient<Role>> {
  const checks = makeChecks(protectHost, surface);
  return {
    protect: (asked) => middleware(checks.protect(asked)),
    authorize: (...roles) => middleware(checks.authorize(roles)),
    permit: (options) => middleware(checks.permit(options)),
    errorHandler(options = {}) {
      const answer = makeAnswer<KoaContext, KoaContext>(protectHost, surface, options, (ctx) => ctx.req);
      return async (ctx, next) => {
        hushCutOffs(ctx);
        try {
          await next();
        } catch (error) {
          respond(ctx, answer(error, ctx, ctx));
        }
      };
    },
  };
}

/** Reads a request. Its body is the text that a parser has kept, the value that it made of it, or the unread stream. */
function read(ctx: KoaContext, method: string, pattern: string): Promise<NativeRequest> {
  hushCutOffs(ctx);
  const { rawBody, body } = ctx.request as { rawBody?: unknown; body?: unknown };
  return readRequest(ctx.req, {
    method,
    url: below(ctx.req.url ?? "/", pattern),
    fullUrl: ctx.originalUrl,
    clientIp: ctx.ip,
    requestId: requestId(ctx),
    scheme: ctx.protocol,
    body: typeof rawBody === "string" ? rawBody : ctx.req.readableEnded ? body : undefined,
  });
}

function makeRouter(server: AuthServer): KoaRouter {
  const Router = loadRouter();
  const router = new Router();
  for (const { method, path } of server.routes) {
    router.register(path, [method], async (ctx) => respond(ctx, await serveRead(server, read(ctx, method, path))));
  }
  return router;
}

function serving(server: AuthServer) {
  let router: KoaRouter | undefined;
  return {
    router: () => (router ??= makeRouter(server)),
    rateLimiter: (options: RateLimiterOptions<KoaContext>) =>
      middleware(makeLimiter(server, surface, options, ({ ip, req }) => [ip, forwardedFor(req)])),
    idempotencyMiddleware: (options?: IdempotencyOptions<KoaContext>) => koaGate(new Gate(options, server)),
  };
}

/**
 * Makes an auth server or client for Koa 2 and 3.
 *
 * @example app.use(createAuthKoa({ mode: "client", keyUri: "https://auth.example.com/auth/keys" }).protect());
 */
export function createAuthKoa<Role extends string = string>(options: ServerOptions<Role>): ServerAuthClient<Role>;
export function createAuthKoa<Role extends string = string>(options: ClientOptions<Role>): ClientAuthClient<Role>;
export function createAuthKoa<Role extends string = string>(
  options: ServerOptions<Role> | ClientOptions<Role>,
): ServerAuthClient<Role> | ClientAuthClient<Role>;
export function createAuthKoa<Role extends string = string>(
  options: ServerOptions<Role> | ClientOptions<Role>,
): ServerAuthClient<Role> | ClientAuthClient<Role> {
  return assemble<Role, ClientAuthClient<Role>, ReturnType<typeof serving>>(options, guards, serving);
}

/** The idempotency middleware by itself, without an auth server. */
export function createIdempotencyMiddleware(options?: IdempotencyOptions<KoaContext>): Middleware {
  return koaGate(new Gate(options));
}

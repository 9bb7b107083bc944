import type { Context, ErrorHandler, Hono, MiddlewareHandler } from "hono";
import { requestIdOf } from "../context.js";
import { SENTRI_ROUTES } from "../generated/routes.js";
import type { Guardian, ResponseData } from "../guardian.js";
import type { AuthServer } from "../server.js";
import type { AuthInfo, AuthUser, ClientOptions, RateLimiterOptions, ServerOptions } from "../types.js";
import type { GuardApi, ServingApi, Uncounted, WriteItWithParentheses } from "./api.js";
import { assemble } from "./assemble.js";
import { demand, makeAnswer, makeChecks, makeLimiter, type Check, type HeaderPairs, type Origin, type Outcome, type Surface } from "./checks.js";
import { serveRead } from "./cut-off.js";
import { Gate, type IdempotencyOptions } from "./idempotency/gate.js";
import { honoGate } from "./idempotency/hono.js";
import { below } from "./paths.js";
import { WebGuardRequest, readRequest, toResponse } from "./web.js";

/** The environment of an application behind `protect()`: `new Hono<SentriHonoEnv>()`. */
export interface SentriHonoEnv<Role extends string = string> {
  Variables: { user: AuthUser<Role>; auth: AuthInfo };
}

type Ctx = Context<any>;

/** What client mode offers a Hono application: `protect()` sets `c.get("user")` and `c.get("auth")`; `app.onError(auth.errorHandler())`. */
export interface ClientAuthClient<Role extends string = string>
  extends GuardApi<Role, Context<SentriHonoEnv<Role>>, MiddlewareHandler<SentriHonoEnv<Role>>, ErrorHandler<any>, Context> {}

/** What server mode offers a Hono application. */
export interface ServerAuthClient<Role extends string = string> extends ClientAuthClient<Role>, ServingApi<Role, Context, MiddlewareHandler> {
  /** The endpoints: `app.route("/auth", auth.router())`. */
  router(...none: WriteItWithParentheses[]): Hono;
}

const requestId = (c: Ctx) => requestIdOf([c.get("requestId")], c.req.raw.headers.get("x-request-id"));

/** The headers that checks have added. Hono forgets them where a handler returns a `Response` of its own. */
const added = new WeakMap<Ctx, HeaderPairs>();

/** Adds headers to the answer, beside the cookies that are there and in place of others. */
function addLate(c: Ctx, headers: HeaderPairs): void {
  const cookies = c.finalized ? c.res.headers.getSetCookie() : [];
  for (const [name, value] of headers) {
    if (name !== "Set-Cookie") c.header(name, value);
    else if (!cookies.includes(value)) c.header(name, value, { append: true });
  }
}

const surface: Surface<Ctx> = {
  guardRequest: (c) => new WebGuardRequest(c.req.raw),
  raw: (c) => c.req.raw,
  requestId,
  user: (c) => (c.get("auth") ? c.get("user") : undefined),
  admit(c, user, auth) {
    c.set("user", user);
    c.set("auth", auth);
  },
  addHeaders(c, headers) {
    added.set(c, [...(added.get(c) ?? []), ...headers]);
    addLate(c, headers);
  },
  hasHeader: (c, name) => c.res.headers.has(name),
};

/** The peer's address, where the server of the runtime keeps it: Node, Bun, Deno, or the platform that calls a function. */
function peerOf({ env, req }: Ctx): string | undefined {
  const node = env?.incoming?.socket?.remoteAddress ?? env?.server?.incoming?.socket?.remoteAddress;
  const bun = env?.server ?? env;
  return node ?? env?.remoteAddr?.hostname ?? (typeof bun?.requestIP === "function" ? bun.requestIP(req.raw)?.address : platformPeer(env));
}

/** AWS API Gateway in both versions, Lambda@Edge, Netlify. A load balancer names nobody but in X-Forwarded-For. */
function platformPeer(env: Ctx["env"]): string | undefined {
  const aws = env?.requestContext;
  const named = aws?.identity?.sourceIp ?? aws?.http?.sourceIp ?? env?.event?.Records?.[0]?.cf?.request?.clientIp ?? env?.context?.ip;
  return typeof named === "string" ? named : undefined;
}

const originOf = (c: Ctx): Origin => [peerOf(c), c.req.header("x-forwarded-for")];
const addressBy = (server: AuthServer) => (c: Ctx) => server.clientAddress(...originOf(c));

// Goes on at once where the outcome is there: a promise of our own would be one more for every request.
const middleware = (check: Check<Ctx>): MiddlewareHandler<any> => (c, next) => {
  const outcome = check(c, c);
  return outcome === undefined ? next() : follow(c, outcome, next);
};

async function follow(c: Ctx, outcome: Outcome | Promise<Outcome>, next: () => Promise<void>): Promise<Response | void> {
  const response = await demand(outcome);
  if (response !== undefined) return respond(c, response);
  await next();
  addLate(c, added.get(c) ?? []);
}

function respond(c: Ctx, { status, headers, body }: ResponseData): Response {
  surface.addHeaders(c, headers);
  return status === 204 ? c.body(null, status) : c.body(body, status as never);
}

function guards<Role extends string>(guardian: Guardian): Uncounted<ClientAuthClient<Role>> {
  const checks = makeChecks(guardian, surface);
  return {
    protect: () => middleware(checks.protect),
    authorize: (...roles) => middleware(checks.authorize(roles)),
    permit: (options) => middleware(checks.permit(options)),
    errorHandler(options = {}) {
      const answer = makeAnswer<Ctx, Ctx>(guardian, surface, options, (c) => c.env?.incoming);
      return (error, c) => {
        // An HTTPException may be no error, a redirect for one.
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
      for (const { method, path } of SENTRI_ROUTES) {
        app.on(method, path, async (c) => {
          const told = { method, url: below(c.req.url, path), clientIp: peerOf(c), requestId: requestId(c), kept: () => c.req.arrayBuffer() };
          return toResponse(await serveRead(server, readRequest(c.req.raw, told)));
        });
      }
      return app;
    },
    rateLimiter: (options: RateLimiterOptions<Context>) =>
      middleware(makeLimiter(server, surface, options, originOf)),
    idempotencyMiddleware: (options?: IdempotencyOptions<Context>) => honoGate(new Gate(options, server), addressBy(server)),
  });
  function createAuthHono<Role extends string = string>(options: ServerOptions<Role>): ServerAuthClient<Role>;
  function createAuthHono<Role extends string = string>(options: ClientOptions<Role>): ClientAuthClient<Role>;
  function createAuthHono<Role extends string = string>(options: ServerOptions<Role> | ClientOptions<Role>): ServerAuthClient<Role> | ClientAuthClient<Role>;
  function createAuthHono<Role extends string = string>(
    options: ServerOptions<Role> | ClientOptions<Role>,
  ): ServerAuthClient<Role> | ClientAuthClient<Role> {
    return assemble<Role, ClientAuthClient<Role>, ReturnType<typeof serving>>(options, guards, serving);
  }
  /** The idempotency middleware by itself, without an auth server. */
  const createIdempotencyMiddleware = (options?: IdempotencyOptions<Context>): MiddlewareHandler => honoGate(new Gate(options), peerOf);
  return { createAuthHono, createIdempotencyMiddleware };
}

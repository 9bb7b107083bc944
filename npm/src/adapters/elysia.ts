import type { Context, Elysia } from "elysia";
import { SENTRI_ROUTES } from "../generated/routes.js";
import type { Guardian } from "../guardian.js";
import type { AuthServer } from "../server.js";
import type { ClientOptions, RateLimiterOptions, ServerOptions } from "../types.js";
import type { Uncounted } from "./api.js";
import { assemble } from "./assemble.js";
import { demand, makeAnswer, makeChecks, makeLimiter, type Checks, type Outcome } from "./checks.js";
import { serveRead } from "./cut-off.js";
import { isStatus, originOf, peerOf, pinAfter, requestId, respond, surface, whole, type Parts, type Served } from "./elysia-context.js";
import type { ClientAuthClient, ElysiaPermit, ElysiaPlugin, SentriElysiaContext, ServerAuthClient } from "./elysia-types.js";
import { elysiaGate } from "./idempotency/elysia.js";
import { Gate, type IdempotencyOptions } from "./idempotency/gate.js";
import { below } from "./paths.js";
import { readRequest } from "./web.js";

/**
 * The factories, over the application's own copy of Elysia. Elysia reads the source of hooks to see what they need of a context, so
 * hooks name it; one that is given a whole context makes Elysia parse bodies and queries for it.
 */
export function withElysia(Framework: typeof Elysia) {
  // Elysia infers the type of a plugin from every call; ours are declared as a whole.
  const plugin = (): any => new Framework();

  const guards = <Role extends string>(guardian: Guardian): Uncounted<ClientAuthClient<Role>> => {
    const checks = makeChecks(guardian, surface);
    return {
      protect: () => plugin().resolve({ as: "scoped" }, async ({ request, set, store, status }: Parts & Answers) =>
        admit(checks, { request, set, store }, status)).onAfterHandle({ as: "scoped" }, pinAfter),
      authorize(...roles) {
        const check = checks.authorize(roles);
        return plugin().onBeforeHandle({ as: "scoped" }, async ({ request, set, store, user, auth }: Parts) =>
          demand(check({ request, set, store, user, auth })));
      },
      permit(options) {
        const check = checks.permit(options as never);
        return plugin().onBeforeHandle({ as: "scoped" }, async (ctx: Parts) => demand(check(whole(ctx))));
      },
      errorHandler(options = {}) {
        const answer = makeAnswer<Request, Pick<Parts, "set">>(guardian, surface, options, () => undefined);
        return ({ error, request, set }) => (error instanceof Error || !isStatus(error) ? respond(set, answer(error, request, { set })) : undefined);
      },
    };
  };

  const serving = (server: AuthServer) => ({
    router() {
      const app = plugin();
      for (const { method, path } of SENTRI_ROUTES) {
        app.route(method, path, async ({ request, server: host, set, store }: Parts & { server: Context["server"] }) => {
          const told = { method, url: below(request.url, path), clientIp: peerOf(request, host), requestId: requestId({ request, set, store }) };
          return respond(set, await serveRead(server, readRequest(request, told)));
        }, { parse: "none" });
      }
      return app;
    },
    macro: () => plugin().macro(makeMacros(makeChecks(server, surface))),
    rateLimiter(options: RateLimiterOptions<Context>) {
      const check = makeLimiter(server, surface, options as never, originOf);
      const hook = options.key
        ? async (ctx: Parts) => demand(check(whole(ctx), ctx))
        : async ({ request, set, store, server: host }: Parts & { server: Context["server"] }) => {
            const parts = { request, set, store, server: host };
            await demand(check(parts, parts));
          };
      return plugin().onBeforeHandle({ as: "scoped" }, hook);
    },
    idempotencyMiddleware: (options?: IdempotencyOptions<Context>): ElysiaPlugin => elysiaGate(plugin(), new Gate(options, server), addressBy(server)),
  });

  function createAuthElysia<Role extends string = string>(options: ServerOptions<Role>): ServerAuthClient<Role>;
  function createAuthElysia<Role extends string = string>(options: ClientOptions<Role>): ClientAuthClient<Role>;
  function createAuthElysia<Role extends string = string>(options: ServerOptions<Role> | ClientOptions<Role>): ServerAuthClient<Role> | ClientAuthClient<Role>;
  function createAuthElysia<Role extends string = string>(
    options: ServerOptions<Role> | ClientOptions<Role>,
  ): ServerAuthClient<Role> | ClientAuthClient<Role> {
    return assemble<Role, ClientAuthClient<Role>, ReturnType<typeof serving>>(options, guards, serving);
  }
  /** The idempotency middleware by itself, without an auth server. */
  const createIdempotencyMiddleware = (options?: IdempotencyOptions<Context>): ElysiaPlugin =>
    elysiaGate(plugin(), new Gate(options), ({ request, server }) => peerOf(request, server ?? null));
  return { createAuthElysia, createIdempotencyMiddleware };
}

/** The origin of a request, by the server's rules about forwarded addresses. */
const addressBy = (server: AuthServer) => (parts: Served) => server.clientAddress(...originOf(parts));

/** Elysia's own way to answer from where a user is resolved. */
interface Answers {
  status: (code: number, response: Response) => never;
}

/** Lets a request in: its user. */
async function admit<Role extends string>(checks: Checks<Parts, Parts>, parts: Parts, status: Answers["status"]): Promise<SentriElysiaContext<Role>> {
  const response = await demand(checks.protect(parts, parts));
  // Elysia drops what is given beside the code of an empty answer; of a `Response` under 200 it takes the status too.
  if (response !== undefined) return status(200, respond(parts.set, response));
  return { user: parts.user, auth: parts.auth } as SentriElysiaContext<Role>;
}

/** The options of single routes. Each lets the request in first, unless that was done. */
function makeMacros(checks: Checks<Parts, Parts>) {
  const after = async (parts: Parts, status: Answers["status"], check: (parts: Parts) => Outcome | Promise<Outcome>) => {
    const answer = parts.auth ? undefined : await admit(checks, parts, status);
    if (!parts.auth) return answer;
    await demand(check(parts));
    return { user: parts.user, auth: parts.auth };
  };
  return {
    protect: { resolve: async ({ request, set, store, status }: Parts & Answers) => admit(checks, { request, set, store }, status), afterHandle: pinAfter },
    authorize: (roles: string | readonly string[]) => {
      const check = checks.authorize([roles]);
      return { resolve: async ({ request, set, store, user, auth, status }: Parts & Answers) => after({ request, set, store, user, auth }, status, check), afterHandle: pinAfter };
    },
    permit: (options: ElysiaPermit<string>) => {
      const check = checks.permit(options as never);
      return { resolve: async (ctx: Parts & Answers) => after(whole(ctx), ctx.status, check), afterHandle: pinAfter };
    },
  };
}

import type { Context, Elysia } from "elysia";
import type { ProtectHost } from "../protect-host.js";
import type { AuthServer } from "../server.js";
import type { ClientOptions, RateLimiterOptions, ServerOptions } from "../types.js";
import type { Uncounted } from "./api.js";
import { assemble } from "./assemble.js";
import { demand, makeAnswer, makeChecks, makeLimiter } from "./checks.js";
import { serveRead } from "./cut-off.js";
import {
  isStatus,
  originOf,
  peerOf,
  pinAfter,
  requestId,
  respond,
  surface,
  whole,
  type Parts,
  type Served,
} from "./elysia-context.js";
import { admit, makeMacros, type Answers } from "./elysia-macros.js";
import type { ClientAuthClient, ElysiaPlugin, ServerAuthClient } from "./elysia-types.js";
import { elysiaGate } from "./idempotency/elysia.js";
import { Gate, type IdempotencyOptions } from "./idempotency/gate.js";
import { below } from "./paths.js";
import { readRequest } from "./web.js";

/** The guards of both modes; `plugin` makes an empty plugin. */
const guardsOver =
  (plugin: () => any) =>
  <Role extends string>(protectHost: ProtectHost): Uncounted<ClientAuthClient<Role>> => {
    const checks = makeChecks(protectHost, surface);
    return {
      protect(asked) {
        const check = checks.protect(asked);
        return plugin()
          .resolve({ as: "scoped" }, async ({ request, set, store, status }: Parts & Answers) =>
            admit(check, { request, set, store }, status),
          )
          .onAfterHandle({ as: "scoped" }, pinAfter);
      },
      authorize(...roles) {
        const check = checks.authorize(roles);
        return plugin().onBeforeHandle({ as: "scoped" }, async ({ request, set, store, user, auth }: Parts) =>
          demand(check({ request, set, store, user, auth })),
        );
      },
      permit(options) {
        const check = checks.permit(options as never);
        return plugin().onBeforeHandle({ as: "scoped" }, async (ctx: Parts) => demand(check(whole(ctx))));
      },
      errorHandler(options = {}) {
        const answer = makeAnswer<Request, Pick<Parts, "set">>(protectHost, surface, options, () => undefined);
        return ({ error, request, set }) =>
          error instanceof Error || !isStatus(error) ? respond(set, answer(error, request, { set })) : undefined;
      },
    };
  };

/**
 * The factories, over the application's own copy of Elysia. Elysia reads the source of hooks to see which members of a
 * context they use, so hooks name them; a hook that takes a whole context makes Elysia parse bodies and queries for it.
 */
export function withElysia(Framework: typeof Elysia) {
  // Elysia infers the type of a plugin from every call; ours are declared as a whole.
  const plugin = (): any => new Framework();

  const guards = guardsOver(plugin);
  const serving = (server: AuthServer) => ({
    router() {
      const app = plugin();
      for (const { method, path } of server.routes) {
        app.route(
          method,
          path,
          async ({ request, server: host, set, store }: Parts & { server: Context["server"] }) => {
            const [url, clientIp] = [below(request.url, path), peerOf(request, host)];
            const facts = { method, url, clientIp, requestId: requestId({ request, set, store }) };
            return respond(set, await serveRead(server, readRequest(request, facts)));
          },
          { parse: "none" },
        );
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
    idempotencyMiddleware: (options?: IdempotencyOptions<Context>): ElysiaPlugin =>
      elysiaGate(plugin(), new Gate(options, server), addressBy(server)),
  });

  function createAuthElysia<Role extends string = string>(options: ServerOptions<Role>): ServerAuthClient<Role>;
  function createAuthElysia<Role extends string = string>(options: ClientOptions<Role>): ClientAuthClient<Role>;
  function createAuthElysia<Role extends string = string>(
    options: ServerOptions<Role> | ClientOptions<Role>,
  ): ServerAuthClient<Role> | ClientAuthClient<Role>;
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

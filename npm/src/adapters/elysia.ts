import type { Context, Elysia } from "elysia";
import { SENTRI_ROUTES } from "../generated/routes.js";
import type { Guardian } from "../guardian.js";
import type { AuthServer } from "../server.js";
import type { ClientOptions, RateLimiterOptions, ServerOptions } from "../types.js";
import { assemble } from "./assemble.js";
import { answerTo, demand, makeChecks, makeLimiter, type Check } from "./checks.js";
import { isStatus, peerOf, requestId, respond, surface, type Parts } from "./elysia-context.js";
import type { ClientAuthClient, PermitOption, RolesOption, SentriElysiaContext, ServerAuthClient } from "./elysia-types.js";
import { below } from "./paths.js";
import { readRequest } from "./web.js";

/**
 * The factories, over the application's own copy of Elysia. Elysia reads the source of hooks to see what they need of a context, so
 * hooks name it; one that is given a whole context makes Elysia parse bodies and queries for it.
 */
export function withElysia(Framework: typeof Elysia) {
  // Elysia infers the type of a plugin from every call; ours are declared as a whole.
  const plugin = (): any => new Framework();

  const guards = <Role extends string>(guardian: Guardian): ClientAuthClient<Role> => {
    const checks = makeChecks(guardian, surface);
    const admit = async ({ request, set, store }: Parts) => {
      const parts: Parts = { request, set, store };
      await demand(checks.protect(parts, parts));
      return { user: parts.user, auth: parts.auth } as SentriElysiaContext<Role>;
    };
    /** The user of an earlier `protect()`, else that of one made up for. */
    const admitted = async (ctx: Parts): Promise<Parts> => (ctx.auth ? ctx : Object.assign(ctx, await admit(ctx)));
    const permission = (options: PermitOption<Role>) => checks.permit(options as never) as Check<Parts>;
    return {
      protect: () => plugin().resolve({ as: "scoped" }, async ({ request, set, store }: Parts) => admit({ request, set, store })),
      authorize(...roles) {
        const check = checks.authorize(roles);
        return plugin().onBeforeHandle({ as: "scoped" }, async ({ request, set, store, user, auth }: Parts) =>
          demand(check({ request, set, store, user, auth })));
      },
      permit(options) {
        const check = permission(options);
        return plugin().onBeforeHandle({ as: "scoped" }, async (ctx: Parts) => demand(check(ctx, ctx)));
      },
      macro: () => plugin().macro({
        protect: { resolve: async ({ request, set, store }: Parts) => admit({ request, set, store }) },
        authorize: (roles: RolesOption<Role>) => {
          const check = checks.authorize([roles]);
          return { resolve: async ({ request, set, store, user, auth }: Parts) => {
            const parts = await admitted({ request, set, store, user, auth });
            await demand(check(parts));
            return { user: parts.user, auth: parts.auth };
          } };
        },
        permit: (options: PermitOption<Role>) => {
          const check = permission(options);
          return { resolve: async (ctx: Parts) => {
            const { user, auth } = await admitted(ctx);
            await demand(check(ctx, ctx));
            return { user, auth };
          } };
        },
      }),
      errorHandler: (options = {}) => ({ error, request, set }) =>
        error instanceof Error || !isStatus(error) ? respond(set, answerTo(guardian, error, request, options)) : undefined,
    };
  };

  const serving = (server: AuthServer) => ({
    router() {
      const app = plugin();
      for (const { method, path } of SENTRI_ROUTES) {
        app.route(method, path, async ({ request, server: host, set, store }: Parts & { server: Context["server"] }) => {
          const told = { method, url: below(request.url, path), clientIp: peerOf(request, host), requestId: requestId({ request, set, store }) };
          return respond(set, await server.handle(await readRequest(request, told)));
        }, { parse: "none" });
      }
      return app;
    },
    rateLimiter(options: RateLimiterOptions<Context>) {
      const addressOf = ({ request, server: host }: Parts & { server?: Context["server"] }) =>
        server.clientAddress(peerOf(request, host ?? null), request.headers.get("x-forwarded-for"));
      const check = makeLimiter(server, surface, options as never, addressOf);
      const hook = options.key
        ? async (ctx: Parts) => demand(check(ctx, ctx))
        : async ({ request, set, store, server: host }: Parts & { server: Context["server"] }) => {
            const parts = { request, set, store, server: host };
            await demand(check(parts, parts));
          };
      return plugin().onBeforeHandle({ as: "scoped" }, hook);
    },
  });

  function createAuthElysia<Role extends string = string>(options: ServerOptions<Role>): ServerAuthClient<Role>;
  function createAuthElysia<Role extends string = string>(options: ClientOptions<Role>): ClientAuthClient<Role>;
  function createAuthElysia<Role extends string = string>(
    options: ServerOptions<Role> | ClientOptions<Role>,
  ): ServerAuthClient<Role> | ClientAuthClient<Role> {
    return assemble<Role, ClientAuthClient<Role>, ReturnType<typeof serving>>(options, guards, serving);
  }
  return { createAuthElysia };
}

import { SentriError } from "../errors.js";
import type { ProtectHost } from "../protect-host.js";
import type { AuthUser, ClientOptions, ServerOptions } from "../types.js";
import type { Uncounted } from "./api.js";
import { assemble } from "./assemble.js";
import { demand, makeAnswer, makeChecks } from "./checks.js";
import { Exchange, nodeOf, surface } from "./web-exchange.js";
import { serving } from "./web-serving.js";
import type * as web from "./web-types.js";
import { toResponse } from "./web.js";

export type * from "./web-types.js";

function guards<Role extends string>(protectHost: ProtectHost): Uncounted<web.ClientAuthClient<Role>> {
  const checks = makeChecks<web.WebContext, web.WebContext>(protectHost, surface);
  const answer = makeAnswer<Exchange, Exchange>(protectHost, surface, {}, nodeOf);

  async function check(exchange: Exchange, list: readonly web.WebGuard[]): Promise<Response | undefined> {
    try {
      for (const guard of list) {
        const response = await demand(guard(exchange, exchange));
        if (response !== undefined) return exchange.respond(toResponse(response));
      }
      return undefined;
    } catch (error) {
      return exchange.respond(toResponse(answer(error, exchange, exchange)));
    }
  }

  return {
    protect: (asked) => checks.protect(asked),
    authorize: (...roles) => checks.authorize(roles),
    permit: (options) => checks.permit(options as never),
    errorHandler(options = {}) {
      const { onUnhandled } = options;
      const ofExchange = (error: unknown, { request }: Exchange) => onUnhandled!(error, request);
      const own = makeAnswer<Exchange, Exchange>(
        protectHost,
        surface,
        typeof onUnhandled === "function" ? { ...options, onUnhandled: ofExchange } : (options as object),
        nodeOf,
      );
      return (error, request, host) => {
        const exchange = new Exchange(request, host);
        return toResponse(own(error, exchange, exchange));
      };
    },
    async guardRequest(request, { protect = checks.protect(), guards: further = [], host } = {}) {
      const exchange = new Exchange(request, host);
      const response = await check(exchange, [protect, ...further]);
      if (response !== undefined) return { response };
      return { user: exchange.user as AuthUser<Role>, auth: exchange.auth, respond: exchange.respond };
    },
    async checkRequest(request, list, { host } = {}) {
      const exchange = new Exchange(request, host);
      const response = await check(exchange, list);
      return response === undefined ? { respond: exchange.respond } : { response };
    },
  };
}

/** The path under which the endpoints are served, as the beginning of paths below it. A segment `:name` matches any. */
function mountOf(basePath: unknown = "/auth"): RegExp {
  if (typeof basePath !== "string" || !/^(?:\/[^/?#\s]+)*\/?$/.test(basePath)) {
    const cure = `must be a path such as "/auth", not ${JSON.stringify(basePath)}`;
    throw new SentriError("CONFIGURATION_ERROR", `basePath ${cure}`);
  }
  const segments = basePath.replace(/\/$/, "").split("/");
  const pattern = segments.map((segment) =>
    /^:\w+$/.test(segment) ? "[^/]+" : segment.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
  );
  return new RegExp(`^${pattern.join("/")}(?=/|$)`);
}

/**
 * Makes an auth server or client for handlers of `Request` and `Response`, without a framework's adapter: Next.js,
 * SvelteKit, Nitro, Astro, Bun.serve, Deno.serve. Throws `CONFIGURATION_ERROR` for a bad option, with its name and the
 * cure.
 *
 * @example
 * const options = { db: "postgres://...", basePath: "/api/auth" };
 * const auth = createAuthWeb({ mode: "server", validRoles: ["user", "admin"], ...options });
 * await auth.migrate();
 * Deno.serve(auth.fetch);
 */
export function createAuthWeb<Role extends string = string>(
  options: web.WebServerOptions<Role>,
): web.ServerAuthClient<Role>;
export function createAuthWeb<Role extends string = string>(options: ClientOptions<Role>): web.ClientAuthClient<Role>;
export function createAuthWeb<Role extends string = string>(
  options: web.WebOptions<Role>,
): web.ServerAuthClient<Role> | web.ClientAuthClient<Role>;
export function createAuthWeb<Role extends string = string>(
  options: web.WebOptions<Role>,
): web.ServerAuthClient<Role> | web.ClientAuthClient<Role> {
  if (options?.mode === "client")
    return assemble<Role, web.ClientAuthClient<Role>, object>(options, guards, () => ({}));
  const { basePath, ...rest } = Object(options) as web.WebServerOptions<Role>;
  const mount = mountOf(basePath);
  return assemble((options && rest) as ServerOptions<Role>, guards<Role>, (server) =>
    serving(server, mount),
  ) as web.ServerAuthClient<Role>;
}

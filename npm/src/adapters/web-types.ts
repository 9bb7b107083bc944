import type { AuthInfo, AuthUser, ClientOptions, ServerOptions } from "../types.js";
import type { Check } from "./checks.js";
import type { GuardApi, ServingApi } from "./api.js";

/** The request passed to your check, with the user whom `protect()` has admitted. */
export interface WebContext<Role extends string = string> {
  request: Request;
  /** The second argument of the runtime, as you passed it to `guardRequest()`. */
  host: unknown;
  user: AuthUser<Role>;
  auth: AuthInfo;
}

/** A check, made by `authorize()`, `permit()`, `rateLimiter()` or `protect()`, which `guardRequest()` runs. */
export type WebGuard = Check<WebContext<any>>;

/** An error handler: answers a thrown value in the envelope. `host`: the second argument of the runtime. */
export type WebErrorHandler = (error: unknown, request: Request, host?: unknown) => Response;

/** Options of server mode, and the path under which `fetch()` serves the endpoints. */
export type WebServerOptions<Role extends string = string> = ServerOptions<Role> & {
  /**
   * The path of the endpoints, `"/auth"` if left out: with `"/api/auth"` the login is `POST /api/auth/login`. A segment
   * `:name` matches any.
   */
  basePath?: string | undefined;
};

/** Options of a single call. */
export interface CheckOptions {
  /**
   * The second argument of the runtime's handler: the server of Bun, the `info` of Deno, the event of a platform, or
   * `{clientIp}`. Rate limits by address need it.
   */
  host?: unknown;
}

/** Options of `guardRequest()`. */
export interface GuardOptions extends CheckOptions {
  /** The checks that follow `protect()`, in their order. Make them once, outside of the handler. */
  guards?: readonly WebGuard[];
  /** Takes the place of `protect()`: made once by `protect({ acr, maxAge })`. */
  protect?: WebGuard;
}

/** A refused request: `response` is its answer. */
export interface RefusedRequest {
  response: Response;
  user?: undefined;
}

/** A request that passed. */
export interface PassedRequest {
  response?: undefined;
  /** Adds the headers of the checks to your answer: renewed cookies, `X-Access-Token`, the counts of a rate limit. */
  respond(response: Response): Response;
}

/** A request that passed `protect()`. */
export interface GuardedRequest<Role extends string = string> extends PassedRequest {
  user: AuthUser<Role>;
  auth: AuthInfo;
}

/** The API of client mode for handlers of `Request` and `Response`. */
export interface ClientAuthClient<Role extends string = string>
  extends GuardApi<Role, WebContext<Role>, WebGuard, WebErrorHandler, Request> {
  /**
   * Lets an authenticated request pass, then runs further checks. Never throws for a request that is refused.
   *
   * @example
   * const isAdmin = auth.authorize("admin");
   *
   * export async function GET(request: Request) {
   *   const guarded = await auth.guardRequest(request, { guards: [isAdmin] });
   *   if (guarded.response) return guarded.response;
   *   return guarded.respond(Response.json({ id: guarded.user.id }));
   * }
   */
  guardRequest(request: Request, options?: GuardOptions): Promise<RefusedRequest | GuardedRequest<Role>>;
  /**
   * Runs checks without `protect()`, such as the rate limit of a public route.
   *
   * @example
   * const limit = [auth.rateLimiter({ maxAttempts: 5, durationSeconds: 60 })];
   * const checked = await auth.checkRequest(request, limit, { host });
   * if (checked.response) return checked.response;
   */
  checkRequest(
    request: Request,
    guards: readonly WebGuard[],
    options?: CheckOptions,
  ): Promise<RefusedRequest | PassedRequest>;
}

/** The API of server mode for handlers of `Request` and `Response`. */
export interface ServerAuthClient<Role extends string = string>
  extends ClientAuthClient<Role>,
    Omit<ServingApi<Role, WebContext<Role>, WebGuard>, "idempotencyMiddleware"> {
  /**
   * Serves the endpoints under `basePath`. The second argument is the runtime's own second argument to handlers, so
   * `fetch` is a handler by itself. If that has `waitUntil`, it gets the promises of messages that are sent after the
   * answer.
   *
   * @example
   * Deno.serve(auth.fetch);
   * Bun.serve({ fetch: auth.fetch });
   * // Next.js: app/api/auth/[...path]/route.ts
   * export const { GET, POST, PUT, PATCH, DELETE } = auth.handlers;
   */
  fetch(request: Request, host?: unknown): Promise<Response>;
  /** `fetch()` by method, as route files of Next.js, SvelteKit and Astro export it. */
  handlers: Record<"GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS", WebHandler>;
}

/** A handler of a route file: Next.js hands it a request, SvelteKit and Astro an event that holds one. */
export type WebHandler = (input: Request | { request: Request }) => Promise<Response>;

/** Options of either mode. */
export type WebOptions<Role extends string = string> = WebServerOptions<Role> | ClientOptions<Role>;

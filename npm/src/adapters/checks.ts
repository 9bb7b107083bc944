// What all frameworks have in common: the checks in front of an application's routes, as functions that answer with an
// error or with nothing. An adapter says where its framework keeps things, and in which form it wants a middleware.
import { fromData, type SentriError } from "../errors.js";
import type { Guarded, GuardRequest, Guardian, ResponseData } from "../guardian.js";
import type { AuthServer } from "../server.js";
import type { AuthInfo, AuthUser, ErrorHandlerOptions, PermitCheck, PermitOptions, RateLimiterOptions } from "../types.js";

/** Headers in the order in which they are sent. */
export type HeaderPairs = ReadonlyArray<readonly [string, string]>;

/** Where a framework keeps what the checks need. `Res` is what takes headers of the answer. */
export interface Surface<Req, Res = Req> {
  /** What `protect()` looks at. */
  guardRequest(req: Req): GuardRequest;
  /** The request's id, if it has one. */
  requestId(req: Req): string | undefined;
  /** The user whom `protect()` has let in. */
  user(req: Req): AuthUser | undefined;
  /** Keeps the user for the handlers that follow. */
  admit(req: Req, user: AuthUser, auth: AuthInfo): void;
  /** Adds headers to the answer, beside those that are there. */
  addHeaders(res: Res, headers: HeaderPairs): void;
}

/** The error that ends the request, if any. */
export type Outcome = SentriError | undefined;

/** A check in front of a route. */
export type Check<Req, Res = Req> = (req: Req, res: Res) => Outcome | Promise<Outcome>;

/** The checks of both modes. */
export interface Checks<Req, Res> {
  protect: Check<Req, Res>;
  authorize(roles: readonly unknown[]): (req: Req) => Outcome;
  permit(options: PermitCheck<Req> | PermitOptions<Req>): (req: Req) => Promise<Outcome>;
}

/** The checks of a guardian on a framework. */
export function makeChecks<Req, Res>(guardian: Guardian, surface: Surface<Req, Res>): Checks<Req, Res> {
  const idOf = (req: Req) => (guardian.logging ? surface.requestId(req) : undefined);
  const admit = ({ principal, headers, error }: Guarded, req: Req, res: Res) => {
    if (headers.length > 0) surface.addHeaders(res, headers);
    if (principal === undefined) return fromData(error!);
    const { id, roles, sessionId, token } = principal;
    // Fresh objects: what a handler does to them is its own affair.
    surface.admit(req, { id, roles: roles.slice() }, { sessionId, token });
    return undefined;
  };
  return {
    protect(req, res) {
      const request = surface.guardRequest(req);
      const requestId = idOf(req);
      const guarded = guardian.guardNow(request, requestId);
      if (guarded !== undefined) return admit(guarded, req, res);
      return guardian.guard(request, requestId).then((late) => admit(late, req, res));
    },
    authorize(roles) {
      const check = guardian.roleCheck(roles.flat());
      return (req) => check(surface.user(req), idOf(req));
    },
    permit(options) {
      const { roles, check } = typeof options === "function" ? { roles: undefined, check: options } : options;
      if (roles) guardian.roleCheck(roles);
      const verdictOf = async (req: Req, user: AuthUser | undefined) => {
        if (user === undefined) return "unauthenticated";
        const bypass = roles?.find((role) => user.roles.includes(role));
        if (bypass !== undefined) return `bypass:${bypass}`;
        return (await check(req)) ? "passed" : "denied";
      };
      return async (req) => {
        const user = surface.user(req);
        return guardian.permitVerdict(user, await verdictOf(req, user), idOf(req));
      };
    },
  };
}

/** A check that counts calls; by the client's address unless the options have a key. Refuses bad options at once. */
export function makeLimiter<Req, Res>(
  server: AuthServer,
  surface: Surface<Req, Res>,
  options: RateLimiterOptions<Req>,
  addressOf: (req: Req) => string | undefined,
): Check<Req, Res> {
  const rule = server.checkLimitRule(options);
  const own = options.key;
  return async (req, res) => {
    const key = own ? await own(req) : addressOf(req) ?? "";
    const { headers, error } = await server.limit(rule, String(key), own === undefined, surface.requestId(req));
    surface.addHeaders(res, headers);
    return error;
  };
}

/** Goes on as middleware with a callback does: at once where the outcome is there. */
export function proceed(outcome: Outcome | Promise<Outcome>, next: (error?: Error) => void): void {
  if (outcome instanceof Promise) outcome.then(next, next);
  else next(outcome);
}

/** Goes on as asynchronous middleware does: throws the error. */
export async function demand(outcome: Outcome | Promise<Outcome>): Promise<void> {
  const error = await outcome;
  if (error) throw error;
}

/** The answer to anything that was thrown; tells the host of what nobody expected. */
export function answerTo<Req>(guardian: Guardian, error: unknown, req: Req, options: ErrorHandlerOptions<Req>): ResponseData {
  const response = guardian.errorResponse(error);
  if (response.status >= 500 && options.onUnhandled) options.onUnhandled(error, req);
  return response;
}

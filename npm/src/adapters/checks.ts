// The part that all frameworks share: the checks in front of an application's routes, as functions that return an error
// or nothing. An adapter adds where its framework keeps data, and the form that a middleware has there.
import { SentriError, fromData } from "../errors.js";
import type { GuardRequest, Origin, ProtectHost, ProtectResult, ResponseData, StepUpCheck } from "../protect-host.js";
import type { AuthServer } from "../server.js";
import { headersOf } from "../thrown.js";
import { isOfCutOff } from "./cut-off.js";
import { noteProtection } from "./protection.js";
import type {
  AuthInfo,
  AuthUser,
  ErrorHandlerOptions,
  PermitCheck,
  PermitOptions,
  RateLimiterOptions,
} from "../types.js";

/** Headers in the order in which they are sent. */
export type HeaderPairs = ReadonlyArray<readonly [string, string]>;

/** The places where a framework keeps the data of the checks. `Res` takes the headers of the answer. */
export interface Surface<Req, Res = Req> {
  /** The part of a request that `protect()` looks at. */
  guardRequest(req: Req): GuardRequest;
  /** The request as its server knows it, the same for every middleware. */
  raw(req: Req): object;
  /** The request's id, if it has one. */
  requestId(req: Req): string | undefined;
  /** The user whom `protect()` has let in. */
  user(req: Req): AuthUser | undefined;
  /** The credentials of that user, as `protect()` found them. */
  auth(req: Req): AuthInfo | undefined;
  /** Keeps the user for the handlers that follow. */
  admit(req: Req, user: AuthUser, auth: AuthInfo): void;
  /** Adds headers to the answer: cookies beside present cookies, other headers in place of present ones. */
  addHeaders(res: Res, headers: HeaderPairs): void;
  /** The same for headers that a handler must not replace. */
  pinHeaders(res: Res, headers: HeaderPairs): void;
  /** Whether the answer has a header already. */
  hasHeader(res: Res, name: string): boolean;
}

/** A request that a check has answered itself, so that it ends there. */
export class Reply {
  constructor(readonly response: ResponseData) {}
}

/** The end of the request, if the check ends it: an error, or an answer. */
export type CheckResult = SentriError | Reply | undefined;

/** A check in front of a route. */
export type Check<Req, Res = Req> = (req: Req, res: Res) => CheckResult | Promise<CheckResult>;

/** The checks of both modes. */
export interface Checks<Req, Res> {
  /** `protect()`, or `protect({acr, maxAge})`. */
  protect(asked?: unknown): Check<Req, Res>;
  authorize(roles: readonly unknown[]): (req: Req) => SentriError | undefined;
  permit(options: PermitCheck<Req> | PermitOptions<Req>): (req: Req) => Promise<SentriError | undefined>;
}

/** The checks of a protectHost on a framework. */
export function makeChecks<Req, Res>(protectHost: ProtectHost, surface: Surface<Req, Res>): Checks<Req, Res> {
  const idOf = (req: Req) => (protectHost.logging ? surface.requestId(req) : undefined);
  const admit = (guarded: ProtectResult, req: Req, res: Res, stepUp: StepUpCheck | undefined) => {
    const { principal, headers, error, answer } = guarded;
    if (headers.length > 0) surface.pinHeaders(res, headers);
    noteProtection(protectHost, req, surface.raw, guarded, stepUp !== undefined);
    if (principal === undefined) return answer === undefined ? fromData(error!) : new Reply(answer);
    // This runs at every request, even for a token that is cached as verified: an authentication ages with the clock.
    const refusal = stepUp?.(principal, idOf(req));
    if (refusal !== undefined) return refusal;
    const { id, roles, withheld, sessionId, token, acr, amr, authTime } = principal;
    // Fresh objects, so that a handler may change them.
    const auth: AuthInfo = { sessionId, token };
    if (acr !== undefined) Object.assign(auth, { acr, amr: amr!.slice(), authTime: authTime ?? null });
    if (withheld !== undefined) auth.withheld = withheld.slice();
    surface.admit(req, { id, roles: roles.slice() }, auth);
    return undefined;
  };
  const protectBy =
    (stepUp: StepUpCheck | undefined): Check<Req, Res> =>
    (req, res) => {
      const request = surface.guardRequest(req);
      const requestId = idOf(req);
      const guarded = protectHost.guardNow(request, requestId);
      if (guarded !== undefined) return admit(guarded, req, res, stepUp);
      return protectHost.guard(request, requestId).then((late) => admit(late, req, res, stepUp));
    };
  const plain = protectBy(undefined);
  return {
    protect: (asked) => (asked === undefined ? plain : protectBy(protectHost.stepUpCheck(asked))),
    authorize(roles) {
      const check = protectHost.roleCheck(roles.flat());
      return (req) => check(surface.user(req), idOf(req), surface.auth(req)?.withheld);
    },
    permit(options) {
      const { roles, check } = permitOptions(protectHost, options);
      const verdictOf = async (req: Req, user: AuthUser | undefined) => {
        if (user === undefined) return "unauthenticated";
        const bypass = roles?.find((role) => user.roles.includes(role));
        if (bypass !== undefined) return `bypass:${bypass}`;
        if (await check(req)) return "passed";
        const withheld = surface.auth(req)?.withheld;
        return roles?.some((role) => withheld?.includes(role)) ? "withheld" : "denied";
      };
      return async (req) => {
        const user = surface.user(req);
        return protectHost.permitVerdict(user, await verdictOf(req, user), idOf(req));
      };
    },
  };
}

/**
 * Returns the members of an options object. Refuses unknown members, since a misspelt option would be ignored silently.
 */
function onlyOptions<T extends object>(call: string, options: unknown, known: ReadonlyArray<keyof T & string>): T {
  const given = Object(options) as T;
  const names = typeof options === "object" && !Array.isArray(options) ? Object.keys(given) : [];
  const unknown = names.find((name) => !(known as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new SentriError(
      "CONFIGURATION_ERROR",
      `${call}: ${unknown} is not an option; there is ${known.join(" and ")}`,
    );
  return given;
}

/** Checks the options of `permit()` when it is called, not when the first request comes. */
function permitOptions<Req>(protectHost: ProtectHost, options: unknown): PermitOptions<Req> {
  if (typeof options === "function") return { check: options as PermitCheck<Req> };
  const { roles, check } = onlyOptions<Partial<PermitOptions<Req>>>("permit()", options, ["roles", "check"]);
  if (typeof check !== "function") {
    const cure =
      roles === undefined
        ? "permit((req) => …) or permit({roles, check})"
        : "permit({roles, check}), or authorize(…) for roles alone";
    throw new SentriError("CONFIGURATION_ERROR", `permit() needs a function as its check: ${cure}`);
  }
  if (roles === undefined) return { check };
  if (!Array.isArray(roles) || roles.length === 0) {
    throw new SentriError(
      "CONFIGURATION_ERROR",
      "permit(): roles must be a list of at least one role; leave it out if none bypasses the check",
    );
  }
  try {
    protectHost.roleCheck(roles);
  } catch (error) {
    // The error about unknown roles names authorize().
    if (error instanceof SentriError)
      throw new SentriError(error.code, error.message.replace(/^authorize\(\)/, "permit()"));
    throw error;
  }
  return { roles, check };
}

/**
 * Makes a check that counts calls by the key of the options, or else by the client's address. Refuses bad options at
 * once. The core checks the key, and decides how far forwarded addresses are trusted.
 */
export function makeLimiter<Req, Res>(
  server: AuthServer,
  surface: Surface<Req, Res>,
  options: RateLimiterOptions<Req>,
  originOf: (req: Req) => Origin,
): Check<Req, Res> {
  if (typeof options !== "object" || options === null) {
    throw new SentriError(
      "CONFIGURATION_ERROR",
      "rateLimiter() needs options: rateLimiter({maxAttempts: 3, durationSeconds: 60})",
    );
  }
  const rule = server.checkLimitRule(options);
  const own = options.key;
  return async (req, res) => {
    const { headers, error } = await server.limit(
      rule,
      keyText(await own?.(req)),
      originOf(req),
      surface.requestId(req),
    );
    surface.addHeaders(res, headers);
    return error;
  };
}

/** The key of a limiter as JSON. A value that JSON can't hold becomes a value that is no key. */
function keyText(key: unknown): string {
  if (key === undefined || key === null) return "null";
  if (typeof key === "bigint") return `"${key}"`;
  // A lone surrogate can't be passed to the core, so this replaces it.
  if (typeof key === "string") return JSON.stringify(Buffer.from(key).toString());
  return typeof key === "boolean" || Number.isFinite(key) ? JSON.stringify(key) : "[]";
}

/** Continues as middleware with a callback does, and at once if `outcome` is no promise. `reply` sends an answer. */
export function proceed(
  outcome: CheckResult | Promise<CheckResult>,
  next: (error?: Error) => void,
  reply: (response: ResponseData) => void,
): void {
  if (outcome instanceof Promise) outcome.then((late) => proceed(late, next, reply), next);
  else if (outcome instanceof Reply) reply(outcome.response);
  else next(outcome);
}

/** Continues as asynchronous middleware does: throws the error, or resolves to the answer that ends the request. */
export async function demand(outcome: CheckResult | Promise<CheckResult>): Promise<ResponseData | undefined> {
  const end = await outcome;
  if (end instanceof Reply) return end.response;
  if (end) throw end;
  return undefined;
}

/**
 * Makes the function that answers a thrown value. It reports unexpected errors to `onUnhandled`, or to the console.
 * Refuses bad options at once. `nodeOf` returns the request of `node:http`, if there is one.
 */
export function makeAnswer<Req, Res>(
  protectHost: ProtectHost,
  surface: Pick<Surface<unknown, Res>, "hasHeader">,
  options: ErrorHandlerOptions<Req>,
  nodeOf: (req: Req) => unknown,
) {
  const { onUnhandled } = onlyOptions<ErrorHandlerOptions<Req>>("errorHandler()", options, ["onUnhandled"]);
  if (onUnhandled !== undefined && typeof onUnhandled !== "function") {
    throw new SentriError(
      "CONFIGURATION_ERROR",
      "errorHandler(): onUnhandled must be a function, (error, request) => void",
    );
  }
  return (error: unknown, req: Req, res: Res): ResponseData => {
    const response = protectHost.errorResponse(error);
    if (response.status >= 500 && !isOfCutOff(error, nodeOf(req))) {
      if (onUnhandled) onUnhandled(error, req);
      // The answer does not describe the error, so without this line nobody would see the application's defect.
      else if (!(error instanceof SentriError)) console.error(error);
    }
    return error instanceof SentriError
      ? response
      : {
          ...response,
          headers: withTheirs(response.headers, headersOf(error), (name) => surface.hasHeader(res, name)),
        };
  };
}

/** Merges the headers of an answer to a foreign error. The error's replace ours, and a challenge that is set stays. */
function withTheirs(
  ours: HeaderPairs,
  theirs: HeaderPairs,
  isThere: (name: string) => boolean,
): Array<[string, string]> {
  const names = new Set(theirs.map(([name]) => name.toLowerCase()));
  const rest = ours.filter(
    ([name]) => !names.has(name.toLowerCase()) && !(name === "WWW-Authenticate" && isThere(name)),
  );
  return [...rest, ...theirs].map(([name, value]) => [name, value]);
}

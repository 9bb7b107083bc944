import type { ErrorData, SentriError } from "./errors.js";
import type { LoggedEvent } from "./dispatch.js";
import type { AuthUser, Metric } from "./types.js";

/** The part of a request that `protect()` looks at; values of headers as they came. */
export interface GuardRequest {
  method: string;
  authorization?: string;
  cookie?: string;
  origin?: string;
  secFetchSite?: string;
  host?: string;
  /** The scheme by which the request came, as the framework knows it. */
  scheme?: string;
  clientIp?: string;
  userAgent?: string;
  /** Read of `OPTIONS` alone, as the next one. */
  accessControlRequestMethod?: string;
  accessControlRequestHeaders?: string;
}

/** The maker of a request. */
export interface Principal {
  id: string;
  /** The roles in effect. */
  roles: string[];
  /** The roles that wait for a second factor, where there are any. */
  withheld?: string[];
  sessionId: string | null;
  token: string;
  exp: number;
  /** The authenticator assurance level, where it is kept. */
  acr?: "aal1" | "aal2";
  /** The methods by which the user authenticated. */
  amr?: string[];
  /** The time of that in seconds since 1970. */
  authTime?: number | null;
}

/** The result of `protect()`. */
export interface Guarded {
  principal?: Principal;
  error?: ErrorData;
  /**
   * The whole response to a request that ends here, a CORS preflight; then there is an error too, for hosts that don't
   * look here.
   */
  answer?: ResponseData;
  headers: Array<[string, string]>;
  events: LoggedEvent[];
  /** Until when (ms since 1970) the same bearer token may be answered from memory under the same epoch; 0: never. */
  freshUntil: number;
  /** The time at which it was found out. A clock that steps back behind that makes it worth nothing. */
  since?: number;
  epoch: number;
}

/** A response to be written as it is. */
export interface ResponseData {
  status: number;
  headers: Array<[string, string]>;
  body: string;
}

/**
 * Answers whether a user has one of the roles that the check was made for: the error to answer with, or nothing.
 * `withheld` names the user's roles that wait for a second factor.
 */
export type RoleCheck = (
  user: AuthUser | undefined,
  requestId: string | undefined,
  withheld?: readonly string[],
) => SentriError | undefined;

/** Answers whether a user's authentication is what a route asks for: the error to answer with, or nothing. */
export type StepUpCheck = (principal: Principal, requestId: string | undefined) => SentriError | undefined;

/**
 * All that an adapter needs to guard an application's routes, in server mode, in client mode and on edge runtimes. An
 * adapter moves bytes between its framework and these methods and decides nothing.
 */
export interface Guardian {
  /** Whether a logger listens: only then a request's id is worth finding. */
  readonly logging: boolean;
  /** `protect()` from memory, without a promise; `undefined`: call `guard`. Events are logged already. */
  guardNow(request: GuardRequest, requestId: string | undefined): Guarded | undefined;
  /** `protect()` with I/O. */
  guard(request: GuardRequest, requestId: string | undefined): Promise<Guarded>;
  /** `protect({acr, maxAge})`: checks what is asked for at once, and users against it later. */
  stepUpCheck(asked: unknown): StepUpCheck;
  /** `authorize()`: checks the roles at once, and users against them later. */
  roleCheck(roles: readonly unknown[]): RoleCheck;
  /**
   * Words the verdict of a `permit()` check: `passed`, `denied`, `withheld`, `unauthenticated`, or `bypass:` and the
   * role.
   */
  permitVerdict(user: AuthUser | undefined, verdict: string, requestId: string | undefined): SentriError | undefined;
  /** The counts so far, and the gauges of now. */
  metrics(): Metric[];
  /** The same as the text that Prometheus scrapes. */
  metricsText(): string;
  /** The response for anything that was thrown. */
  errorResponse(error: unknown): ResponseData;
}

import type { SentriError } from "./errors.js";
import type { NativeGuardRequest } from "./generated/native.js";
import type { Principal, ProtectData, ResponseData } from "./generated/wire.js";
import type { AuthUser, Metric } from "./types.js";

export type { NativeGuardRequest as GuardRequest, Principal, ResponseData };

/**
 * The address at the other end of a connection as the framework knows it, and the value or values of `X-Forwarded-For`.
 */
export type Origin = readonly [peer: string | undefined, forwarded: string | readonly string[] | null | undefined];

/** The result of `protect()`. */
export interface ProtectResult extends ProtectData {
  /** The time at which it was found out. A clock that steps back behind that makes it worth nothing. */
  since?: number;
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

/** Checks a user's authentication against the requirement of a route. Returns the error to answer with, or nothing. */
export type StepUpCheck = (principal: Principal, requestId: string | undefined) => SentriError | undefined;

/**
 * All that an adapter needs to guard an application's routes, in server mode, in client mode and on edge runtimes. An
 * adapter moves bytes between its framework and these methods and decides nothing.
 */
export interface ProtectHost {
  /** Whether a logger listens: only then a request's id is worth finding. */
  readonly logging: boolean;
  /** `protect()` from memory, without a promise; `undefined`: call `guard`. Events are logged already. */
  guardNow(request: NativeGuardRequest, requestId: string | undefined): ProtectResult | undefined;
  /** `protect()` with I/O. */
  guard(request: NativeGuardRequest, requestId: string | undefined): Promise<ProtectResult>;
  /** `protect({acr, maxAge})`: checks the requirement at once, and users against it later. */
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

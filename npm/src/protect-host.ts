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
  /** The time at which the result was made. If the clock steps back before this time, the result is not used again. */
  since?: number;
}

/**
 * Checks that a user has one of the roles that the check was made for. Returns the error to answer with, or nothing.
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
  /** Whether there is a logger. Only then the id of a request is needed. */
  readonly logging: boolean;
  /** Runs `protect()` from memory, without a promise, and logs its events. If it returns `undefined`, call `guard`. */
  guardNow(request: NativeGuardRequest, requestId: string | undefined): ProtectResult | undefined;
  /** Runs `protect()`, with I/O if needed. */
  guard(request: NativeGuardRequest, requestId: string | undefined): Promise<ProtectResult>;
  /** `protect({acr, maxAge})`: checks the requirement at once, and users against it later. */
  stepUpCheck(asked: unknown): StepUpCheck;
  /** `authorize()`: checks the roles at once, and users against them later. */
  roleCheck(roles: readonly unknown[]): RoleCheck;
  /**
   * Returns the error for the verdict of a `permit()` check, if any, and logs the verdict: `passed`, `denied`,
   * `withheld`, `unauthenticated`, or `bypass:` and the role.
   */
  permitVerdict(user: AuthUser | undefined, verdict: string, requestId: string | undefined): SentriError | undefined;
  /** The counts so far, and the present values of the gauges. */
  metrics(): Metric[];
  /** The same metrics, as the text that Prometheus scrapes. */
  metricsText(): string;
  /** The response for a thrown value of any kind. */
  errorResponse(error: unknown): ResponseData;
}

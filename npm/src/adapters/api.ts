// The members of the objects that the factories return with every framework.
import type { StepUp } from "../assurance.js";
import type { AuthServer } from "../server.js";
import type { ErrorHandlerOptions, Metric, PermitCheck, PermitOptions, RateLimiterOptions } from "../types.js";
import type { IdempotencyOptions } from "./idempotency/gate.js";

/** The names of the programmatic calls. */
export const PROGRAMMATIC = [
  "migrate",
  "ready",
  "close",
  "register",
  "bulkCreateIdentifiers",
  "bulkUpdateIdentifiers",
  "bulkDeleteIdentifiers",
  "assignRoles",
  "setPassword",
  "removeFactors",
  "disableUser",
  "enableUser",
  "requestPasswordReset",
  "sendPasswordReset",
  "requestLoginCode",
  "resetPassword",
  "inviteUser",
  "beginSetup",
  "importUsers",
  "getUser",
  "findUser",
  "listUsers",
  "deleteUser",
  "exportUser",
  "listAudit",
  "createSession",
  "listSessions",
  "revokeSession",
  "revokeSessions",
  "health",
  "rotateKeys",
  "listKeys",
  "hashPassword",
  "verifyPassword",
  "signAccessToken",
  "signRefreshToken",
  "verifyAccessToken",
  "verifyRefreshToken",
  "getCurrentAccessToken",
] as const;

/** The programmatic calls of server mode, the same with every framework. */
export type ProgrammaticApi<Role extends string = string> = Pick<AuthServer<Role>, (typeof PROGRAMMATIC)[number]> &
  Partial<Pick<AuthServer<Role>, "mailbox">>;

/**
 * A parameter that no value fits, so only a call without it compiles. A factory that is passed on without being called,
 * as in `app.get("/me", auth.protect)`, does not compile. Write `auth.protect()`.
 */
export interface WriteItWithParentheses {
  readonly "write auth.protect(), auth.router(), auth.errorHandler()": never;
}

/** The counts of both modes. */
export interface CountingApi {
  /**
   * Lists the counts since this object was made, and the gauges of now: the table of metrics is in
   * `docs/reference/metrics.md`. No I/O. For Prometheus see `sentri/prometheus`.
   *
   * @example
   * const logins = auth.metrics().find((metric) => metric.name === "sentri_events_total")!
   *   .samples.find((sample) => sample.labels.event === "auth.login.success")!.value;
   */
  metrics(): Metric[];
  /** Returns the same metrics in the text format of Prometheus (exposition format 0.0.4). */
  metricsText(): string;
}

/** An API without the members that `assemble` adds. */
export type Uncounted<Api> = Omit<Api, keyof CountingApi>;

/**
 * The guards of routes, in both modes. `Ctx` is the argument of checks, `Guard` a middleware, `Handler` an error
 * handler.
 */
export interface GuardApi<Role extends string, Ctx, Guard, Handler, Req = Ctx> extends CountingApi {
  /**
   * Lets authenticated requests pass and sets their user. With `{acr, maxAge}` it lets only those pass whose user
   * authenticated strongly and recently enough, and answers others `STEP_UP_REQUIRED` (RFC 9470). No look-up.
   */
  protect(asked?: StepUp, ...none: WriteItWithParentheses[]): Guard;
  /** Lets users with any of the roles pass; after `protect()`. */
  authorize(...roles: Array<Role | readonly Role[]>): Guard;
  /** Lets requests pass that your check admits; after `protect()`. */
  permit(check: PermitCheck<Ctx> | PermitOptions<Ctx, Role>, ...none: WriteItWithParentheses[]): Guard;
  /** Answers every error in the envelope. */
  errorHandler(options?: ErrorHandlerOptions<Req>, ...none: WriteItWithParentheses[]): Handler;
}

/**
 * The part of server mode beside the guards and the endpoints. `Idempotency` is the framework's type of
 * application-wide middleware.
 */
export interface ServingApi<Role extends string, Ctx, Guard, Idempotency = Guard> extends ProgrammaticApi<Role> {
  /** Limits how often a client may call a route. */
  rateLimiter(options: RateLimiterOptions<Ctx>, ...none: WriteItWithParentheses[]): Guard;
  /** Runs requests with the same key once, and answers repeats with the first answer. */
  idempotencyMiddleware(options?: IdempotencyOptions<Ctx>, ...none: WriteItWithParentheses[]): Idempotency;
}

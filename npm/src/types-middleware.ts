/**
 * A function of yours that gets a request. Its parameter may have a narrower type, such as `(req: Request<{ id: string
 * }>) => …` for a route whose path has an `id`.
 */
export type OfRequest<Req, Result> = { of(req: Req): Result }["of"];

/**
 * The key that a request is counted by: a text, a whole number or a boolean. Without a key, or with an empty text, it
 * is counted by the client's address.
 */
export type LimitKey = string | number | bigint | boolean | null | undefined;

/** Options of `rateLimiter()`. */
export interface RateLimiterOptions<Req> {
  /** The number of requests that pass in a window. */
  maxAttempts: number;
  /** The length of the window in seconds, from the first request on. */
  durationSeconds: number;
  /**
   * The name of the counter. Limiters of the same name share it, in every process. Without a name the counter is that
   * of the rule, so of limiters with the same `maxAttempts` and `durationSeconds` all but one need a name.
   */
  keyPrefix?: string | undefined;
  /** Returns the key to count by. If it returns nothing, the client's address counts. */
  key?: OfRequest<Req, LimitKey | Promise<LimitKey>> | undefined;
}

/** A check for `permit()`. A truthy result lets the request pass. An exception goes to the error handler. */
export type PermitCheck<Req> = OfRequest<Req, unknown>;

/** A check for `permit()`, and the roles that bypass it. */
export interface PermitOptions<Req, Role extends string = string> {
  /** Roles whose users pass without the check. */
  roles?: readonly Role[] | undefined;
  /** Lets a request pass by a truthy result. */
  check: PermitCheck<Req>;
}

/** Options of `errorHandler()`. */
export interface ErrorHandlerOptions<Req> {
  /** Called with every error that is answered with a 5xx. */
  onUnhandled?: ((error: unknown, req: Req) => void) | undefined;
}

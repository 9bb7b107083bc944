import type { OfRequest } from "../../types.js";

/** The text that names a caller, if any. */
export type Named = string | null | undefined;

/** Options of the idempotency middleware. `Ctx` is the argument that the framework passes to its middleware. */
export interface IdempotencyOptions<Ctx = any> {
  /** The time for which an answer is kept, in milliseconds or as a text such as `"5m"`; 300,000 by default. */
  ttl?: number | string;
  /** The header with the key; `X-Idempotency-Key` by default. */
  header?: string;
  /** The methods to which the middleware applies; POST, PUT and PATCH by default. */
  methods?: string[];
  /** The greatest number of answers that are kept; 10,000 by default. */
  maxSize?: number;
  /**
   * The address of the Redis that keeps answers for several processes: a server, a cluster or sentinels. Without it
   * (and without a server that has one), answers are kept in the memory of this process.
   */
  redisUrl?: string;
  /**
   * The time for which requests wait for a Redis that is unreachable, counted from the start of the outage:
   * milliseconds or a text such as `"2s"`; 2 s by default, 30 s at most. Later requests in the same outage do not wait.
   */
  redisPatience?: number | string;
  /**
   * The treatment of requests after `redisPatience`: `"local"` (the default) runs a request once in each process,
   * `"refuse"` answers it with a 503 until Redis is back.
   */
  onRedisAway?: "local" | "refuse";
  /** Separates this application from others in one Redis; by default the server's `issuer`. */
  keyPrefix?: string;
  /**
   * Returns the credential that distinguishes callers beside `Authorization`, `Cookie` and `X-Api-Key`, for requests
   * that another header authenticates.
   */
  credential?: OfRequest<Ctx, Named | Promise<Named>>;
}

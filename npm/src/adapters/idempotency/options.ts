import type { OfRequest } from "../../types.js";

/** The text that names a caller, if any. */
export type Named = string | null | undefined;

/** Options of the idempotency middleware. `Ctx` is the argument that the framework passes to its middleware. */
export interface IdempotencyOptions<Ctx = any> {
  /** The time for which an answer is kept, in milliseconds or as a text such as `"5m"`; 300,000 by default. */
  ttl?: number | string;
  /** The header with the key; `X-Idempotency-Key` by default. */
  header?: string;
  /** Methods it applies to; POST, PUT and PATCH by default. */
  methods?: string[];
  /** Answers kept at most; 10,000 by default. */
  maxSize?: number;
  /**
   * Keeps answers in Redis, for several processes: a server, a cluster or sentinels. Without it, in the memory of this
   * process.
   */
  redisUrl?: string;
  /**
   * The time for which a request waits for a Redis that is away, from the moment that it went: milliseconds or a text
   * such as `"2s"`; 2 s by default, 30 s at most. It is spent once an outage: later requests do not wait.
   */
  redisPatience?: number | string;
  /**
   * The fate of a request when that patience is spent: `"local"` runs it once in each process, `"refuse"` answers with
   * a 503 until Redis is back; `"local"` by default.
   */
  onRedisAway?: "local" | "refuse";
  /** Separates this application from others in one Redis; by default the server's `issuer`. */
  keyPrefix?: string;
  /**
   * The credential that distinguishes callers beside `Authorization`, `Cookie` and `X-Api-Key`, if another header
   * authenticates.
   */
  credential?: OfRequest<Ctx, Named | Promise<Named>>;
}

import type { VerifyingKey } from "./jwks.js";

/** The least time between two attempts to fetch, in milliseconds, since tokens may name any number of unknown keys. */
export const RETRY_AFTER = 30_000;
/** The same time while there is no usable set and the issuer can't be reached, since it may be starting up. */
const RETRY_AFTER_UNREACHABLE = 2_000;
/** The time for which an old set is used while no newer set can be fetched, in milliseconds. */
export const STALE_FOR = 24 * 60 * 60 * 1000;

/**
 * The keys to verify with: this set, this set while a newer set is fetched, a set that must be fetched first, or
 * nothing.
 */
export type KeyDecision = "use" | "use and fetch" | "fetch" | "refuse";

/** The failure of an attempt: the issuer is away and may return at any moment, or its answer is no usable set. */
export type Failure = "unreachable" | "refused";

/**
 * The state of a remote key set, which decides what to do at an instant. A set is fetched again before it is `maxAge`
 * old, and used for `STALE_FOR` longer while no newer set can be fetched. A failed attempt never removes the present
 * set. Times are in milliseconds since 1970.
 */
export class RemoteSet {
  /** Whether the last attempt failed. Then a key that is missing in the set may exist all the same. */
  isFailing = false;
  private keys: readonly VerifyingKey[] | undefined;
  private text = "";
  private fetchedAt = 0;
  /** The earliest time of the next attempt. */
  private nextAttempt = Number.NEGATIVE_INFINITY;
  private inFlight = false;
  private readonly maxAge: number;

  /** `maxAge` is the age at which a set must be replaced, in milliseconds, a day at most. */
  constructor(maxAge: number) {
    this.maxAge = Math.min(maxAge, STALE_FOR);
  }

  /** Decides what to do for a token at `now`. */
  decide(now: number): KeyDecision {
    const age = this.age(now);
    if (age < this.refreshAge) return "use";
    // The set is old, but an attempt to replace it has just failed, so no request waits for the next attempt.
    if (age < this.maxAge || (this.isFailing && age < this.endAge))
      return this.mayAttempt(now) ? "use and fetch" : "use";
    if (this.mayKnowMore(now)) return "fetch";
    // The last attempt was too recent to try again, so the present set is used on.
    return age < this.endAge ? "use" : "refuse";
  }

  /** Whether an attempt runs or may begin, so that a newer set may have the key of a token that this set lacks. */
  mayKnowMore(now: number): boolean {
    return this.inFlight || this.mayAttempt(now);
  }

  /** The milliseconds until an attempt may begin, at least one. */
  retryAfter(now: number): number {
    return Math.min(Math.max(this.nextAttempt - now, 1), RETRY_AFTER);
  }

  /** The time until which a result by the present set may be cached. 0 means that it must not be cached. */
  freshUntil(now: number): number {
    if (this.keys === undefined) return 0;
    const refreshAt = this.fetchedAt + this.refreshAge;
    return Math.min(now < refreshAt ? refreshAt : this.nextAttempt, this.fetchedAt + this.endAge);
  }

  /** The keys of the present set, unless the set is too old to be used. */
  usableKeys(now: number): readonly VerifyingKey[] | undefined {
    return this.age(now) < this.endAge ? this.keys : undefined;
  }

  /** The keys of the present set, if it was read from this text. */
  keysOf(text: string): readonly VerifyingKey[] | undefined {
    return this.text === text ? this.keys : undefined;
  }

  /** Begins an attempt, if one may begin now; the caller fetches and then calls `succeed` or `fail`. */
  begin(now: number): boolean {
    if (!this.mayAttempt(now)) return false;
    this.inFlight = true;
    this.nextAttempt = now + RETRY_AFTER;
    return true;
  }

  /**
   * Ends an attempt that began at `beganAt` with `keys` read from `text`. Returns whether the text differs from before.
   */
  succeed(keys: readonly VerifyingKey[], text: string, beganAt: number): boolean {
    const isNew = this.keysOf(text) === undefined;
    this.keys = keys;
    this.text = text;
    this.fetchedAt = beganAt;
    this.inFlight = false;
    this.isFailing = false;
    return isNew;
  }

  /** Ends an attempt without a set. */
  fail(failure: Failure, now: number): void {
    this.inFlight = false;
    this.isFailing = true;
    if (failure === "unreachable" && this.age(now) >= this.endAge) this.nextAttempt = now + RETRY_AFTER_UNREACHABLE;
  }

  /** The age from which a set is fetched in the background: the last quarter of `maxAge`. */
  private get refreshAge(): number {
    return Math.floor(this.maxAge / 4) * 3;
  }

  /** The age from which a set is useless. */
  private get endAge(): number {
    return this.maxAge + STALE_FOR;
  }

  /** The age of the set. A set from the future was fetched before the clock was set back; it counts as due. */
  private age(now: number): number {
    if (this.keys === undefined) return Number.POSITIVE_INFINITY;
    const age = now - this.fetchedAt;
    return age < -RETRY_AFTER ? this.refreshAge : age;
  }

  /** Whether an attempt may begin. A clock that was set back by hours must not prevent attempts for hours. */
  private mayAttempt(now: number): boolean {
    const early = this.nextAttempt - now;
    return !this.inFlight && (early <= 0 || early > 2 * RETRY_AFTER);
  }
}

import type { VerifyingKey } from "./jwks.js";

/** Between two attempts: tokens may name as many unknown keys as they like. */
export const RETRY_AFTER = 30_000;
/** Between two attempts while there is no set to use at all and the issuer can't be reached: it may be starting up. */
const RETRY_AFTER_UNREACHABLE = 2_000;
/** The time for which an old set is used when no newer one can be had. */
export const STALE_FOR = 24 * 60 * 60 * 1000;

/**
 * The keys to verify with: this set, this set while a newer set is fetched, a set that must be fetched first, or
 * nothing.
 */
export type KeyDecision = "use" | "use and fetch" | "fetch" | "refuse";

/** The end of an attempt that brought no set: it may work any moment, or it will not mend itself soon. */
export type Failure = "unreachable" | "refused";

/**
 * The state of a remote key set: it decides what to do at an instant. A set is looked for again before it gets
 * old, and used for `STALE_FOR` beyond that while no newer one can be had. Whatever goes wrong with an attempt, the set
 * at hand stays. Times are in milliseconds since 1970.
 */
export class RemoteSet {
  /** Whether the last attempt failed: then a key that is not in the set may exist all the same. */
  isFailing = false;
  private keys: readonly VerifyingKey[] | undefined;
  private text = "";
  private fetchedAt = 0;
  /** The earliest begin of the next attempt. */
  private nextAttempt = Number.NEGATIVE_INFINITY;
  private inFlight = false;
  private readonly maxAge: number;

  /** A set is to be replaced when it is `maxAge` milliseconds old, a day at most. */
  constructor(maxAge: number) {
    this.maxAge = Math.min(maxAge, STALE_FOR);
  }

  /** Decides what to do for a token at `now`. */
  decide(now: number): KeyDecision {
    const age = this.age(now);
    if (age < this.refreshAge) return "use";
    // Old, and an attempt to replace it failed of late: no request waits for the next attempt.
    if (age < this.maxAge || (this.isFailing && age < this.endAge))
      return this.mayAttempt(now) ? "use and fetch" : "use";
    if (this.mayKnowMore(now)) return "fetch";
    // The attempt was of late and without success, so what there is goes on.
    return age < this.endAge ? "use" : "refuse";
  }

  /** Whether a token that no key of the set is for, or none verified, is worth an attempt or the wait for one. */
  mayKnowMore(now: number): boolean {
    return this.inFlight || this.mayAttempt(now);
  }

  /** In how many milliseconds, at least one, an attempt may begin. */
  retryAfter(now: number): number {
    return Math.min(Math.max(this.nextAttempt - now, 1), RETRY_AFTER);
  }

  /** Until when a verdict made with the set at hand may be repeated without asking here again; 0: not at all. */
  freshUntil(now: number): number {
    if (this.keys === undefined) return 0;
    const refreshAt = this.fetchedAt + this.refreshAge;
    return Math.min(now < refreshAt ? refreshAt : this.nextAttempt, this.fetchedAt + this.endAge);
  }

  /** The keys of the set at hand, unless it is too old for anything. */
  usableKeys(now: number): readonly VerifyingKey[] | undefined {
    return this.age(now) < this.endAge ? this.keys : undefined;
  }

  /** The keys of the set at hand, if it was read from this text. */
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
   * Ends an attempt that began at `beganAt` with `keys` read from `text`. `true`: they are not those that were known.
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

  /** A quarter of its life is left for attempts in the background. */
  private get refreshAge(): number {
    return Math.floor(this.maxAge / 4) * 3;
  }

  /** The age from which a set is useless. */
  private get endAge(): number {
    return this.maxAge + STALE_FOR;
  }

  /** A set from the future was fetched before the clock was put right; it counts as due. */
  private age(now: number): number {
    if (this.keys === undefined) return Number.POSITIVE_INFINITY;
    const age = now - this.fetchedAt;
    return age < -RETRY_AFTER ? this.refreshAge : age;
  }

  /** A clock that was put back must not silence attempts for as long as it went back. */
  private mayAttempt(now: number): boolean {
    const early = this.nextAttempt - now;
    return !this.inFlight && (early <= 0 || early > 2 * RETRY_AFTER);
  }
}

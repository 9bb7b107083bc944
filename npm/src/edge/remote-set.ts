import type { VerifyingKey } from "./jwks.js";

/** Between two attempts: tokens may name as many unknown keys as they like. */
export const RETRY_AFTER = 30_000;
/** Between two attempts while there is no set to use at all and the issuer can't be reached: it may be starting up. */
const RETRY_AFTER_UNREACHABLE = 2_000;
/** How long an old set is used when no newer one can be had. */
export const STALE_FOR = 24 * 60 * 60 * 1000;

/** What to verify with: this set, this set while a newer one is fetched, one that must be fetched first, or nothing. */
export type Decision = "use" | "use and fetch" | "fetch" | "refuse";

/** How an attempt ended without a set: it may work any moment, or it will not mend itself soon. */
export type Failure = "unreachable" | "refused";

/**
 * What is known of a remote key set, as a state: what to do with it at an instant. A set is looked for again before it gets
 * old, and used for `STALE_FOR` more while no newer one can be had. Whatever goes wrong with an attempt, the set at hand stays.
 * Times are in milliseconds since 1970.
 */
export class RemoteSet {
  /** Whether the last attempt failed: then a key that is not in the set may exist all the same. */
  isFailing = false;
  private keys: readonly VerifyingKey[] | undefined;
  private text = "";
  private fetchedAt = 0;
  private nextAttempt = Number.NEGATIVE_INFINITY;

  /** A set is to be replaced when it is `maxAge` milliseconds old. */
  constructor(private readonly maxAge: number) {}

  /** What to do for a token at `now`. */
  decide(now: number, inFlight: boolean): Decision {
    const age = this.age(now);
    const mayAttempt = !inFlight && this.mayAttempt(now);
    if (age < this.refreshAge) return "use";
    // Old, and an attempt to replace it failed of late: nobody waits for the next one.
    if (age < this.maxAge || (this.isFailing && this.isUsable(now))) return mayAttempt ? "use and fetch" : "use";
    if (inFlight || mayAttempt) return "fetch";
    // The attempt was of late and without success, so what there is goes on.
    return this.isUsable(now) ? "use" : "refuse";
  }

  /** Whether an attempt may begin. A clock that was put back must not silence attempts for as long as it went back. */
  mayAttempt(now: number): boolean {
    const early = this.nextAttempt - now;
    return early <= 0 || early > 2 * RETRY_AFTER;
  }

  /** In how many milliseconds, at least one, an attempt may begin. */
  retryAfter(now: number): number {
    return Math.min(Math.max(this.nextAttempt - now, 1), RETRY_AFTER);
  }

  /** Until when a verdict made with the set at hand may be repeated without asking here again; 0: not at all. */
  freshUntil(now: number): number {
    if (this.keys === undefined) return 0;
    const refreshAt = this.fetchedAt + this.refreshAge;
    return Math.min(now < refreshAt ? refreshAt : this.nextAttempt, this.fetchedAt + this.maxAge + STALE_FOR);
  }

  /** Begins an attempt; the caller fetches and then calls `succeed` or `fail`. */
  begin(now: number): void {
    this.nextAttempt = now + RETRY_AFTER;
  }

  /** The keys of the set at hand, unless it is too old for anything. */
  usableKeys(now: number): readonly VerifyingKey[] | undefined {
    return this.isUsable(now) ? this.keys : undefined;
  }

  /** The keys of the set at hand, if it was read from this text. */
  keysOf(text: string): readonly VerifyingKey[] | undefined {
    return this.text === text ? this.keys : undefined;
  }

  /** Ends an attempt that began at `beganAt` with a set, `keys` read from `text`. */
  succeed(keys: readonly VerifyingKey[], text: string, beganAt: number): void {
    this.keys = keys;
    this.text = text;
    this.fetchedAt = beganAt;
    this.isFailing = false;
  }

  /** Ends an attempt without a set. */
  fail(failure: Failure, now: number): void {
    this.isFailing = true;
    if (failure === "unreachable" && !this.isUsable(now)) this.nextAttempt = now + RETRY_AFTER_UNREACHABLE;
  }

  private isUsable(now: number): boolean {
    return this.age(now) < this.maxAge + STALE_FOR;
  }

  /** A quarter of its life is left for attempts in the background. */
  private get refreshAge(): number {
    return (this.maxAge / 4) * 3;
  }

  /** A set from the future was fetched before the clock was put right; it counts as due. */
  private age(now: number): number {
    if (this.keys === undefined) return Number.POSITIVE_INFINITY;
    const age = now - this.fetchedAt;
    return age < -RETRY_AFTER ? this.refreshAge : age;
  }
}

import type { ErrorData } from "../errors.js";
import type { JwsAlgorithm } from "./algorithm.js";
import { errorOf } from "./envelope.js";
import { FetchError, TIME_LIMIT, fetchSet } from "./fetching.js";
import { SingleFlight } from "./flight.js";
import { parseRemoteSet, type VerifyingKey } from "./jwks.js";
import { ACCESS_TYPE, TokenError, readHeader, verify, type Header } from "./jws.js";
import { RemoteSet } from "./remote-set.js";

/** The address of a key set, and the rules for its use. */
export interface RemoteRules {
  readonly keyUri: string;
  readonly algorithms: readonly JwsAlgorithm[];
  /** Milliseconds after which it is replaced. */
  readonly cacheMaxAge: number;
  readonly now: () => number;
}

/**
 * The claims of a token, by keys of the set of an epoch, and the time until which the verdict may be repeated under it.
 */
export interface VerifiedToken {
  readonly payload: Uint8Array;
  readonly epoch: number;
  readonly freshUntil: number;
}

/** No keys are to be had, which says nothing about the token. */
export class Unavailable extends Error {
  constructor(readonly data: ErrorData) {
    super(data.message);
  }
}

/**
 * The key set of an issuer elsewhere at work: tokens are verified with it, attempts to replace it run one at a time.
 */
export class RemoteKeys {
  /** Grows with every change of the set: a verdict under another epoch may rest on a key that is withdrawn. */
  epoch = 1;
  private readonly set: RemoteSet;
  private readonly flight = new SingleFlight(() => this.attempt(), TIME_LIMIT);
  private trouble: string | undefined;

  constructor(private readonly rules: RemoteRules) {
    this.set = new RemoteSet(rules.cacheMaxAge);
  }

  /** The trouble of the last attempt, once. */
  takeTrouble(): string | undefined {
    const { trouble } = this;
    this.trouble = undefined;
    return trouble;
  }

  /**
   * The payload of an access token, and the time for which it may be cached, after an attempt to get a key set if
   * needed. Its header is read first: malformed tokens cause no fetch.
   *
   * @throws TokenError
   * @throws Unavailable when no set is to be had, or the token's key may be newer than the set and it is unknown
   */
  async verify(token: string): Promise<VerifiedToken> {
    const header = readHeader(token, ACCESS_TYPE);
    if (!this.rules.algorithms.includes(header.algorithm)) throw new TokenError("algorithm");
    let mayWait = !(await this.prepare());
    for (;;) {
      // As they are now: the set may be replaced while the signature is looked at.
      const [keys, epoch, freshUntil] = [this.keys(), this.epoch, this.set.freshUntil(this.rules.now())];
      try {
        return { payload: await verify(token, header, keys), epoch, freshUntil };
      } catch (error) {
        if (!(error instanceof TokenError)) throw error;
        // Replaced meanwhile, by another request's attempt: that set may hold the key.
        if (this.epoch !== epoch) continue;
        if (!this.mayMissKeyOf(header)) throw error;
        // An outage says nothing about a token of a key that may be newer than the set.
        if (!mayWait || !this.set.mayKnowMore(this.rules.now())) throw this.set.isFailing ? this.unavailable() : error;
      }
      await this.flight.run();
      mayWait = false;
    }
  }

  /** Fetches a set if it is time; answers whether this took waiting. */
  private async prepare(): Promise<boolean> {
    // An attempt that took too long has been lost with the request that made it.
    if (this.flight.isLost) this.set.fail("unreachable", this.rules.now());
    switch (this.set.decide(this.rules.now())) {
      case "use":
        return false;
      case "use and fetch":
        // Where a promise ends with its request, the request that finds the set old waits for a new one.
        if (!SingleFlight.isBoundToRequests) void this.flight.run();
        return false;
      case "fetch":
        await this.flight.run();
        return true;
      case "refuse":
        throw this.unavailable();
    }
  }

  private keys(): readonly VerifyingKey[] {
    const keys = this.set.usableKeys(this.rules.now());
    if (!keys) throw this.unavailable();
    return keys;
  }

  private mayMissKeyOf({ kid }: Header): boolean {
    return kid === undefined || !this.set.usableKeys(this.rules.now())?.some((key) => key.kid === kid);
  }

  private unavailable(): Unavailable {
    const error = errorOf("SERVICE_UNAVAILABLE", "The keys of the auth server are temporarily unavailable");
    return new Unavailable({ ...error, retryAfter: Math.ceil(this.set.retryAfter(this.rules.now()) / 1000) });
  }

  private async attempt(): Promise<void> {
    const beganAt = this.rules.now();
    if (!this.set.begin(beganAt)) return;
    try {
      const bytes = await fetchSet(this.rules.keyUri);
      const text = new TextDecoder().decode(bytes);
      const keys = this.set.keysOf(text) ?? (await this.read(bytes));
      if (this.set.succeed(keys, text, beganAt)) this.epoch++;
      this.trouble = undefined;
    } catch (error) {
      const { failure, message } = error as FetchError;
      this.set.fail(failure, this.rules.now());
      this.trouble = message;
    }
  }

  private async read(bytes: Uint8Array): Promise<readonly VerifyingKey[]> {
    try {
      return await parseRemoteSet(bytes);
    } catch (error) {
      throw new FetchError("refused", `keyUri: the key set is refused: ${(error as Error).message}`);
    }
  }
}

import type { ErrorData } from "../errors.js";
import type { JwsAlgorithm } from "./algorithm.js";
import { errorOf } from "./envelope.js";
import { FetchError, TIME_LIMIT, fetchSet } from "./fetching.js";
import { SingleFlight } from "./flight.js";
import { parseRemoteSet, type VerifyingKey } from "./jwks.js";
import { ACCESS_TYPE, TokenError, readHeader, verify, type Header } from "./jws.js";
import { RemoteSet, type Failure } from "./remote-set.js";

/** Milliseconds after which an attempt is lost: a fetch that still runs has reached its own time limit by then. */
const LOST_AFTER = TIME_LIMIT + 500;

/** The address of a key set, and the rules for its use. */
export interface RemoteRules {
  readonly keyUri: string;
  readonly algorithms: readonly JwsAlgorithm[];
  /** The age at which the key set is replaced, in milliseconds. */
  readonly cacheMaxAge: number;
  readonly now: () => number;
}

/**
 * The payload of a verified token, the epoch of the key set that verified it, and the time until which this result may
 * be cached while the epoch stays the same.
 */
export interface VerifiedToken {
  readonly payload: Uint8Array;
  readonly epoch: number;
  readonly freshUntil: number;
}

/** The error if there are no keys. It means nothing about the token. */
export class Unavailable extends Error {
  constructor(readonly data: ErrorData) {
    super(data.message);
  }
}

/**
 * The remote key set of an issuer. It verifies tokens with the set and replaces the set, by one attempt at a time.
 */
export class RemoteKeys {
  /** Grows with every change of the set. A result under another epoch may rest on a key that was withdrawn. */
  epoch = 1;
  private readonly set: RemoteSet;
  private readonly flight = new SingleFlight(
    () => this.attempt(),
    LOST_AFTER,
    (ago) => this.failed("unreachable", "the attempt was broken off", this.rules.now() - ago),
  );
  private trouble: string | undefined;

  constructor(private readonly rules: RemoteRules) {
    this.set = new RemoteSet(rules.cacheMaxAge);
  }

  /** Returns the error message of the last attempt, once. */
  takeTrouble(): string | undefined {
    const { trouble } = this;
    this.trouble = undefined;
    return trouble;
  }

  /**
   * Verifies an access token, after an attempt to fetch a key set if needed. The header is read first, so malformed
   * tokens cause no fetch.
   *
   * @throws TokenError
   * @throws Unavailable if there is no set, or the set lacks the token's key and could not be renewed
   */
  async verify(token: string): Promise<VerifiedToken> {
    const header = readHeader(token, ACCESS_TYPE);
    if (!this.rules.algorithms.includes(header.algorithm)) throw new TokenError("algorithm");
    let mayWait = !(await this.prepare());
    for (;;) {
      // These belong together: the set may be replaced while the signature is verified.
      const [keys, epoch, freshUntil] = [this.keys(), this.epoch, this.set.freshUntil(this.rules.now())];
      try {
        return { payload: await verify(token, header, keys), epoch, freshUntil };
      } catch (error) {
        if (!(error instanceof TokenError)) throw error;
        // Another request's attempt has replaced the set meanwhile, and the new set may hold the key.
        if (this.epoch !== epoch) continue;
        if (!this.mayMissKeyOf(header)) throw error;
        // In an outage, the key may be newer than the set, so the token is not called invalid.
        if (!mayWait || !this.set.mayKnowMore(this.rules.now())) throw this.set.isFailing ? this.unavailable() : error;
      }
      await this.flight.run();
      mayWait = false;
    }
  }

  /** Fetches a set if one is due. Returns whether the request waited for it. */
  private async prepare(): Promise<boolean> {
    this.flight.giveUpLost();
    switch (this.set.decide(this.rules.now())) {
      case "use":
        return false;
      case "use and fetch":
        if (!SingleFlight.isBoundToRequests) {
          void this.flight.run();
          return false;
        }
        // Here a promise ends with its request, so the request that begins the attempt waits. Others use the set.
        await this.flight.run();
        return true;
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
      this.failed(failure, message, this.rules.now());
    }
  }

  private failed(failure: Failure, trouble: string, at: number): void {
    this.set.fail(failure, at);
    this.trouble = trouble;
  }

  private async read(bytes: Uint8Array): Promise<readonly VerifyingKey[]> {
    try {
      return await parseRemoteSet(bytes);
    } catch (error) {
      throw new FetchError("refused", `keyUri: the key set is refused: ${(error as Error).message}`);
    }
  }
}

import type { Algorithm } from "./algorithm.js";
import { MAX_SET_BYTES, parseRemoteSet, type VerifyingKey } from "./jwks.js";
import type { Header } from "./jws.js";
import { SingleFlight } from "./flight.js";

/** How long a set is served after it got old, when there is no newer one to be had. */
const STALE_MS = 24 * 60 * 60 * 1000;
/** An unknown `kid`, and an old set, cause at most one fetch in this time. */
const COOL_DOWN_MS = 30_000;
/** Without any set, the next request may try again this long after a failure. */
const RETRY_MS = 1_000;
/** For the whole exchange. */
const TIMEOUT_MS = 5_000;

/** What a key set is kept by. */
export interface RemoteRules {
  readonly keyUri: string;
  readonly algorithms: readonly Algorithm[];
  /** Milliseconds after which it is fetched anew. */
  readonly cacheMaxAge: number;
  readonly now: () => number;
}

/**
 * The keys of an auth server: fetched at first use, kept for `cacheMaxAge`, fetched anew for an unknown `kid` at most
 * every 30 seconds, and kept for 24 hours more while the server can't be reached. A set that is refused never replaces one
 * that was accepted. Nothing happens in the background: the request that finds the set old fetches it, and the others go on
 * with what is there.
 */
export class RemoteKeys {
  /** Grows with every new set: what was verified under another epoch is to be verified again. */
  epoch = 0;
  private keys: readonly VerifyingKey[] = [];
  private text: string | undefined;
  private fetchedAt = Number.NEGATIVE_INFINITY;
  private triedAt = Number.NEGATIVE_INFINITY;
  private failedAt = Number.NEGATIVE_INFINITY;
  private readonly flight = new SingleFlight(() => this.refresh(), TIMEOUT_MS);

  constructor(private readonly rules: RemoteRules) {}

  /** Until when what these keys verified needs no other look at them. */
  get goodUntil(): number {
    return this.isOld() ? Math.min(this.triedAt + COOL_DOWN_MS, this.endsAt()) : this.fetchedAt + this.rules.cacheMaxAge;
  }

  /** The keys to try on a token of this header; `undefined` when no set is to be had. */
  async find(header: Header): Promise<readonly VerifyingKey[] | undefined> {
    if (!this.isUsable()) {
      if (this.flight.pending || this.rules.now() >= this.failedAt + RETRY_MS) await this.flight.run();
    } else if (this.isOld() && this.mayTry()) {
      await this.flight.run();
    }
    if (this.wants(header) && (this.flight.pending || this.mayTry())) await this.flight.run();
    return this.isUsable() ? this.keys : undefined;
  }

  private isUsable(): boolean {
    return this.rules.now() < this.endsAt();
  }

  private isOld(): boolean {
    return this.rules.now() >= this.fetchedAt + this.rules.cacheMaxAge;
  }

  private endsAt(): number {
    return this.fetchedAt + this.rules.cacheMaxAge + STALE_MS;
  }

  private mayTry(): boolean {
    return this.rules.now() >= this.triedAt + COOL_DOWN_MS;
  }

  private wants({ kid, algorithm }: Header): boolean {
    return this.isUsable() && this.rules.algorithms.includes(algorithm) && kid !== undefined && !this.keys.some((key) => key.kid === kid);
  }

  private async refresh(): Promise<void> {
    const startedAt = this.rules.now();
    this.triedAt = startedAt;
    try {
      const bytes = await fetchBounded(this.rules.keyUri);
      const text = new TextDecoder().decode(bytes);
      if (text !== this.text) {
        const keys = await parseRemoteSet(bytes);
        this.keys = keys.filter(({ algorithm }) => this.rules.algorithms.includes(algorithm));
        this.text = text;
        this.epoch++;
      }
      this.fetchedAt = startedAt;
    } catch {
      // The set that is there stays.
      this.failedAt = this.rules.now();
    }
  }
}

/** The body of a 200, up to 64 KiB; throws for everything else. Redirects are not followed, caches not asked. */
async function fetchBounded(uri: string): Promise<Uint8Array> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(uri, {
      headers: { accept: "application/json" },
      redirect: "manual",
      signal: abort.signal,
      ...(SingleFlight.isBoundToRequests ? {} : { cache: "no-store", credentials: "omit" }),
    });
    if (response.status !== 200 || !response.body) throw new Error(`status ${response.status}`);
    return await readBounded(response.body);
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

async function readBounded(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > MAX_SET_BYTES) throw new Error("longer than 64 KiB");
    chunks.push(part.value);
  }
  const bytes = new Uint8Array(size);
  chunks.reduce((at, chunk) => (bytes.set(chunk, at), at + chunk.length), 0);
  return bytes;
}

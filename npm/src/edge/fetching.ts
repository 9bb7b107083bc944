import { SingleFlight } from "./flight.js";
import { MAX_SET_BYTES } from "./jwks.js";
import type { Failure } from "./remote-set.js";

/** The time limit for the whole exchange, in milliseconds. */
export const TIME_LIMIT = 5_000;

/** The reason for a missing set. The message is for the log and omits the address, which may hold a secret. */
export class FetchError extends Error {
  constructor(
    readonly failure: Failure,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Fetches a key set: the body of a 200, up to 64 KiB, within 5 seconds. Redirects are not followed, since the host
 * trusts `keyUri` and no other address. HTTP caches are bypassed, since sentri's own cache has its own limits.
 *
 * @throws FetchError
 */
export async function fetchSet(uri: string): Promise<Uint8Array> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIME_LIMIT);
  try {
    const response = await fetch(uri, {
      headers: { accept: "application/jwk-set+json, application/json" },
      redirect: "manual",
      signal: abort.signal,
      ...(SingleFlight.isBoundToRequests ? {} : { cache: "no-store", credentials: "omit" }),
    });
    checkStatus(response);
    return await readBody(response.body);
  } catch (error) {
    if (error instanceof FetchError) throw error;
    throw new FetchError(
      "unreachable",
      abort.signal.aborted ? "no complete answer within 5 s" : "no connection, or the answer broke off",
    );
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

function checkStatus({ status, type }: Response): void {
  if (status === 200) return;
  const answer = `the answer has status ${status}`;
  if (status === 429 || status >= 500) throw new FetchError("unreachable", answer);
  if (type === "opaqueredirect" || (status >= 300 && status < 400)) {
    throw new FetchError("refused", `${answer}: redirects are not followed, give the final address`);
  }
  throw new FetchError("refused", answer);
}

async function readBody(body: ReadableStream<Uint8Array> | null): Promise<Uint8Array> {
  if (!body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > MAX_SET_BYTES) throw new FetchError("refused", "the answer is longer than 64 KiB");
    chunks.push(part.value);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

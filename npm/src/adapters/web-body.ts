// Bodies of `Request`, as far as the core reads them.
import { MAX_BODY } from "../generated/constants.js";
import { CutOff } from "./cut-off.js";

/** The time within which a body must arrive, in milliseconds. */
const BODY_TIMEOUT = 30_000;

/**
 * Reads a body. Resolves to `tooLarge` if it is longer than `MAX_BODY` or late. Rejects with `CutOff` if it breaks off.
 */
export async function readBody(body: ReadableStream<Uint8Array>): Promise<{ raw?: Uint8Array; tooLarge?: true }> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, BODY_TIMEOUT, "late");
  });
  try {
    for (;;) {
      const part = await Promise.race([readPart(reader), late]);
      if (part === "late") break;
      if (part.done) return size > 0 ? { raw: concat(chunks, size) } : {};
      size += part.value.length;
      if (size > MAX_BODY) break;
      chunks.push(part.value);
    }
  } finally {
    clearTimeout(timer);
  }
  // Discards the rest of the body, so that the answer can be sent.
  void discard(reader);
  return { tooLarge: true };
}

/** Reads the next part of a request's body. Throws `CutOff` on failure, since only the client ends the stream early. */
export async function readPart<T>(reader: ReadableStreamDefaultReader<T>): Promise<ReadableStreamReadResult<T>> {
  try {
    return await reader.read();
  } catch {
    throw new CutOff();
  }
}

async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client has gone.
  }
}

function concat(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

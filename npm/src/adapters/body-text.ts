import { SentriError } from "../errors.js";

/** Deeper than the core reads JSON, which refuses it. */
const TOO_DEEP = "[".repeat(128);

/**
 * A body that a parser has converted to a value, as JSON for the core. The core refuses a value that nests too deeply.
 */
export function bodyText(body: unknown): string {
  return written(body) ?? TOO_DEEP;
}

/**
 * A body that a parser has converted to a value, as a text that distinguishes it from other bodies. `stand` is the
 * replacer for `JSON.stringify`.
 */
export function describeValue(body: unknown, stand?: (name: string, value: unknown) => unknown): string {
  const text = written(body, stand);
  if (text === undefined) throw new SentriError("VALIDATION_ERROR", "The request body is nested too deeply");
  return text;
}

/** The JSON of a value; `undefined` where it nests more deeply than the engine's stack reaches. */
function written(body: unknown, stand?: (name: string, value: unknown) => unknown): string | undefined {
  try {
    return JSON.stringify(body, stand);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

import { SentriError } from "../errors.js";

/** A text that nests more deeply than the core reads JSON, so the core refuses it. */
const TOO_DEEP = "[".repeat(128);

/**
 * Writes a body that a parser has converted to a value as JSON for the core. The core refuses values that nest too
 * deeply.
 */
export function bodyText(body: unknown): string {
  return written(body) ?? TOO_DEEP;
}

/**
 * Describes a body that a parser has converted to a value, by a text that differs for different bodies. `stand` is the
 * replacer for `JSON.stringify`. Throws `VALIDATION_ERROR` if the value nests too deeply.
 */
export function describeValue(body: unknown, stand?: (name: string, value: unknown) => unknown): string {
  const text = written(body, stand);
  if (text === undefined) throw new SentriError("VALIDATION_ERROR", "The request body is nested too deeply");
  return text;
}

/** Returns the JSON of a value, or `undefined` if the value nests more deeply than the engine's stack allows. */
function written(body: unknown, stand?: (name: string, value: unknown) => unknown): string | undefined {
  try {
    return JSON.stringify(body, stand);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

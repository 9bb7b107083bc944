import { SentriError } from "../errors.js";

/** An error in one line for the person at the command line, with the cause that clients are not told. */
export function explain(error: unknown): string {
  if (!(error instanceof SentriError)) return error instanceof Error ? error.message : String(error);
  const { cause } = (error.details ?? {}) as { cause?: unknown };
  return `${error.code}: ${error.message}${typeof cause === "string" ? `: ${cause}` : ""}`;
}

import type { Requirement } from "./generated/wire.js";
import type { Duration } from "./types-common.js";

export type { Requirement };

/** The authentication that a route asks for (RFC 9470). */
export interface StepUp {
  /** The least authenticator assurance level: `aal2` is a password and a second factor. */
  acr?: "aal1" | "aal2";
  /** The greatest time since the user authenticated, such as `"10m"`. A refresh does not make it shorter. */
  maxAge?: Duration;
}

/** The known strength and time of a user's authentication. */
export interface Assured {
  readonly acr?: string;
  /** In seconds since 1970. */
  readonly authTime?: number | null;
}

/**
 * Returns whether an authentication is enough at `now`, in milliseconds since 1970. This is the rule of the core's
 * `assurance`, which `tests/vectors/assurance.json` tests in every language: an unknown value is neither strong nor
 * fresh, and a time in the future is not fresh.
 */
export function meets({ acr, maxAge, leeway }: Requirement, held: Assured, now: number): boolean {
  if (acr === "aal2" && held.acr !== "aal2") return false;
  if (maxAge === undefined) return true;
  if (typeof held.authTime !== "number") return false;
  const age = now - held.authTime * 1000;
  return age >= -leeway * 1000 && age <= (maxAge + leeway) * 1000;
}

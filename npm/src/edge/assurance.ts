import type { Requirement } from "../assurance.js";
import { readDuration } from "./duration.js";
import { numericDate, type Json } from "./json.js";
import { configurationError } from "./reader.js";

/** The methods that `amr` may hold (RFC 8176), in the order in which tokens list them. */
const METHODS = ["pwd", "otp", "recovery", "email", "sms", "host"];

/** The strength and the age of an authentication, as a token claims it. */
export interface Assurance {
  readonly acr: "aal1" | "aal2";
  readonly amr: string[];
  /** In seconds since 1970; `null` if unknown. */
  readonly authTime: number | null;
}

/**
 * Reads `acr`, `amr` and `auth_time`. Fails closed: a claim of another form or an unknown method counts as absent, and
 * `aal2` counts only if `amr` holds the methods that it requires.
 */
export function readAssurance(raw: ReadonlyMap<string, Json>): Assurance | undefined {
  if (!["acr", "amr", "auth_time"].some((name) => raw.has(name))) return undefined;
  const named = raw.get("amr");
  const isList = Array.isArray(named) && named.every((one) => typeof one === "string");
  const amr = isList ? METHODS.filter((method) => (named as string[]).includes(method)) : [];
  const isStrong = amr.includes("pwd") && (amr.includes("otp") || amr.includes("recovery"));
  const time = raw.get("auth_time");
  const authTime = time === undefined ? undefined : numericDate(time);
  return { acr: isStrong && raw.get("acr") === "aal2" ? "aal2" : "aal1", amr, authTime: authTime ?? null };
}

/**
 * Reads the argument of `protect({acr, maxAge})`.
 *
 * @throws SentriError `CONFIGURATION_ERROR` that names the member and the cure
 */
export function readRequirement(asked: unknown, leeway: number): Requirement {
  const wrong = (text: string) => configurationError(`protect() ${text}`);
  if (typeof asked !== "object" || asked === null || Array.isArray(asked))
    throw wrong("takes { acr: 'aal2', maxAge: '10m' }, or nothing");
  const need: Requirement = { leeway };
  for (const [name, member] of Object.entries(asked)) {
    if (member === undefined || member === null) continue;
    if (name === "acr") {
      if (member !== "aal1" && member !== "aal2") throw wrong("takes acr: 'aal1' or 'aal2'");
      need.acr = member;
    } else if (name === "maxAge") {
      const read = readDuration(member);
      if ("problem" in read) throw wrong(`maxAge ${read.problem}`);
      if (read.ms % 1000 !== 0) throw wrong("maxAge must be whole seconds, 1 at least");
      need.maxAge = read.ms / 1000;
    } else throw wrong(`takes acr and maxAge, not '${name}'`);
  }
  if (need.acr === undefined && need.maxAge === undefined)
    throw wrong("was given neither acr nor maxAge: write protect()");
  return need;
}

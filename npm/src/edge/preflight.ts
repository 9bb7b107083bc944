import type { GuardRequest, ResponseData } from "../protect-host.js";
import { isTrusted } from "./origin.js";

/** The headers that an answer depends on. */
const VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/** A token of RFC 9110, 5.6.2. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/**
 * Returns the answer to a CORS preflight (Fetch standard, 4.10), or `undefined` for any other request. An origin of
 * `trusted` is allowed the method and the headers that it asks for, with credentials; the answer to any other origin
 * allows nothing, so that the browser refuses.
 */
export function preflightAnswer(request: GuardRequest, trusted: readonly string[]): ResponseData | undefined {
  if (request.method !== "OPTIONS") return undefined;
  const { origin, accessControlRequestMethod: method, accessControlRequestHeaders: names } = request;
  if (origin === undefined || method === undefined) return undefined;
  const headers: Array<[string, string]> = [["Vary", VARY]];
  if (TOKEN.test(method) && isTrusted(origin, trusted)) {
    headers.push(
      ["Access-Control-Allow-Origin", origin],
      ["Access-Control-Allow-Credentials", "true"],
      ["Access-Control-Allow-Methods", method],
    );
    if (names !== undefined && isList(names)) headers.push(["Access-Control-Allow-Headers", names]);
  }
  return { status: 204, headers, body: "" };
}

/** Names of headers with commas between (RFC 9110, 5.6.1). */
function isList(text: string): boolean {
  return text.split(",").every((name) => TOKEN.test(name.replace(/^[ \t]+|[ \t]+$/g, "")));
}

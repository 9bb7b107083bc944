import type { ErrorData } from "../errors.js";
import type { GuardRequest } from "../protect-host.js";
import { readCookie } from "./cookie.js";
import { errorOf } from "./envelope.js";
import { sameOrigin } from "./origin.js";

const CROSS_ORIGIN =
  "Cross-origin request refused: if the page is another site of yours, add its origin to trustedOrigins; if it is " +
  "this site's own, let the proxy in front pass on the Host header as it came, with its port";

/**
 * Returns the access tokens that a request brings, or the error if it brings none. A bearer token comes first; a bad
 * bearer token is an error, never a reason to look at the cookie. Several tokens are different values of the cookie,
 * in the order sent.
 */
export function readCredential(
  request: GuardRequest,
  { cookieName, trustedOrigins }: { cookieName: string | undefined; trustedOrigins: readonly string[] },
): { tokens: readonly string[] } | { error: ErrorData } {
  const { authorization, cookie } = request;
  if (authorization !== undefined) {
    const token = bearerOf(authorization);
    if (token !== undefined) return { tokens: [token] };
    if (namesBearer(authorization)) return refused("The Authorization header must be 'Bearer <token>'");
  }
  if (cookieName === undefined) return refused("Access token is missing");
  const found = readCookie(cookie === undefined ? [] : [cookie], cookieName);
  if (found === undefined || ("value" in found && found.value === "")) return refused("Access token is missing");
  if (!sameOrigin(request, trustedOrigins)) return { error: errorOf("FORBIDDEN", CROSS_ORIGIN) };
  if ("value" in found) return { tokens: [found.value] };
  return found.tooMany ? { error: conflict(cookieName) } : { tokens: found.values };
}

/**
 * The error for several cookies of one name that are valid for different users: at least one of them was planted, and
 * it is unknown which.
 */
export function conflict(cookieName: string | undefined): ErrorData {
  return errorOf("UNAUTHORIZED", `Several different cookies are named ${cookieName}`);
}

/** The token of `Bearer <token>` (RFC 6750, 2.1); the scheme's case does not matter. */
function bearerOf(header: string): string | undefined {
  return /^bearer +([^ ,]+) *$/i.exec(header)?.[1];
}

/**
 * Returns whether any part between commas has the scheme Bearer, with or without a token. Other schemes are ignored,
 * such as the `Basic` of a proxy in front of the application.
 */
function namesBearer(header: string): boolean {
  return header.split(",").some((part) => /^[ \t\n\f\r]*bearer([ \t\n\f\r]|$)/i.test(part));
}

function refused(message: string): { error: ErrorData } {
  return { error: errorOf("UNAUTHORIZED", message) };
}

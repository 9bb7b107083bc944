import { SentriError } from "../errors.js";
import { parseSetCookie, type StoredCookie } from "./set-cookie.js";

/** The source of cookies: the response of an internal call. */
export type CookieSource = { headers: Headers } | Headers;

/**
 * An object that sets cookies for a page: the `cookies` of SvelteKit and Astro, and the result of Next's `cookies()`.
 */
export interface CookieStore {
  /** Sets a cookie. */
  set(name: string, value: string, options: StoredCookie): unknown;
  /** Removes a cookie. */
  delete(...args: never[]): unknown;
}

/** The response of Node, of Express, Fastify's `reply.raw` and Koa's `ctx.res`, by HTTP/1.1 or HTTP/2. */
interface NodeResponse {
  getHeader(name: string): unknown;
  setHeader(name: string, value: string | string[]): unknown;
}

/** The target of cookies: a `Response`, `Headers`, the response of Node, or the cookies of Next, SvelteKit or Astro. */
export type CookieTarget = { headers: Headers } | Headers | NodeResponse | CookieStore;

/**
 * Passes on the cookies that an internal call set, such as a login or refresh made while a page is rendered on the
 * server: without it the browser keeps a refresh token that was rotated away. Every cookie stays a header of its own,
 * and the outgoing response is kept out of caches, except by a framework's cookies, which reach no other header.
 * Returns their number.
 *
 * @example
 * const headers = { cookie: req.headers.cookie };
 * const answer = await fetch("http://auth.internal/auth/refresh", { method: "POST", headers });
 * forwardCookies(answer, res);
 * @example
 * forwardCookies(answer, await cookies()); // Next, in a route handler or an action
 * @example
 * forwardCookies(answer, event.cookies); // SvelteKit
 * @throws SentriError `CONFIGURATION_ERROR` where the target takes no cookies
 */
export function forwardCookies(from: CookieSource, to: CookieTarget): number {
  const lines = ("headers" in from ? from.headers : from).getSetCookie();
  const write = writerFor(to);
  if (lines.length > 0) write(lines);
  return lines.length;
}

/** Finds the function that writes the lines to the target; the target is checked even without lines. */
function writerFor(to: CookieTarget): (lines: readonly string[]) => void {
  if (typeof to === "object" && to !== null) {
    if ("then" in to) throw unfit("the cookies of Next are a promise: forwardCookies(answer, await cookies())");
    if ("setHeader" in to) return (lines) => addToNode(to, lines);
    if (isHeaders(to)) return (lines) => addTo(to, lines);
    if ("set" in to && typeof to.set === "function") return (lines) => lines.forEach((line) => store(to, line));
    if ("headers" in to && isHeaders(to.headers)) return writerFor(to.headers);
  }
  const those = "a Response, Headers, the response of Node, or the cookies of Next, SvelteKit or Astro";
  throw unfit(`this takes no cookies: give ${those}`);
}

function addToNode(to: NodeResponse, lines: readonly string[]): void {
  to.setHeader("Set-Cookie", [to.getHeader("Set-Cookie") ?? [], lines].flat().map(String));
  to.setHeader("Cache-Control", "no-store");
}

function addTo(to: Headers, lines: readonly string[]): void {
  for (const line of lines) to.append("Set-Cookie", line);
  to.set("Cache-Control", "no-store");
}

/** Sets a cookie again, with every attribute that it came with. */
function store(to: CookieStore, line: string): void {
  const { name, value, attributes } = parseSetCookie(line);
  // SvelteKit and Astro write the value by `encode`; Next has no such option and escapes its argument.
  if ("has" in to && "getAll" in to) to.set(name, unescaped(value), attributes);
  else to.set(name, value, { ...attributes, encode: (text: string) => text });
}

/** The text that was escaped, or the text itself. */
function unescaped(value: string): string {
  try {
    const plain = decodeURIComponent(value);
    return encodeURIComponent(plain) === value ? plain : value;
  } catch {
    return value;
  }
}

function isHeaders(value: object): value is Headers {
  return "append" in value && "getSetCookie" in value;
}

function unfit(why: string): SentriError {
  return new SentriError("CONFIGURATION_ERROR", `forwardCookies(): ${why}`);
}

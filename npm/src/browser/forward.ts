/** Where cookies come from: the response of an internal call. */
export type CookieSource = { headers: Headers } | Headers;

/** Where cookies go: a `Response`, `Headers`, or the response of Node, Express, Fastify's `reply.raw` or Koa's `ctx.res`. */
export type CookieTarget =
  | { headers: Headers }
  | Headers
  | { appendHeader(name: string, value: string): unknown; setHeader(name: string, value: string): unknown };

/**
 * Hands on the cookies that an internal call set, such as a login or refresh made while a page is rendered on the server:
 * without it the browser keeps a refresh token that was rotated away. Every cookie stays a header of its own, and the outgoing
 * response is kept out of caches. Answers how many there were.
 *
 * @example
 * const answer = await fetch("http://auth.internal/auth/refresh", { method: "POST", headers: { cookie: req.headers.cookie } });
 * forwardCookies(answer, res);
 */
export function forwardCookies(from: CookieSource, to: CookieTarget): number {
  const source = "headers" in from ? from.headers : from;
  const cookies = source.getSetCookie();
  if (cookies.length === 0) return 0;
  if ("appendHeader" in to) {
    for (const cookie of cookies) to.appendHeader("Set-Cookie", cookie);
    to.setHeader("Cache-Control", "no-store");
  } else {
    const target = "headers" in to ? to.headers : to;
    for (const cookie of cookies) target.append("Set-Cookie", cookie);
    target.set("Cache-Control", "no-store");
  }
  return cookies.length;
}

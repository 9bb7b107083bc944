/**
 * Returns the scheme that the framework reports, or `undefined` if `X-Forwarded-Proto` is `http`, since hosts without
 * sockets report `https` for every request. A page can send that header to another origin only with its permission.
 */
export function schemeOf(framework: string | undefined, forwarded: string | null | undefined): string | undefined {
  return forwarded === "http" ? undefined : framework;
}

/**
 * The scheme by which a request came, unless a proxy says that it was `http`: hosts without sockets say `https` of
 * every request. No page can add that header to a request for another origin without its leave.
 */
export function schemeOf(framework: string | undefined, forwarded: string | null | undefined): string | undefined {
  return forwarded === "http" ? undefined : framework;
}

import type { AuthServer } from "../server.js";
import type { RateLimiterOptions } from "../types.js";
import { makeAnswer, makeLimiter } from "./checks.js";
import { serveRead } from "./cut-off.js";
import { pathOf } from "./paths.js";
import { Exchange, nodeOf, peerOf, requestId, surface } from "./web-exchange.js";
import type { ServerAuthClient, WebContext, WebGuard, WebHandler } from "./web-types.js";
import { waitUntilOf } from "./wait-until.js";
import { readRequest, toResponse } from "./web.js";

/** The path below the mount point with its query, as it came; `undefined`: the request is for another path. */
function below({ url }: Request, mount: RegExp): string | undefined {
  const path = pathOf(url);
  const [prefix] = mount.exec(path) ?? [];
  if (prefix === undefined) return undefined;
  const query = /\?[^#]*/.exec(url)?.[0] ?? "";
  return `${path.slice(prefix.length).replace(/\/+$/, "") || "/"}${query}`;
}

/** The endpoints below the mount, and limits of the application's own routes. */
export function serving(server: AuthServer, mount: RegExp) {
  const answer = makeAnswer<Exchange, Exchange>(server, surface, {}, nodeOf);
  const fetch = async (request: Request, host?: unknown): Promise<Response> => {
    try {
      const url = below(request, mount);
      if (url === undefined) return toResponse(server.errorResponse({ statusCode: 404 }));
      const { method } = request;
      const facts = { method, url, clientIp: peerOf(host, request), requestId: requestId(request) };
      return toResponse(await serveRead(server, readRequest(request, facts), waitUntilOf(host)));
    } catch (error) {
      const exchange = new Exchange(request, host);
      return toResponse(answer(error, exchange, exchange));
    }
  };
  const handler: WebHandler = (input) => {
    const event = input as Request & { request?: Request; getClientAddress?: () => string; clientAddress?: string };
    if (event.request === undefined) return fetch(event);
    return fetch(event.request, { clientIp: addressOf(event), waitUntil: waitUntilOf(event) });
  };
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
  return {
    fetch,
    handlers: Object.fromEntries(methods.map((method) => [method, handler])) as ServerAuthClient["handlers"],
    rateLimiter: (options: RateLimiterOptions<WebContext>) =>
      makeLimiter(server, surface, options as never, ({ request, host }) => [
        peerOf(host, request),
        request.headers.get("x-forwarded-for"),
      ]) as WebGuard,
  };
}

/** The client's address from the event of a route file: a function that may throw in SvelteKit, a getter in Astro. */
function addressOf(event: { getClientAddress?: () => string; clientAddress?: string }): string | undefined {
  try {
    return event.getClientAddress?.() ?? event.clientAddress;
  } catch {
    return undefined;
  }
}

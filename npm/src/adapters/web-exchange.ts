import { requestIdOf } from "../context.js";
import type { AuthInfo, AuthUser } from "../types.js";
import type { Surface } from "./checks.js";
import { peerOfHost } from "./peer.js";
import type { WebContext } from "./web-types.js";
import { WebGuardRequest, addHeaders } from "./web.js";

/** A request on its way through the checks, with the headers that they add to its answer. */
export class Exchange implements WebContext {
  declare user: AuthUser;
  declare auth: AuthInfo;
  readonly added: Array<readonly [string, string]> = [];
  constructor(
    readonly request: Request,
    readonly host: unknown,
  ) {}

  respond = (response: Response): Response => {
    if (this.added.length === 0) return response;
    // The headers of `Response.redirect()` and of a response that `fetch` returned can't be changed.
    const own = new Response(response.body, response);
    addHeaders(own.headers, this.added);
    return own;
  };
}

/** The id of a request. */
export const requestId = (request: Request) => requestIdOf([], request.headers.get("x-request-id"));

/** The peer's address: from the caller, or from the server of the runtime. */
export const peerOf = (host: unknown, request: Request): string | undefined => {
  const { clientIp } = (host ?? {}) as { clientIp?: unknown };
  return typeof clientIp === "string" ? clientIp : peerOfHost(host, request);
};

/** The places where an exchange keeps things. */
export const surface: Surface<Exchange> = {
  guardRequest: ({ request }) => new WebGuardRequest(request),
  raw: ({ request }) => request,
  requestId: ({ request }) => requestId(request),
  user: ({ user, auth }) => (auth ? user : undefined),
  auth: ({ auth }) => auth,
  admit: (exchange, user, auth) => void Object.assign(exchange, { user, auth }),
  addHeaders: ({ added }, headers) => void added.push(...headers),
  pinHeaders: ({ added }, headers) => void added.push(...headers),
  hasHeader: ({ added }, name) => added.some(([known]) => known.toLowerCase() === name.toLowerCase()),
};

/** The request of `node:http` behind an exchange, if the host has it. */
export const nodeOf = ({ host }: Exchange): unknown => (host as { incoming?: unknown } | null | undefined)?.incoming;

import type { IncomingMessage } from "node:http";
import type { GuardRequest } from "../protect-host.js";
import type { NativeRequest } from "../generated/native.js";
import { bodyText } from "./body-text.js";
import { CutOff } from "./cut-off.js";
import { readBody } from "./node-body.js";
import { forwardedFor, header, headerPairs, one, proof } from "./node-headers.js";
import { schemeOf } from "./scheme.js";

export { addHeaders, writeResponse } from "./node-response.js";
export { forwardedFor, one };

/** The facts of a request from a framework, where they differ from those of `node:http`. */
export interface RequestFacts {
  method?: string;
  /** The path below the mount point, with its query. */
  url: string;
  /** The whole path as the client sent it, with its query. */
  fullUrl: string;
  clientIp?: string | undefined;
  requestId?: string | undefined;
  /** The scheme by which the request came. */
  scheme?: string | undefined;
  /** The body as a parser has read it; `undefined` or `null` if it is unread. */
  body?: unknown;
  /** Whether a parser has found it longer than the limit. */
  tooLarge?: boolean;
}

/** Converts a request for the core. Reads its body, unless the framework has done so. */
export async function readRequest(req: IncomingMessage, facts: RequestFacts): Promise<NativeRequest> {
  const { url, fullUrl, clientIp, requestId, body, tooLarge } = facts;
  const scheme = schemeOf(facts.scheme, one(req.headers["x-forwarded-proto"]));
  const at = url.indexOf("?");
  const request: NativeRequest = {
    method: facts.method ?? req.method ?? "GET",
    path: at < 0 ? url : url.slice(0, at),
    fullPath: fullUrl.split("?", 1)[0]!,
    headers: headerPairs(req),
  };
  if (at >= 0) request.query = url.slice(at + 1);
  if (clientIp !== undefined) request.clientIp = clientIp;
  if (requestId !== undefined) request.requestId = requestId;
  if (scheme !== undefined) request.scheme = scheme;
  if (tooLarge) {
    request.tooLarge = true;
  } else if (body === undefined || body === null) {
    if (req.destroyed && req.complete === false) throw new CutOff();
    if (isUnread(req)) Object.assign(request, await readBody(req));
  } else if (typeof body === "string") {
    request.raw = Buffer.from(body);
  } else if (body instanceof Uint8Array) {
    request.raw = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  } else {
    request.parsed = bodyText(body);
  }
  return request;
}

/**
 * Returns whether there is an unread body. `complete` does not show it, because hosts without sockets set it before the
 * body is read. Waiting for a stream that has ended, or was destroyed, would never end.
 */
function isUnread(req: IncomingMessage): boolean {
  if (req.readableLength > 0) return true;
  if (req.readableEnded || req.destroyed) return false;
  return Number(req.httpVersionMajor) > 1 || "content-length" in req.headers || "transfer-encoding" in req.headers;
}

/** The part of a request that `protect()` reads. `framework` holds the scheme by which the request came. */
export class NodeGuardRequest implements GuardRequest {
  constructor(
    private readonly req: IncomingMessage,
    private readonly framework?: { readonly protocol?: string },
  ) {}

  get method() {
    return this.req.method ?? "GET";
  }
  get authorization() {
    return header(this.req, "authorization");
  }
  get cookie() {
    return header(this.req, "cookie");
  }
  get origin() {
    return proof(this.req, "origin");
  }
  get secFetchSite() {
    return proof(this.req, "sec-fetch-site");
  }
  get host() {
    return header(this.req, "host");
  }
  get upgrade() {
    return header(this.req, "upgrade");
  }
  get scheme() {
    return schemeOf(this.framework?.protocol, one(this.req.headers["x-forwarded-proto"]));
  }
  get accessControlRequestMethod() {
    return this.asked("access-control-request-method");
  }
  get accessControlRequestHeaders() {
    return this.asked("access-control-request-headers");
  }

  /** Returns a header of a preflight, and `undefined` for requests that can be none. */
  private asked(name: "access-control-request-method" | "access-control-request-headers"): string | undefined {
    return this.method === "OPTIONS" ? header(this.req, name) : undefined;
  }
}

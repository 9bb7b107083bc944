import type { GuardRequest, ResponseData } from "../protect-host.js";
import type { NativeRequest } from "../generated/native.js";
import type { HeaderPairs } from "./checks.js";
import { pathOf } from "./paths.js";
import { schemeOf } from "./scheme.js";
import { readBody } from "./web-body.js";

/** The facts of a request from a framework beside the `Request`. */
export interface RequestFacts {
  method: string;
  /** The path below the mount point, with its query. */
  url: string;
  clientIp?: string | undefined;
  requestId?: string | undefined;
  /** The body that middleware before us has read, as the framework keeps it. */
  kept?: () => Promise<ArrayBuffer>;
}

/** Converts a request for the core, and reads its body. */
export async function readRequest(
  req: Request,
  { method, url, clientIp, requestId, kept }: RequestFacts,
): Promise<NativeRequest> {
  const at = url.indexOf("?");
  const request: NativeRequest = {
    method,
    path: at < 0 ? url : url.slice(0, at),
    fullPath: pathOf(req.url),
    headers: headerPairs(req),
  };
  if (at >= 0) request.query = url.slice(at + 1);
  if (clientIp !== undefined) request.clientIp = clientIp;
  if (requestId !== undefined) request.requestId = requestId;
  const scheme = schemeOfUrl(req);
  if (scheme !== undefined) request.scheme = scheme;
  if (req.bodyUsed) {
    if (kept) request.raw = new Uint8Array(await kept());
  } else if (req.body !== null) {
    Object.assign(request, await readBody(req.body));
  }
  return request;
}

function headerPairs(req: Request): Array<[string, string]> {
  const pairs = [...req.headers];
  if (!req.headers.has("host")) pairs.push(["host", hostOf(req)]);
  return pairs;
}

/** Returns the host of the URL, since a request by HTTP/2 has no `Host`. */
function hostOf(req: Request): string {
  return new URL(req.url).host;
}

/** The scheme of the URL by which the runtime was asked. */
function schemeOfUrl({ url, headers }: Request): string | undefined {
  return schemeOf(url.slice(0, url.indexOf(":")), headers.get("x-forwarded-proto"));
}

/** The part of a request that `protect()` reads. */
export class WebGuardRequest implements GuardRequest {
  constructor(private readonly req: Request) {}

  get method() {
    return this.req.method;
  }
  get authorization() {
    return this.header("authorization");
  }
  get cookie() {
    return this.header("cookie");
  }
  get origin() {
    return this.header("origin");
  }
  get secFetchSite() {
    return this.header("sec-fetch-site");
  }
  get host() {
    return this.header("host") ?? hostOf(this.req);
  }
  get upgrade() {
    return this.header("upgrade");
  }
  get scheme() {
    return schemeOfUrl(this.req);
  }
  get accessControlRequestMethod() {
    return this.asked("access-control-request-method");
  }
  get accessControlRequestHeaders() {
    return this.asked("access-control-request-headers");
  }

  /** Returns a header of a preflight, and `undefined` for requests that can be none. */
  private asked(name: string): string | undefined {
    return this.method === "OPTIONS" ? this.header(name) : undefined;
  }

  private header(name: string): string | undefined {
    return this.req.headers.get(name) ?? undefined;
  }
}

/** Adds headers to a response: cookies beside present cookies, other headers in place of present ones. */
export function addHeaders(to: Headers, headers: HeaderPairs): void {
  for (const [name, value] of headers) {
    if (name === "Set-Cookie") to.append(name, value);
    else to.set(name, value);
  }
}

/** A response of the core as a `Response`. */
export function toResponse({ status, headers, body }: ResponseData): Response {
  const own = new Headers();
  addHeaders(own, headers);
  return new Response(status === 204 ? null : body, { status, headers: own });
}

import type { Context } from "hono";
import { requestIdOf } from "../context.js";
import type { Origin, ResponseData } from "../protect-host.js";
import type { HeaderPairs, Surface } from "./checks.js";
import { peerOfHost } from "./peer.js";
import type { WaitUntil } from "../types.js";
import { waitUntilOf as waitUntilOfHost } from "./wait-until.js";
import { WebGuardRequest } from "./web.js";

/** A Hono context. */
export type Ctx = Context<any>;

/** The id of a request. */
export const requestId = (c: Ctx) => requestIdOf([c.get("requestId")], c.req.raw.headers.get("x-request-id"));

/** The headers that checks have added. Hono forgets them where a handler returns a `Response` of its own. */
export const added = new WeakMap<Ctx, HeaderPairs>();

/** Adds headers to the answer: cookies beside present cookies, other headers in place of present ones. */
export function addLate(c: Ctx, headers: HeaderPairs): void {
  const cookies = c.finalized ? c.res.headers.getSetCookie() : [];
  for (const [name, value] of headers) {
    if (name !== "Set-Cookie") c.header(name, value);
    else if (!cookies.includes(value)) c.header(name, value, { append: true });
  }
}

/** The parts of Hono's context that are used here. */
export const surface: Surface<Ctx> = {
  guardRequest: (c) => new WebGuardRequest(c.req.raw),
  raw: (c) => c.req.raw,
  requestId,
  user: (c) => (c.get("auth") ? c.get("user") : undefined),
  auth: (c) => c.get("auth"),
  admit(c, user, auth) {
    c.set("user", user);
    c.set("auth", auth);
  },
  addHeaders(c, headers) {
    added.set(c, [...(added.get(c) ?? []), ...headers]);
    addLate(c, headers);
  },
  pinHeaders: (c, headers) => surface.addHeaders(c, headers),
  hasHeader: (c, name) => c.res.headers.has(name),
};

/** The peer's address, as the server of the runtime keeps it. */
export const peerOf = ({ env, req }: Ctx): string | undefined => peerOfHost(env, req.raw);

/** The function by which the runtime is kept alive after an answer. Hono throws if the runtime has none. */
export function waitUntilOf(c: Ctx): WaitUntil | undefined {
  try {
    return waitUntilOfHost(c.executionCtx);
  } catch {
    return undefined;
  }
}

/** Returns the peer's address, and the `X-Forwarded-For` in which a proxy names its client. */
export const originOf = (c: Ctx): Origin => [peerOf(c), c.req.header("x-forwarded-for")];

/** Answers with a response of the core. */
export function respond(c: Ctx, { status, headers, body }: ResponseData): Response {
  surface.addHeaders(c, headers);
  return status === 204 ? c.body(null, status) : c.body(body, status as never);
}

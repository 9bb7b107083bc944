import type { ServerResponse } from "node:http";
import type { HeaderPairs } from "./checks.js";
import { addHeaders } from "./node.js";

/** Adds headers to a response of Node that a handler can't replace, except cookies. */
export function addPinned(res: ServerResponse, headers: HeaderPairs): void {
  addHeaders(res, headers);
  pinHeaders(res, headers);
}

/**
 * Makes a response of Node carry these headers, even if a handler sets others later: an answer with a token must have
 * `no-store`. Cookies are not pinned, since the response keeps a handler's cookies beside ours.
 */
export function pinHeaders(res: ServerResponse, headers: HeaderPairs): void {
  const pinned = headers.filter(([name]) => name !== "Set-Cookie");
  if (pinned.length === 0) return;
  const names = pinned.map(([name]) => name.toLowerCase());
  const isOurs = (name: unknown) => names.includes(String(name).toLowerCase());
  const writeHead = res.writeHead as (...args: unknown[]) => ServerResponse;
  res.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    if (!this.headersSent) for (const [name, value] of pinned) this.setHeader(name, value);
    return writeHead.apply(
      this,
      args.map((arg) => (typeof arg === "object" && arg !== null ? without(arg, isOurs) : arg)),
    );
  } as typeof res.writeHead;
}

/** Headers as `writeHead` takes them (an object, pairs, or names and values in turn), without some. */
function without(headers: object, isOurs: (name: unknown) => boolean): object {
  if (!Array.isArray(headers)) return Object.fromEntries(Object.entries(headers).filter(([name]) => !isOurs(name)));
  if (Array.isArray(headers[0])) return headers.filter(([name]) => !isOurs(name));
  return headers.filter((_, at) => !isOurs(headers[at - (at % 2)]));
}

import type { Context } from "elysia";
import { requestIdOf } from "../context.js";
import type { Origin, ResponseData } from "../protect-host.js";
import type { HeaderPairs, Surface } from "./checks.js";
import type { SentriElysiaContext } from "./elysia-types.js";
import { WebGuardRequest, toResponse } from "./web.js";

/** The parts of a context that the checks look at. */
export interface Parts extends Partial<SentriElysiaContext> {
  request: Request;
  set: Context["set"];
  store: object;
}

/** Returns the context as its type describes it: Elysia leaves `params` out if the path has no parameters. */
export function whole<Ctx extends Parts>(ctx: Ctx): Ctx {
  (ctx as { params?: object }).params ??= {};
  return ctx;
}

/** The id of a request. */
export const requestId = ({ store, request }: Parts) =>
  requestIdOf([(store as { requestId?: unknown }).requestId], request.headers.get("x-request-id"));

/** Headers that no handler may replace, by the `set` of their request. */
const pinned = new WeakMap<Context["set"], HeaderPairs>();

/** Sets pinned headers again after the handler, since a `Response` of the handler's own overrides those in `set`. */
export function pinAfter({ set, response }: { set: Context["set"]; response?: unknown }): void {
  for (const [name, value] of pinned.get(set) ?? []) {
    for (const known of Object.keys(set.headers))
      if (known.toLowerCase() === name.toLowerCase()) delete set.headers[known];
    set.headers[name.toLowerCase()] = value;
    if (response instanceof Response) response.headers.set(name, value);
  }
}

/** The places where Elysia keeps things. */
export const surface: Surface<Parts, Pick<Parts, "set">> = {
  guardRequest: ({ request }) => new WebGuardRequest(request),
  raw: ({ request }) => request,
  requestId,
  user: ({ user, auth }) => (auth ? user : undefined),
  auth: ({ auth }) => auth,
  admit: (parts, user, auth) => void Object.assign(parts, { user, auth }),
  addHeaders({ set }, headers) {
    for (const [name, value] of headers) {
      if (name === "Set-Cookie") addCookies(set, [value]);
      else set.headers[name.toLowerCase()] = value;
    }
  },
  pinHeaders(parts, headers) {
    surface.addHeaders(parts, headers);
    pinned.set(
      parts.set,
      headers.filter(([name]) => name !== "Set-Cookie"),
    );
  },
  hasHeader: ({ set }, name) => Object.keys(set.headers).some((known) => known.toLowerCase() === name.toLowerCase()),
};

/**
 * Adds cookies to `set`, because Elysia on Node keeps only one cookie of a `Response`. A single cookie is set as a
 * text, because with a list Elysia loses the content type of the values that handlers return.
 */
function addCookies(set: Context["set"], lines: string[]): void {
  const known = set.headers["set-cookie"] as string | string[] | undefined;
  const all = [...(known === undefined ? [] : [known].flat()), ...lines];
  if (lines.length > 0) (set.headers as Record<string, unknown>)["set-cookie"] = all.length === 1 ? all[0] : all;
}

/** A response of the core as Elysia takes it. */
export function respond(set: Context["set"], response: ResponseData): Response {
  const isCookie = ([name]: readonly [string, string]) => name === "Set-Cookie";
  addCookies(
    set,
    response.headers.filter(isCookie).map(([, value]) => value),
  );
  return toResponse({ ...response, headers: response.headers.filter((header) => !isCookie(header)) });
}

/** Returns the peer's address: on Node from the request, on Bun from its server. */
export function peerOf(request: Request, server: Context["server"]): string | undefined {
  return "ip" in request ? (request.ip as string | undefined) : server?.requestIP(request)?.address;
}

/** The parts of a context that show where a request comes from. */
export type Served = Pick<Parts, "request"> & { server?: Context["server"] };

/** Returns the peer's address, and the `X-Forwarded-For` in which a proxy names its client. */
export const originOf = ({ request, server }: Served): Origin => [
  peerOf(request, server ?? null),
  request.headers.get("x-forwarded-for"),
];

/** Whether this is a result of `status()`: thrown or returned, it is an answer already. */
export function isStatus(value: unknown): boolean {
  return typeof value === "object" && value !== null && "code" in value && "response" in value;
}

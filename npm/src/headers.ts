import { SentriError } from "./errors.js";

/** Reads headers of a request of any framework. Throws `VALIDATION_ERROR` for a value that is no request. */
export function headerReader(request: unknown): (name: string) => string | undefined {
  const { headers, raw, req, request: inner } = membersOf(request);
  // Elysia has a `Request` as `request`, Koa its own request as `request`, Hono a `Request` as `req.raw`.
  const places = [
    membersOf(inner).headers,
    headers,
    membersOf(raw).headers,
    membersOf(membersOf(req).raw).headers,
    membersOf(req).headers,
  ];
  const found =
    places.find((place) => typeof place === "object" && place !== null) ??
    (request instanceof Headers ? request : undefined);
  if (found === undefined) {
    throw new SentriError(
      "VALIDATION_ERROR",
      "a request with headers is needed, or the context that Hono, Koa or Elysia give to a handler",
    );
  }
  const { get } = found as { get?: unknown };
  if (typeof get === "function") return (name) => text(get.call(found, name));
  // Node's names are in lower case. Names from other sources, such as the events of a cloud, need not be.
  const named = new Map(Object.entries(found as object).map(([name, value]) => [name.toLowerCase(), value as unknown]));
  return (name) => text(named.get(name));
}

function membersOf(value: unknown): Record<string, unknown> {
  return (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
}

/** Returns a header's value. Several lines are joined as cookies are, by semicolons. */
function text(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.join("; ");
  return typeof value === "string" ? value : undefined;
}

import type { IncomingMessage } from "node:http";

/** The id of a request: what middleware before us set, else the header `X-Request-Id` when it is printable. */
export function requestIdOf(req: IncomingMessage): string | undefined {
  const { requestId, id } = req as IncomingMessage & { requestId?: unknown; id?: unknown };
  for (const known of [requestId, id]) {
    if (typeof known === "string" || typeof known === "number") return String(known);
  }
  const header = req.headers["x-request-id"];
  return typeof header === "string" && /^[\x21-\x7e]{1,128}$/.test(header) ? header : undefined;
}

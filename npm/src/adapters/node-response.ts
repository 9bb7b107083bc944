import type { IncomingMessage, ServerResponse } from "node:http";
import type { ResponseData } from "../protect-host.js";
import type { HeaderPairs } from "./checks.js";

/**
 * Adds headers to a response: cookies beside present cookies, other headers in place of present ones. Cookies are set
 * as a list, since HTTP/2 responses have no `appendHeader` before Node 20.12.
 */
export function addHeaders(res: ServerResponse, headers: HeaderPairs): void {
  for (const [name, value] of headers) {
    res.setHeader(name, name === "Set-Cookie" ? [res.getHeader(name) ?? [], value].flat().map(String) : value);
  }
}

/** Writes a response of the core as it is. */
export function writeResponse(req: IncomingMessage, res: ServerResponse, response: ResponseData): void {
  if (res.headersSent || res.destroyed) return;
  res.statusCode = response.status;
  addHeaders(res, response.headers);
  // There is no length where there is no body (RFC 9110, 8.6).
  if (response.status === 204) return void res.end();
  const body = Buffer.from(response.body);
  res.setHeader("Content-Length", body.length);
  if (req.method === "HEAD") res.end();
  else res.end(body);
}

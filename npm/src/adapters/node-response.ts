import type { IncomingMessage, ServerResponse } from "node:http";
import type { ResponseData } from "../protect-host.js";
import type { HeaderPairs } from "./checks.js";

/** Adds headers to a response: cookies beside present cookies, other headers in place of present ones. */
export function addHeaders(res: ServerResponse, headers: HeaderPairs): void {
  for (const [name, value] of headers) {
    if (name === "Set-Cookie") res.appendHeader(name, value);
    else res.setHeader(name, value);
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

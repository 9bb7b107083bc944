import type { IncomingMessage, ServerResponse } from "node:http";
import { requestIdOf } from "../context.js";
import type { GuardRequest, ResponseData } from "../guardian.js";
import type { NativeRequest } from "../native.js";

/** The most that is read of a body; the core refuses what is longer than its limit. */
const MAX_BODY = 64 * 1024;

/** How long a body may take to arrive. */
const BODY_TIMEOUT = 30_000;

/** Moves a request to the core: its body as the framework parsed it, or as it comes. */
export async function readRequest(
  req: IncomingMessage & { body?: unknown },
  url: string,
  clientIp: string | undefined,
): Promise<NativeRequest> {
  const at = url.indexOf("?");
  const request: NativeRequest = {
    method: req.method ?? "GET",
    path: at < 0 ? url : url.slice(0, at),
    headers: headerPairs(req),
  };
  if (at >= 0) request.query = url.slice(at + 1);
  if (clientIp !== undefined) request.clientIp = clientIp;
  const requestId = requestIdOf(req);
  if (requestId !== undefined) request.requestId = requestId;
  const { body } = req;
  if (body === undefined || body === null) {
    // Somebody may have read the stream without leaving a body; waiting for it again would be for ever.
    if (!req.readableEnded && !req.complete || req.readableLength > 0) await readBody(req, request);
  } else if (typeof body === "string") {
    request.raw = Buffer.from(body);
  } else if (body instanceof Uint8Array) {
    request.raw = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  } else {
    request.parsed = JSON.stringify(body);
  }
  return request;
}

function headerPairs(req: IncomingMessage): Array<[string, string]> {
  const { rawHeaders } = req;
  const pairs: Array<[string, string]> = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) pairs.push([rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!]);
  return pairs;
}

function readBody(req: IncomingMessage, request: NativeRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => done(true), BODY_TIMEOUT);
    timer.unref();
    const done = (tooLarge: boolean) => {
      clearTimeout(timer);
      req.off("data", onData).off("end", onEnd).off("error", onError).off("close", onEnd);
      if (tooLarge) {
        request.tooLarge = true;
        // What is left of it flows by unread, so that the answer can be sent.
        req.resume();
      } else if (size > 0) {
        request.raw = Buffer.concat(chunks, size);
      }
      resolve();
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY) done(true);
      else chunks.push(chunk);
    };
    const onEnd = () => done(false);
    const onError = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    req.on("data", onData).on("end", onEnd).on("error", onError).on("close", onEnd);
  });
}

/** What `protect()` looks at. */
export function guardRequest(req: IncomingMessage, clientIp: string | undefined): GuardRequest {
  const { headers } = req;
  const request: GuardRequest = { method: req.method ?? "GET" };
  if (headers.authorization !== undefined) request.authorization = headers.authorization;
  if (headers.cookie !== undefined) request.cookie = headers.cookie;
  if (headers.origin !== undefined) request.origin = headers.origin;
  if (typeof headers["sec-fetch-site"] === "string") request.secFetchSite = headers["sec-fetch-site"];
  if (headers.host !== undefined) request.host = headers.host;
  if (clientIp !== undefined) request.clientIp = clientIp;
  return request;
}

/** Adds headers to a response, beside those that are there. */
export function addHeaders(res: ServerResponse, headers: ReadonlyArray<readonly [string, string]>): void {
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
  const body = Buffer.from(response.body);
  res.setHeader("Content-Length", body.length);
  if (req.method === "HEAD") res.end();
  else res.end(body);
}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { HeaderPairs } from "../checks.js";
import { forwardedFor } from "../node.js";
import { Execution, admittedOf, bytesOf, pairsOf, recordOf, type Admitted, type Gate, type Verdict } from "./gate.js";
import { freeIfAborted, keyedOf } from "./node.js";

/** `_body` marks a request whose body a parser has read, for other parsers. */
type Request = IncomingMessage &
  Admitted & { body?: unknown; _body?: boolean; originalUrl?: string; ip?: string; hostname?: string };
type Next = (error?: unknown) => void;

/** The gate for Express and anything with its form of middleware; after the body parser, to distinguish bodies. */
export function expressGate(gate: Gate) {
  return (req: Request, res: ServerResponse, next: Next): void => {
    const value = req.headers[gate.header];
    if (value === undefined) return next();
    const { originalUrl, url = "/", ip, socket, hostname: host, body, _body, readableEnded } = req;
    const address = gate.addressOf(ip ?? socket.remoteAddress, forwardedFor(req));
    const facts = {
      url: originalUrl ?? url,
      address,
      host,
      body,
      user: admittedOf(req),
      isRead: _body ?? readableEnded,
    };
    const keyed = keyedOf(req, value, facts);
    const verdict = gate.judge(req, keyed);
    if (verdict instanceof Promise) verdict.then((late) => follow(late, req, res, next)).catch(next);
    else follow(verdict, req, res, next);
  };
}

function follow(verdict: Verdict, req: Request, res: ServerResponse, next: Next): void {
  if (verdict === undefined) return next();
  if (verdict instanceof Execution) {
    freeIfAborted(req, verdict);
    watch(res, verdict);
    return next();
  }
  res.statusCode = verdict.status;
  for (const [name, value] of Object.entries(recordOf(verdict.headers))) res.setHeader(name, value);
  res.end(verdict.body);
}

/**
 * Keeps a response that is sent in one piece as soon as the handler has ended it, even if the client has gone: a client
 * that lost its connection comes back with the same key. A response that is written in parts is a stream and is not
 * kept. A client that goes away does not free the key while its handler runs, unless its request was incomplete. A
 * handler that destroys the response frees the key.
 */
function watch(res: ServerResponse, execution: Execution): void {
  const { writeHead, write, end, destroy } = res as unknown as Record<string, (...args: unknown[]) => unknown>;
  let headers: HeaderPairs | undefined;
  let isStream = false;
  let isHeld = false;
  Object.assign(res, {
    // Headers that outer middleware, such as compression, adds are not kept, since it adds them to a replay too.
    writeHead(...args: unknown[]) {
      headers ??= headersOf(res, args.at(-1));
      return writeHead!.apply(res, args);
    },
    write(...args: unknown[]) {
      if (isHeld) return false;
      isStream = true;
      return write!.apply(res, args);
    },
    end(...args: unknown[]) {
      if (isHeld) return res;
      const [chunk, encoding] = args;
      const text =
        typeof chunk === "string" && typeof encoding === "string"
          ? Buffer.from(chunk, encoding as BufferEncoding)
          : chunk;
      const body = isStream ? undefined : bytesOf(typeof text === "function" ? undefined : text);
      if (body && execution.isShared) {
        isHeld = true;
        fixHeaders(res, body);
        void Promise.resolve(execution.keep(res.statusCode, headers ?? headersOf(res, undefined), body)).then(() =>
          end!.apply(res, args),
        );
        return res;
      }
      const ended = end!.apply(res, args);
      void (body ? execution.keep(res.statusCode, headers ?? headersOf(res, undefined), body) : execution.free());
      return ended;
    },
    destroy(...args: unknown[]) {
      void execution.free();
      return destroy!.apply(res, args);
    },
  });
  res.once("close", () => {
    if (isStream) void execution.free();
  });
}

/** Fixes status, headers and length at the handler's `end()`, as Node would, although the response itself waits. */
function fixHeaders(res: ServerResponse, body: Uint8Array): void {
  if (res.headersSent) return;
  const hasLength =
    res.hasHeader("content-length") || res.hasHeader("transfer-encoding") || [204, 304].includes(res.statusCode);
  if (!hasLength) res.setHeader("Content-Length", body.length);
  res.writeHead(res.statusCode);
}

/** The headers of a response, with those passed to `writeHead`, which `getHeaders()` does not return. */
function headersOf(res: ServerResponse, given: unknown): HeaderPairs {
  if (typeof given !== "object" || given === null) return pairsOf(res.getHeaders());
  const own = Array.isArray(given) ? pairUp(given.flat()) : pairsOf(given as Record<string, unknown>);
  const names = own.map(([name]) => name.toLowerCase());
  return [...pairsOf(res.getHeaders()).filter(([name]) => !names.includes(name.toLowerCase())), ...own];
}

function pairUp(flat: unknown[]): Array<[string, string]> {
  return flat.flatMap(
    (name, at): Array<[string, string]> => (at % 2 === 0 ? [[String(name), String(flat[at + 1])]] : []),
  );
}

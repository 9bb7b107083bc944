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
 * Watches a response go by. One that is sent in one piece is kept as soon as the handler has ended it, whether or not
 * the client still listens: who lost the connection comes back with the same key. One that is written in parts is a
 * stream, and not kept. A client that goes away does not free the key while its handler runs, unless its request was
 * not all there; a handler that destroys the response does.
 */
function watch(res: ServerResponse, execution: Execution): void {
  const { writeHead, write, end, destroy } = res as unknown as Record<string, (...args: unknown[]) => unknown>;
  let headers: HeaderPairs | undefined;
  let isStream = false;
  let isHeld = false;
  Object.assign(res, {
    // What middleware around this one adds to the headers, such as compression, it adds to a replay too.
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

/** Fixes headers and status from an `end()` on, though the response waits, with the length that Node would write. */
function fixHeaders(res: ServerResponse, body: Uint8Array): void {
  if (res.headersSent) return;
  const hasLength =
    res.hasHeader("content-length") || res.hasHeader("transfer-encoding") || [204, 304].includes(res.statusCode);
  if (!hasLength) res.setHeader("Content-Length", body.length);
  res.writeHead(res.statusCode);
}

/** The headers of a response, with those given to `writeHead`, which are nowhere else. */
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

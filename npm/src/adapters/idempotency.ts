import type { IncomingMessage, ServerResponse } from "node:http";
import { SentriError, unwrap } from "../errors.js";
import { loadNative, type NativePassage } from "../native.js";
import { addHeaders } from "./node.js";

/** Options of the idempotency middleware. */
export interface IdempotencyOptions {
  /** How long an answer is kept, in milliseconds; 300,000 unless said otherwise. */
  ttl?: number;
  /** The header with the key; `X-Idempotency-Key` unless said otherwise. */
  header?: string;
  /** Methods it applies to; POST, PUT and PATCH unless said otherwise. */
  methods?: string[];
  /** Answers kept at most; 10,000 unless said otherwise. */
  maxSize?: number;
  /** Keeps answers in Redis, for several processes; `redis://` or `rediss://`. Without it, in the memory of this one. */
  redisUrl?: string;
}

/** The most of a response that is watched; longer ones pass through unstored. */
const MAX_STORED = 1024 * 1024;

type Request = IncomingMessage & { body?: unknown; originalUrl?: string; ip?: string };

/** Whether a stored answer may be given to this request: its session may have ended since. */
export type StillValid = (req: Request) => boolean | Promise<boolean>;

/** Repeats of a request with the same key get the stored answer. For Express and anything with its middleware form. */
export function makeIdempotency(options: IdempotencyOptions = {}, stillValid?: StillValid, tell: (what: string) => void = warn) {
  if (typeof options !== "object" || options === null) throw new SentriError("CONFIGURATION_ERROR", "The idempotency options must be an object");
  const { NativeIdempotency } = loadNative();
  const gate = new NativeIdempotency(JSON.stringify(options));
  const header = unwrap<string>(gate.configuration()).toLowerCase();
  return (req: Request, res: ServerResponse, next: (error?: unknown) => void): void => {
    const value = req.headers[header];
    if (value === undefined) return next();
    const incoming = {
      method: req.method ?? "GET",
      pathAndQuery: req.originalUrl ?? req.url ?? "/",
      headerValue: Array.isArray(value) ? value.join(",") : value,
      credential: req.headers.authorization ?? req.headers.cookie,
      address: req.ip ?? req.socket.remoteAddress,
      body: bodyOf(req),
    };
    const now = gate.passNow(incoming);
    if (now) return follow(now, req, res, next);
    gate
      .pass(incoming)
      .then((passage) => {
        for (const what of gate.told()) tell(what);
        follow(passage, req, res, next);
      })
      .catch(next);
  };

  function follow(passage: NativePassage, req: Request, res: ServerResponse, next: (error?: unknown) => void): void {
    switch (passage.kind) {
      case "execute":
        watch(res, (status, headers, body) => {
          if (body) gate.complete(passage, status, headers, body);
          else gate.abandon(passage);
        });
        return next();
      case "replay":
        Promise.resolve(stillValid ? stillValid(req) : true)
          .then((valid) => (valid ? answer(res, passage.response(), passage.body()) : next()))
          .catch(next);
        return;
      case "refused": {
        const text = passage.response();
        return answer(res, text, Buffer.from((JSON.parse(text) as { body: string }).body));
      }
      default:
        return next();
    }
  }
}

function warn(what: string): void {
  process.emitWarning(what, "SentriWarning");
}

function answer(res: ServerResponse, text: string, body: Uint8Array): void {
  const { status, headers } = JSON.parse(text) as { status: number; headers: Array<[string, string]> };
  res.statusCode = status;
  addHeaders(res, headers);
  res.end(body);
}

/** What tells two bodies apart: the parsed body, or what is known of one that nobody has read yet. */
function bodyOf(req: Request): string {
  const { body } = req;
  if (typeof body === "string") return body;
  if (body instanceof Uint8Array) return Buffer.from(body).toString("base64");
  if (body !== undefined) return JSON.stringify(body);
  return `${req.headers["content-type"] ?? ""} ${req.headers["content-length"] ?? ""}`;
}

/** Watches a response go by, up to a size. `done` gets no body for one that was too long or broke off. */
function watch(res: ServerResponse, done: (status: number, headers: Array<[string, string]>, body: Buffer | undefined) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  const keep = (chunk: unknown, encoding: unknown) => {
    if (size > MAX_STORED || chunk === undefined || chunk === null || typeof chunk === "function") return;
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8") : Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    if (size <= MAX_STORED) chunks.push(bytes);
    else chunks.length = 0;
  };
  const { write, end } = res;
  res.write = function (this: ServerResponse, ...args: unknown[]) {
    keep(args[0], args[1]);
    return (write as (...args: unknown[]) => boolean).apply(this, args);
  } as typeof res.write;
  res.end = function (this: ServerResponse, ...args: unknown[]) {
    keep(args[0], args[1]);
    return (end as (...args: unknown[]) => ServerResponse).apply(this, args);
  } as typeof res.end;
  // Once the answer is on its way it is the answer, whether or not the client still listens.
  res.once("finish", () => done(res.statusCode, headersOf(res), size > MAX_STORED ? undefined : Buffer.concat(chunks)));
  res.once("close", () => {
    if (!res.writableFinished) done(res.statusCode, [], undefined);
  });
}

function headersOf(res: ServerResponse): Array<[string, string]> {
  const own = ["date", "connection", "keep-alive", "transfer-encoding"];
  return Object.entries(res.getHeaders())
    .filter(([name, value]) => value !== undefined && !own.includes(name.toLowerCase()))
    .flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, String(one)]));
}

import { openGate } from "#engine";
import { SentriError, unwrap } from "../../errors.js";
import type { GuardRequest } from "../../guardian.js";
import type { NativeIdempotency, NativeIncoming, NativePassage } from "../../native.js";
import type { AuthServer } from "../../server.js";
import type { HeaderPairs } from "../checks.js";

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

/** The most of a body that is looked at: longer answers are not stored, and longer requests are told apart by their beginning. */
export const MAX_BODY = 1024 * 1024;

/** What a framework says of a request that carries a key. */
export interface Keyed {
  /** The value of the configured header. */
  value: string | string[];
  /** Path and query as the client sent them. */
  url: string;
  /** The client's address. */
  address: string | undefined;
  /** What tells its body apart from another. */
  body: string;
}

/** An answer to be given instead of running the handler. */
export interface Answer {
  status: number;
  headers: HeaderPairs;
  body: Uint8Array<ArrayBuffer>;
}

/** What becomes of a request: it runs under a key, it is answered, or the gate has nothing to do with it. */
export type Verdict = Execution | Answer | undefined;

/** What belongs to a connection, and the length, which whoever sends the answer counts again. */
const NOT_KEPT = ["date", "connection", "keep-alive", "transfer-encoding", "content-length"];

/** What has to be done before an answer goes out: nothing, or what it waits for. */
export type Settling = Promise<void> | undefined;

/**
 * A request that runs. Its key is held until the answer is kept or the key is freed, whichever comes first. Where several processes
 * share answers, that takes a moment, for which the answer waits: who has it and asks another process must not hear that it still runs.
 */
export class Execution {
  private settled = false;

  constructor(private readonly gate: NativeIdempotency, private readonly passage: NativePassage, readonly isShared: boolean) {}

  /** Keeps the answer, if the core allows. Headers are those of the layer that the middleware is mounted in. */
  keep(status: number, headers: HeaderPairs, body: Uint8Array): Settling {
    if (body.length > MAX_BODY) return this.free();
    if (!this.settle()) return undefined;
    const kept = headers.filter(([name]) => !NOT_KEPT.includes(name.toLowerCase())).map(([name, value]): [string, string] => [name, value]);
    return this.gate.complete(this.passage, status, kept, Buffer.from(body.buffer, body.byteOffset, body.byteLength)) ?? undefined;
  }

  /** Lets the next request with the key run: there is no answer that could be kept. */
  free(): Settling {
    return (this.settle() && this.gate.abandon(this.passage)) || undefined;
  }

  private settle(): boolean {
    const first = !this.settled;
    this.settled = true;
    return first;
  }
}

/** The gate in front of handlers; all that is not a framework's own. */
export class Gate {
  private readonly native: NativeIdempotency;
  /** The header with the key, in lower case. */
  readonly header: string;

  /** With a `server`, its Redis is used unless the options name one, and answers end with the session they were given to. */
  constructor(options: IdempotencyOptions = {}, private readonly server?: AuthServer) {
    if (typeof options !== "object" || options === null) throw new SentriError("CONFIGURATION_ERROR", "The idempotency options must be an object");
    this.native = openGate(JSON.stringify({ ...options, redisUrl: options.redisUrl ?? server?.redisUrl() }));
    this.header = unwrap<string>(this.native.configuration()).toLowerCase();
  }

  /** What becomes of a request; at once where answers are in the memory of this process. */
  judge(request: GuardRequest, { value, url, address, body }: Keyed): Verdict | Promise<Verdict> {
    const incoming: NativeIncoming = {
      method: request.method,
      pathAndQuery: url,
      headerValue: Array.isArray(value) ? value.join(",") : value,
      credential: request.authorization ?? request.cookie,
      address,
      body,
    };
    const now = this.native.passNow(incoming);
    if (now) return this.verdict(now, request, false);
    return this.native.pass(incoming).then((passage) => {
      for (const what of this.native.told()) process.emitWarning(what, "SentriWarning");
      return this.verdict(passage, request, true);
    });
  }

  private verdict(passage: NativePassage, request: GuardRequest, isShared: boolean): Verdict | Promise<Verdict> {
    switch (passage.kind) {
      case "execute":
        return new Execution(this.native, passage, isShared);
      case "replay":
        return this.replay(passage, request);
      case "refused":
        return answerOf(passage);
      default:
        return undefined;
    }
  }

  /** The stored answer, unless the session that it was given to has ended: then the request runs, and is refused by `protect()`. */
  private async replay(passage: NativePassage, request: GuardRequest): Promise<Verdict> {
    return this.server === undefined || (await this.server.mayReplay(request)) ? answerOf(passage) : undefined;
  }
}

function answerOf(passage: NativePassage): Answer {
  const { status, headers, body } = JSON.parse(passage.response()) as { status: number; headers: Array<[string, string]>; body?: string };
  return { status, headers, body: new Uint8Array(body === undefined ? passage.body() : Buffer.from(body)) };
}

/**
 * What tells two bodies apart that a parser has read. Where none has, or left an empty object as Express 4 does, all that is
 * known of a body is its type and its length.
 */
export function describeBody(body: unknown, { type, length }: { type: string | null | undefined; length: string | null | undefined }): string {
  if (typeof body === "string") return body;
  if (body instanceof Uint8Array) return Buffer.from(body).toString("base64");
  return isUnread(body) ? `${type ?? ""} ${length ?? ""}` : JSON.stringify(body, withFiles);
}

function isUnread(body: unknown): boolean {
  if (typeof body !== "object" || body === null) return body === undefined;
  return typeof (body as { pipe?: unknown }).pipe === "function" || Object.keys(body).length === 0;
}

/** Files are no JSON; what is known of them without reading stands for them. */
function withFiles(_name: string, value: unknown): unknown {
  if (!(value instanceof Blob)) return value;
  const { name, lastModified } = value as Blob & { name?: string; lastModified?: number };
  return { name, lastModified, size: value.size, type: value.type };
}

/** Headers as frameworks keep them, as pairs. */
export function pairsOf(headers: Record<string, unknown>): Array<[string, string]> {
  return Object.entries(headers)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, String(one)]));
}

/** Pairs as a record: what comes twice as a list. */
export function recordOf(headers: HeaderPairs): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = {};
  for (const [name, value] of headers) record[name] = name in record ? [record[name]!, value].flat() : value;
  return record;
}

/** The bytes of a body that is in one piece; `undefined` for a stream. */
export function bytesOf(body: unknown): Uint8Array | undefined {
  if (body === undefined || body === null) return new Uint8Array();
  if (body instanceof Uint8Array) return body;
  return typeof body === "string" ? Buffer.from(body) : undefined;
}

import { openGate } from "#engine";
import { SentriError, unwrap } from "../../errors.js";
import type { GuardRequest, Origin } from "../../protect-host.js";
import type { NativeIdempotency, NativeIncoming, NativePassage } from "../../generated/native.js";
import type { ReplayData, ReplayDecision, ResponseData } from "../../generated/wire.js";
import { describe } from "../../options.js";
import type { AuthServer } from "../../server.js";
import type { HeaderPairs } from "../checks.js";
import { watchProtection, type Protection } from "../protection.js";
import { refuseAsOptions } from "../uncalled.js";
import { MAX_STORED_BODY } from "../../generated/constants.js";
import type { IdempotencyOptions, Named } from "./options.js";

export type { IdempotencyOptions };

/** The facts of a request with a key, from the framework. */
export interface Keyed {
  /** The request as its server knows it, the same for every middleware. */
  raw: object;
  /** The part of a request that `protect()` looks at. */
  guard: GuardRequest;
  /** The value of the configured header. */
  value: string | string[];
  /** The host where the framework knows better than the header, since it may trust a proxy. */
  host?: string | undefined;
  /** Path and query as the client sent them. */
  url: string;
  /** `X-Api-Key`. */
  apiKey: string | string[] | null | undefined;
  /** The client's address. */
  address: string | undefined;
  /** `Content-Type`. */
  type: string | null | undefined;
  /** The bytes that distinguish its body from other bodies of its type. */
  body: Uint8Array;
  /** The user whom a `protect()` before the gate has let in. */
  user?: { readonly roles: readonly string[] } | undefined;
}

/** The places where frameworks keep the user whom `protect()` has let in. */
export interface Admitted {
  user?: unknown;
  auth?: unknown;
}

/** Returns the user whom `protect()` has let in; a user that another library has set comes without `auth`. */
export function admittedOf({ user, auth }: Admitted): Keyed["user"] {
  return auth ? (user as Keyed["user"]) : undefined;
}

/** An answer to be given instead of running the handler. */
export interface Answer {
  status: number;
  headers: HeaderPairs;
  body: Uint8Array<ArrayBuffer>;
}

/** The gate's decision on a request: it runs under a key, it is answered, or (`undefined`) it passes freely. */
export type Verdict = Execution | Answer | undefined;

/** Headers that belong to a connection, and the length, which the sender of the answer counts again. */
const NOT_KEPT = ["date", "connection", "keep-alive", "transfer-encoding", "content-length"];

/** The keys under which a request runs already: a gate behind another gate leaves those keys to the first. */
const running = new WeakMap<object, Set<string>>();

/** The work before an answer goes out: nothing, or a promise to wait for. */
export type Settling = Promise<void> | undefined;

/**
 * A request that runs. Its key is held until the answer is kept or the key is freed, whichever comes first. If several
 * processes share answers, the answer goes out only when it is kept. Otherwise a client that has the answer and asks
 * another process could be answered that its request still runs.
 */
export class Execution {
  private settled = false;

  constructor(
    private readonly gate: NativeIdempotency,
    private readonly passage: NativePassage,
    readonly isShared: boolean,
    private readonly protection: Protection,
    private readonly server: AuthServer | undefined,
  ) {}

  /** Keeps the answer, if the core allows. Headers are those of the layer that the middleware is mounted in. */
  keep(status: number, headers: HeaderPairs, body: Uint8Array): Settling {
    if (body.length > MAX_STORED_BODY || this.protection.isStepUp) return this.free();
    if (!this.settle()) return undefined;
    const kept = headers
      .filter(([name]) => !NOT_KEPT.includes(name.toLowerCase()))
      .map(([name, value]): [string, string] => [name, value]);
    const { added } = this.protection;
    const roles = this.server && this.protection.roles.get(this.server);
    const own = roles ? { added, roles } : { added };
    return this.gate.complete(this.passage, status, kept, bufferOf(body), own) ?? undefined;
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

/** The gate in front of handlers, as far as it is the same in all frameworks. */
export class Gate<Ctx = any> {
  private readonly native: NativeIdempotency;
  /** The header with the key, in lower case. */
  readonly header: string;
  /** The `credential` option. */
  readonly credential: IdempotencyOptions<Ctx>["credential"];

  /**
   * With a `server`, its Redis and issuer are used unless the options name others, and answers end with the session
   * they were given to.
   */
  constructor(
    options: IdempotencyOptions<Ctx> = {},
    private readonly server?: AuthServer,
  ) {
    refuseAsOptions("createIdempotencyMiddleware", options);
    if (typeof options !== "object" || options === null)
      throw new SentriError("CONFIGURATION_ERROR", "The idempotency options must be an object");
    const { redisUrl = server?.redisUrl(), keyPrefix = server?.issuer } = options;
    this.native = openGate(describe({ ...options, redisUrl, keyPrefix }));
    this.header = unwrap<string>(this.native.configuration()).toLowerCase();
    this.credential = options.credential ?? undefined;
  }

  /** The client's address: the framework's, or with a server the address that its `trustProxy` yields. */
  addressOf(...origin: Origin): string | undefined {
    return this.server ? this.server.clientAddress(...origin) : origin[0];
  }

  /**
   * Decides on a request. It needs no promise if answers are in the memory of this process and no asynchronous function
   * has to be called.
   */
  judge(ctx: Ctx, keyed: Keyed): Verdict | Promise<Verdict> {
    const value = one(keyed.value);
    if (running.get(keyed.raw)?.has(value)) return undefined;
    const named = this.credential?.(ctx);
    const identity = this.server?.identify(keyed.guard) ?? "";
    if (typeof identity === "string" && !isPromise(named)) return this.judgeAs(keyed, value, identity, named);
    return Promise.all([identity, named]).then(([who, what]) => this.judgeAs(keyed, value, who, what));
  }

  private judgeAs(
    { raw, guard, host, url, apiKey, address, type, body, user }: Keyed,
    value: string,
    identity: string,
    named: Named,
  ): Verdict | Promise<Verdict> {
    // An object as text is `[object Object]` for every caller.
    if (named !== undefined && named !== null && typeof named !== "string")
      throw new SentriError("CONFIGURATION_ERROR", "credential must return a text or nothing");
    const { method, authorization, cookie } = guard;
    const incoming: NativeIncoming = {
      method,
      host: host ?? guard.host ?? "",
      pathAndQuery: url,
      headerValue: value,
      contentType: type ?? "",
      body: bufferOf(body),
    };
    if (identity !== "") incoming.identity = identity;
    if (authorization !== undefined) incoming.authorization = authorization;
    if (cookie !== undefined) incoming.cookie = cookie;
    if (apiKey !== undefined && apiKey !== null) incoming.apiKey = one(apiKey);
    if (named !== undefined && named !== null) incoming.named = named;
    if (address !== undefined) incoming.address = address;
    const verdict = (passage: NativePassage, isShared: boolean) =>
      this.verdict(passage, guard, identity, isShared, () =>
        this.begin(raw, value, identity === "" ? undefined : user),
      );
    const now = this.native.passNow(incoming);
    if (now) return verdict(now, false);
    return this.native.pass(incoming).then((passage) => {
      for (const what of this.native.takeNews()) process.emitWarning(what, "SentriWarning");
      return verdict(passage, true);
    });
  }

  private begin(raw: object, value: string, user: Keyed["user"]): Protection {
    const protection = remember(raw, value);
    if (this.server && user && !protection.roles.has(this.server)) protection.roles.set(this.server, [...user.roles]);
    return protection;
  }

  private verdict(
    passage: NativePassage,
    request: GuardRequest,
    identity: string,
    isShared: boolean,
    begin: () => Protection,
  ): Verdict | Promise<Verdict> {
    switch (passage.kind) {
      case "execute":
        return new Execution(this.native, passage, isShared, begin(), this.server);
      case "replay":
        return this.replay(passage, request, identity);
      case "refused":
        return answerOf(passage);
      default:
        return undefined;
    }
  }

  /** Decides on a request whose answer is stored: the core decides by the caller whom the server finds. */
  private async replay(passage: NativePassage, request: GuardRequest, identity: string): Promise<Verdict> {
    const { asked, roles } = (await this.server?.askerOf(request, identity)) ?? { asked: false };
    const { replay, refusal } = JSON.parse(passage.replayTo(asked, roles)) as ReplayDecision;
    if (refusal !== undefined) return readAnswer(refusal);
    return replay === "answer" ? answerOf(passage) : undefined;
  }
}

function remember(raw: object, value: string): Protection {
  const keys = running.get(raw) ?? new Set();
  running.set(raw, keys.add(value));
  return watchProtection(raw);
}

function one(value: string | string[]): string {
  return Array.isArray(value) ? value.join(",") : value;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

function answerOf(passage: NativePassage): Answer {
  return readAnswer(JSON.parse(passage.response()) as ReplayData | ResponseData, () => passage.body());
}

/** Reads an answer of the core, which has its body as a text in it or as bytes beside it. */
function readAnswer(answer: ReplayData & Partial<ResponseData>, bytes?: () => Uint8Array): Answer {
  const { status, headers, body = "" } = answer;
  return { status, headers, body: new Uint8Array(bytes && body === "" ? bytes() : Buffer.from(body)) };
}

/** Headers as frameworks keep them, as pairs. */
export function pairsOf(headers: Record<string, unknown>): Array<[string, string]> {
  return Object.entries(headers)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, String(one)]));
}

/** Pairs as a record; a repeated name gets a list. */
export function recordOf(headers: HeaderPairs): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = {};
  for (const [name, value] of headers) record[name] = name in record ? [record[name]!, value].flat() : value;
  return record;
}

/** The same bytes as a `Buffer`, which the native core reads without a copy. */
function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** The bytes of a body that is in one piece; `undefined` for a stream. */
export function bytesOf(body: unknown): Uint8Array | undefined {
  if (body === undefined || body === null) return new Uint8Array();
  if (body instanceof Uint8Array) return body;
  return typeof body === "string" ? Buffer.from(body) : undefined;
}

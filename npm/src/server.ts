import { TokenCache, markOf } from "./cache.js";
import { ServerCalls } from "./calls.js";
import { HostFunctions } from "./callbacks.js";
import { Dispatcher, type LoggedEvent } from "./dispatch.js";
import { SentriError, fromData, unwrap } from "./errors.js";
import type { GuardRequest, Origin, ResponseData } from "./protect-host.js";
import { REMEMBERED_TOKENS } from "./generated/constants.js";
import { DialectDatabase, Transactions, type DialectKind, type KyselyDialect } from "./kysely.js";
import type { Call } from "./generated/calls.js";
import type { NativeRequest, NativeServer } from "./generated/native.js";
import { SENTRI_ROUTES } from "./generated/routes.js";
import type { EndpointResult, LimitResult } from "./generated/wire.js";
import { headerReader } from "./headers.js";
import { loadNative } from "./loader.js";
import type { Mailbox } from "./mailbox.js";
import { describe, prepare } from "./options.js";
import { Outbox } from "./outbox.js";
import type * as t from "./types.js";

interface Verified {
  id: string;
  roles: string[];
  sessionId: string | null;
}

/** The values of a header, in the order received. */
function listOf(values: Origin[1]): string[] {
  return values ? [values].flat() : [];
}

/** Server mode without a framework. */
export class AuthServer<Role extends string = string> extends ServerCalls<Role> {
  declare readonly native: NativeServer;
  private readonly transactions: Transactions;
  private readonly outbox: Outbox;
  private readonly database: DialectDatabase | undefined;
  private readonly verified = new TokenCache<Verified & { exp: number; epoch: number }>(REMEMBERED_TOKENS);

  /**
   * Returns the address of the Redis by which idempotent answers are shared, as rate limits are. It is a function so
   * that the address, which may hold a password, does not show when the object is printed.
   */
  readonly redisUrl: () => string | undefined;
  /** The issuer of the tokens, if one is configured. */
  readonly issuer: string | undefined;

  constructor(options: t.ServerOptions<Role>) {
    const { text, clock } = prepare(options);
    const core = loadNative();
    const functions: HostFunctions = new HostFunctions(options, (...args) => native.runBuiltin(...args));
    const transactions = new Transactions();
    const database = databaseOf(options, text, transactions);
    if (database) Object.assign(functions.callbacks, { runBatch: database.run, closeDatabase: database.close });
    const native: NativeServer = new core.NativeServer(text, functions.callbacks, clock?.now());
    const warnings = unwrap<string[]>(native.configuration());
    const hookFailed = (...args: [string, string, string | undefined]) =>
      JSON.parse(native.hookFailed(...args)) as LoggedEvent[];
    const warn = (text: string) => process.emitWarning(text, "SentriWarning");
    super(
      core,
      native,
      functions,
      new Dispatcher(options.logger, { hooks: options.hooks as t.Hooks, failed: hookFailed, warn }),
      clock,
    );
    this.outbox = new Outbox(options.messages as t.MessageOptions | "console" | undefined, {
      event: (...args) => JSON.parse(native.messageEvent(...args)) as LoggedEvent[],
      log: (events) => this.dispatcher.log(events),
    });
    this.transactions = transactions;
    this.database = database;
    const { redisUrl, issuer } = options;
    this.redisUrl = () => redisUrl;
    this.issuer = issuer ?? undefined;
    warnings.forEach(warn);
  }

  /** The mailbox of `sentri/testing` that takes the messages, if `messages` is a mailbox. */
  get mailbox(): Mailbox | undefined {
    return this.outbox.mailbox;
  }

  /** The endpoints that the options make. */
  get routes(): ReadonlyArray<(typeof SENTRI_ROUTES)[number]> {
    return SENTRI_ROUTES.filter(({ method, path }) => this.native.hasRoute(method, path));
  }

  /**
   * Serves a request to an endpoint. When it resolves, events are logged and hooks have run. `waitUntil` gets the
   * promises of messages that are sent after the answer.
   */
  handle(request: NativeRequest, waitUntil?: t.WaitUntil): Promise<ResponseData> {
    return this.outbox.during(
      this.functions.within((hostContext) =>
        this.native
          .handle(hostContext === undefined ? request : { ...request, hostContext })
          .then((text) => this.finish(request, text, waitUntil)),
      ),
    );
  }

  private async finish(request: NativeRequest, text: string, waitUntil?: t.WaitUntil): Promise<ResponseData> {
    const { response, events, notices, messages } = JSON.parse(text) as EndpointResult;
    this.dispatcher.log(events);
    if (notices.length > 0) await this.dispatcher.run(notices, request.requestId);
    if (messages) this.outbox.post(messages as t.Message[], waitUntil);
    return response;
  }

  /**
   * Returns the client's address: the peer's, or a forwarded address where `trustProxy` trusts the peer. A peer at the
   * end of a Unix socket has no address.
   */
  clientAddress(...[peer, forwarded]: Origin): string | undefined {
    return this.native.clientAddress(peer ?? "", listOf(forwarded)) ?? undefined;
  }

  /** Checks the options of a new rate limiter. */
  checkLimitRule(rule: object): string {
    const text = describe(rule);
    unwrap(this.native.checkLimitRule(text));
    return text;
  }

  /** Counts one hit on a route of the host, by `key` (JSON) or by the client's address. */
  async limit(
    rule: string,
    key: string,
    [peer, forwarded]: Origin,
    requestId: string | undefined,
  ): Promise<{ headers: Array<[string, string]>; error?: SentriError }> {
    const text = await this.native.limit(rule, key, peer ?? "", listOf(forwarded), requestId);
    const { headers, error, events } = JSON.parse(text) as LimitResult;
    this.dispatcher.log(events);
    return error ? { headers, error: fromData(error) } : { headers };
  }

  /**
   * Returns the id of the user whom the tokens of a request name, or an empty text. It checks only the signatures. It
   * needs no promise if the keys are there.
   */
  identify(request: GuardRequest): string | Promise<string> {
    return this.native.identifyNow(request) ?? this.native.identify(request);
  }

  /**
   * Runs `protect()` on a request of `identity` that is to get a stored answer, if the core asks for that. Returns
   * whether it ran, and the roles of the user whom it let in.
   */
  async askerOf(request: GuardRequest, identity: string): Promise<{ asked: boolean; roles?: string[] | undefined }> {
    if (!this.native.guardsReplay(identity, request.authorization, request.cookie)) return { asked: false };
    const { principal } = this.guardNow(request, undefined) ?? (await this.guard(request, undefined));
    return { asked: true, roles: principal?.roles };
  }

  /** Makes a call, within the caller's transaction if `joined` has one. */
  protected async callWithin<T>(joined: t.Joined | undefined, method: Call, ...args: unknown[]): Promise<T> {
    const text = plain(args.map((arg) => arg ?? null));
    const trx = joined?.trx;
    const outcome =
      trx === undefined || trx === null
        ? await this.native.call(method, text)
        : await this.transactions.within(trx, (number) => this.native.call(method, text, number));
    if (this.logging) this.dispatcher.log(JSON.parse(this.native.takeEvents()) as LoggedEvent[]);
    if (this.outbox.isOn) this.outbox.post(JSON.parse(this.native.messages()) as t.Message[]);
    return unwrap<T>(outcome);
  }

  /**
   * Waits for messages that are on their way, then ends database connections, those of a `dialect` too unless
   * `keepPool` is set.
   */
  async close({ keepPool = false }: { keepPool?: boolean } = {}): Promise<void> {
    await this.outbox.drain();
    if (this.database) this.database.keep = keepPool;
    try {
      await this.call("close");
    } finally {
      // Requests that were under way may still send messages.
      await this.outbox.settle();
    }
  }

  /**
   * Signs an access token; call after `ready()`, which looks for a newer key, too. Roles may come from elsewhere, so
   * any text is taken.
   */
  signAccessToken(claims: {
    id: string;
    roles?: ReadonlyArray<Role | (string & {})>;
    sessionId?: string | null;
  }): string {
    return unwrap(this.native.signAccessToken(plain(claims)));
  }
  /** Signs a refresh token of generation 0 for a session; call after `ready()`, as `signAccessToken()`. */
  signRefreshToken(sessionId: string): string {
    if (typeof sessionId !== "string" || sessionId === "") {
      throw new SentriError("VALIDATION_ERROR", "sessionId must be a text", undefined, { field: "sessionId" });
    }
    return unwrap(this.native.signRefreshToken(sessionId));
  }
  /** Verifies signature, claims and expiry of an access token. Does not check whether its session has ended. */
  verifyAccessToken(token: string): { id: string; roles: Role[]; sessionId: string | null } {
    const text = typeof token === "string" ? token : "";
    const mark = markOf(text);
    const known = this.verified.get(text, mark);
    const now = this.now();
    if (known !== undefined && now < known.exp * 1000 && known.epoch === this.epochAt(now)) {
      return { id: known.id, roles: known.roles.slice() as Role[], sessionId: known.sessionId };
    }
    const wanted = this.verified.wants(mark);
    // The epoch is read first, so that the result counts as stale if a key is withdrawn meanwhile.
    const epoch = wanted ? this.core.epoch(this.number) : 0;
    const packed = this.core.verifyAccessToken(this.number, text);
    if (packed.charCodeAt(0) === BRACE) {
      const { id, roles, sessionId } = unwrap<Verified>(packed);
      return { id, roles: roles as Role[], sessionId };
    }
    const fresh = unpack(packed);
    if (wanted)
      this.verified.set(text, mark, { ...fresh, roles: fresh.roles.slice(), exp: parseInt(packed, 10), epoch });
    return fresh as Verified & { roles: Role[] };
  }
  /** Verifies a refresh token. Does not check whether its session has ended. */
  verifyRefreshToken(token: string): { sessionId: string } {
    return { sessionId: unwrap(this.native.verifyRefreshToken(typeof token === "string" ? token : "")) };
  }
  /**
   * Returns the access token that a request brings in `Authorization`, or else in the access cookie, or null. The token
   * is not verified. Takes the request of any framework, or the context of a handler.
   */
  getCurrentAccessToken(req: t.RequestLike): string | null {
    const header = headerReader(req);
    return this.native.accessTokenOf(header("authorization"), header("cookie"));
  }
}

/** The database behind the option `dialect`, if it is given. If the core refuses the option, it is never used. */
function databaseOf(
  options: { dialect?: KyselyDialect; dialectKind?: DialectKind },
  text: string,
  transactions: Transactions,
): DialectDatabase | undefined {
  const { dialect, dialectKind } = JSON.parse(text) as { dialect?: DialectKind; dialectKind?: DialectKind };
  if (dialect === undefined) return undefined;
  return new DialectDatabase(options.dialect as KyselyDialect, dialectKind ?? dialect, transactions);
}

/** Arguments as JSON, whose types the core checks. */
function plain(value: unknown): string {
  try {
    return JSON.stringify(value ?? null) ?? "null";
  } catch (cause) {
    throw new SentriError(
      "VALIDATION_ERROR",
      `only plain data can be passed: ${(cause as Error).message.split("\n", 1)[0]}`,
    );
  }
}

/** The character that JSON text starts with, and packed text never. */
const BRACE = 0x7b;

/** Reads id, session id and roles from a packed text. `exp` stands first and is read only if the result is cached. */
function unpack(text: string): Verified {
  const idAt = text.indexOf("\x1f") + 1;
  const sessionAt = text.indexOf("\x1f", idAt) + 1;
  const id = text.slice(idAt, sessionAt - 1);
  const roles: string[] = [];
  let end = text.indexOf("\x1f", sessionAt);
  const sessionId = text.slice(sessionAt, end < 0 ? text.length : end) || null;
  while (end >= 0) {
    const start = end + 1;
    end = text.indexOf("\x1f", start);
    roles.push(text.slice(start, end < 0 ? text.length : end));
  }
  return { id, roles, sessionId };
}

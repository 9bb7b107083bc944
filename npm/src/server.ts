import { AsyncLocalStorage } from "node:async_hooks";
import { Generations, Sightings } from "./cache.js";
import { Dispatcher, type HookCall, type LoggedEvent } from "./dispatch.js";
import { SentriError, fromData, toData, unwrap, type ErrorData } from "./errors.js";
import { loadNative, type NativeCallbacks, type NativeModule, type NativeGuardRequest, type NativeRequest, type NativeServer } from "./native.js";
import { clockOf, type TestClock } from "./clock.js";
import type * as t from "./types.js";

/** What `protect()` came to. */
export interface Guarded {
  principal?: { id: string; roles: string[]; sessionId: string | null; token: string; exp: number };
  error?: ErrorData;
  headers: Array<[string, string]>;
  events: LoggedEvent[];
  freshUntil: number;
  epoch: number;
}

/** A response to be written as it is. */
export interface ResponseData {
  status: number;
  headers: Array<[string, string]>;
  body: string;
}

interface Verified {
  id: string;
  roles: string[];
  sessionId: string | null;
  exp: number;
}

/** Tokens that a process remembers at most, twice. */
const REMEMBERED = 10_000;

/** Replaces what JSON can't hold by words that the core knows: it checks the shapes, not we. */
function describe(options: object): string {
  return JSON.stringify(options, (_key, value: unknown) => {
    if (typeof value === "function") return "[function]";
    if (typeof value === "number" && !Number.isFinite(value)) return String(value);
    if (typeof value === "bigint") return String(value);
    return value;
  });
}

function prepare(options: object): { text: string; clock: TestClock | undefined } {
  if (typeof options !== "object" || options === null) {
    throw new SentriError("CONFIGURATION_ERROR", "the options must be an object");
  }
  const { clock, logger, dialect, ...rest } = options as Record<string, unknown>;
  const named: Record<string, unknown> = { production: process.env.NODE_ENV === "production", ...rest };
  if (dialect !== undefined && dialect !== null) named.dialect = "[object]";
  if (logger !== undefined && logger !== null) {
    // Methods of a logger may stand on its prototype, which JSON does not see.
    const method = (name: string) => typeof (logger as Record<string, unknown>)[name] === "function" ? "[function]" : undefined;
    named.logger = { info: method("info"), warn: method("warn"), error: method("error") };
  }
  return { text: describe(named), clock: clockOf(clock) };
}

/** Everything of server mode that no framework has a part in. */
export class AuthServer<Role extends string = string> {
  readonly native: NativeServer;
  readonly dispatcher: Dispatcher;
  private readonly core: NativeModule;
  private readonly number: number;
  private readonly now: () => number;
  /** The asynchronous contexts of requests in flight, for overrides. */
  private contexts: Map<number, ReturnType<typeof AsyncLocalStorage.snapshot>> | undefined;
  private lastContext = 0;
  private readonly guards = new Generations<Guarded>(REMEMBERED);
  private readonly verified = new Generations<Verified>(REMEMBERED);
  private readonly sightings = new Sightings();

  constructor(options: t.ServerOptions<Role> | t.ClientOptions<Role>) {
    const { text, clock } = prepare(options);
    const core = loadNative();
    const native = new core.NativeServer(text, this.callbacks(options as t.ServerOptions<Role>), clock?.now());
    const warnings = unwrap<string[]>(native.configuration());
    this.native = native;
    this.core = core;
    this.number = native.number();
    this.dispatcher = new Dispatcher(native, options.logger, (options as t.ServerOptions<Role>).hooks as t.Hooks);
    for (const warning of warnings) process.emitWarning(warning, "SentriWarning");
    if (clock) {
      native.setClock(clock.now());
      clock.onChange((now) => native.setClock(now));
      this.now = () => clock.now();
    } else {
      this.now = Date.now;
    }
  }

  /** The host's functions, wrapped so that they always resolve to data. */
  private callbacks(options: t.ServerOptions<Role>): NativeCallbacks {
    const overrides = (options.router ?? {}) as Record<string, t.Override<unknown, unknown> | undefined>;
    const overridden = Object.keys(overrides).filter((name) => typeof overrides[name] === "function");
    const callbacks: NativeCallbacks = { overridden };
    const answer = async (run: () => unknown): Promise<string> => {
      try {
        return JSON.stringify({ value: (await run()) ?? null });
      } catch (error) {
        return JSON.stringify({ error: toData(error) });
      }
    };
    if (overridden.length > 0) {
      this.contexts = new Map();
      callbacks.operate = (operation, input, context) => {
        const { ip, userAgent, requestId, hostContext } = JSON.parse(context) as t.OperationContext & { hostContext: number };
        // A call from another thread has lost the context that the application's own storage hangs on.
        const inContext = this.contexts?.get(hostContext) ?? AsyncLocalStorage.snapshot();
        const next = async (other?: unknown) =>
          unwrap(await this.native.runBuiltin(operation, other === undefined ? input : JSON.stringify(other), context));
        return inContext(answer, () =>
          overrides[operation]?.call(overrides, JSON.parse(input), { ip, userAgent, requestId }, next));
      };
    }
    const { isTokenRevoked } = options;
    if (typeof isTokenRevoked === "function") {
      callbacks.isTokenRevoked = (sessionId) => answer(async () => Boolean(await isTokenRevoked(sessionId)));
    }
    return callbacks;
  }

  /** Serves a request to an endpoint: events are logged and hooks have run when it resolves. */
  async handle(request: NativeRequest): Promise<ResponseData> {
    const { contexts } = this;
    if (contexts === undefined) return this.finish(request, await this.native.handle(request));
    const key = (this.lastContext = (this.lastContext + 1) >>> 0);
    contexts.set(key, AsyncLocalStorage.snapshot());
    try {
      return await this.finish(request, await this.native.handle({ ...request, hostContext: key }));
    } finally {
      contexts.delete(key);
    }
  }

  private async finish(request: NativeRequest, text: string): Promise<ResponseData> {
    const { response, events, effects } = JSON.parse(text) as {
      response: ResponseData;
      events: LoggedEvent[];
      effects: HookCall[];
    };
    this.dispatcher.log(events);
    if (effects.length > 0) await this.dispatcher.run(effects, request.requestId);
    return response;
  }

  /** `protect()` from memory; `undefined`: call `guard`. */
  guardNow(request: NativeGuardRequest, requestId: string | undefined): Guarded | undefined {
    const key = request.authorization;
    if (key !== undefined) {
      const known = this.guards.get(key);
      if (known !== undefined) {
        if (this.now() < known.freshUntil && known.epoch === this.core.epoch(this.number)) {
          if (this.dispatcher.logging) this.dispatcher.logAgain(known.events, requestId);
          return known;
        }
        this.guards.delete(key);
      }
    }
    const text = this.native.guardNow(request, requestId);
    return text === null ? undefined : this.guarded(key, text);
  }

  /** `protect()` with I/O. */
  async guard(request: NativeGuardRequest, requestId: string | undefined): Promise<Guarded> {
    return this.guarded(request.authorization, await this.native.guard(request, requestId));
  }

  private guarded(key: string | undefined, text: string): Guarded {
    const guarded = JSON.parse(text) as Guarded;
    this.dispatcher.log(guarded.events);
    if (key !== undefined && guarded.principal && guarded.freshUntil > 0) this.guards.set(key, guarded);
    return guarded;
  }

  /** Checks roles given to `authorize()` and answers a check of a user against them. */
  roleCheck(roles: readonly unknown[]): (user: t.AuthUser | undefined, requestId: string | undefined) => SentriError | undefined {
    const required = roles.map(String);
    unwrap(this.native.checkRoles(required));
    const decisions = new Generations<{ error?: ErrorData; events: LoggedEvent[] }>(1_000);
    return (user, requestId) => {
      const key = user?.roles.join(" ") ?? "";
      // With a logger every decision names its user, so only silent ones are remembered.
      let decision = user && !this.dispatcher.logging ? decisions.get(key) : undefined;
      if (decision === undefined) {
        decision = JSON.parse(this.native.authorize(user?.id, user?.roles, required, requestId)) as { error?: ErrorData; events: LoggedEvent[] };
        if (user) decisions.set(key, decision);
      }
      this.dispatcher.log(decision.events);
      return decision.error ? fromData(decision.error) : undefined;
    };
  }

  /** Words the verdict of a `permit()` check. */
  protected permitVerdict(user: t.AuthUser | undefined, verdict: string, requestId: string | undefined): SentriError | undefined {
    const decision = JSON.parse(this.native.permit(user?.id, user?.roles, verdict, requestId)) as { error?: ErrorData; events: LoggedEvent[] };
    this.dispatcher.log(decision.events);
    return decision.error ? fromData(decision.error) : undefined;
  }

  /** Checks the options of a rate limiter. */
  checkLimitRule(rule: object): string {
    const text = describe(rule);
    unwrap(this.native.checkLimitRule(text));
    return text;
  }

  /** Counts one hit on a route of the host's. */
  async limit(rule: string, key: string, isAddress: boolean, requestId: string | undefined): Promise<{ headers: Array<[string, string]>; error?: SentriError }> {
    const { headers, error, events } = JSON.parse(await this.native.limit(rule, key, isAddress, requestId)) as { headers: Array<[string, string]>; error?: ErrorData; events: LoggedEvent[] };
    this.dispatcher.log(events);
    return error ? { headers, error: fromData(error) } : { headers };
  }

  /**
   * Whether a stored answer may be given to a request: a token of ours whose session has ended gets none. Credentials
   * that are not ours are not ours to judge.
   */
  async mayReplay(request: NativeGuardRequest): Promise<boolean> {
    const token = this.native.accessTokenOf(request.authorization, request.cookie);
    if (token === null) return true;
    try {
      this.verifyAccessToken(token);
    } catch (error) {
      return (error as SentriError).code === "TOKEN_INVALID";
    }
    const guarded = this.guardNow(request, undefined) ?? (await this.guard(request, undefined));
    return guarded.principal !== undefined;
  }

  /** The response for anything that was thrown. */
  errorResponse(error: unknown): ResponseData {
    return JSON.parse(this.native.errorResponse(JSON.stringify(toData(error)))) as ResponseData;
  }

  private async call<T>(method: string, ...args: unknown[]): Promise<T> {
    return unwrap<T>(await this.native.call(method, JSON.stringify(args.map((arg) => arg ?? null))));
  }

  /** Creates or updates the tables and makes the first key. Safe to repeat, and in many processes at once. */
  migrate(): Promise<void> { return this.call("migrate"); }
  /** Resolves when tables and keys are there. Requests and async calls wait by themselves. */
  ready(): Promise<void> { return this.call("ready"); }
  /** Ends database connections. */
  close(): Promise<void> { return this.call("close"); }
  /** Registers a user; admin roles are allowed here. */
  register(input: t.RegisterInput<Role>): Promise<t.RegisterResult<Role>> { return this.call("register", input); }
  /** Adds identifiers, all or none. */
  bulkCreateIdentifiers(userId: string, identifiers: t.IdentifierInput[]): Promise<t.IdentifiersResult> { return this.call("bulkCreateIdentifiers", userId, identifiers); }
  /** Changes identifiers, all or none. */
  bulkUpdateIdentifiers(userId: string, identifiers: t.IdentifierUpdate[]): Promise<t.IdentifiersResult> { return this.call("bulkUpdateIdentifiers", userId, identifiers); }
  /** Deletes identifiers, all or none; one must stay. */
  bulkDeleteIdentifiers(userId: string, ids: string[]): Promise<t.DeleteIdentifiersResult> { return this.call("bulkDeleteIdentifiers", userId, ids); }
  /** Replaces a user's role set. */
  assignRoles(userId: string, roles: readonly Role[]): Promise<t.AuthUser<Role>> { return this.call("assignRoles", userId, roles); }
  /** Sets a password without the old one; every session of the user ends. */
  setPassword(userId: string, newPassword: string): Promise<void> { return this.call("setPassword", userId, newPassword); }
  /** A user, or null. */
  getUser(userId: string): Promise<t.User<Role> | null> { return this.call("getUser", userId); }
  /** The owner of an identifier in any spelling, or null. */
  findUser(identifier: string): Promise<t.User<Role> | null> { return this.call("findUser", identifier); }
  /** Users, oldest first, in pages of 1 to 100. */
  listUsers(page: { limit?: number; cursor?: string; identifier?: string } = {}): Promise<{ users: t.User<Role>[]; nextCursor: string | null }> { return this.call("listUsers", page); }
  /** Deletes a user with sessions and identifiers. `false`: there was none. */
  deleteUser(userId: string): Promise<boolean> { return this.call("deleteUser", userId); }
  /** Opens a session for a user whom you have authenticated by other means. */
  createSession(userId: string, from: { ip?: string; userAgent?: string } = {}): Promise<t.IssuedTokens<Role> & { sessionId: string }> { return this.call("createSession", userId, from); }
  /** A user's live sessions, newest first. */
  listSessions(userId: string): Promise<t.SessionInfo[]> { return this.call("listSessions", userId); }
  /** Ends a session. `false`: there was no live one. */
  revokeSession(sessionId: string): Promise<boolean> { return this.call("revokeSession", sessionId); }
  /** Ends every session of a user; how many there were. */
  revokeSessions(userId: string): Promise<number> { return this.call("revokeSessions", userId); }
  /** Makes a new signing key: published at once, signing from `activeFrom` on. */
  rotateKeys(): Promise<{ kid: string; activeFrom: string }> { return this.call("rotateKeys"); }
  /** The stored keys without their secrets, newest first. */
  listKeys(): Promise<Array<{ kid: string; algorithm: string; createdAt: string; activeFrom: string; retiredAt: string | null }>> { return this.call("listKeys"); }
  /** Hashes a password by the configured algorithm, off the event loop. */
  hashPassword(password: string): Promise<string> { return this.call("hashPassword", password); }
  /** Whether a password belongs to a bcrypt or argon2id hash. */
  verifyPassword(password: string, hash: string): Promise<boolean> { return this.call("verifyPassword", password, hash); }

  /** Signs an access token; call after `ready()`. */
  signAccessToken(claims: { id: string; roles?: readonly Role[]; sessionId?: string | null }): string {
    return unwrap(this.native.signAccessToken(JSON.stringify(claims)));
  }
  /** Signs a refresh token of generation 0 for a session; call after `ready()`. */
  signRefreshToken(sessionId: string): string {
    return unwrap(this.native.signRefreshToken(String(sessionId)));
  }
  /** Verifies signature, claims and expiry of an access token; its session is not looked at. */
  verifyAccessToken(token: string): { id: string; roles: Role[]; sessionId: string | null } {
    const known = this.verified.get(token);
    if (known !== undefined && this.now() < known.exp * 1000) {
      return { id: known.id, roles: known.roles.slice() as Role[], sessionId: known.sessionId };
    }
    const fresh = unpack(this.core.verifyAccessToken(this.number, typeof token === "string" ? token : String(token)));
    if (this.sightings.again(token)) {
      this.verified.set(token, fresh);
      return { id: fresh.id, roles: fresh.roles.slice() as Role[], sessionId: fresh.sessionId };
    }
    return { id: fresh.id, roles: fresh.roles as Role[], sessionId: fresh.sessionId };
  }
  /** Verifies a refresh token; its session is not looked at. */
  verifyRefreshToken(token: string): { sessionId: string } {
    return { sessionId: unwrap(this.native.verifyRefreshToken(String(token))) };
  }
  /** The access token that a request brings, unverified, or null. */
  getCurrentAccessToken(req: { headers: Record<string, string | string[] | undefined> }): string | null {
    const { authorization, cookie } = req.headers;
    return this.native.accessTokenOf(one(authorization), one(cookie));
  }
}

/** Reads `exp`, id, session id and roles out of a packed text; JSON text otherwise. */
function unpack(text: string): Verified {
  if (text.charCodeAt(0) === 0x7b) return unwrap<Verified>(text);
  const idAt = text.indexOf("\x1f") + 1;
  const sessionAt = text.indexOf("\x1f", idAt) + 1;
  const rolesAt = text.indexOf("\x1f", sessionAt) + 1;
  const sessionId = rolesAt === 0 ? text.slice(sessionAt) : text.slice(sessionAt, rolesAt - 1);
  return {
    id: text.slice(idAt, sessionAt - 1),
    roles: rolesAt === 0 ? [] : text.slice(rolesAt).split("\x1f"),
    sessionId: sessionId === "" ? null : sessionId,
    exp: +text.slice(0, idAt - 1),
  };
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join("; ") : value;
}

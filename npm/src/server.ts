import { Generations, Sightings } from "./cache.js";
import { HostFunctions } from "./callbacks.js";
import { Dispatcher, type HookCall, type LoggedEvent } from "./dispatch.js";
import { SentriError, fromData, unwrap, type ErrorData } from "./errors.js";
import type { GuardRequest, ResponseData } from "./guardian.js";
import { NativeGuard, REMEMBERED } from "./guarding.js";
import { loadNative, type NativeRequest, type NativeServer } from "./native.js";
import { describe, prepare } from "./options.js";
import type * as t from "./types.js";

interface Verified {
  id: string;
  roles: string[];
  sessionId: string | null;
  exp: number;
}

/** Everything of server mode that no framework has a part in. */
export class AuthServer<Role extends string = string> extends NativeGuard {
  declare readonly native: NativeServer;
  private readonly functions: HostFunctions;
  private readonly verified = new Generations<Verified>(REMEMBERED);
  private readonly sightings = new Sightings();

  /** Where idempotent answers are shared, as rate limits are. A function: an object that is printed must not show it. */
  readonly redisUrl: () => string | undefined;

  constructor(options: t.ServerOptions<Role>) {
    const { text, clock } = prepare(options);
    const core = loadNative();
    const functions: HostFunctions = new HostFunctions(options, (...args) => native.runBuiltin(...args));
    const native: NativeServer = new core.NativeServer(text, functions.callbacks, clock?.now());
    const warnings = unwrap<string[]>(native.configuration());
    const hookFailed = (...args: [string, string, string | undefined]) => JSON.parse(native.hookFailed(...args)) as LoggedEvent[];
    super(core, native, new Dispatcher(options.logger, { hooks: options.hooks as t.Hooks, failed: hookFailed }), clock);
    this.functions = functions;
    const { redisUrl } = options;
    this.redisUrl = () => redisUrl;
    for (const warning of warnings) process.emitWarning(warning, "SentriWarning");
  }

  /** Serves a request to an endpoint: events are logged and hooks have run when it resolves. */
  handle(request: NativeRequest): Promise<ResponseData> {
    return this.functions.within((hostContext) =>
      this.native.handle(hostContext === undefined ? request : { ...request, hostContext }).then((text) => this.finish(request, text)));
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
  async mayReplay(request: GuardRequest): Promise<boolean> {
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

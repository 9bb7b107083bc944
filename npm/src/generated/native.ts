// Written by `make generate` from the tables of the core. Do not edit.

/** The host's functions. */
export interface NativeCallbacks {
  /** Names of the operations that are overridden. */
  overridden: Array<string>;
  /** `(operation, inputJson, contextJson) => Promise<outcomeJson>` */
  operate?: (operation: string, input: string, context: string) => Promise<string>;
  /** `(sessionId, hostContext) => Promise<outcomeJson>` */
  isTokenRevoked?: (sessionId: string, hostContext?: number) => Promise<string>;
  /** `(batchJson) => Promise<outcomeJson>`, see the core's `store::foreign`. */
  runBatch?: (batch: string) => Promise<string>;
  /** Ends the connections that `runBatch` works with: `(text) => Promise<text>`, both empty. */
  closeDatabase?: (nothing: string) => Promise<string>;
}

/** A request as the gate sees it. */
export interface NativeIncoming {
  method: string;
  host: string;
  pathAndQuery: string;
  headerValue?: string;
  identity?: string;
  authorization?: string;
  cookie?: string;
  apiKey?: string;
  named?: string;
  address?: string;
  contentType: string;
  /** The body as received, or a text in its place. */
  body: Uint8Array;
}

/** The effects of `protect()` on a request that ran under a key. */
export interface NativeProtection {
  /** The headers that it added to the answer. */
  added: Array<[string, string]>;
  /** The roles of the user whom it admitted. */
  roles?: Array<string>;
}

/** A request to an endpoint. */
export interface NativeRequest {
  method: string;
  path: string;
  fullPath?: string;
  query?: string;
  scheme?: string;
  headers: Array<[string, string]>;
  /** Bytes as received. */
  raw?: Uint8Array;
  /** JSON text of the value that the framework's parser made of the body. */
  parsed?: string;
  /** The adapter stopped reading. */
  tooLarge?: boolean;
  clientIp?: string;
  requestId?: string;
  /** A number that comes back to overrides. */
  hostContext?: number;
  /** Whether the host is a server of its own, with no framework around it. */
  alone?: boolean;
}

/** The part of a request that `protect()` looks at. */
export interface NativeGuardRequest {
  method: string;
  authorization?: string;
  cookie?: string;
  origin?: string;
  secFetchSite?: string;
  host?: string;
  upgrade?: string;
  scheme?: string;
  clientIp?: string;
  userAgent?: string;
  accessControlRequestMethod?: string;
  accessControlRequestHeaders?: string;
}

/** The part that servers and clients share: all that guards an application's routes. Texts are JSON. */
export interface NativeProtectHost {
  /** `{"error": ...}` when the options are wrong, else `{"value": [warnings]}`. */
  configuration(): string;
  /** Moves the test clock, in milliseconds since 1970. */
  setClock(now: number): void;
  /** The number under which `epoch` knows this client. */
  number(): number;
  /**
   * `protect()` without waiting: `{principal | error, answer?, headers, events, freshUntil, epoch}`, or null: call
   * `guard`.
   */
  guardNow(request: NativeGuardRequest, requestId?: string): string | null;
  /** `protect()`. `host_context` comes back to `isTokenRevoked`. */
  guard(request: NativeGuardRequest, requestId?: string, hostContext?: number): Promise<string>;
  /** Checks the roles given to `authorize()`. */
  checkRoles(required: readonly string[]): string;
  /** `authorize()`: `{error?, events}`. */
  authorize(id: string | undefined, roles: readonly string[] | undefined, withheld: readonly string[] | undefined, required: readonly string[], requestId?: string): string;
  /** Reads the requirement of `protect({acr, maxAge})`: see `protect_host::requirement`. */
  requirement(asked: string): string;
  /** Words the refusal for a requirement of `protect_host::requirement`: `{error, events}`. */
  stepUp(id: string, need: string, requestId?: string): string;
  /** `permit()`: `{error?, events}`, see `protect_host::permit`. */
  permit(id: string | undefined, roles: readonly string[] | undefined, verdict: string, requestId?: string): string;
  /** The numbers of this moment: see `protect_host::metrics`. */
  metrics(remembered: string, format: string): string;
  /** The response for an error: `{status, headers, body}`. */
  errorResponse(error: string): string;
  /** The access token that a request brings, unverified. */
  accessTokenOf(authorization?: string, cookie?: string): string | null;
}

/** A client of an auth server, or the reason why the options make none (`NativeClient::configuration`). */
export interface NativeClient extends NativeProtectHost {
  /** Verifies an access token: `{id, roles, sessionId, exp}`; the host is not asked about its session. */
  verifyAccessToken(token: string): Promise<string>;
}

/** One middleware's rules and memory. */
export interface NativeIdempotency {
  /** `{"value": header}` or `{"error": ...}`. */
  configuration(): string;
  /** The news of Redis since the last call. */
  takeNews(): Array<string>;
  /** Judges a request without waiting; null: call `pass`. */
  passNow(incoming: NativeIncoming): NativePassage | null;
  /** Judges a request. */
  pass(incoming: NativeIncoming): Promise<NativePassage>;
  /** Keeps the answer of an executed request, if it may be kept; null: that is done. */
  complete(passage: NativePassage, status: number, headers: readonly [string, string][], body: Uint8Array, protection: NativeProtection): Promise<void> | null;
  /** Lets the next request with the key run; null: that is done. */
  abandon(passage: NativePassage): Promise<void> | null;
}

/** A request that executes. */
export interface NativePassage {
  /** `free`, `execute`, `replay` or `refused`. */
  readonly kind: 'free' | 'execute' | 'replay' | 'refused';
  /** The response to answer with, `{status, headers}` and, for a refusal, `body`. */
  response(): string;
  /**
   * Decides whether a caller gets the stored answer: `{replay, refusal?}`. `asked` says whether `protect()` was asked,
   * and `roles` are those of the user whom it lets in, if it does.
   */
  replayTo(asked: boolean, roles?: readonly string[]): string;
  /** The body to replay. */
  body(): Uint8Array;
}

/** An auth server, or the reason why the options make none (`NativeServer::configuration`). */
export interface NativeServer extends NativeProtectHost {
  /** The server's clock, in milliseconds since 1970. */
  now(): number;
  /** Whether an endpoint serves this. */
  hasRoute(method: string, path: string): boolean;
  /** Serves a request: `{response, events, notices}`. */
  handle(request: NativeRequest): Promise<string>;
  /** The user named by a request's tokens, or the empty text; null: call `identify`. */
  identifyNow(request: NativeGuardRequest): string | null;
  /** The user named by a request's tokens, or the empty text. */
  identify(request: NativeGuardRequest): Promise<string>;
  /**
   * A programmatic call by name; arguments as a JSON array. `transaction`: the number of the host's transaction that it
   * shall be part of.
   */
  call(method: string, args: string, transaction?: number): Promise<string>;
  /** The events that calls and background work have left for the log: `[{level, entry}]`. */
  takeEvents(): string;
  /** Runs the built-in for an override's `next()`. */
  runBuiltin(operation: string, input: string, context: string): Promise<string>;
  /** The log entry of a hook that threw: `[{level, entry}]`. */
  hookFailed(hook: string, cause: string, requestId?: string): string;
  /** The messages that calls left, for the host to send. */
  messages(): string;
  /**
   * The log entry of a message that was sent, or with a cause of a message that could not be sent: `[{level, entry}]`.
   */
  messageEvent(kind: string, channel: string, cause?: string, requestId?: string): string;
  /** The client's address: the peer's, or the forwarded one where `trustProxy` says so. */
  clientAddress(peer: string, forwarded: readonly string[]): string | null;
  /** Checks the options of a new rate limiter. */
  checkLimitRule(rule: string): string;
  /** Counts one hit, by `key` (JSON) or the client's address: `{headers, error?, events}`. */
  limit(rule: string, key: string, peer: string, forwarded: readonly string[], requestId?: string): Promise<string>;
  /** Signs an access token for `{id, roles, sessionId?}`. */
  signAccessToken(claims: string): string;
  /** Signs a refresh token for a session. */
  signRefreshToken(sessionId: string): string;
  /** Verifies a refresh token: the session's id. */
  verifyRefreshToken(token: string): string;
  /**
   * Whether `protect()` has to be asked before a request gets a stored answer. `identity` is the user named by its
   * tokens, or an empty text.
   */
  guardsReplay(identity: string, authorization?: string, cookie?: string): boolean;
}

/** The native core. */
export interface NativeModule {
  /**
   * Checks the options (JSON text) and builds a client; no I/O. With `test_clock` time stands there until it is set.
   */
  NativeClient: new (options: string, callbacks: NativeCallbacks, testClock?: number) => NativeClient;
  /** Checks the options (JSON text). */
  NativeIdempotency: new (options: string) => NativeIdempotency;
  /**
   * Checks the options (JSON text) and builds a server; no I/O. With `test_clock` time stands there until it is set.
   */
  NativeServer: new (options: string, callbacks: NativeCallbacks, testClock?: number) => NativeServer;
  /**
   * Makes the system ignore new connections to a TCP socket that listens, by its descriptor. Connections that it holds
   * stay, so that they can be accepted before the socket is closed. An ignored client tries again a second later, and
   * is refused then. `false` if the system can't do it.
   */
  ignoreNewConnections(descriptor: number): boolean;
  /** Runs a password function by its name (`sentri_core::standalone::call`). */
  callStandalone(method: string, args: string): Promise<string>;
  /** Whether a hash is weaker than the options would make it now: `[hash, options?]`. */
  needsRehash(args: string): string;
  /** The options of `sentri serve` from flags, environment and file (`sentri_core::settings::settle`). */
  settleOptions(given: string): string;
  /** The mail or the signed request of a message of `sentri serve` (`sentri_core::settings::compose`). */
  composeMessage(given: string): string;
  /** The options that SIGHUP changes (`sentri_core::settings::reload`). */
  reloadOptions(settled: string): string;
  /**
   * The epoch as memory that always holds its present value, for a `Uint32Array`; null: call `epoch`. Its reader must
   * call `epoch` now and then, too.
   */
  epochWindow(number: number): ArrayBuffer | null;
  /** See `AuthServer::epoch` and `AuthClient::epoch`. */
  epoch(number: number): number;
  /** Verifies an access token: packed text (`wire::verified_text`), or JSON text when it is refused. */
  verifyAccessToken(server: number, token: string): string;
}

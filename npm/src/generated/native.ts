// Written by `make generate` from the tables of the core. Do not edit.

/** The host's functions that the core calls. */
export interface NativeCallbacks {
  /** Names of the operations that are overridden. */
  overridden: Array<string>;
  /** Runs an overridden operation: `(operation, inputJson, contextJson) => Promise<outcomeJson>` */
  operate?: (operation: string, input: string, context: string) => Promise<string>;
  /** Decides whether a session is revoked: `(sessionId, hostContext) => Promise<outcomeJson>` */
  isTokenRevoked?: (sessionId: string, hostContext?: number) => Promise<string>;
  /** Runs a batch of statements: `(batchJson) => Promise<outcomeJson>`, see the core's `store::foreign`. */
  runBatch?: (batch: string) => Promise<string>;
  /** Closes the connections that `runBatch` uses: `(text) => Promise<text>`, where both texts are empty. */
  closeDatabase?: (nothing: string) => Promise<string>;
}

/** The parts of a request that the gate reads. */
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
  /** The headers that `protect()` added to the answer. */
  added: Array<[string, string]>;
  /** The roles of the user whom `protect()` admitted. */
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
  /** The bytes of the body as received. */
  raw?: Uint8Array;
  /** The value that the framework's parser made of the body, as JSON text. */
  parsed?: string;
  /** Whether the adapter stopped reading because the body is too large. */
  tooLarge?: boolean;
  clientIp?: string;
  requestId?: string;
  /** The host's number for the request, which the core passes on to overrides. */
  hostContext?: number;
  /** Whether the host is a server of its own, with no framework around it. */
  alone?: boolean;
}

/** The parts of a request that `protect()` reads. */
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
  /** Returns `{"error": ...}` if the options are wrong, else `{"value": [warnings]}`. */
  configuration(): string;
  /** Sets the test clock, in milliseconds since 1970. Without a test clock it does nothing. */
  setClock(now: number): void;
  /** Returns the number by which `epoch` finds this client. */
  number(): number;
  /**
   * Runs `protect()` without waiting and returns `{principal | error, answer?, headers, events, freshUntil, epoch}`.
   * Returns null if the answer takes I/O or a decision of the host; then call `guard`.
   */
  guardNow(request: NativeGuardRequest, requestId?: string): string | null;
  /**
   * Runs `protect()` and resolves to the same JSON text as `guardNow`. `host_context` is the host's number for the
   * request, which the core passes on to `isTokenRevoked`.
   */
  guard(request: NativeGuardRequest, requestId?: string, hostContext?: number): Promise<string>;
  /** Checks the roles given to `authorize()`. */
  checkRoles(required: readonly string[]): string;
  /** Runs `authorize()` and returns `{error?, events}`. */
  authorize(id: string | undefined, roles: readonly string[] | undefined, withheld: readonly string[] | undefined, required: readonly string[], requestId?: string): string;
  /** Reads the requirement of `protect({acr, maxAge})`, see `protect_host::requirement`. */
  requirement(asked: string): string;
  /**
   * Returns the refusal `{error, events}` for a user whose authentication does not meet a requirement of
   * `protect_host::requirement`.
   */
  stepUp(id: string, need: string, requestId?: string): string;
  /** Runs `permit()` and returns `{error?, events}`, see `protect_host::permit`. */
  permit(id: string | undefined, roles: readonly string[] | undefined, verdict: string, requestId?: string): string;
  /** Returns the present metrics, see `protect_host::metrics`. */
  metrics(remembered: string, format: string): string;
  /** Returns the response for an error, `{status, headers, body}`. */
  errorResponse(error: string): string;
  /** Returns the access token of a request without verifying it, or null if the request has none. */
  accessTokenOf(authorization?: string, cookie?: string): string | null;
}

/** A client of an auth server, or the error that its options caused (`NativeClient::configuration`). */
export interface NativeClient extends NativeProtectHost {
  /**
   * Verifies an access token and resolves to `{"value": {id, roles, sessionId, exp}}` or `{"error": ...}`. It does not
   * call `isTokenRevoked`.
   */
  verifyAccessToken(token: string): Promise<string>;
}

/** An idempotency gate: the options of a middleware, and the answers that it keeps. */
export interface NativeIdempotency {
  /**
   * Returns `{"value": header}`, the name of the header that holds the key, or `{"error": ...}` if the options are
   * wrong.
   */
  configuration(): string;
  /** Returns the sentences which say that Redis went away or came back since the last call, and forgets them. */
  takeNews(): Array<string>;
  /** Judges a request without waiting. Returns null if the answers are in Redis; then call `pass`. */
  passNow(incoming: NativeIncoming): NativePassage | null;
  /** Judges a request. */
  pass(incoming: NativeIncoming): Promise<NativePassage>;
  /**
   * Keeps the answer of an executed request, if it may be kept. Returns null if the work is done already, else a
   * promise of its end.
   */
  complete(passage: NativePassage, status: number, headers: readonly [string, string][], body: Uint8Array, protection: NativeProtection): Promise<void> | null;
  /** Lets the next request with the key run. Returns null if the work is done already, else a promise of its end. */
  abandon(passage: NativePassage): Promise<void> | null;
}

/** A request at the gate, with the gate's decision on it. */
export interface NativePassage {
  /** The kind of the decision: `free`, `execute`, `replay` or `refused`. */
  readonly kind: 'free' | 'execute' | 'replay' | 'refused';
  /** Returns the response that the gate answers with: `{status, headers}`, and `body` for a refusal. */
  response(): string;
  /**
   * Decides whether a caller gets the stored answer: `{replay, refusal?}`. `asked` says whether `protect()` was asked,
   * and `roles` are those of the user whom it lets in, if it does.
   */
  replayTo(asked: boolean, roles?: readonly string[]): string;
  /** Returns the body to replay, which is empty unless the kind is `replay`. */
  body(): Uint8Array;
}

/** An auth server, or the error that its options caused (`NativeServer::configuration`). */
export interface NativeServer extends NativeProtectHost {
  /** The server's clock, in milliseconds since 1970. */
  now(): number;
  /** Whether an endpoint serves this method and path; the path is below the mount point. */
  hasRoute(method: string, path: string): boolean;
  /** Serves a request to an endpoint and resolves to `{response, events, notices}`. */
  handle(request: NativeRequest): Promise<string>;
  /**
   * Returns the identity that a request's tokens name, or an empty text if they name none. Returns null if the answer
   * takes I/O; then call `identify`.
   */
  identifyNow(request: NativeGuardRequest): string | null;
  /** Resolves to the identity that a request's tokens name, or to an empty text if they name none. */
  identify(request: NativeGuardRequest): Promise<string>;
  /**
   * Runs a programmatic call by its name, with its arguments as a JSON array. `transaction` is the number of the host's
   * transaction that the call becomes part of.
   */
  call(method: string, args: string, transaction?: number): Promise<string>;
  /** Returns the events that calls and background work have left for the log, `[{level, entry}]`, and forgets them. */
  takeEvents(): string;
  /** Runs the built-in use case, for the `next()` of an override. */
  runBuiltin(operation: string, input: string, context: string): Promise<string>;
  /** Returns the log entry of a hook that threw, `[{level, entry}]`. */
  hookFailed(hook: string, cause: string, requestId?: string): string;
  /** Returns the messages that programmatic calls have left for the host to send, and forgets them. */
  messages(): string;
  /**
   * Returns the log entry `[{level, entry}]` of a message that was sent, or with `cause` of a message that could not be
   * sent.
   */
  messageEvent(kind: string, channel: string, cause?: string, requestId?: string): string;
  /** Returns the client's address. It is the peer's, or the forwarded address where `trustProxy` trusts the peer. */
  clientAddress(peer: string, forwarded: readonly string[]): string | null;
  /** Checks the options of a new rate limiter. */
  checkLimitRule(rule: string): string;
  /**
   * Counts a hit under `key` (JSON), or under the client's address without it, and resolves to `{headers, error?,
   * events}`.
   */
  limit(rule: string, key: string, peer: string, forwarded: readonly string[], requestId?: string): Promise<string>;
  /** Signs an access token for `{id, roles, sessionId?}`. */
  signAccessToken(claims: string): string;
  /** Signs a refresh token for a session. */
  signRefreshToken(sessionId: string): string;
  /** Verifies a refresh token and returns the id of its session. */
  verifyRefreshToken(token: string): string;
  /**
   * Whether `protect()` has to be asked before a request gets a stored answer. `identity` is the result of `identify`
   * for the request.
   */
  guardsReplay(identity: string, authorization?: string, cookie?: string): boolean;
}

/** The native core. */
export interface NativeModule {
  /**
   * Checks the options (JSON text) and builds a client, without I/O. With `test_clock`, in milliseconds since 1970, the
   * clock stands at that instant until `set_clock` moves it.
   */
  NativeClient: new (options: string, callbacks: NativeCallbacks, testClock?: number) => NativeClient;
  /**
   * Checks the options (JSON text), without I/O. `NativeIdempotency::configuration` returns the error if they are
   * wrong.
   */
  NativeIdempotency: new (options: string) => NativeIdempotency;
  /**
   * Checks the options (JSON text) and builds a server, without I/O. With `test_clock`, in milliseconds since 1970, the
   * clock stands at that instant until `set_clock` moves it.
   */
  NativeServer: new (options: string, callbacks: NativeCallbacks, testClock?: number) => NativeServer;
  /**
   * Makes the system drop new connections to the listening TCP socket with this descriptor. Connections that already
   * wait at the socket stay, so that they can be accepted before it is closed. A client whose connection was dropped
   * tries again a second later, and is refused then. Returns `false` if the system can't do it, as any system but
   * Linux.
   */
  ignoreNewConnections(descriptor: number): boolean;
  /** Runs a password function by its name (`sentri_core::standalone::call`). */
  callStandalone(method: string, args: string): Promise<string>;
  /** Whether a hash is weaker than a hash by the options would be. The arguments are `[hash, options?]`. */
  needsRehash(args: string): string;
  /** Reads the options of `sentri serve` from flags, environment and file (`sentri_core::settings::settle`). */
  settleOptions(given: string): string;
  /** Writes a message of `sentri serve` as a mail or a signed request (`sentri_core::settings::compose`). */
  composeMessage(given: string): string;
  /** Reads the options that SIGHUP changes (`sentri_core::settings::reload`). */
  reloadOptions(settled: string): string;
  /**
   * Returns memory that always holds the present epoch, for a `Uint32Array`, or null if the engine can't share memory;
   * then call `epoch`. A reader of the memory must call `epoch` now and then, too, since that call looks for new keys.
   */
  epochWindow(number: number): ArrayBuffer | null;
  /** Returns the present epoch (`AuthServer::epoch`, `AuthClient::epoch`), and looks for new keys of a server. */
  epoch(number: number): number;
  /**
   * Verifies an access token and returns its claims as packed text (`wire::verified_text`), or the error as JSON text.
   */
  verifyAccessToken(server: number, token: string): string;
}

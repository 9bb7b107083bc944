import type { GuardRequest } from "./guardian.js";

/** A request as the native core takes it. */
export interface NativeRequest {
  method: string;
  path: string;
  /** The whole path as the client sent it. */
  fullPath?: string;
  query?: string;
  /** The scheme by which the request came, as the framework knows it. */
  scheme?: string;
  headers: Array<[string, string]>;
  raw?: Uint8Array;
  parsed?: string;
  tooLarge?: boolean;
  clientIp?: string;
  requestId?: string;
  /** Comes back to overrides and `isTokenRevoked`. */
  hostContext?: number;
  /** Whether there is no framework: pages of `trustedOrigins` read the answer, events have the trace. */
  alone?: boolean;
}

/** The host's functions; each resolves to `{"value"}` or `{"error"}` and never throws. */
export interface NativeCallbacks {
  overridden: string[];
  operate?: (operation: string, input: string, context: string) => Promise<string>;
  isTokenRevoked?: (sessionId: string, hostContext?: number) => Promise<string>;
  /** Runs a batch of statements; see the core's `store::foreign`. */
  runBatch?: (batch: string) => Promise<string>;
  /** Ends the connections that `runBatch` works with. */
  closeDatabase?: (nothing: string) => Promise<string>;
}

/** A request as the idempotency gate sees it. */
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
  body: string;
}

/** The gate's verdict on a request. */
export interface NativePassage {
  readonly kind: "free" | "execute" | "replay" | "refused";
  response(): string;
  refusalFor(roles?: string[]): string | null;
  body(): Uint8Array;
}

/** The idempotency gate. */
export interface NativeIdempotency {
  configuration(): string;
  told(): string[];
  passNow(incoming: NativeIncoming): NativePassage | null;
  pass(incoming: NativeIncoming): Promise<NativePassage>;
  complete(
    passage: NativePassage,
    status: number,
    headers: Array<[string, string]>,
    body: Uint8Array,
    protection: { added: Array<[string, string]>; roles?: string[] },
  ): Promise<void> | null;
  abandon(passage: NativePassage): Promise<void> | null;
}

/** The part that the native classes of both modes share: all that guards an application's routes. Texts are JSON. */
export interface NativeGuardian {
  configuration(): string;
  setClock(now: number): void;
  number(): number;
  guardNow(request: GuardRequest, requestId?: string): string | null;
  guard(request: GuardRequest, requestId?: string, hostContext?: number): Promise<string>;
  checkRoles(required: string[]): string;
  authorize(
    id: string | undefined,
    roles: string[] | undefined,
    withheld: readonly string[] | undefined,
    required: string[],
    requestId?: string,
  ): string;
  requirement(asked: string): string;
  stepUp(id: string, need: string, requestId?: string): string;
  permit(id: string | undefined, roles: string[] | undefined, verdict: string, requestId?: string): string;
  metrics(remembered: string, format: "json" | "prometheus"): string;
  errorResponse(error: string): string;
}

/** Server mode in the native core. */
export interface NativeServer extends NativeGuardian {
  now(): number;
  hasRoute(method: string, path: string): boolean;
  handle(request: NativeRequest): Promise<string>;
  identifyNow(request: GuardRequest): string | null;
  identify(request: GuardRequest): Promise<string>;
  call(method: string, args: string, transaction?: number): Promise<string>;
  told(): string;
  messages(): string;
  messageTold(kind: string, channel: string, cause?: string, requestId?: string): string;
  runBuiltin(operation: string, input: string, context: string): Promise<string>;
  hookFailed(hook: string, cause: string, requestId?: string): string;
  signAccessToken(claims: string): string;
  signRefreshToken(sessionId: string): string;
  verifyRefreshToken(token: string): string;
  accessTokenOf(authorization?: string, cookie?: string): string | null;
  clientAddress(peer: string, forwarded: string[]): string | null;
  checkLimitRule(rule: string): string;
  limit(rule: string, key: string, peer: string, forwarded: string[], requestId?: string): Promise<string>;
}

/** Client mode in the native core. */
export interface NativeClient extends NativeGuardian {
  verifyAccessToken(token: string): Promise<string>;
  accessTokenOf(authorization?: string, cookie?: string): string | null;
}

/** The native core. `epoch` and `verifyAccessToken` take a number: they are the hot path. */
export interface NativeModule {
  NativeIdempotency: new (options: string) => NativeIdempotency;
  epoch(serverOrClient: number): number;
  epochWindow(serverOrClient: number): ArrayBuffer | null;
  verifyAccessToken(server: number, token: string): string;
  callStandalone(method: string, args: string): Promise<string>;
  needsRehash(args: string): string;
  settleOptions(given: string): string;
  composeMessage(given: string): string;
  /** Has the system ignore who connects to a socket that listens; `false` where it can't. */
  ignoreNewConnections(descriptor: number): boolean;
  reloadOptions(settled: string): string;
  NativeServer: new (options: string, callbacks: NativeCallbacks, testClock?: number) => NativeServer;
  NativeClient: new (options: string, callbacks: NativeCallbacks, testClock?: number) => NativeClient;
}

import type { DialectKind, KyselyDialect, KyselyTransaction } from "./kysely/kind.js";

export type { DialectKind, KyselyDialect, KyselyTransaction } from "./kysely.js";

/** A logger: pino, winston, console, or anything with these methods. */
export interface SentriLogger {
  info(data: Record<string, unknown>): void;
  warn(data: Record<string, unknown>): void;
  error(data: Record<string, unknown>): void;
}

/** The user who makes a request. */
export interface AuthUser<Role extends string = string> {
  id: string;
  roles: Role[];
}

/** The value of `req.auth` after `protect()`. */
export interface AuthInfo {
  /** The session, unless the token was signed without one. */
  sessionId: string | null;
  /** The access token, or the one minted in its place. */
  token: string;
}

/** A length of time: `"15m"`, `"1.5h"`, `"7 days"`, or a number of seconds. */
export type Duration = string | number;

/** A new identifier. */
export interface IdentifierInput {
  type: string;
  value: string;
}

/** A stored identifier. */
export interface Identifier extends IdentifierInput {
  id: string;
}

/** A user with its identifiers. */
export interface User<Role extends string = string> extends AuthUser<Role> {
  identifiers: Identifier[];
}

/** A session as lists show it; instants are ISO 8601. */
export interface SessionInfo {
  id: string;
  createdAt: string;
  lastUsedAt: string;
  expiresAt: string;
  ip: string | null;
  userAgent: string | null;
  current: boolean;
}

/** The result of a refused `register` or bulk call. */
export interface FailedResult {
  success: false;
  error: { code: string; message: string; statusCode: number };
}

/** A call that is to be part of a transaction of yours, on the database of `dialect`: commit and rollback are yours. */
export interface Joined {
  trx?: KyselyTransaction | undefined;
}

/** Input of `register`. */
export interface RegisterInput<Role extends string = string> {
  identifiers: IdentifierInput[];
  password: string;
  roles?: Role[] | undefined;
}

/** Outcome of `register`. */
export type RegisterResult<Role extends string = string> = { success: true; user: User<Role> } | FailedResult;

/** Outcome of the bulk identifier calls. */
export type IdentifiersResult = { success: true; identifiers: Identifier[] } | FailedResult;

/** Outcome of `bulkDeleteIdentifiers`. */
export type DeleteIdentifiersResult = { success: true } | FailedResult;

/** A change of an identifier: by `id`, or the only one of its `type`. */
export type IdentifierUpdate = { id: string; type?: string; value: string } | { id?: undefined; type: string; value: string };

/** The tokens of a session. */
export interface IssuedTokens<Role extends string = string> {
  accessToken: string;
  refreshToken: string;
  user: AuthUser<Role>;
}

/** Headers as `fetch` has them. */
export interface HeadersLike {
  get(name: string): string | null;
  has(name: string): boolean;
}

/** Headers of a request: those of `fetch`, or an object as Node has them. */
export type RequestHeaders = HeadersLike | Record<string, unknown>;

/**
 * An object with a request's headers: the request of Express, Fastify or Node, a `Request`, its `Headers`, or the context of a handler
 * of Hono, Koa or Elysia.
 */
export type RequestLike =
  | { headers: RequestHeaders }
  | { request: { headers: RequestHeaders } }
  | { raw: { headers: RequestHeaders } }
  | { req: { raw: { headers: RequestHeaders } } }
  | HeadersLike;

/** The circumstances of a hook's event. */
export interface HookContext {
  ip: string | null;
  userAgent: string | null;
  requestId: string | null;
  sessionId?: string | null;
  errorCode?: string | null;
}

/** Notices. They are awaited; a throw is logged and changes nothing. */
export interface Hooks<Role extends string = string> {
  onLogin?: ((user: AuthUser<Role>, ctx: HookContext) => unknown) | undefined;
  onFailedLogin?: ((identifier: string, ctx: HookContext) => unknown) | undefined;
  onLogout?: ((userId: string, ctx: HookContext) => unknown) | undefined;
}

/** The context of an overridden operation. Pass it on as it is. */
export interface OperationContext {
  ip: string | null;
  userAgent: string | null;
  requestId: string | null;
}

/** A use case of your own; `next()` runs the built-in, with other input if given. */
export type Override<Input, Result> = (
  input: Input,
  ctx: OperationContext,
  next: (input?: Input) => Promise<Result>,
) => Result | Promise<Result>;

/** Use cases that may be overridden. */
export interface RouterOverrides<Role extends string = string> {
  login?: Override<{ identifier: string; password: string }, IssuedTokens<Role>> | undefined;
  register?: Override<RegisterInput<Role>, { user: User<Role> }> | undefined;
  refresh?: Override<{ refreshToken: string }, IssuedTokens<Role>> | undefined;
  logout?: Override<{ sessionId?: string | undefined }, unknown> | undefined;
  logoutAll?: Override<{ userId: string }, unknown> | undefined;
  assignRoles?: Override<{ userId: string; roles: Role[] }, { user: AuthUser<Role> }> | undefined;
  bulkCreateIdentifiers?: Override<{ userId: string; identifiers: IdentifierInput[] }, { identifiers: Identifier[] }> | undefined;
  bulkUpdateIdentifiers?: Override<{ userId: string; identifiers: IdentifierUpdate[] }, { identifiers: Identifier[] }> | undefined;
  bulkDeleteIdentifiers?: Override<{ userId: string; ids: string[] }, unknown> | undefined;
  changePassword?: Override<{ userId: string; currentPassword: string; newPassword: string }, unknown> | undefined;
}

/** A cookie's name and attributes. */
export interface CookieOptions {
  name?: string | undefined;
  domain?: string | undefined;
  path?: string | undefined;
  secure?: boolean | undefined;
  sameSite?: "lax" | "strict" | "none" | undefined;
  partitioned?: boolean | undefined;
  prefix?: "__Host-" | "__Secure-" | "" | undefined;
  httpOnly?: boolean | undefined;
}

/** TLS to a database. The server is verified unless `rejectUnauthorized` is false. */
export interface DatabaseTls {
  /** Whether the server must have a certificate for its name from a root that is trusted; `true` unless said otherwise. */
  rejectUnauthorized?: boolean | undefined;
  /** The roots to trust instead of the system's: the text of a PEM file. */
  ca?: string | undefined;
  /** The client's own certificate, with its chain: the text of a PEM file. Needs `key`. */
  cert?: string | undefined;
  /** The private key of `cert`: the text of a PEM file. */
  key?: string | undefined;
}

/** The options that the forms of a database server share. */
export interface DatabasePool {
  /** The most connections; 10 unless said otherwise. */
  max?: number | undefined;
  /** TLS: `true` verifies the server by the system's roots, `false` does without. */
  ssl?: boolean | DatabaseTls | undefined;
  /** PostgreSQL alone: the schema of the tables, also behind a pooler. It must exist. */
  schema?: string | undefined;
}

/** A database server by a URL, as in `db: { connectionString: process.env.DATABASE_URL! }`. */
export interface DatabaseByUrl extends DatabasePool {
  /** `postgres://user:password@host:5432/database` or `mysql://..`; several hosts with commas between them. */
  connectionString: string;
}

/** A database server by its parts, as in `db: { type: "mysql", host: "db", database: "app", user, password }`. */
export interface DatabaseByParts extends DatabasePool {
  /** Which database it is; `postgres` unless said otherwise. */
  type?: "postgres" | "postgresql" | "mysql" | "mariadb" | undefined;
  /** A name, an address, or the folder of a Unix socket; with MySQL the socket itself. */
  host: string;
  /** 5432 or 3306 unless said otherwise. */
  port?: number | undefined;
  /** The database on that server. */
  database?: string | undefined;
  /** The role that sentri works as. */
  user?: string | undefined;
  /** Its password. */
  password?: string | undefined;
}

/** A database served by sentri's own drivers. */
export type DatabaseOptions = string | DatabaseByUrl | DatabaseByParts | { filename: string };

/** Signature algorithms. */
export type Algorithm =
  | "HS256" | "HS384" | "HS512" | "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "EdDSA";

/** Signature algorithms whose public keys may be published. */
export type AsymmetricAlgorithm = Exclude<Algorithm, `HS${string}`>;

/** Options of server mode. */
export interface ServerOptions<Role extends string = string> {
  mode: "server";
  db?: DatabaseOptions | undefined;
  /** A Kysely dialect for PostgreSQL, MySQL or SQLite, instead of `db`: sentri works on your pool, by your driver. */
  dialect?: KyselyDialect | undefined;
  /** Which database a dialect speaks to, if it does not tell by itself. */
  dialectKind?: DialectKind | undefined;
  validRoles: readonly Role[];
  adminRoles?: readonly NoInfer<Role>[] | undefined;
  defaultRoles?: readonly NoInfer<Role>[] | undefined;
  /** The roles that an anonymous registration may ask for; `defaultRoles` and `user` if left out. No admin role: your own code gives those. */
  selfAssignableRoles?: readonly NoInfer<Role>[] | undefined;
  secret?: string | undefined;
  /** The file that holds the secret, such as one of Docker's or Kubernetes', instead of `secret`. */
  secretFile?: string | undefined;
  algorithm?: Algorithm | undefined;
  keys?: "ephemeral" | { rotateEvery?: Duration | undefined; keySize?: number | undefined; encryptionKey?: string | undefined } | undefined;
  accessExpiresIn?: Duration | undefined;
  refreshExpiresIn?: Duration | undefined;
  sessionMaxAge?: Duration | undefined;
  refreshGrace?: Duration | undefined;
  /** The most sessions of a user at a time, 1 to 1,000; 100 if left out. A login that makes a tenth more ends the oldest. */
  maxSessions?: number | undefined;
  saltRounds?: number | undefined;
  password?: { algorithm?: "bcrypt" | "argon2id" | undefined; minLength?: number | undefined; maxLength?: number | undefined; preset?: "nist" | undefined } | undefined;
  apiKey?: string | readonly string[] | undefined;
  /**
   * Redis, for several processes: `redis://user:password@host:6379`, `redis+cluster://host:6379,host:6379` or
   * `redis+sentinel://host:26379,host:26379/mymaster`, with `rediss` for TLS.
   */
  redisUrl?: string | undefined;
  /** Which proxies are believed about the client's address, where the framework has no such setting: how many, or their addresses. */
  trustProxy?: false | number | string | readonly string[] | undefined;
  rateLimit?: boolean | { maxLoginAttempts?: number | undefined; maxRegisterAttempts?: number | undefined; durationSeconds?: number | undefined } | undefined;
  cookie?: boolean | CookieOptions | undefined;
  accessCookie?: boolean | CookieOptions | undefined;
  /**
   * Whether a completed login makes its browser known, by the cookie `sentri_device`: ten wrong passwords of its own count there, and
   * strangers who lock the account out do not reach it. Off if left out; on in `sentri serve`.
   */
  knownDevices?: boolean | undefined;
  /** Origins beside your own that may use cookies; `protect()` answers their preflights (CORS), and nobody else's favourably. */
  trustedOrigins?: readonly string[] | undefined;
  sessionCheck?: boolean | { maxAge?: Duration | undefined } | undefined;
  requireSession?: boolean | undefined;
  silentRefresh?: boolean | undefined;
  validIdentifiers?: readonly string[] | undefined;
  issuer?: string | undefined;
  audience?: string | undefined;
  isTokenRevoked?: ((sessionId: string) => unknown) | undefined;
  hooks?: Hooks<NoInfer<Role>> | undefined;
  router?: RouterOverrides<NoInfer<Role>> | undefined;
  logger?: SentriLogger | undefined;
  loggerService?: string | undefined;
}

/** Options of client mode. */
export interface ClientOptions<Role extends string = string> {
  mode: "client";
  /** The auth server's key set, as in `https://auth.example.com/auth/keys`. */
  keyUri: string;
  /** Allows `http:` beyond this machine, in a network that you trust. */
  allowInsecure?: boolean | undefined;
  /** The roles that `authorize()` may name; any role if left out. */
  validRoles?: readonly Role[] | undefined;
  /** Which algorithms are accepted; all asymmetric ones if left out. */
  algorithms?: readonly AsymmetricAlgorithm[] | undefined;
  issuer?: string | undefined;
  audience?: string | undefined;
  /** The tolerance for the auth server's clock; 30 s if left out. */
  clockTolerance?: Duration | undefined;
  /** After how long the key set is fetched anew; 1 h if left out. */
  cacheMaxAge?: Duration | undefined;
  /** The cookie that is read when there is no `Authorization` header; `access_token` if left out, `false` for none. */
  accessCookie?: boolean | CookieOptions | undefined;
  /** Origins beside the request's own that may use the cookie; `protect()` answers their preflights (CORS). */
  trustedOrigins?: readonly string[] | undefined;
  isTokenRevoked?: ((sessionId: string) => unknown) | undefined;
  logger?: SentriLogger | undefined;
  loggerService?: string | undefined;
}

/**
 * A function of yours that is given a request. It may say more of it than we know, such as `(req: Request<{ id: string }>) => …` for a
 * route whose path has an `id`.
 */
export type OfRequest<Req, Result> = { of(req: Req): Result }["of"];

/** The key that a request is counted by: a text, a whole number or a boolean. Nothing or the empty text: by the client's address. */
export type LimitKey = string | number | bigint | boolean | null | undefined;

/** Options of `rateLimiter()`. */
export interface RateLimiterOptions<Req> {
  /** Requests that pass in a window. */
  maxAttempts: number;
  /** Length of the window, from the first request on. */
  durationSeconds: number;
  /**
   * The name of the counter. Limiters of one name share it, in every process. Without a name the counter is that of the rule, so of
   * limiters with the same `maxAttempts` and `durationSeconds` all but one need a name.
   */
  keyPrefix?: string | undefined;
  /** Replaces the client's address, unless it gives nothing. */
  key?: OfRequest<Req, LimitKey | Promise<LimitKey>> | undefined;
}

/** The verdict of `permit()`: truthy lets the request go on. A throw goes to the error handler. */
export type PermitCheck<Req> = OfRequest<Req, unknown>;

/** A check that any of the roles bypass. */
export interface PermitOptions<Req, Role extends string = string> {
  roles?: readonly Role[] | undefined;
  check: PermitCheck<Req>;
}

/** Options of `errorHandler()`. */
export interface ErrorHandlerOptions<Req> {
  /** Told of every error that is answered with a 5xx. */
  onUnhandled?: ((error: unknown, req: Req) => void) | undefined;
}

/** Options of `migrate()` and `ready()`. */
export interface StartOptions {
  /** The time to wait for a database that is starting, such as `"1m"` or a number of seconds; 0: one attempt. 30 seconds unless set. */
  wait?: string | number;
}

/** One number of a metric. */
export interface MetricSample {
  /** The metric's name, and for a histogram `_bucket`, `_sum` or `_count` behind it. */
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** A metric: see `docs/reference/metrics.md`. */
export interface Metric {
  name: string;
  type: "counter" | "gauge" | "histogram";
  help: string;
  samples: MetricSample[];
}

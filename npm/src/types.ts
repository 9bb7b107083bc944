import type { DialectKind, KyselyDialect, KyselyTransaction } from "./kysely/kind.js";

export type { DialectKind, KyselyDialect, KyselyTransaction } from "./kysely.js";

/** A logger: pino, winston, console, or anything with these methods. */
export interface SentriLogger {
  info(data: Record<string, unknown>): void;
  warn(data: Record<string, unknown>): void;
  error(data: Record<string, unknown>): void;
}

/** Who makes a request. */
export interface AuthUser<Role extends string = string> {
  id: string;
  roles: Role[];
}

/** What `req.auth` holds after `protect()`. */
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

/** What a refused `register` or bulk call resolves to. */
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
  roles?: Role[];
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

/** Where a hook's event came from. */
export interface HookContext {
  ip: string | null;
  userAgent: string | null;
  requestId: string | null;
  sessionId?: string | null;
  errorCode?: string | null;
}

/** Notices. They are awaited; a throw is logged and changes nothing. */
export interface Hooks<Role extends string = string> {
  onLogin?(user: AuthUser<Role>, ctx: HookContext): unknown;
  onFailedLogin?(identifier: string, ctx: HookContext): unknown;
  onLogout?(userId: string, ctx: HookContext): unknown;
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
  login?: Override<{ identifier: string; password: string }, IssuedTokens<Role>>;
  register?: Override<RegisterInput<Role>, { user: User<Role> }>;
  refresh?: Override<{ refreshToken: string }, IssuedTokens<Role>>;
  logout?: Override<{ sessionId?: string }, unknown>;
  logoutAll?: Override<{ userId: string }, unknown>;
  assignRoles?: Override<{ userId: string; roles: Role[] }, { user: AuthUser<Role> }>;
  bulkCreateIdentifiers?: Override<{ userId: string; identifiers: IdentifierInput[] }, { identifiers: Identifier[] }>;
  bulkUpdateIdentifiers?: Override<{ userId: string; identifiers: IdentifierUpdate[] }, { identifiers: Identifier[] }>;
  bulkDeleteIdentifiers?: Override<{ userId: string; ids: string[] }, unknown>;
  changePassword?: Override<{ userId: string; currentPassword: string; newPassword: string }, unknown>;
}

/** A cookie's name and attributes. */
export interface CookieOptions {
  name?: string;
  domain?: string;
  path?: string;
  secure?: boolean;
  sameSite?: "lax" | "strict" | "none" | boolean;
  partitioned?: boolean;
  prefix?: "__Host-" | "__Secure-" | "";
  httpOnly?: boolean;
}

/** A database served by sentri's own drivers. */
export type DatabaseOptions =
  | string
  | { connectionString: string; max?: number; ssl?: boolean | { rejectUnauthorized?: boolean } }
  | {
      host: string;
      port?: number;
      database?: string;
      user?: string;
      password?: string;
      max?: number;
      ssl?: boolean | { rejectUnauthorized?: boolean };
    }
  | { filename: string };

/** Signature algorithms. */
export type Algorithm =
  | "HS256" | "HS384" | "HS512" | "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "EdDSA";

/** Signature algorithms whose public keys may be published. */
export type AsymmetricAlgorithm = Exclude<Algorithm, `HS${string}`>;

/** Options of server mode. */
export interface ServerOptions<Role extends string = string> {
  mode: "server";
  db?: DatabaseOptions;
  /** A Kysely dialect for PostgreSQL, MySQL or SQLite, instead of `db`: sentri works on your pool, by your driver. */
  dialect?: KyselyDialect;
  /** Which database a dialect speaks to, if it does not tell by itself. */
  dialectKind?: DialectKind;
  validRoles: readonly Role[];
  adminRoles?: readonly Role[];
  defaultRoles?: readonly Role[];
  secret?: string;
  algorithm?: Algorithm;
  keys?: "ephemeral" | { rotateEvery?: Duration; keySize?: number; encryptionKey?: string };
  accessExpiresIn?: Duration;
  refreshExpiresIn?: Duration;
  sessionMaxAge?: Duration;
  refreshGrace?: Duration;
  saltRounds?: number;
  password?: { algorithm?: "bcrypt" | "argon2id"; minLength?: number; maxLength?: number; preset?: "nist" };
  apiKey?: string | readonly string[];
  redisUrl?: string;
  /** Which proxies are believed about the client's address, where the framework has no such setting: how many, or their addresses. */
  trustProxy?: false | number | string | readonly string[];
  rateLimit?: boolean | { maxLoginAttempts?: number; maxRegisterAttempts?: number; durationSeconds?: number };
  cookie?: boolean | CookieOptions;
  accessCookie?: boolean | CookieOptions;
  trustedOrigins?: readonly string[];
  sessionCheck?: boolean | { maxAge?: Duration };
  requireSession?: boolean;
  silentRefresh?: boolean;
  validIdentifiers?: readonly string[];
  issuer?: string;
  audience?: string;
  isTokenRevoked?: (sessionId: string) => unknown;
  hooks?: Hooks<Role>;
  router?: RouterOverrides<Role>;
  logger?: SentriLogger;
  loggerService?: string;
}

/** Options of client mode. */
export interface ClientOptions<Role extends string = string> {
  mode: "client";
  /** The auth server's key set, as in `https://auth.example.com/auth/keys`. */
  keyUri: string;
  /** Allows `http:` beyond this machine, in a network that you trust. */
  allowInsecure?: boolean;
  /** What `authorize()` may name; any role if left out. */
  validRoles?: readonly Role[];
  /** Which algorithms are accepted; all asymmetric ones if left out. */
  algorithms?: readonly AsymmetricAlgorithm[];
  issuer?: string;
  audience?: string;
  /** How far the auth server's clock may be off; 30 s if left out. */
  clockTolerance?: Duration;
  /** After how long the key set is fetched anew; 1 h if left out. */
  cacheMaxAge?: Duration;
  /** The cookie that is read when there is no `Authorization` header; `access_token` if left out, `false` for none. */
  accessCookie?: boolean | CookieOptions;
  /** Origins beside the request's own that may use the cookie. */
  trustedOrigins?: readonly string[];
  isTokenRevoked?: (sessionId: string) => unknown;
  logger?: SentriLogger;
  loggerService?: string;
}

/** Options of `rateLimiter()`. `key` replaces the client's address. */
export interface RateLimiterOptions<Req> {
  maxAttempts: number;
  durationSeconds: number;
  keyPrefix?: string;
  key?: (req: Req) => string | Promise<string>;
}

/** The verdict of `permit()`: truthy lets the request go on. A throw goes to the error handler. */
export type PermitCheck<Req> = (req: Req) => unknown;

/** A check that any of the roles bypass. */
export interface PermitOptions<Req, Role extends string = string> {
  roles?: readonly Role[];
  check: PermitCheck<Req>;
}

/** Options of `errorHandler()`. */
export interface ErrorHandlerOptions<Req> {
  /** Told of every error that is answered with a 5xx. */
  onUnhandled?: (error: unknown, req: Req) => void;
}

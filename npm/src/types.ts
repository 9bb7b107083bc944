import type { ClientSettings, CookieOptions, ServerSettings } from "./generated/option-types.js";
import type { RouterOverrides } from "./generated/overrides.js";
import type { DialectKind, KyselyDialect, KyselyTransaction } from "./kysely/kind.js";
import type { DatabaseOptions } from "./types-database.js";
import type { AuthUser, Duration, Identifier, User } from "./types-common.js";
import type { MessageOptions, VerificationOptions } from "./types-messages.js";
export type { StepUp } from "./assurance.js";
export type * from "./generated/option-types.js";
export type * from "./generated/overrides.js";
export type { DialectKind, KyselyDialect, KyselyTransaction } from "./kysely.js";
export type * from "./types-database.js";
export type * from "./types-health.js";
export type * from "./types-account.js";
export type * from "./types-audit.js";
export type * from "./types-common.js";
export type * from "./types-import.js";
export type * from "./types-messages.js";
export type * from "./types-middleware.js";

/** A logger: pino, winston, console, or anything with these methods. */
export interface SentriLogger {
  /** Takes an event of a success. */
  info(data: Record<string, unknown>): void;
  /** Takes an event of a refused request. */
  warn(data: Record<string, unknown>): void;
  /** Takes an event of a failure. */
  error(data: Record<string, unknown>): void;
}

/** The value of `req.auth` after `protect()`. */
export interface AuthInfo {
  /** The session, unless the token was signed without one. */
  sessionId: string | null;
  /** The access token, or the token minted in its place. */
  token: string;
  /** The authenticator assurance level, where the auth server has the option `mfa`: `aal2` is two factors. */
  acr?: "aal1" | "aal2";
  /** The methods by which the user authenticated (RFC 8176): `pwd`, `otp`, `recovery`, `email`, `sms`, `host`. */
  amr?: string[];
  /** The time at which the user authenticated, in seconds since 1970; `null` if unknown. */
  authTime?: number | null;
  /** The user's roles that wait for a second factor (option `mfa.requiredFor`), where there are any. */
  withheld?: string[];
}

/** The result of a refused `register` or bulk call. */
export interface FailedResult {
  success: false;
  error: { code: string; message: string; statusCode: number };
}

/** Makes a call part of your own transaction, on the database of `dialect`. You commit it, or roll it back. */
export interface Joined {
  trx?: KyselyTransaction | undefined;
}

/** Outcome of `register`. */
export type RegisterResult<Role extends string = string> = { success: true; user: User<Role> } | FailedResult;

/** Outcome of the bulk identifier calls. */
export type IdentifiersResult = { success: true; identifiers: Identifier[] } | FailedResult;

/** Outcome of `bulkDeleteIdentifiers`. */
export type DeleteIdentifiersResult = { success: true } | FailedResult;

/** Headers as `fetch` has them. */
export interface HeadersLike {
  /** The value of a header, or `null`. */
  get(name: string): string | null;
  /** Whether there is such a header. */
  has(name: string): boolean;
}

/** Headers of a request: those of `fetch`, or an object as Node has them. */
export type RequestHeaders = HeadersLike | Record<string, unknown>;

/**
 * An object with a request's headers: the request of Express, Fastify or Node, a `Request`, its `Headers`, or the
 * context of a handler of Hono, Koa or Elysia.
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

/** Functions that get notices. They are awaited. An exception is logged and changes nothing. */
export interface Hooks<Role extends string = string> {
  /** Runs after a login. */
  onLogin?: ((user: AuthUser<Role>, ctx: HookContext) => unknown) | undefined;
  /** Runs after a login that failed, with the identifier as it was typed. */
  onFailedLogin?: ((identifier: string, ctx: HookContext) => unknown) | undefined;
  /** Runs after a logout. */
  onLogout?: ((userId: string, ctx: HookContext) => unknown) | undefined;
}

/** The option `mfa`. */
export interface MfaOptions {
  /** Codes of authenticator apps; `issuer` is the name of the application that they show. */
  totp: { issuer: string };
  /** The number of recovery codes that a user gets: 10 if left out. */
  recoveryCodes?: number | undefined;
  /** Roles that are in effect only after a second factor. Until then a session has the user's other roles. */
  requiredFor?: readonly string[] | undefined;
}

/** Options of server mode: those of {@link ServerSettings}, and those that depend on the application. */
export interface ServerOptions<Role extends string = string> extends ServerSettings {
  /** Selects server mode. */
  mode: "server";
  /** The database: a URL, or its parts. */
  db?: DatabaseOptions | undefined;
  /** A Kysely dialect for PostgreSQL, MySQL or SQLite, instead of `db`. Then sentri uses your pool and your driver. */
  dialect?: KyselyDialect | undefined;
  /** The kind of database, for a dialect by which it can't be recognized. */
  dialectKind?: DialectKind | undefined;
  /** Every role that a user may have. */
  validRoles: readonly Role[];
  /** The roles that may call the admin endpoints; `admin` if left out. */
  adminRoles?: readonly NoInfer<Role>[] | undefined;
  /** The roles of registrations that name none. */
  defaultRoles?: readonly NoInfer<Role>[] | undefined;
  /**
   * The roles that an anonymous registration may ask for; `defaultRoles` and `user` if left out. It must hold no admin
   * role, since only your own code gives admin roles.
   */
  selfAssignableRoles?: readonly NoInfer<Role>[] | undefined;
  /**
   * Second factors: users enrol authenticator apps, and their logins take two steps. Sessions keep how and when the
   * user authenticated, tokens carry it (`acr`, `amr`, `auth_time`), and `protect({ acr, maxAge })` and `POST
   * /me/reauthenticate` exist. Needs `encryptionKey`. None if left out.
   *
   * @example mfa: { totp: { issuer: "Example" } }
   */
  mfa?: MfaOptions | undefined;
  /**
   * The greatest age of an authentication by which a user may change credentials, if `mfa` or `messages` is on; 10
   * minutes if left out.
   */
  reauthentication?: { maxAge?: Duration | undefined } | undefined;
  /** Refuses sessions beside the database: a truthy result, an exception, or no answer within 2 s refuses the token. */
  isTokenRevoked?: ((sessionId: string) => unknown) | undefined;
  /** Sends messages to users: codes and links for a new password. `"console"` prints them while you develop. */
  messages?: MessageOptions | "console" | undefined;
  /** The types of addresses that users verify, and whether they must. Needs `messages`. */
  verification?: VerificationOptions | undefined;
  /**
   * Whether admins search and disable users and manage their sessions, passwords, invitations and second factors. No
   * admin disables, deletes or demotes themself then.
   */
  administration?: boolean | undefined;
  /** Functions that are called after logins and logouts. */
  hooks?: Hooks<NoInfer<Role>> | undefined;
  /** Functions that stand in for use cases; each gets the built-in as `next`. */
  router?: RouterOverrides<NoInfer<Role>> | undefined;
  /** Takes the events; silent if left out. */
  logger?: SentriLogger | undefined;
}

/** Options of client mode: those of {@link ClientSettings}, and those that depend on the application. */
export interface ClientOptions<Role extends string = string> extends ClientSettings {
  /** Selects client mode. */
  mode: "client";
  /** The auth server's key set, as in `https://auth.example.com/auth/keys`. */
  keyUri: string;
  /** The roles that `authorize()` may name; any role if left out. */
  validRoles?: readonly Role[] | undefined;
  /** The cookie that is read when there is no `Authorization` header; `access_token` if left out, `false` for none. */
  accessCookie?: boolean | CookieOptions | undefined;
  /** Refuses sessions. A truthy result, an exception, or no answer within 2 s refuses the token. */
  isTokenRevoked?: ((sessionId: string) => unknown) | undefined;
  /** Takes the events; silent if left out. */
  logger?: SentriLogger | undefined;
}

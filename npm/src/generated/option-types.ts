// Written by `make generate` from the tables of the core. Do not edit.

import type { Algorithm, AsymmetricAlgorithm, Duration } from "../types-common.js";

/** Members of the option `keys`. */
export interface KeysOptions {
  /** Modulus length of RSA keys in bits. Default: 2048. */
  keySize?: number | undefined;
  /** Age at which a signing key is replaced. */
  rotateEvery?: Duration | undefined;
  /** The same as encryptionKey, under its older name. */
  encryptionKey?: string | undefined;
}

/** Members of the option `password`. */
export interface PasswordOptions {
  /** The same, beside other members. */
  preset?: "nist" | undefined;
  /** Hash of new passwords. Default: bcrypt. */
  algorithm?: "bcrypt" | "argon2id" | undefined;
  /** Least length of a new password, in characters. Default: 8. */
  minLength?: number | undefined;
  /** Most length of a new password, in characters. Default: 1024. */
  maxLength?: number | undefined;
}

/** Members of the option `rateLimit`. */
export interface RateLimitOptions {
  /** Failed logins in a window. Default: 5. */
  maxLoginAttempts?: number | undefined;
  /** Registrations of an address in a window. Default: 5. */
  maxRegisterAttempts?: number | undefined;
  /** Length of the window, in seconds. Default: 900. */
  durationSeconds?: number | undefined;
  /**
   * Most messages about one subject, and those that one address may ask for in an hour. Default: { perMinute: 1,
   * perHour: 5, perAddress: 20 }.
   */
  messages?: Partial<Record<"perMinute" | "perHour" | "perAddress", number | undefined>> | undefined;
}

/** Members of the option `cookie` or `accessCookie`. */
export interface CookieOptions {
  /** Name of the access cookie. Default: access_token. */
  name?: string | undefined;
  /** Prefix of its name that browsers enforce. */
  prefix?: "__Host-" | "__Secure-" | "" | undefined;
  /** Domain that it is sent to; none: this host alone. */
  domain?: string | undefined;
  /** Path that it is sent to. Default: /. */
  path?: string | undefined;
  /** Whether it is sent by https alone. Default: on in production. */
  secure?: boolean | undefined;
  /** Whether other sites' requests carry it. Default: lax. */
  sameSite?: "lax" | "strict" | "none" | undefined;
  /** Whether it is kept apart for each site that embeds this one (CHIPS). Default: off. */
  partitioned?: boolean | undefined;
  /** Whether scripts can't read it. Default: off. */
  httpOnly?: boolean | undefined;
}

/** Members of the option `sessionCheck`. */
export interface SessionCheckOptions {
  /** Greatest age of what protect() knows of a session. Default: 5s. */
  maxAge?: Duration | undefined;
}

/** Options of server mode that are plain data. */
export interface ServerSettings {
  /** Redis, by which several processes share limits and word of revocations. */
  redisUrl?: string | undefined;
  /** Private key (PEM) or shared secret; none: keys are kept in the database. */
  secret?: string | undefined;
  /** File with the private key (PEM) or shared secret. */
  secretFile?: string | undefined;
  /**
   * Signature algorithm of tokens. Default: that of the stored keys, at first RS256; with secret as the key needs it.
   */
  algorithm?: Algorithm | undefined;
  /** ephemeral: signing keys are lost with the process. */
  keys?: "ephemeral" | KeysOptions | undefined;
  /** Key that encrypts what rests in the database: private keys, and the secrets of second factors. */
  encryptionKey?: string | readonly string[] | undefined;
  /** Life of an access token. Default: 15m. */
  accessExpiresIn?: Duration | undefined;
  /** Idle limit of a session. Default: 7d. */
  refreshExpiresIn?: Duration | undefined;
  /** Absolute limit of a session. Default: 90d. */
  sessionMaxAge?: Duration | undefined;
  /** Time for which the previous refresh token works after a rotation. Default: 10s. */
  refreshGrace?: Duration | undefined;
  /** Most sessions of a user at a time. Default: 100. */
  maxSessions?: number | undefined;
  /** Bcrypt cost of new passwords. Default: 12. */
  saltRounds?: number | undefined;
  /** nist: at least 15 characters, and none of the well-known passwords. */
  password?: PasswordOptions | undefined;
  /** Whether POST /setup makes the first admin by a one-time token, while there is none. Default: off; on in serve. */
  setup?: boolean | undefined;
  /** Closes registration to others, opens the admin endpoints. */
  apiKey?: string | readonly string[] | undefined;
  /** Whether failed logins and registrations are limited. Default: on. */
  rateLimit?: boolean | RateLimitOptions | undefined;
  /** Whether the refresh token travels in a cookie; off: in bodies. Default: on. */
  cookie?: boolean | CookieOptions | undefined;
  /** Whether the access token is in a cookie too. Default: off. */
  accessCookie?: boolean | CookieOptions | undefined;
  /**
   * Whether a login makes its browser known, so that strangers who lock an account out do not reach it. Default: off;
   * on in serve.
   */
  knownDevices?: boolean | undefined;
  /** Origins beside its own that may use cookies. */
  trustedOrigins?: readonly string[] | undefined;
  /** Number of proxies in front, or their addresses: their X-Forwarded-For is believed. */
  trustProxy?: false | number | string | readonly string[] | undefined;
  /** Whether protect() looks after the session, not the signature alone. Default: on. */
  sessionCheck?: boolean | SessionCheckOptions | undefined;
  /** Whether tokens that belong to no session are refused. Default: off. */
  requireSession?: boolean | undefined;
  /** Whether protect() mints a new access token for a good refresh cookie. Default: on. */
  silentRefresh?: boolean | undefined;
  /** Types of identifiers that are allowed. Default: any. */
  validIdentifiers?: readonly string[] | undefined;
  /**
   * refuse: no new username in letters that pass for others, of several scripts or all like Latin ones. Default: allow.
   */
  confusables?: "allow" | "refuse" | undefined;
  /** Issuer of tokens (iss), set and checked. */
  issuer?: string | undefined;
  /** Audience of tokens (aud), set and checked. */
  audience?: string | undefined;
  /** Field service of log entries. Default: sentri. */
  loggerService?: string | undefined;
  /** Whether users log in by a one-time code that a message brings; needs messages. Default: off. */
  loginCode?: boolean | undefined;
  /**
   * What the audit keeps for 400 days: changes of accounts, roles and keys, or logins and refreshes too. Default:
   * changes with administration, else off.
   */
  audit?: "off" | "changes" | "all" | undefined;
}

/** Options of client mode that are plain data. */
export interface ClientSettings {
  /** Origins beside its own that may use cookies. */
  trustedOrigins?: readonly string[] | undefined;
  /** Issuer of tokens (iss), set and checked. */
  issuer?: string | undefined;
  /** Audience of tokens (aud), set and checked. */
  audience?: string | undefined;
  /** Field service of log entries. Default: sentri. */
  loggerService?: string | undefined;
  /** Whether the key set may be fetched by http beyond this machine. Default: off. */
  allowInsecure?: boolean | undefined;
  /** Algorithms that are accepted. Default: all asymmetric ones. */
  algorithms?: readonly AsymmetricAlgorithm[] | undefined;
  /** Tolerance for the auth server's clock. Default: 30s. */
  clockTolerance?: Duration | undefined;
  /** Age at which the key set is fetched anew. Default: 1h. */
  cacheMaxAge?: Duration | undefined;
}

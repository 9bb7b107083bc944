import { clockOf } from "../clock.js";
import { SERVER_ONLY } from "../generated/options.js";
import type { SentriLogger } from "../types.js";
import { ALGORITHMS, algorithmOf, isSymmetric, type JwsAlgorithm } from "./algorithm.js";
import type { ClaimRules } from "./claims.js";
import { readTrustedOrigins } from "./origin.js";
import { Reader, configurationError } from "./reader.js";
import { RETRY_AFTER, STALE_FOR } from "./remote-set.js";

/** The options of client mode, checked. */
export interface ClientConfig {
  readonly keyUri: string;
  /** Milliseconds. */
  readonly cacheMaxAge: number;
  readonly algorithms: readonly JwsAlgorithm[];
  readonly claims: ClaimRules;
  /** The roles that may be named; `undefined` allows any role name. */
  readonly validRoles: readonly string[] | undefined;
  /** The cookie that is read when there is no `Authorization` header; `undefined`: none is. */
  readonly cookieName: string | undefined;
  /** Origins beside the request's own that may use the cookie. */
  readonly trustedOrigins: readonly string[];
  readonly service: string;
  readonly logger: SentriLogger | undefined;
  readonly isTokenRevoked: ((sessionId: string) => unknown) | undefined;
  /** Whether answers hide the application's mistakes. */
  readonly production: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Checks the options of client mode.
 *
 * @throws SentriError `CONFIGURATION_ERROR` that names the option and the cure
 */
export function readOptions(options: object): ClientConfig {
  const read = new Reader("", typeof options === "object" && options !== null ? { ...options } : options);
  checkMode(read);
  const production = read.boolean("production", isProduction());
  read.refuse(SERVER_ONLY, "belongs to mode: 'server': leave it out, the auth server decides it");
  const clock = clockOf(read.value("clock"));
  const config: ClientConfig = {
    production,
    keyUri: keyUri(read),
    cacheMaxAge: cacheMaxAge(read),
    algorithms: algorithms(read),
    claims: {
      issuer: read.text("issuer"),
      audience: read.text("audience"),
      leewaySeconds: clockTolerance(read),
    },
    validRoles: roles(read),
    cookieName: cookieName(read),
    trustedOrigins: readTrustedOrigins(read.value("trustedOrigins")),
    service: read.text("loggerService") ?? "sentri",
    logger: logger(read),
    isTokenRevoked: read.function("isTokenRevoked"),
    now: clock ? () => clock.now() : Date.now,
  };
  read.finish();
  return config;
}

/** Returns whether `NODE_ENV` is `production`. A runtime without an environment, such as workerd, is in production. */
function isProduction(): boolean {
  const env = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env;
  return env === undefined || env.NODE_ENV === "production";
}

function checkMode(read: Reader): void {
  const mode = read.string("mode");
  if (mode === "server") throw read.error("mode", "is 'server', but these are the options of a client");
  if (mode !== "client") throw read.error("mode", "must be 'server' or 'client'");
}

function keyUri(read: Reader): string {
  const allowInsecure = read.boolean("allowInsecure", false);
  const text = read.text("keyUri");
  if (text === undefined) {
    throw read.error("keyUri", "is missing: the auth server's key set, as in 'https://auth.example.com/auth/keys'");
  }
  const problem = problemOf(text, allowInsecure);
  if (problem !== undefined) throw read.error("keyUri", problem);
  return text;
}

/** The fault of the address of a key set. */
function problemOf(text: string, allowInsecure: boolean): string | undefined {
  if (!/^[\u0000-\u007f]*$/.test(text))
    return "must be ASCII: write the domain in its 'xn--' form and the path percent-encoded";
  const [, scheme, authority = ""] = /^(https?):\/\/([^/?#]+)(?:[/?#].*)?$/i.exec(text) ?? [];
  if (authority.includes("@")) return "must hold no user and password: they would end up in logs";
  const host = /^(\[.*\]|[^:]+)(?::[1-9][0-9]*)?$/.exec(authority)?.[1];
  if (scheme === undefined || host === undefined || /[\u0000-\u0020\u007f]/.test(text) || !URL.canParse(text)) {
    return "must be an address such as 'https://auth.example.com/auth/keys'";
  }
  if (scheme.toLowerCase() === "https" || allowInsecure || isLoopback(host.toLowerCase())) return undefined;
  return (
    "must begin with https: whoever is on the way could put in keys of their own; " +
    "allowInsecure: true allows http in a network that you trust"
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}

function algorithms(read: Reader): JwsAlgorithm[] {
  const asymmetric = ALGORITHMS.filter((algorithm) => !isSymmetric(algorithm));
  const names = read.strings("algorithms");
  if (names === undefined) return asymmetric;
  const known = asymmetric.map(({ name }) => name).join(", ");
  if (names.length === 0) throw read.error("algorithms", `must not be empty: leave it out, or list some of ${known}`);
  return names.map((name) => {
    const algorithm = algorithmOf(name);
    if (!algorithm) throw read.error("algorithms", `must be some of ${known}`);
    if (!isSymmetric(algorithm)) return algorithm;
    throw read.error("algorithms", "can't hold HS256, HS384 or HS512: who verifies with a shared secret can sign too");
  });
}

/** Reads whole seconds up to five minutes. With more tolerance, an expired token would be as good as a fresh token. */
function clockTolerance(read: Reader): number {
  const ms = read.value("clockTolerance") === 0 ? 0 : read.duration("clockTolerance", 30_000);
  if (ms > 300_000) throw read.error("clockTolerance", "must be at most 5m: mend the clock instead");
  return Math.floor(ms / 1000);
}

function cacheMaxAge(read: Reader): number {
  const ms = read.duration("cacheMaxAge", 60 * 60 * 1000);
  if (ms < RETRY_AFTER || ms > STALE_FOR) throw read.error("cacheMaxAge", "must be from 30s to 24h");
  return ms;
}

const ROLE_NAME = /^[A-Za-z0-9_.:-]{1,64}$/;

function roles(read: Reader): string[] | undefined {
  const value = read.value("validRoles");
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.length === 0)
    throw read.error("validRoles", "must not be empty: list roles, or leave it out");
  if (!Array.isArray(value) || !value.every((role) => typeof role === "string" && ROLE_NAME.test(role))) {
    throw read.error("validRoles", "must be a list of role names: 1 to 64 of the characters A-Z a-z 0-9 _ . : -");
  }
  return value as string[];
}

/**
 * Checks the roles that `authorize()` was called with.
 *
 * @throws SentriError `CONFIGURATION_ERROR` if the list is empty or a role is not valid
 */
export function checkRequired(required: readonly string[], valid: readonly string[] | undefined): void {
  if (required.length === 0 || required.includes(""))
    throw configurationError("authorize() needs at least one role, and no empty one");
  const wrong = valid && required.find((role) => !valid.includes(role));
  if (wrong === undefined) return;
  throw configurationError(
    `authorize() names '${ROLE_NAME.test(wrong) ? wrong : "(malformed)"}', which validRoles does not list`,
  );
}

/**
 * Reads the name of the cookie from `accessCookie`, which may be the server's: members that only matter for writing the
 * cookie are ignored. The cookie is read unless the option is `false`.
 */
function cookieName(read: Reader): string | undefined {
  const value = read.value("accessCookie") ?? true;
  if (value === false) return undefined;
  if (value !== true && typeof value !== "object") throw read.error("accessCookie", "must be an object or a boolean");
  const cookie = new Reader("accessCookie", value === true ? {} : value);
  for (const servers of ["domain", "path", "secure", "sameSite", "partitioned", "httpOnly"]) cookie.value(servers);
  const name = cookie.string("name") ?? "access_token";
  if (name.length > 128 || !/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(name)) {
    throw cookie.error("name", "must be a token of RFC 6265: letters, digits and !#$%&'*+-.^_`|~");
  }
  const prefix = PREFIXES[cookie.string("prefix") ?? ""];
  if (prefix === undefined) throw cookie.error("prefix", "must be '__Host-' or '__Secure-'");
  cookie.finish();
  return name.startsWith(prefix) ? name : prefix + name;
}

const PREFIXES: Record<string, string> = {
  "": "",
  "__Host-": "__Host-",
  host: "__Host-",
  "__Secure-": "__Secure-",
  secure: "__Secure-",
};

function logger(read: Reader): SentriLogger | undefined {
  const value = read.value("logger") as Record<string, unknown> | undefined;
  if (value === undefined) return undefined;
  if (!["info", "warn", "error"].every((method) => typeof value[method] === "function")) {
    throw read.error("logger", "must have the methods info, warn and error");
  }
  return value as unknown as SentriLogger;
}

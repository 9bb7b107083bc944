import { clockOf } from "../clock.js";
import type { SentriLogger } from "../types.js";
import { ALGORITHMS, algorithmOf, isSymmetric, type Algorithm } from "./algorithm.js";
import type { ClaimRules } from "./claims.js";
import { Reader, configurationError } from "./reader.js";

/** The options of client mode, checked. */
export interface ClientConfig {
  readonly keyUri: string;
  /** Milliseconds. */
  readonly cacheMaxAge: number;
  readonly algorithms: readonly Algorithm[];
  readonly claims: ClaimRules;
  /** `undefined`: any role name will do. */
  readonly validRoles: readonly string[] | undefined;
  readonly cookieName: string;
  readonly service: string;
  readonly logger: SentriLogger | undefined;
  readonly isTokenRevoked: ((sessionId: string) => unknown) | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Checks the options of client mode.
 *
 * @throws SentriError `CONFIGURATION_ERROR` that names the option and the cure
 */
export function readOptions(options: object): ClientConfig {
  const read = new Reader("", options);
  if (read.value("mode") !== "client") throw read.error("mode", "must be 'server' or 'client'");
  const clock = clockOf(read.value("clock"));
  const config: ClientConfig = {
    keyUri: keyUri(read),
    cacheMaxAge: read.duration("cacheMaxAge", 60 * 60 * 1000),
    algorithms: algorithms(read),
    claims: {
      issuer: read.text("issuer"),
      audience: read.text("audience"),
      leewaySeconds: Math.floor(tolerance(read) / 1000),
    },
    validRoles: roles(read),
    cookieName: cookieName(read),
    service: read.text("loggerService") ?? "sentri",
    logger: logger(read),
    isTokenRevoked: read.function("isTokenRevoked"),
    now: clock ? () => clock.now() : Date.now,
  };
  read.finish();
  return config;
}

function keyUri(read: Reader): string {
  const text = read.text("keyUri");
  if (text === undefined) {
    throw read.error("keyUri", "is missing: give the address of the auth server's keys, e.g. 'https://auth.example.com/auth/keys'");
  }
  const insecure = read.boolean("allowInsecure", false);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol)) throw read.error("keyUri", "must be an http or https URL");
  if (url.username !== "" || url.password !== "") throw read.error("keyUri", "must not hold a user name or password");
  if (url.protocol === "http:" && !insecure && !isLoopback(url.hostname)) {
    throw read.error("keyUri", "must be https: whoever can change the keys on their way can forge tokens; http is for loopback, or allowInsecure: true");
  }
  return text;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(?:\.[0-9]+){3}$/.test(host);
}

function algorithms(read: Reader): Algorithm[] {
  const asymmetric = ALGORITHMS.filter((algorithm) => !isSymmetric(algorithm));
  const names = read.strings("algorithms");
  if (names === undefined) return asymmetric;
  const list = () => asymmetric.map(({ name }) => name).join(", ");
  if (names.length === 0) throw read.error("algorithms", `must name at least one of ${list()}`);
  return names.map((name) => {
    const algorithm = algorithmOf(name);
    if (algorithm && !isSymmetric(algorithm)) return algorithm;
    throw read.error("algorithms", `must be a list of ${list()}`);
  });
}

function tolerance(read: Reader): number {
  return read.value("clockTolerance") === 0 ? 0 : read.duration("clockTolerance", 30_000);
}

const ROLE_NAME = /^[A-Za-z0-9_.:-]{1,64}$/;

function roles(read: Reader): string[] | undefined {
  const value = read.value("validRoles");
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || !value.every((role) => typeof role === "string" && ROLE_NAME.test(role))) {
    throw read.error("validRoles", "must be a list of role names: 1 to 64 of the characters A-Z a-z 0-9 _ . : -");
  }
  return value as string[];
}

/**
 * Checks the roles that `authorize()` was called with.
 *
 * @throws SentriError `CONFIGURATION_ERROR` when there is none or one is not valid
 */
export function checkRequired(required: readonly string[], valid: readonly string[] | undefined): void {
  if (required.length === 0) throw configurationError("authorize() needs at least one role");
  const wrong = required.find((role) => (valid ? !valid.includes(role) : role === ""));
  if (wrong === undefined) return;
  const name = ROLE_NAME.test(wrong) ? wrong : "(malformed)";
  throw configurationError(`authorize() names '${name}', which ${valid ? "validRoles does not list" : "is no role name"}`);
}

function cookieName(read: Reader): string {
  const value = read.value("accessCookie");
  if (value === undefined) return "access_token";
  const cookie = new Reader("accessCookie", value);
  const name = cookie.text("name") ?? "access_token";
  cookie.finish();
  if (name.length > 128 || !/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(name)) {
    throw cookie.error("name", "must be a token of RFC 6265: letters, digits and !#$%&'*+-.^_`|~");
  }
  return name;
}

function logger(read: Reader): SentriLogger | undefined {
  const value = read.value("logger") as Record<string, unknown> | undefined;
  if (value === undefined) return undefined;
  if (!["info", "warn", "error"].every((method) => typeof value[method] === "function")) {
    throw read.error("logger", "must have the methods info, warn and error");
  }
  return value as unknown as SentriLogger;
}

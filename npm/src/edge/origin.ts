import { configurationError } from "./reader.js";

/**
 * The host and port of an origin (RFC 6454, 4) or of a `Host` header. An origin has the default port of its scheme
 * filled in.
 */
interface Place {
  host: string;
  port: number | undefined;
}

const SCHEME = /^[a-z][a-z0-9+.-]*$/;
const DEFAULT_PORTS: Record<string, number> = { http: 80, https: 443 };

/** Returns whether a method is safe (RFC 9110, 9.2.1), so that a forged request gains nothing. */
function isSafe(method: string): boolean {
  return ["GET", "HEAD", "OPTIONS", "TRACE"].includes(method.toUpperCase());
}

/**
 * Returns whether an `Upgrade` header asks for a WebSocket (RFC 6455, 4.2.1). The header lists protocols, in any case
 * and each perhaps with a version behind a slash (RFC 9110, 7.8).
 */
function opensWebSocket(upgrade: string | undefined): boolean {
  return upgrade !== undefined && /(^|,)[ \t]*websocket[ \t]*($|[,/])/i.test(upgrade);
}

/** The headers of a request that show its origin. */
export interface Provenance {
  readonly method: string;
  readonly upgrade?: string | undefined;
  readonly secFetchSite?: string | undefined;
  readonly origin?: string | undefined;
  readonly host?: string | undefined;
  readonly scheme?: string | undefined;
}

/**
 * Returns whether a request that a cookie authenticates may be served: its method is safe, or its headers prove that a
 * page of ours, or no page at all, sent it. The handshake of a WebSocket is a GET, but counts as `CONNECT` (RFC 8441),
 * which is not safe: any page can open the socket with its visitor's cookies, and read what comes out of it. The rules,
 * in this order:
 * 1. an `Origin` that is trusted: yes;
 * 2. a `Sec-Fetch-Site`, which no page can forge: yes for `same-origin` and `none`, no for everything else;
 * 3. an `Origin`: yes when it is the host's, by `https` where the request is known to have come by it; `null` and
 *    malformed text is no page of ours;
 * 4. neither header: not a browser, nothing to forge.
 */
export function sameOrigin(request: Provenance, trusted: readonly string[]): boolean {
  if (isSafe(request.method) && !opensWebSocket(request.upgrade)) return true;
  const { secFetchSite, origin, host, scheme } = request;
  const parsed = origin === undefined ? undefined : parseOrigin(origin);
  if (origin !== undefined && isTrusted(origin, trusted)) return true;
  if (secFetchSite !== undefined) return ["same-origin", "none"].includes(secFetchSite.trim());
  if (origin === undefined) return true;
  if (/^(https|wss)$/i.test(scheme ?? "") && parsed?.scheme !== "https") return false;
  const at = host === undefined ? undefined : splitPort(host);
  return !!parsed && !!at && at.host === parsed.host && (at.port ?? DEFAULT_PORTS[parsed.scheme]) === parsed.port;
}

/** Whether an `Origin` header names one of `trusted`. */
export function isTrusted(origin: string, trusted: readonly string[]): boolean {
  const parsed = parseOrigin(origin);
  return parsed !== undefined && trusted.some((one) => isEqual(parsed, parseOrigin(one)));
}

/**
 * Reads the `trustedOrigins` option. Without it, no other origin is trusted.
 *
 * @throws SentriError `CONFIGURATION_ERROR` naming the entry
 */
export function readTrustedOrigins(option: unknown): string[] {
  if (option === undefined) return [];
  if (!Array.isArray(option))
    throw configurationError("trustedOrigins must be a list such as ['https://app.example.com']");
  return option.map((entry) => {
    if (typeof entry !== "string") throw configurationError("trustedOrigins must hold strings");
    const problem = problemOf(entry);
    if (problem !== undefined) throw configurationError(`trustedOrigins: '${entry}' ${problem}`);
    return entry;
  });
}

/** The fault of an entry of `trustedOrigins`, as the end of a sentence that begins with the entry. */
function problemOf(text: string): string | undefined {
  if (text.includes("*")) return "must not hold a wildcard: list every origin";
  const at = text.indexOf("://");
  if (at < 0) return "must begin with a scheme, as in 'https://app.example.com'";
  if (!SCHEME.test(text.slice(0, at).toLowerCase())) return "has a malformed scheme";
  const rest = text.slice(at + 3);
  if (/[/?#@\\]/.test(rest)) return "must be scheme, host and port alone, without a path or a slash at the end";
  if (/[^\u0000-\u007f]/.test(rest)) return "must be ASCII: write the domain in its 'xn--' form";
  return parseOrigin(text) ? undefined : "has a malformed host or port";
}

function isEqual(a: Place & { scheme: string }, b: (Place & { scheme: string }) | undefined): boolean {
  return b !== undefined && a.scheme === b.scheme && a.host === b.host && a.port === b.port;
}

/** Reads `scheme://host[:port]` and nothing more: no path, no user, no wildcard, not `null`. */
function parseOrigin(text: string): (Place & { scheme: string }) | undefined {
  const at = text.indexOf("://");
  const scheme = text.slice(0, Math.max(at, 0)).toLowerCase();
  if (!SCHEME.test(scheme) || text.includes("*")) return undefined;
  const place = splitPort(text.slice(at + 3));
  return place && { scheme, host: place.host, port: place.port ?? DEFAULT_PORTS[scheme] };
}

/** Host in lower case and port, of `host`, `host:port`, `[v6]` or `[v6]:port`. */
function splitPort(text: string): Place | undefined {
  const found = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]+))?$/.exec(text);
  if (!found) return undefined;
  const host = found[1]!.startsWith("[") ? canonicalV6(found[1]!) : found[1]!.toLowerCase();
  const port = found[2] === undefined ? undefined : Number(found[2]);
  return host === undefined || (port ?? 0) > 65535 ? undefined : { host, port };
}

/** Returns an IPv6 address in its canonical spelling, by the platform's URL parser. */
function canonicalV6(address: string): string | undefined {
  try {
    return new URL(`http://${address}`).hostname;
  } catch {
    return undefined;
  }
}

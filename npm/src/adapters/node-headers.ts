import type { IncomingMessage } from "node:http";

/** HTTP/2 has this in place of `Host`. */
const AUTHORITY = ":authority";

/** Browsers prove by these headers where a request comes from, so none of their values may get lost. */
const PROOFS = ["origin", "sec-fetch-site"] as const;

/** Values by the name of their header in lower case. */
type Folded = Map<string, string[]>;

/**
 * Returns the headers of a request for the core. `headers` decides, as it does for `protect()`, because middleware may
 * have changed it and hosts without sockets (AWS Lambda behind serverless-http) fill nothing else. If `rawHeaders` has
 * the same values, its separate lines go to the core.
 */
export function headerPairs(req: IncomingMessage): Array<[string, string]> {
  const lines = foldLines(req.rawHeaders);
  const pairs: Array<[string, string]> = [];
  for (const [name, values] of foldHeaders(req.headers)) {
    if (isProof(name)) continue;
    const sent = lines.get(name);
    for (const value of sent !== undefined && says(values, sent) ? sent : values) pairs.push([name, value]);
  }
  for (const name of PROOFS) {
    const value = proof(req, name);
    if (value !== undefined) pairs.push([name, value]);
  }
  return pairs;
}

/** The headers that `protect()` reads by `header`. */
type GuardHeader = "authorization" | "cookie" | "host" | "upgrade" | `access-control-request-${"method" | "headers"}`;

/** A header as `protect()` reads it. */
export function header(req: IncomingMessage, name: GuardHeader): string | undefined {
  const value = req.headers[name];
  if (typeof value === "string") return value;
  if (name === "host") return one(req.headers[AUTHORITY]) ?? rare(req, name);
  return rare(req, name);
}

/** Looks for a name in the client's spelling, which hosts without sockets may keep; on a socket Node has folded it. */
function rare(req: IncomingMessage, name: string): string | undefined {
  if (req.rawHeaders?.length > 0) return undefined;
  return foldHeaders(req.headers)
    .get(name)
    ?.join(name === "cookie" ? "; " : ", ");
}

/** The addresses that proxies have added, as the endpoints read them. */
export function forwardedFor(req: IncomingMessage): string | readonly string[] | undefined {
  return req.headers["x-forwarded-for"] ?? rare(req, "x-forwarded-for");
}

/**
 * Returns a header that proves where a request comes from. If `headers` and `rawHeaders` differ, the result holds both
 * values and equals no site's origin. So a request is never taken for a request without Origin only because its host
 * has lost the header.
 */
export function proof(req: IncomingMessage, name: (typeof PROOFS)[number]): string | undefined {
  const value = req.headers[name];
  if (agree(req, name, value)) return value as string | undefined;
  const values = foldHeaders(req.headers).get(name) ?? [];
  const sent = foldLines(req.rawHeaders).get(name) ?? [];
  const all = new Set(says(values, sent) ? values : [...values, ...sent]);
  return all.size > 0 ? [...all].join(", ") : undefined;
}

/** Compares `headers` and `rawHeaders` for a name without an allocation, since every request comes by here. */
function agree({ headers, rawHeaders = [] }: IncomingMessage, name: string, value: unknown): boolean {
  const isVariant = (other: unknown) =>
    typeof other === "string" && other.length === name.length && other.toLowerCase() === name;
  let isSent = false;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (!isVariant(rawHeaders[i])) continue;
    if (rawHeaders[i + 1] !== value) return false;
    isSent = true;
  }
  for (const key in headers) if (key !== name && isVariant(key)) return false;
  return value === undefined || isSent;
}

/** Returns the value of a header that is there once. */
export function one(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

const isProof = (name: string) => (PROOFS as readonly string[]).includes(name);

/** Returns whether Node would join these lines to the value in `headers`. */
function says(values: readonly string[], lines: readonly string[]): boolean {
  const [value] = values;
  return values.length === 1 && (value === lines[0] || value === lines.join(", ") || value === lines.join("; "));
}

function foldHeaders(headers: Readonly<Record<string, unknown>> | undefined): Folded {
  const folded: Folded = new Map();
  for (const [name, value] of Object.entries(headers ?? {})) for (const each of [value].flat()) add(folded, name, each);
  return folded;
}

function foldLines(lines: readonly unknown[] | undefined): Folded {
  const folded: Folded = new Map();
  for (let i = 0; i + 1 < (lines?.length ?? 0); i += 2) add(folded, String(lines![i]), lines![i + 1]);
  return folded;
}

/** Adds a value as a text, because some hosts set numbers, such as the length of a body that they have counted. */
function add(folded: Folded, name: string, value: unknown): void {
  if (value === undefined || value === null) return;
  const known = name.toLowerCase();
  const folding = known === AUTHORITY ? "host" : known;
  const values = folded.get(folding);
  if (values === undefined) folded.set(folding, [String(value)]);
  else values.push(String(value));
}

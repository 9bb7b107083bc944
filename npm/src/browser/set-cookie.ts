/** The attributes of a cookie, as the cookies of Next, SvelteKit and Astro take them. */
export interface StoredCookie {
  path: string;
  domain?: string;
  expires?: Date;
  /** Seconds. */
  maxAge?: number;
  httpOnly: boolean;
  secure: boolean;
  sameSite?: "lax" | "strict" | "none";
  partitioned?: boolean;
  encode?: (value: string) => string;
}

/**
 * Reads a `Set-Cookie` header (RFC 6265, 5.2). A cookie without a path is for the whole site: the path of the internal
 * call does not apply here.
 */
export function parseSetCookie(line: string): { name: string; value: string; attributes: StoredCookie } {
  const [pair = "", ...rest] = line.split(";");
  const { key: name, value } = split(pair);
  // Frameworks have defaults of their own, so absent attributes are written out.
  const attributes: StoredCookie = { path: "/", httpOnly: false, secure: false };
  for (const part of rest) {
    const { key, value: given } = split(part);
    READERS[key.toLowerCase()]?.(attributes, given);
  }
  return { name, value, attributes };
}

const READERS: Record<string, (attributes: StoredCookie, value: string) => void> = {
  path: (attributes, value) => value.startsWith("/") && (attributes.path = value),
  domain: (attributes, value) => value !== "" && (attributes.domain = value),
  expires: (attributes, value) => Number.isFinite(Date.parse(value)) && (attributes.expires = new Date(value)),
  "max-age": (attributes, value) => /^-?[0-9]+$/.test(value) && (attributes.maxAge = Number(value)),
  httponly: (attributes) => (attributes.httpOnly = true),
  secure: (attributes) => (attributes.secure = true),
  samesite(attributes, value) {
    const given = value.toLowerCase();
    if (isSameSite(given)) attributes.sameSite = given;
  },
  partitioned: (attributes) => (attributes.partitioned = true),
};

function isSameSite(value: string): value is "lax" | "strict" | "none" {
  return ["lax", "strict", "none"].includes(value);
}

function split(part: string): { key: string; value: string } {
  const at = part.indexOf("=");
  return at < 0 ? { key: part.trim(), value: "" } : { key: part.slice(0, at).trim(), value: part.slice(at + 1).trim() };
}

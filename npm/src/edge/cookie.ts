/** What a `Cookie` header says about one name: no such cookie, its value, or two different values. */
export type Found = undefined | { readonly value: string } | "conflict";

const trim = (text: string) => text.replace(/^[ \t]+|[ \t]+$/g, "");

/**
 * Looks for a cookie in the `Cookie` headers of a request (RFC 6265bis). Names are compared exactly. Two different values
 * are a conflict: a neighbouring site may have planted one of them, and nobody can tell which.
 */
export function readCookie(headers: readonly string[], name: string): Found {
  let found: string | undefined;
  for (const pair of headers.flatMap((header) => header.split(";"))) {
    const at = pair.indexOf("=");
    if (at < 0 || trim(pair.slice(0, at)) !== name) continue;
    const raw = trim(pair.slice(at + 1));
    const value = raw.length >= 2 && raw.startsWith('"') && raw.endsWith('"') ? raw.slice(1, -1) : raw;
    if (found !== undefined && found !== value) return "conflict";
    found = value;
  }
  return found === undefined ? undefined : { value: found };
}

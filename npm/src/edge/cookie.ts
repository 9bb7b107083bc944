/**
 * The values of a name in a `Cookie` header: no such cookie, its value, or different values in the order sent.
 * `tooMany`: there are more values.
 */
export type Found =
  | undefined
  | { readonly value: string }
  | { readonly values: readonly string[]; readonly tooMany: boolean };

/** The most different values of a name that are read. */
const MAX_VALUES = 8;

const trim = (text: string) => text.replace(/^[ \t]+|[ \t]+$/g, "");

/**
 * Looks for a cookie in the `Cookie` headers of a request (RFC 6265bis). Names are compared exactly. Returns all
 * different values, because a neighbouring site may have planted some of them; the caller uses those that verify.
 */
export function readCookie(headers: readonly string[], name: string): Found {
  const values = new Set<string>();
  for (const pair of headers.flatMap((header) => header.split(";"))) {
    const at = pair.indexOf("=");
    if (at < 0 || trim(pair.slice(0, at)) !== name) continue;
    const raw = trim(pair.slice(at + 1));
    const value = raw.length >= 2 && raw.startsWith('"') && raw.endsWith('"') ? raw.slice(1, -1) : raw;
    if (values.size === MAX_VALUES && !values.has(value)) return { values: [...values], tooMany: true };
    values.add(value);
  }
  const [value, ...others] = values;
  if (value === undefined) return undefined;
  return others.length === 0 ? { value } : { values: [...values], tooMany: false };
}

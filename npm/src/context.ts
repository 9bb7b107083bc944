/**
 * Returns the id of a request: the first id that earlier middleware has set, else the header `X-Request-Id` if it is
 * printable and at most 128 characters long.
 */
export function requestIdOf(known: readonly unknown[], header: string | null | undefined): string | undefined {
  for (const id of known) {
    if ((typeof id === "string" && id !== "") || typeof id === "number") return String(id);
  }
  return typeof header === "string" && /^[\x21-\x7e]{1,128}$/.test(header) ? header : undefined;
}

import { MAX_STORED_BODY } from "../../generated/constants.js";
import { describeValue } from "../body-text.js";

/**
 * The text that distinguishes bodies that a parser has read. If none has, or a parser left an empty object, as that of
 * Express 4 does for types that it does not read, only the length of the body is known.
 */
export function describeBody(body: unknown, length: string | null | undefined, isRead: boolean): string {
  if (typeof body === "string") return body;
  if (body instanceof Uint8Array || body instanceof ArrayBuffer)
    return Buffer.from(body as Uint8Array).toString("base64");
  return isUnread(body, isRead) ? `unread ${length ?? ""}` : describeValue(body);
}

function isUnread(body: unknown, isRead: boolean): boolean {
  if (typeof body !== "object" || body === null) return body === undefined;
  if (typeof (body as { pipe?: unknown }).pipe === "function") return true;
  return !isRead && !Array.isArray(body) && Object.keys(body).length === 0;
}

/**
 * The same for a parsed body that may hold files, which are no JSON: their bytes count, up to the limit for all of
 * them.
 */
export async function describeForm(body: unknown, length: string | null | undefined): Promise<string> {
  const files = new Map<Blob, object | undefined>();
  const stand = (_name: string, value: unknown) => {
    if (!(value instanceof Blob)) return value;
    const known = files.get(value);
    files.set(value, known);
    return known;
  };
  if (typeof body !== "object" || body instanceof Uint8Array || body instanceof ArrayBuffer)
    return describeBody(body, length, true);
  describeValue(body, stand);
  let left = MAX_STORED_BODY;
  for (const file of files.keys()) {
    const { name, size, type } = file as Blob & { name?: string };
    const start = await file.slice(0, left).arrayBuffer();
    left -= start.byteLength;
    const digest = Buffer.from(await crypto.subtle.digest("SHA-256", start)).toString("base64");
    files.set(file, { name, size, type, digest });
  }
  return describeValue(body, stand);
}

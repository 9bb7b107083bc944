import { MAX_STORED_BODY } from "../../generated/constants.js";
import { describeValue } from "../body-text.js";

/**
 * Describes a body by a text that differs for different bodies. If no parser has read the body, or a parser left an
 * empty object, as that of Express 4 does for content types that it does not read, the text holds only the length.
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
 * Describes a parsed body that may hold files. A file is described by name, size, type and a SHA-256 of its bytes; of
 * all files together, at most `MAX_STORED_BODY` bytes count.
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

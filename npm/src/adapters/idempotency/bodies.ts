import { MAX_STORED_BODY } from "../../generated/constants.js";
import { describeValue } from "../body-text.js";

/** The length of a body that its sender declares, in `Content-Length`. */
type Length = string | null | undefined;

/**
 * Describes a body by bytes that differ for different bodies. They are the body itself if a parser left it as text or
 * bytes, else the JSON of its value. They hold only the length if no parser has read the body, or if a parser left an
 * empty object, as that of Express 4 does for content types that it does not read.
 */
export function describeBody(body: unknown, length: Length, isRead: boolean): Uint8Array {
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  return isUnread(body, isRead) ? unreadOf(length) : Buffer.from(describeValue(body));
}

/** The bytes that stand for a body of which only the length is known. */
export function unreadOf(length: Length): Uint8Array {
  return Buffer.from(`unread ${length ?? ""}`);
}

/** A body, or the beginning of a long body with its length. `start` is the whole body, or more than the limit of it. */
export function standFor(start: Uint8Array, length: Length): Uint8Array {
  if (start.length <= MAX_STORED_BODY) return start;
  return Buffer.concat([start.subarray(0, MAX_STORED_BODY), Buffer.from(` ${length ?? ""}`)]);
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
export async function describeForm(body: unknown, length: Length): Promise<Uint8Array> {
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
  return Buffer.from(describeValue(body, stand));
}

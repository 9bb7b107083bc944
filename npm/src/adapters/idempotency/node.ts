import type { IncomingMessage } from "node:http";
import { NodeGuardRequest } from "../node.js";
import { describeBody } from "./bodies.js";
import type { Execution, Keyed } from "./gate.js";

/**
 * The facts of a request from a framework over `node:http`, and its body as a parser has read it. `isRead`: some parser
 * has read it.
 */
interface KeyedFacts extends Pick<Keyed, "url" | "address" | "host" | "user"> {
  body: unknown;
  isRead?: boolean;
}

/** A request that carries a key. */
export function keyedOf(
  raw: IncomingMessage,
  value: string | string[],
  { url, address, host, body, user, isRead = raw.readableEnded }: KeyedFacts,
): Keyed {
  const { "content-type": type, "content-length": length, "x-api-key": apiKey } = raw.headers;
  return {
    raw,
    guard: new NodeGuardRequest(raw),
    value,
    host,
    url,
    apiKey,
    address,
    type,
    body: describeBody(body, length, isRead),
    user,
  };
}

/**
 * Frees the key of a request that is aborted before its body has ended: an application that waits for the rest never
 * answers.
 */
export function freeIfAborted(raw: IncomingMessage, execution: Execution): void {
  const look = () => {
    if (raw.complete === false) void execution.free();
  };
  if (raw.destroyed) look();
  else raw.once("close", look);
}

import { SentriError } from "../errors.js";
import type { ResponseData } from "../protect-host.js";
import type { NativeRequest } from "../generated/native.js";
import type { AuthServer } from "../server.js";
import type { WaitUntil } from "../types.js";

/**
 * The client has aborted the request before its body ended. Nothing runs and nothing is logged, since any client could
 * fill a log with it.
 */
export class CutOff extends SentriError {
  constructor() {
    super("VALIDATION_ERROR", "The request body was cut off");
  }
}

/**
 * Serves a request to an endpoint once the request has been read. An aborted request is answered here and reaches no
 * error handler.
 */
export async function serveRead(
  server: AuthServer,
  reading: Promise<NativeRequest>,
  waitUntil?: WaitUntil,
): Promise<ResponseData> {
  try {
    return await server.handle(await reading, waitUntil);
  } catch (error) {
    if (error instanceof CutOff) return server.errorResponse(error);
    throw error;
  }
}

/** The codes of errors of a connection that has ended, including those of Node's HTTP parser. */
const ENDED = /^(?:ECONNRESET|ECONNABORTED|EPIPE|HPE_\w+)$/;

/**
 * Returns whether an error only means that the client of `req`, a request of `node:http`, disconnected before its body
 * ended.
 */
export function isOfCutOff(error: unknown, req: unknown): boolean {
  const { complete } = (req ?? {}) as { complete?: unknown };
  return complete === false && ENDED.test(String((error as { code?: unknown } | null | undefined)?.code));
}

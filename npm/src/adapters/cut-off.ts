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
 * Serves a request to an endpoint when it has been read; an aborted request goes no further, not to an error handler
 * either.
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

/** The codes of errors of a connection that has ended, those of the parser of HTTP among them. */
const ENDED = /^(?:ECONNRESET|ECONNABORTED|EPIPE|HPE_\w+)$/;

/**
 * Whether an error says no more than that the client of `req`, a request of `node:http`, has broken off before its body
 * ended.
 */
export function isOfCutOff(error: unknown, req: unknown): boolean {
  const { complete } = (req ?? {}) as { complete?: unknown };
  return complete === false && ENDED.test(String((error as { code?: unknown } | null | undefined)?.code));
}

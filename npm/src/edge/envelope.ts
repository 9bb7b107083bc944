import type { ErrorData } from "../errors.js";
import { SENTRI_ERROR_MESSAGE, SENTRI_ERROR_STATUS, type SentriErrorCode } from "../generated/codes.js";
import type { ResponseData } from "../guardian.js";

/** An error of a code, with a sentence of its own or the usual one. */
export function errorOf(code: SentriErrorCode, message: string = SENTRI_ERROR_MESSAGE[code]): ErrorData {
  return { code, message, statusCode: SENTRI_ERROR_STATUS[code] };
}

/**
 * The error for anything that was thrown. One with a code of its own is told as it is; of others a 4xx status is kept, in
 * words of ours, because their own may quote the request.
 */
export function publicError(thrown: Partial<ErrorData>): ErrorData {
  const { code, message = "", statusCode = 500, retryAfter } = thrown;
  const isError = Number.isInteger(statusCode) && statusCode >= 400 && statusCode < 600;
  if (!isError) return errorOf("INTERNAL_ERROR");
  if (code === undefined) return fromStatus(statusCode);
  return { code, message, statusCode, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

function fromStatus(statusCode: number): ErrorData {
  switch (statusCode) {
    case 401:
      return errorOf("UNAUTHORIZED");
    case 403:
      return errorOf("FORBIDDEN");
    case 404:
      return { code: "NOT_FOUND", message: "Not found", statusCode };
    case 413:
      return { ...errorOf("VALIDATION_ERROR", "The request body is too large"), statusCode };
    case 429:
      return errorOf("RATE_LIMIT_EXCEEDED");
    default:
      return statusCode < 500
        ? { ...errorOf("VALIDATION_ERROR", "The request could not be read"), statusCode }
        : errorOf("INTERNAL_ERROR");
  }
}

/**
 * `{error: true, statusCode, code, message, data: null}`, in this order; `WWW-Authenticate` with a 401 (RFC 9110, 11.6.1),
 * `Retry-After` where the error knows when.
 */
export function errorResponse({ code, message, statusCode, retryAfter }: ErrorData): ResponseData {
  const headers: Array<[string, string]> = [
    ["Content-Type", "application/json; charset=utf-8"],
    ["Cache-Control", "no-store"],
  ];
  if (statusCode === 401) headers.push(["WWW-Authenticate", "Bearer"]);
  if (retryAfter !== undefined) headers.push(["Retry-After", String(Math.max(1, Math.ceil(retryAfter)))]);
  return { status: statusCode, headers, body: JSON.stringify({ error: true, statusCode, code, message, data: null }) };
}

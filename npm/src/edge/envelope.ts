import type { ErrorData } from "../errors.js";
import { SENTRI_ERROR_MESSAGE, SENTRI_ERROR_STATUS, STATUS_NAMES, type SentriErrorCode } from "../generated/codes.js";
import type { ResponseData } from "../protect-host.js";
import type { ThrownFacts } from "../thrown.js";

/** Makes the error of a code, with a message of its own or the usual message of the code. */
export function errorOf(code: SentriErrorCode, message: string = SENTRI_ERROR_MESSAGE[code]): ErrorData {
  return { code, message, statusCode: SENTRI_ERROR_STATUS[code] };
}

/**
 * Returns the error that clients get for a thrown value. An error with a code is returned unchanged. Of another error,
 * a 4xx status is kept.
 */
export function publicError(thrown: Partial<ErrorData> & ThrownFacts): ErrorData {
  const { code, message = "", statusCode = 500, details, retryAfter } = thrown;
  const isError = Number.isInteger(statusCode) && statusCode >= 400 && statusCode < 600;
  if (!isError) return errorOf("INTERNAL_ERROR");
  if (code === undefined) return fromStatus(statusCode, thrown);
  return {
    code,
    message,
    statusCode,
    ...(details === undefined ? {} : { details }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** Our codes and messages for statuses. */
const WORDED: Record<number, readonly [string, string]> = {
  401: ["UNAUTHORIZED", SENTRI_ERROR_MESSAGE.UNAUTHORIZED],
  403: ["FORBIDDEN", SENTRI_ERROR_MESSAGE.FORBIDDEN],
  404: ["NOT_FOUND", "Not found"],
  413: ["VALIDATION_ERROR", "The request body is too large"],
  429: ["RATE_LIMIT_EXCEEDED", SENTRI_ERROR_MESSAGE.RATE_LIMIT_EXCEEDED],
};

function fromStatus(statusCode: number, { message, unread }: ThrownFacts): ErrorData {
  if (statusCode >= 500) return errorOf("INTERNAL_ERROR");
  const [code, ours] = WORDED[statusCode] ?? ["VALIDATION_ERROR", undefined];
  const words = unread
    ? (ours ?? "The request could not be read")
    : (message ?? ours ?? STATUS_NAMES[statusCode] ?? "Bad request");
  return { code, message: words, statusCode };
}

/** The codes whose answers have `data`: the error's details. */
const WITH_DATA = ["MFA_REQUIRED", "STEP_UP_REQUIRED"];

/** Writes the challenge of a `STEP_UP_REQUIRED` (RFC 9470, 3). Members of `details` of another form are left out. */
function challenge(details: unknown): string {
  const { acr, maxAge } = Object(details) as { acr?: unknown; maxAge?: unknown };
  const level = acr === "aal1" || acr === "aal2" ? `, acr_values="${acr}"` : "";
  const isAge = typeof maxAge === "number" && Number.isInteger(maxAge) && maxAge >= 0 && maxAge <= 253_402_300_799;
  return `Bearer error="insufficient_user_authentication"${level}${isAge ? `, max_age=${maxAge}` : ""}`;
}

/**
 * Answers an error by `{error: true, statusCode, code, message, data: null}`, in this order. `data` holds the details
 * for the codes in `WITH_DATA`. A 401 has `WWW-Authenticate` (RFC 9110, 11.6.1). An error with `retryAfter` has
 * `Retry-After`.
 */
export function errorResponse({ code, message, statusCode, details, retryAfter }: ErrorData): ResponseData {
  const headers: Array<[string, string]> = [
    ["Content-Type", "application/json; charset=utf-8"],
    ["Cache-Control", "no-store"],
  ];
  if (statusCode === 401)
    headers.push(["WWW-Authenticate", code === "STEP_UP_REQUIRED" ? challenge(details) : "Bearer"]);
  if (retryAfter !== undefined) headers.push(["Retry-After", String(Math.max(1, Math.ceil(retryAfter)))]);
  const data = WITH_DATA.includes(code) ? (details ?? null) : null;
  return { status: statusCode, headers, body: JSON.stringify({ error: true, statusCode, code, message, data }) };
}

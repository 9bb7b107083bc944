// Written by `make generate` from the tables of the core. Do not edit.

/** HTTP status of every error code. */
export const SENTRI_ERROR_STATUS = {
  INVALID_CREDENTIALS: 401,
  USER_NOT_FOUND: 404,
  USER_ALREADY_EXISTS: 409,
  IDENTIFIER_NOT_FOUND: 404,
  IDENTIFIER_ALREADY_EXISTS: 409,
  SESSION_NOT_FOUND: 404,
  TOKEN_EXPIRED: 401,
  TOKEN_INVALID: 401,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  INVALID_ROLE: 400,
  VALIDATION_ERROR: 400,
  RATE_LIMIT_EXCEEDED: 429,
  IDEMPOTENCY_IN_PROGRESS: 409,
  IDEMPOTENCY_MISMATCH: 422,
  CONFIGURATION_ERROR: 500,
  SERVICE_UNAVAILABLE: 503,
  INTERNAL_ERROR: 500,
} as const;

/** Every error code of sentri. */
export type SentriErrorCode = keyof typeof SENTRI_ERROR_STATUS;

/** The sentence that goes with a code where no more precise one is known. */
export const SENTRI_ERROR_MESSAGE: Record<SentriErrorCode, string> = {
  INVALID_CREDENTIALS: "Invalid credentials",
  USER_NOT_FOUND: "User not found",
  USER_ALREADY_EXISTS: "User already exists",
  IDENTIFIER_NOT_FOUND: "Identifier not found",
  IDENTIFIER_ALREADY_EXISTS: "Identifier already exists",
  SESSION_NOT_FOUND: "Session not found",
  TOKEN_EXPIRED: "Token has expired",
  TOKEN_INVALID: "Token is invalid",
  UNAUTHORIZED: "Unauthorized",
  FORBIDDEN: "Forbidden",
  INVALID_ROLE: "Invalid role",
  VALIDATION_ERROR: "Validation failed",
  RATE_LIMIT_EXCEEDED: "Too many requests",
  IDEMPOTENCY_IN_PROGRESS: "A request with this idempotency key is in progress",
  IDEMPOTENCY_MISMATCH: "The idempotency key was used with another request body",
  CONFIGURATION_ERROR: "Configuration error",
  SERVICE_UNAVAILABLE: "Service temporarily unavailable",
  INTERNAL_ERROR: "Internal server error",
};

/** The names of 4xx statuses for which there are no better words. */
export const STATUS_NAMES: Record<number, string> = {
  402: "Payment required",
  405: "Method not allowed",
  406: "Not acceptable",
  407: "Proxy authentication required",
  408: "Request timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length required",
  412: "Precondition failed",
  414: "URI too long",
  415: "Unsupported media type",
  416: "Range not satisfiable",
  417: "Expectation failed",
  418: "I'm a teapot",
  421: "Misdirected request",
  422: "Unprocessable content",
  423: "Locked",
  424: "Failed dependency",
  425: "Too early",
  426: "Upgrade required",
  428: "Precondition required",
  431: "Request header fields too large",
  451: "Unavailable for legal reasons",
};

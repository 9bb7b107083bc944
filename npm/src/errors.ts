import { SENTRI_ERROR_STATUS, type SentriErrorCode } from "./generated/codes.js";
import type { ErrorData } from "./generated/wire.js";
import { thrownFacts, type ThrownFacts } from "./thrown.js";

const BRAND = Symbol.for("sentri.SentriError");
const RETRY_AFTER = Symbol.for("sentri.retryAfter");

export type { ErrorData };

/**
 * The error that sentri throws, and that its error handler answers with. Extend it for errors of your own.
 *
 * `instanceof` also holds across copies of the package, such as its ESM and CommonJS forms in different folders.
 *
 * @example
 * class NotFoundError extends SentriError {
 *   constructor(what: string) {
 *     super("NOT_FOUND", `${what} not found`, 404);
 *   }
 * }
 */
export class SentriError extends Error {
  /** One of the codes of `SENTRI_ERROR_STATUS`, or one of your own. */
  readonly code: string;
  /** HTTP status. */
  readonly statusCode: number;
  /** Machine-readable details. */
  readonly details?: unknown;

  constructor(code: SentriErrorCode | (string & {}), message?: string, statusCode?: number, details?: unknown) {
    super(message ?? code);
    this.name = "SentriError";
    this.code = code;
    this.statusCode = statusCode ?? (SENTRI_ERROR_STATUS as Record<string, number>)[code] ?? 500;
    if (details !== undefined) this.details = details;
    Object.defineProperty(this, BRAND, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this === SentriError) {
      return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
    }
    return typeof value === "object" && value !== null && Object.prototype.isPrototypeOf.call(this.prototype, value);
  }
}

/** Makes the exception for an error of the core, with the stack of the caller. */
export function fromData(data: ErrorData): SentriError {
  const error = new SentriError(data.code, data.message, data.statusCode, data.details);
  if (data.retryAfter !== undefined) Object.defineProperty(error, RETRY_AFTER, { value: data.retryAfter });
  return error;
}

/**
 * Returns the data of a thrown value that the core needs. A `SentriError` keeps all of its members; of other errors,
 * only the public facts are taken.
 */
export function toData(error: unknown): Partial<ErrorData> & ThrownFacts {
  if (!(error instanceof SentriError)) return thrownFacts(error);
  const { code, message, statusCode, details } = error;
  const retryAfter = (error as unknown as Record<symbol, number | undefined>)[RETRY_AFTER];
  return { code, message, statusCode, details, retryAfter };
}

/** Unwraps `{value}` or throws `{error}`. */
export function unwrap<T>(text: string): T {
  const outcome = JSON.parse(text) as { value: T; error?: ErrorData };
  if (outcome.error) throw fromData(outcome.error);
  return outcome.value;
}

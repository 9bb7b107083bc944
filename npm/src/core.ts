export { SentriError } from "./errors.js";
export { SENTRI_ERROR_STATUS, type SentriErrorCode } from "./generated/codes.js";
export { SENTRI_EVENTS, type SentriEvent } from "./generated/events.js";
export { hashPassword, needsRehash, verifyPassword, type HashOptions } from "./passwords.js";
export { SENTRI_ROUTES } from "./generated/routes.js";
export type * from "./types.js";
export type { CountingApi, GuardApi, ProgrammaticApi, ServingApi, WriteItWithParentheses } from "./adapters/api.js";
export type { IdempotencyOptions } from "./adapters/idempotency/gate.js";

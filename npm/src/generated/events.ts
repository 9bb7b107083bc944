// Written by `make generate` from the tables of the core. Do not edit.

/** Every auth event, its level, and the fields it may carry beside `service`, `event` and `requestId`. */
export const SENTRI_EVENTS = {
  "auth.protect.success": { level: "info", fields: ["userId", "mode"] },
  "auth.protect.failure": { level: "warn", fields: ["errorCode", "mode", "reason"] },
  "auth.protect.token_revoked": { level: "warn", fields: ["userId", "mode"] },
  "auth.protect.auto_refresh": { level: "info", fields: ["userId", "mode"] },
  "auth.authorize.passed": { level: "info", fields: ["userId", "userRoles", "requiredRoles"] },
  "auth.authorize.denied": { level: "warn", fields: ["userId", "userRoles", "requiredRoles"] },
  "auth.authorize.unauthenticated": { level: "warn", fields: ["requiredRoles", "cause"] },
  "auth.permit.passed": { level: "info", fields: ["userId"] },
  "auth.permit.denied": { level: "warn", fields: ["userId"] },
  "auth.permit.role_bypass": { level: "info", fields: ["userId", "bypassedByRole"] },
  "auth.permit.unauthenticated": { level: "warn", fields: ["cause"] },
  "auth.register.success": { level: "info", fields: ["userId", "duration_ms"] },
  "auth.register.failure": { level: "warn", fields: ["errorCode", "duration_ms", "cause"] },
  "auth.login.success": { level: "info", fields: ["userId", "duration_ms"] },
  "auth.login.failure": { level: "warn", fields: ["errorCode", "duration_ms", "cause"] },
  "auth.refresh.success": { level: "info", fields: ["userId", "duration_ms"] },
  "auth.refresh.failure": { level: "warn", fields: ["errorCode", "duration_ms", "cause"] },
  "auth.logout": { level: "info", fields: ["userId", "duration_ms"] },
  "auth.logout_all": { level: "info", fields: ["userId", "duration_ms"] },
  "auth.password.changed": { level: "info", fields: ["userId", "duration_ms"] },
  "auth.password.change_failure": { level: "warn", fields: ["userId", "errorCode", "duration_ms", "cause"] },
  "auth.roles.assigned": { level: "info", fields: ["targetUserId", "roles", "duration_ms"] },
  "auth.roles.assign_failure": { level: "warn", fields: ["targetUserId", "errorCode", "duration_ms", "cause"] },
  "auth.identifiers.created": { level: "info", fields: ["userId", "count", "duration_ms"] },
  "auth.identifiers.updated": { level: "info", fields: ["userId", "count", "duration_ms"] },
  "auth.identifiers.deleted": { level: "info", fields: ["userId", "count", "duration_ms"] },
  "auth.identifiers.failure": { level: "warn", fields: ["userId", "errorCode", "duration_ms", "cause"] },
  "auth.refresh.reuse_detected": { level: "warn", fields: ["userId", "sessionId"] },
  "auth.rate_limit.exceeded": { level: "warn", fields: ["limit", "retryAfter"] },
  "auth.session.revoked": { level: "info", fields: ["userId", "sessionId"] },
  "auth.keys.rotated": { level: "info", fields: ["kid"] },
  "auth.hook.failure": { level: "error", fields: ["hook", "cause"] },
} as const;

/** Name of an auth event. */
export type SentriEvent = keyof typeof SENTRI_EVENTS;

// Written by `make generate` from the tables of the core. Do not edit.

/** Every endpoint: method, path below the mount point, who may call it. */
export const SENTRI_ROUTES = [
  { method: "POST", path: "/register", access: "public" },
  { method: "POST", path: "/setup", access: "public" },
  { method: "POST", path: "/login", access: "public" },
  { method: "POST", path: "/login/mfa", access: "public" },
  { method: "POST", path: "/login/code", access: "public" },
  { method: "POST", path: "/login/code/verify", access: "public" },
  { method: "POST", path: "/refresh", access: "public" },
  { method: "POST", path: "/logout", access: "public" },
  { method: "POST", path: "/logout-all", access: "user" },
  { method: "GET", path: "/me", access: "user" },
  { method: "GET", path: "/me/sessions", access: "user" },
  { method: "DELETE", path: "/me/sessions/:id", access: "user" },
  { method: "POST", path: "/me/identifiers", access: "user" },
  { method: "PUT", path: "/me/identifiers", access: "user" },
  { method: "DELETE", path: "/me/identifiers", access: "user" },
  { method: "PATCH", path: "/me/password", access: "user" },
  { method: "POST", path: "/password/forgot", access: "public" },
  { method: "POST", path: "/password/reset", access: "public" },
  { method: "POST", path: "/me/identifiers/:id/verify", access: "user" },
  { method: "POST", path: "/identifiers/verify", access: "public" },
  { method: "POST", path: "/identifiers/confirm", access: "public" },
  { method: "POST", path: "/me/reauthenticate", access: "user" },
  { method: "GET", path: "/me/factors", access: "user" },
  { method: "POST", path: "/me/factors/totp", access: "user" },
  { method: "POST", path: "/me/factors/totp/confirm", access: "user" },
  { method: "DELETE", path: "/me/factors/:id", access: "user" },
  { method: "POST", path: "/me/recovery-codes", access: "user" },
  { method: "GET", path: "/users", access: "admin" },
  { method: "POST", path: "/users", access: "admin" },
  { method: "GET", path: "/users/:userId", access: "admin" },
  { method: "DELETE", path: "/users/:userId", access: "admin" },
  { method: "POST", path: "/users/:userId/roles", access: "admin" },
  { method: "PATCH", path: "/users/:userId/password", access: "admin" },
  { method: "DELETE", path: "/users/:userId/factors", access: "admin" },
  { method: "PATCH", path: "/users/:userId/identifiers", access: "admin" },
  { method: "GET", path: "/keys", access: "public" },
] as const;

/** The operations that the option `router` may override. */
export const SENTRI_OPERATIONS = ["login", "register", "refresh", "logout", "logoutAll", "assignRoles", "bulkCreateIdentifiers", "bulkUpdateIdentifiers", "bulkDeleteIdentifiers", "changePassword", "requestPasswordReset", "resetPassword"] as const;

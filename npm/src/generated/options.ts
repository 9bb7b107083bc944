// Written by `make generate` from the tables of the core. Do not edit.

/** The options of server mode that client mode does not have. */
export const SERVER_ONLY: readonly string[] = [
  "db",
  "dialect",
  "secret",
  "algorithm",
  "keys",
  "adminRoles",
  "defaultRoles",
  "accessExpiresIn",
  "refreshExpiresIn",
  "sessionMaxAge",
  "refreshGrace",
  "saltRounds",
  "password",
  "apiKey",
  "redisUrl",
  "rateLimit",
  "trustProxy",
  "cookie",
  "sessionCheck",
  "requireSession",
  "silentRefresh",
  "hooks",
  "router",
  "validIdentifiers",
];

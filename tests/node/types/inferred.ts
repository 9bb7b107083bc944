// What calls answer, exported as it is inferred from a module that imports nothing else: a declaration must be able to name
// it (TS2742). The test puts every framework's name in place of this one's.
import { createAuthExpress, createIdempotencyMiddleware } from "sentri/express";

export const auth = createAuthExpress({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: "sqlite::memory:",
});
export const client = createAuthExpress({
  mode: "client",
  keyUri: "https://auth.example.com/auth/keys",
  validRoles: ["user", "admin"] as const,
});

export const router = auth.router();
export const protect = auth.protect();
export const authorize = auth.authorize("admin");
export const permit = auth.permit(() => true);
export const permitRoles = auth.permit({ roles: ["admin"], check: async () => false });
export const limiter = auth.rateLimiter({ maxAttempts: 1, durationSeconds: 60 });
export const idempotency = auth.idempotencyMiddleware();
export const onError = auth.errorHandler();
export const chain = [auth.protect(), auth.authorize("user")] as const;
export const standalone = createIdempotencyMiddleware();
export const guards = {
  protect: client.protect(),
  authorize: client.authorize("admin"),
  permit: client.permit(() => true),
  onError: client.errorHandler(),
};

export const registered = () =>
  auth.register({ identifiers: [{ type: "username", value: "rizz" }], password: "correct horse 1" });
export const session = () => auth.createSession("id");
export const sessions = () => auth.listSessions("id");
export const users = () => auth.listUsers();
export const found = () => auth.findUser("rizz");
export const verified = () => auth.verifyAccessToken("token");
export const refreshing = () => auth.verifyRefreshToken("token");
export const keys = () => auth.rotateKeys();
export const { migrate, ready, close, getCurrentAccessToken, listKeys, bulkCreateIdentifiers, assignRoles } = auth;

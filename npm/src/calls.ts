import type { Call } from "./generated/calls.js";
import { NativeGuard } from "./guarding.js";
import { importLines } from "./import.js";
import type * as t from "./types.js";

/** The calls of a server that the core answers: each passes on its arguments. */
export abstract class ServerCalls<Role extends string> extends NativeGuard {
  /** Makes a call, within the caller's transaction if `joined` has one. */
  protected abstract callWithin<T>(joined: t.Joined | undefined, method: Call, ...args: unknown[]): Promise<T>;

  protected call<T>(method: Call, ...args: unknown[]): Promise<T> {
    return this.callWithin<T>(undefined, method, ...args);
  }

  /** Repeats a call that returns every few seconds while the database is starting, with a line for the operator. */
  private async start(method: "migrate" | "ready", options: t.StartOptions): Promise<void> {
    let step = await this.call<{ waiting: string; again: t.StartOptions } | null>(method, options);
    while (step) {
      if (!this.logging) process.emitWarning(step.waiting, "SentriWarning");
      step = await this.call<{ waiting: string; again: t.StartOptions } | null>(method, step.again);
    }
  }

  /**
   * Creates or updates the tables and makes the first key. Safe to repeat, and in many processes at once. Waits for a
   * database that is starting, 30 seconds unless `wait` says otherwise.
   *
   * @throws SentriError `SERVICE_UNAVAILABLE` when the wait is over, `CONFIGURATION_ERROR` where the database refuses
   * role, password or name.
   * @example await auth.migrate({ wait: "1m" });
   */
  migrate(options: t.StartOptions = {}): Promise<void> {
    return this.start("migrate", options);
  }
  /**
   * Resolves when tables and keys are there; waits as `migrate()` does. Requests and async calls wait by themselves,
   * for two seconds at most.
   */
  ready(options: t.StartOptions = {}): Promise<void> {
    return this.start("ready", options);
  }
  /** Registers a user; admin roles are allowed here. With `trx`, as a part of your transaction. */
  register(input: t.RegisterInput<Role>, joined?: t.Joined): Promise<t.RegisterResult<Role>> {
    return this.callWithin(joined, "register", input);
  }
  /** Adds identifiers, all or none. */
  bulkCreateIdentifiers(
    userId: string,
    identifiers: t.IdentifierInput[],
    joined?: t.Joined,
  ): Promise<t.IdentifiersResult> {
    return this.callWithin(joined, "bulkCreateIdentifiers", userId, identifiers);
  }
  /** Changes identifiers, all or none. */
  bulkUpdateIdentifiers(
    userId: string,
    identifiers: t.IdentifierUpdate[],
    joined?: t.Joined,
  ): Promise<t.IdentifiersResult> {
    return this.callWithin(joined, "bulkUpdateIdentifiers", userId, identifiers);
  }
  /** Deletes identifiers, all or none. The user must keep at least one. */
  bulkDeleteIdentifiers(userId: string, ids: string[], joined?: t.Joined): Promise<t.DeleteIdentifiersResult> {
    return this.callWithin(joined, "bulkDeleteIdentifiers", userId, ids);
  }
  /** Replaces a user's role set. */
  assignRoles(userId: string, roles: readonly Role[]): Promise<t.AuthUser<Role>> {
    return this.call("assignRoles", userId, roles);
  }
  /** Sets a password without the old one; every session of the user ends. */
  setPassword(userId: string, newPassword: string): Promise<void> {
    return this.call("setPassword", userId, newPassword);
  }
  /**
   * Removes all second factors and recovery codes of a user who lost them, or whose codes are refused after a hundred
   * wrong codes. Every session of the user ends.
   *
   * @throws SentriError `USER_NOT_FOUND`.
   * @example await auth.removeFactors(user.id);
   */
  removeFactors(userId: string): Promise<void> {
    return this.call("removeFactors", userId);
  }
  /**
   * Disables a user. Every session, every flow and every token that is checked ends at once, and the user can open no
   * other. `until` is an instant with its time zone at which the user is enabled again; without it the user stays
   * disabled. Another call replaces the reason and the end.
   *
   * @throws SentriError `USER_NOT_FOUND`, `VALIDATION_ERROR`.
   * @example await auth.disableUser(user.id, { reason: "unpaid", until: new Date("2026-12-24T18:00:00Z") });
   */
  disableUser(userId: string, options: t.DisableOptions = {}): Promise<t.User<Role>> {
    return this.call("disableUser", userId, options);
  }
  /**
   * Enables a disabled user. Sessions, flows and tokens that ended stay ended.
   *
   * @throws SentriError `USER_NOT_FOUND`.
   * @example await auth.enableUser(user.id);
   */
  enableUser(userId: string): Promise<t.User<Role>> {
    return this.call("enableUser", userId);
  }
  /**
   * Sends a message with a code and a link for a new password to the user with the identifier. It resolves to the same
   * for unknown identifiers. With `deliver: false` the message comes back as `message`, for you to send; it is missing
   * if no user has the identifier.
   *
   * @throws SentriError `VALIDATION_ERROR`; `CONFIGURATION_ERROR` without the option `messages`.
   * @example const { message } = await auth.requestPasswordReset("anna@example.com", { deliver: false });
   */
  requestPasswordReset(identifier: string, options: { deliver?: boolean } = {}): Promise<t.Asked> {
    return this.call("requestPasswordReset", identifier, options);
  }
  /**
   * Sends a user, named by id, a message with a code and a link for a new password. It goes to the oldest verified
   * e-mail address, else phone number, or to the oldest one if none is verified. With `deliver: false` the message
   * comes back as `message`, for you to send.
   *
   * @throws SentriError `USER_NOT_FOUND`; `VALIDATION_ERROR` for a user without an address; `CONFIGURATION_ERROR`
   * without the option `messages`.
   * @example await auth.sendPasswordReset(user.id);
   */
  sendPasswordReset(userId: string, options: { deliver?: boolean } = {}): Promise<t.Asked> {
    return this.call("sendPasswordReset", userId, options);
  }
  /**
   * Sends a message with a code to log in by to the user with the identifier. It resolves to the same for unknown
   * identifiers. With `deliver: false` the message comes back as `message`, for you to send; it is missing if no user
   * has the identifier.
   *
   * @throws SentriError `VALIDATION_ERROR`; `CONFIGURATION_ERROR` without the option `loginCode`.
   * @example const { flow, message } = await auth.requestLoginCode("anna@example.com", { deliver: false });
   */
  requestLoginCode(identifier: string, options: { deliver?: boolean } = {}): Promise<t.Asked> {
    return this.call("requestLoginCode", identifier, options);
  }
  /**
   * Sets a new password by the secret of a message. All sessions of the user end.
   *
   * @throws SentriError `CODE_INVALID` where the secret is wrong, expired, used or unknown; `VALIDATION_ERROR`.
   */
  resetPassword(input: t.ResetInput): Promise<void> {
    return this.call("resetPassword", input);
  }
  /**
   * Makes a user without a password and sends `invitation` to their oldest e-mail address, else phone number: the link
   * leads to `messages.links.invite`, where they set one. With `deliver: false` the message comes back as `message`,
   * for you to send. Admin roles are allowed here.
   *
   * @throws SentriError `VALIDATION_ERROR`, `INVALID_ROLE`, `USER_ALREADY_EXISTS`; `CONFIGURATION_ERROR` without
   * `messages.links.invite`.
   * @example await auth.inviteUser({ identifiers: [{ type: "email", value: "anna@example.com" }] });
   */
  inviteUser(input: t.InviteInput<Role>, options: { deliver?: boolean } = {}): Promise<t.Invited<Role>> {
    return this.call("inviteUser", input, options);
  }
  /**
   * Opens `POST /setup`, by which the first admin is made (option `setup`). Every process with the signing key returns
   * the same token for an hour; `token` is missing if you gave it. Resolves to `null` if there is an admin.
   *
   * @throws SentriError `VALIDATION_ERROR` for a given token that is too short; `CONFIGURATION_ERROR` without the
   * option.
   * @example const { token } = (await auth.beginSetup()) ?? {};
   */
  beginSetup(options: { token?: string } = {}): Promise<{ token?: string; expiresAt: string } | null> {
    return this.call("beginSetup", options);
  }
  /**
   * Imports users of another system with their password hashes, from lines of JSON. A line makes the same user however
   * often it is read, so an import that was interrupted is run again. `docs/guide/import.md` explains how to export.
   *
   * @throws SentriError `VALIDATION_ERROR` or `INVALID_ROLE` for wrong options; faults of lines are in the report.
   * @example
   * ```ts
   * const report = await auth.importUsers(createReadStream("users.jsonl"), { format: "better-auth" });
   * for (const { line, message } of report.refusals) console.error(`line ${line}: ${message}`);
   * ```
   */
  importUsers(source: t.ImportSource, options: t.ImportOptions): Promise<t.ImportReport> {
    return importLines(source, options, (input) => this.call("importUsers", input));
  }
  /** Returns a user by id, or null. */
  getUser(userId: string): Promise<t.User<Role> | null> {
    return this.call("getUser", userId);
  }
  /** Returns the user who has an identifier, in any spelling, or null. */
  findUser(identifier: string): Promise<t.User<Role> | null> {
    return this.call("findUser", identifier);
  }
  /**
   * Lists users, oldest first, in pages of 1 to 100. `search` selects the users who have an identifier that begins with
   * it, in any spelling. It has at most 255 characters, none of which is a wildcard.
   *
   * @throws SentriError `VALIDATION_ERROR`
   * @example const { users, nextCursor } = await auth.listUsers({ search: "anna@" });
   */
  listUsers(
    page: { limit?: number; cursor?: string; identifier?: string; search?: string } = {},
  ): Promise<{ users: t.User<Role>[]; nextCursor: string | null }> {
    return this.call("listUsers", page);
  }
  /** Deletes a user with sessions and identifiers. Returns `false` if there was no such user. */
  deleteUser(userId: string): Promise<boolean> {
    return this.call("deleteUser", userId);
  }
  /**
   * Returns all stored data of a user, without secrets and their hashes, as `GET /me/export` answers it, or `null` if
   * there is no such user.
   *
   * @example const account = await auth.exportUser(user.id);
   */
  exportUser(userId: string): Promise<t.Account<Role> | null> {
    return this.call("exportUser", userId);
  }
  /**
   * Lists the entries of the audit, newest first, in pages of 1 to 100, as `GET /audit` answers them. Throws
   * `CONFIGURATION_ERROR` if the option `audit` is off.
   *
   * @example const { entries, nextCursor } = await auth.listAudit({ user: user.id });
   */
  listAudit(query: t.AuditQuery = {}): Promise<{ entries: t.AuditEntry[]; nextCursor: string | null }> {
    return this.call("listAudit", query);
  }
  /** Opens a session for a user whom you have authenticated by other means. */
  createSession(
    userId: string,
    from: { ip?: string; userAgent?: string } = {},
  ): Promise<t.IssuedTokens<Role> & { sessionId: string }> {
    return this.call("createSession", userId, from);
  }
  /** Lists a user's live sessions, newest first. */
  listSessions(userId: string): Promise<t.SessionInfo[]> {
    return this.call("listSessions", userId);
  }
  /** Ends a session. `false` if there was no such live session. */
  revokeSession(sessionId: string): Promise<boolean> {
    return this.call("revokeSession", sessionId);
  }
  /** Ends every session of a user; returns their number. */
  revokeSessions(userId: string): Promise<number> {
    return this.call("revokeSessions", userId);
  }
  /** Describes the servers behind `redisUrl`; null without that option. Throws, with the cause, if none works. */
  describeRedis(): Promise<string | null> {
    return this.call("describeRedis");
  }
  /**
   * Checks the database, keys and Redis behind the server, for the probes of a load balancer. Calls within a second
   * share an answer, which names no cause, so it may be public.
   *
   * @example
   * ```ts
   * app.get("/health/ready", async (_req, res) => {
   *   const health = await auth.health();
   *   res.status(health.status === "unavailable" ? 503 : 200).json(health);
   * });
   * ```
   */
  health(): Promise<t.Health> {
    return this.call("health");
  }
  /** Makes a new signing key. It is published at once and signs from `activeFrom` on. */
  rotateKeys(): Promise<{ kid: string; activeFrom: string }> {
    return this.call("rotateKeys");
  }
  /** Lists the stored keys without their secrets, newest first. */
  listKeys(): Promise<
    Array<{ kid: string; algorithm: string; createdAt: string; activeFrom: string; retiredAt: string | null }>
  > {
    return this.call("listKeys");
  }
  /** Hashes a password by the configured algorithm, off the event loop. */
  hashPassword(password: string): Promise<string> {
    return this.call("hashPassword", password);
  }
  /** Returns whether a password matches a hash of bcrypt, argon2, scrypt or PBKDF2. */
  verifyPassword(password: string, hash: string): Promise<boolean> {
    return this.call("verifyPassword", password, hash);
  }
}

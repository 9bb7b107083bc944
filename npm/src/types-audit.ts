// The entries of the audit.

/** An entry of the audit. It holds ids and digests, no identifier and no secret. */
export interface AuditEntry {
  id: string;
  /** ISO 8601. */
  at: string;
  /** The name of the event, such as `auth.roles.assigned`. */
  event: string;
  /** The actor: the id of a user, `api-key`, `code` (the application's own code) or `cli`. `null` if unknown. */
  actor: string | null;
  /** The id of the affected user. */
  subject: string | null;
  /** The id of the session in which the actor acted. */
  session: string | null;
  ip: string | null;
  requestId: string | null;
  /** Further facts, such as `roles`; of `identifiers` the types and digests. */
  fields: Record<string, unknown>;
}

/** The selection and the page of entries of the audit to list. */
export interface AuditQuery {
  /** 1 to 100, by default 50. */
  limit?: number;
  /** `nextCursor` of the page before. */
  cursor?: string;
  /** Only entries about the user with this id. */
  user?: string;
  /** Only this event. */
  event?: string;
}

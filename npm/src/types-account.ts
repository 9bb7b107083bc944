// Types of disabled users, of sessions, and of the export of all data of a user.

/** The state of a disabled user; instants are ISO 8601. */
export interface Disabled {
  /** The instant at which the user was disabled. */
  at: string;
  /** The instant from which the user is enabled again, if there is one. */
  until?: string | undefined;
  /** The reason, for admins. */
  reason?: string | undefined;
}

/** The options of `disableUser()`. */
export interface DisableOptions {
  /** A line of at most 500 characters, for admins. */
  reason?: string | undefined;
  /** The instant from which the user is enabled again; without it, never. A text must name its time zone. */
  until?: string | Date | undefined;
}

/** A session as lists show it; instants are ISO 8601. */
export interface SessionInfo {
  id: string;
  createdAt: string;
  lastUsedAt: string;
  expiresAt: string;
  ip: string | null;
  userAgent: string | null;
  current: boolean;
}

/**
 * All stored data of a user, without secrets, their hashes and digests; instants are ISO 8601. Of sessions, flows and
 * entries of the audit, it holds at most the newest 10,000.
 */
export interface Account<Role extends string = string> {
  user: { id: string; roles: Role[]; createdAt: string; updatedAt: string | null; disabled?: Disabled | undefined };
  identifiers: { id: string; type: string; value: string; createdAt: string; verifiedAt: string | null }[];
  /** The sessions. Ended sessions are included for as long as they are kept. */
  sessions: AccountSession[];
  /** Second factors. In a factor whose first code was not entered yet, `confirmedAt` is `null`. */
  factors: AccountFactor[];
  recoveryCodesLeft: number;
  /** Messages and logins that wait for a code or a link, and those of the last day. */
  flows: AccountFlow[];
  /** The entries of the audit about the user, newest first. Only with the option `audit`. */
  audit?: AccountChange[];
}

/** An entry of the audit in {@link Account}: `actor` is the user's own id, `admin` for another user, or a word. */
export interface AccountChange {
  at: string;
  event: string;
  actor: string | null;
  /** The address of the request, only for the user's own acts. */
  ip: string | null;
  fields: Record<string, unknown>;
}

/** A session of {@link Account}. */
export interface AccountSession {
  id: string;
  createdAt: string;
  lastUsedAt: string | null;
  expiresAt: string;
  endedAt: string | null;
  ip: string | null;
  userAgent: string | null;
  /** The methods by which the user authenticated (RFC 8176), and when; `null` if they were not kept. */
  methods: string[] | null;
  authenticatedAt: string | null;
}

/** A second factor of {@link Account}. */
export interface AccountFactor {
  id: string;
  kind: string;
  label: string | null;
  createdAt: string;
  confirmedAt: string | null;
  lastUsedAt: string | null;
}

/** A flow of {@link Account}; `pending` is the change of an identifier that waits in it. */
export interface AccountFlow {
  purpose: string;
  createdAt: string;
  expiresAt: string;
  endedAt: string | null;
  pending: { identifier: string; type: string; value: string } | null;
}

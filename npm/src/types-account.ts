// Users who are disabled, their sessions, and all that is stored of a user.

/** The state of a disabled user; instants are ISO 8601. */
export interface Disabled {
  /** The start. */
  at: string;
  /** The end, if it has one. */
  until?: string | undefined;
  /** The reason, for admins. */
  reason?: string | undefined;
}

/** The options of `disableUser()`. */
export interface DisableOptions {
  /** A line of at most 500 characters, for admins. */
  reason?: string | undefined;
  /** The instant from which the user is enabled again by itself; never without it. A text names its time zone. */
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
 * All stored data of a user, without secrets, their hashes and digests; instants are ISO 8601. Of sessions and flows
 * the newest 10,000.
 */
export interface Account<Role extends string = string> {
  user: { id: string; roles: Role[]; createdAt: string; updatedAt: string | null; disabled?: Disabled | undefined };
  identifiers: { id: string; type: string; value: string; createdAt: string; verifiedAt: string | null }[];
  /** Ended ones too, for as long as they are kept. */
  sessions: AccountSession[];
  /** Second factors; a factor whose first code was not entered yet has no `confirmedAt`. */
  factors: AccountFactor[];
  recoveryCodesLeft: number;
  /** Messages and logins that wait for a code or a link, and those of the last day. */
  flows: AccountFlow[];
  /** The entries of the audit about the user, newest first; with the option `audit` alone. */
  audit?: AccountChange[];
}

/** An entry of the audit in {@link Account}: `actor` is the user's own id, `admin` for another user, or a word. */
export interface AccountChange {
  at: string;
  event: string;
  actor: string | null;
  /** Of the user's own acts alone. */
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

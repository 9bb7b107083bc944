// All that is stored of a user.

/**
 * All that is stored of a user, without secrets, their hashes and digests; instants are ISO 8601. Of sessions and flows
 * the newest 10,000.
 */
export interface Account<Role extends string = string> {
  user: { id: string; roles: Role[]; createdAt: string; updatedAt: string | null };
  identifiers: { id: string; type: string; value: string; createdAt: string; verifiedAt: string | null }[];
  /** Ended ones too, for as long as they are kept. */
  sessions: AccountSession[];
  /** Second factors; one whose first code was not entered yet has no `confirmedAt`. */
  factors: AccountFactor[];
  recoveryCodesLeft: number;
  /** Messages and logins that wait for a code or a link, and those of the last day. */
  flows: AccountFlow[];
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
  /** The methods by which the user authenticated (RFC 8176), and when; `null`: nobody kept them. */
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

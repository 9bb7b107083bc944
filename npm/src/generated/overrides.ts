// Written by `make generate` from the tables of the core. Do not edit.

import type { AuthUser, Identifier, IdentifierInput, IdentifierUpdate, IssuedTokens } from "../types-common.js";
import type { Override, RegisterInput, User } from "../types-common.js";
import type { Asked, ResetInput } from "../types-messages.js";

/** Use cases that may be overridden. */
export interface RouterOverrides<Role extends string = string> {
  /** Stands in for `POST /login`. */
  login?: Override<{ identifier: string; password: string }, IssuedTokens<Role>> | undefined;
  /** Stands in for `POST /register`. */
  register?: Override<RegisterInput<Role>, { user: User<Role> }> | undefined;
  /** Stands in for `POST /refresh`. */
  refresh?: Override<{ refreshToken: string }, IssuedTokens<Role>> | undefined;
  /** Stands in for `POST /logout`. */
  logout?: Override<{ sessionId?: string | undefined }, unknown> | undefined;
  /** Stands in for `POST /logout-all`. */
  logoutAll?: Override<{ userId: string }, unknown> | undefined;
  /** Stands in for the change of a user's roles. */
  assignRoles?: Override<{ userId: string; roles: Role[] }, { user: AuthUser<Role> }> | undefined;
  /** Stands in for the addition of identifiers. */
  bulkCreateIdentifiers?: Override<{ userId: string; identifiers: IdentifierInput[] }, { identifiers: Identifier[] }> | undefined;
  /** Stands in for the change of identifiers. */
  bulkUpdateIdentifiers?: Override<{ userId: string; identifiers: IdentifierUpdate[] }, { identifiers: Identifier[] }> | undefined;
  /** Stands in for the removal of identifiers. */
  bulkDeleteIdentifiers?: Override<{ userId: string; ids: string[] }, unknown> | undefined;
  /** Stands in for a new password by the present one. */
  changePassword?: Override<{ userId: string; currentPassword: string; newPassword: string }, unknown> | undefined;
  /** Stands in for the request of a message for a new password. */
  requestPasswordReset?: Override<{ identifier: string }, Asked> | undefined;
  /** Stands in for a new password by the secret of a message. */
  resetPassword?: Override<ResetInput, unknown> | undefined;
}

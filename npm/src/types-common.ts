// Types that options, users and messages have in common. This file imports none of them.
import type { Disabled } from "./types-account.js";

/** The user who makes a request. */
export interface AuthUser<Role extends string = string> {
  id: string;
  roles: Role[];
}

/** A length of time: `"15m"`, `"1.5h"`, `"7 days"`, or a number of seconds. */
export type Duration = string | number;

/** A new identifier. */
export interface IdentifierInput {
  /** `email`, `phone`, `username`, or a type of your own. */
  type: string;
  /** The identifier as the user types it. */
  value: string;
}

/** A stored identifier. */
export interface Identifier extends IdentifierInput {
  id: string;
}

/** A user with its identifiers. */
export interface User<Role extends string = string> extends AuthUser<Role> {
  identifiers: Identifier[];
  /** Absent for enabled users. */
  disabled?: Disabled | undefined;
}

/** A change of an identifier: by `id`, or the only one of its `type`. */
export type IdentifierUpdate =
  | { id: string; type?: string; value: string }
  | { id?: undefined; type: string; value: string };

/** Input of `register`. */
export interface RegisterInput<Role extends string = string> {
  /** The user's identifiers, at least one. */
  identifiers: IdentifierInput[];
  /** The password, which must follow the rules of the option `password`. */
  password: string;
  /** The user's roles; those of the option `defaultRoles` if left out. */
  roles?: Role[] | undefined;
}

/** The tokens of a session. */
export interface IssuedTokens<Role extends string = string> {
  accessToken: string;
  refreshToken: string;
  user: AuthUser<Role>;
}

/** The context of an overridden operation. Pass it on as it is. */
export interface OperationContext {
  ip: string | null;
  userAgent: string | null;
  requestId: string | null;
}

/** Your own function for a use case. `next()` runs the built-in use case, with another input if you pass it. */
export type Override<Input, Result> = (
  input: Input,
  ctx: OperationContext,
  next: (input?: Input) => Promise<Result>,
) => Result | Promise<Result>;

/** Signature algorithms. */
export type Algorithm =
  | "HS256"
  | "HS384"
  | "HS512"
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "ES256"
  | "ES384"
  | "EdDSA";

/** Signature algorithms whose public keys may be published. */
export type AsymmetricAlgorithm = Exclude<Algorithm, `HS${string}`>;

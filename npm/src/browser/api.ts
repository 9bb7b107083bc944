import type { SignedInUser } from "./token.js";

type Input = Parameters<typeof globalThis.fetch>[0];
type Init = NonNullable<Parameters<typeof globalThis.fetch>[1]>;

/** The answer to a login. */
export interface SignedIn<Role extends string = string> {
  accessToken: string;
  user: SignedInUser<Role>;
}

/** The parts of a registration. */
export interface Registration<Role extends string = string> {
  identifiers: ReadonlyArray<{ type: string; value: string }>;
  password: string;
  /** Roles that people may choose for themselves: the server's option `selfAssignableRoles`. */
  roles?: readonly Role[];
}

/** A user who has just been registered. */
export interface Registered<Role extends string = string> extends SignedInUser<Role> {
  identifiers: Array<{ id: string; type: string; value: string }>;
}

/** A `fetch` that is signed in, and what goes with it. */
export interface AuthFetch<Role extends string = string> {
  /** Like `fetch`. Refreshes the access token when it has expired, and repeats the request once. */
  (input: Input, init?: Init): Promise<Response>;
  /**
   * Registers a user, who is not signed in by it.
   *
   * @throws SentriError with the server's code, such as `USER_ALREADY_EXISTS`
   * @example
   * await authFetch.register({ identifiers: [{ type: "email", value: email }], password });
   * await authFetch.login({ identifier: email, password });
   */
  register(registration: Registration<Role>): Promise<{ user: Registered<Role> }>;
  /** Signs in; throws a `SentriError` with the server's code. */
  login(credentials: { identifier: string; password: string }): Promise<SignedIn<Role>>;
  /** Signs out here, in every tab, and on the server. */
  logout(): Promise<void>;
  /** Gets a new access token, once over all tabs. `false`: there is no session. */
  refresh(): Promise<boolean>;
  /**
   * The user who is signed in, as far as this page knows: after a login, a refresh or a token that was taken over. The
   * same object until the user or the roles change. With `token: "cookie"` a page that was loaded anew knows it after
   * `refresh()`.
   */
  readonly user: SignedInUser<Role> | undefined;
  /**
   * Calls a listener with the user whenever `user` has changed, in whatever tab, and at once: a logout is told before the
   * server has answered. Answers what ends it.
   *
   * @example
   * const user = useSyncExternalStore(authFetch.onChange, () => authFetch.user); // React
   */
  onChange(listener: (user: SignedInUser<Role> | undefined) => void): () => void;
  /** The access token, where it lives in memory and there is one. */
  readonly accessToken: string | undefined;
  /** Stops listening to other tabs. */
  close(): void;
}

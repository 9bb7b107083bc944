import type { SignedInUser } from "./token.js";

type Input = Parameters<typeof globalThis.fetch>[0];
type Init = NonNullable<Parameters<typeof globalThis.fetch>[1]>;

/** The answer to a login. */
export interface SignedIn<Role extends string = string> {
  accessToken: string;
  user: SignedInUser<Role>;
}

/** A kind of code: of an authenticator app, or a recovery code. */
export type FactorMethod = "totp" | "recovery";

/** The second step that a login needs: `details` of an error with the code `MFA_REQUIRED`. */
export interface MfaChallenge {
  /** To be passed to `loginMfa()` beside the code. */
  flow: string;
  /** The methods that the user has. */
  methods: FactorMethod[];
  /** The end of the flow, ISO 8601. */
  expiresAt: string;
}

/** The flow of a code that was requested, for `loginWithCode()` together with the code that the user types. */
export interface AskedCode {
  flow: string;
  /** The end of the code, ISO 8601. */
  expiresAt: string;
}

/** The parts of a registration. */
export interface Registration<Role extends string = string> {
  identifiers: ReadonlyArray<{ type: string; value: string }>;
  password: string;
  /** Roles that people may choose for themselves: the server's option `selfAssignableRoles`. */
  roles?: readonly Role[];
}

/** A user who has just registered. */
export interface Registered<Role extends string = string> extends SignedInUser<Role> {
  identifiers: Array<{ id: string; type: string; value: string }>;
}

/** A `fetch` that is signed in, with the calls around it. */
export interface AuthFetch<Role extends string = string> {
  /** Like `fetch`. Refreshes the access token when it has expired, and repeats the request once. */
  (input: Input, init?: Init): Promise<Response>;
  /**
   * Registers a user without signing in.
   *
   * @throws SentriError with the server's code, such as `USER_ALREADY_EXISTS`
   * @example
   * await authFetch.register({ identifiers: [{ type: "email", value: email }], password });
   * await authFetch.login({ identifier: email, password });
   */
  register(registration: Registration<Role>): Promise<{ user: Registered<Role> }>;
  /**
   * Signs in; throws a `SentriError` with the server's code. With `MFA_REQUIRED` the password was right, and `details`
   * is a {@link MfaChallenge}: ask for a code, and call `loginMfa()`.
   */
  login(credentials: { identifier: string; password: string }): Promise<SignedIn<Role>>;
  /**
   * Requests a code to sign in by, sent to the user with the identifier. It resolves to the same for unknown
   * identifiers.
   *
   * @throws SentriError with the server's code, such as `RATE_LIMIT_EXCEEDED`
   * @example
   * const { flow } = await authFetch.loginCode(email);
   * await authFetch.loginWithCode({ flow, code: await askForCode() });
   */
  loginCode(identifier: string): Promise<AskedCode>;
  /**
   * Signs in by the code of a message; throws a `SentriError` with the server's code. `CODE_INVALID`: it is wrong, used
   * or expired. `MFA_REQUIRED` as of `login()`: the code is spent, so go on with `loginMfa()`.
   */
  loginWithCode(answer: { flow: string; code: string }): Promise<SignedIn<Role>>;
  /**
   * Finishes a login by the code of a second factor; throws a `SentriError` with the server's code.
   *
   * @example
   * try {
   *   await authFetch.login({ identifier, password });
   * } catch (error) {
   *   if (!(error instanceof SentriError && error.code === "MFA_REQUIRED")) throw error;
   *   const { flow } = error.details as MfaChallenge;
   *   await authFetch.loginMfa({ flow, method: "totp", code: await askForCode() });
   * }
   */
  loginMfa(answer: { flow: string; method: FactorMethod; code: string }): Promise<SignedIn<Role>>;
  /**
   * Authenticates again in the present session, for requests that require a fresh authentication; throws a
   * `SentriError` with the server's code.
   */
  reauthenticate(credentials: { password: string } | { method: FactorMethod; code: string }): Promise<SignedIn<Role>>;
  /** Signs out here, in every tab, and on the server. */
  logout(): Promise<void>;
  /** Gets a new access token, by one request for all tabs. `false` if there is no session, or no answer. */
  refresh(): Promise<boolean>;
  /**
   * The user who is signed in, as far as this page knows: after a login, a refresh or a token that was taken over. It
   * is the same object until the id or the roles change. With `token: "cookie"`, a reloaded page has it after
   * `refresh()`.
   */
  readonly user: SignedInUser<Role> | undefined;
  /**
   * Calls a listener with the user whenever `user` has changed, in any tab. On a logout it is called before the server
   * has answered. Returns a function that removes the listener.
   *
   * @example
   * const user = useSyncExternalStore(authFetch.onChange, () => authFetch.user); // React
   */
  onChange(listener: (user: SignedInUser<Role> | undefined) => void): () => void;
  /** The access token, if there is one and `token` is `"memory"`. */
  readonly accessToken: string | undefined;
  /** Stops listening to other tabs. */
  close(): void;
}

import type { IdentifierInput, User } from "./types-common.js";

/** A new password, and the secret of a message: the token of its link, or its code together with the flow. */
export type ResetInput = { token: string; newPassword: string } | { flow: string; code: string; newPassword: string };

/** A flow that was requested. The user presents `flow` together with the code of the message. */
export interface Asked {
  flow: string;
  /** ISO 8601. */
  expiresAt: string;
  /**
   * The message, with `deliver: false`. If no user has the identifier there is none, or with `messages.unknownAccount`
   * a message of kind `unknown-account`.
   */
  message?: Message | undefined;
}

/** The kinds of messages. The set is closed, so these are all the templates that you need. */
export type MessageKind =
  | "password-reset"
  | "password-changed"
  | "verify"
  | "login-code"
  | "change-confirm"
  | "change-notice"
  | "already-registered"
  | "invitation"
  | "factor-added"
  | "factor-removed"
  | "recovery-used"
  | "account-disabled"
  /** With `unknownAccount`: a request for the account of an address that has none. */
  | "unknown-account"
  /** With `newSignIn`: a login by a device that is not known. */
  | "new-sign-in";

/** Whether and when users must have verified an address. */
export interface VerificationOptions {
  /** The types of identifiers that users verify; both if left out. */
  types?: ReadonlyArray<"email" | "phone"> | undefined;
  /**
   * Registration makes no user until an address is proved, and a login requires a verified address. Users who are older
   * than `since` are exempt.
   *
   * @example verification: { required: { since: "2026-12-01T00:00:00Z" } }
   */
  required?: boolean | { since: string } | undefined;
}

/** A message to a user. */
export interface Message {
  /** The id of the message, which is the same in each attempt. Pass it to your provider as the idempotency key. */
  id: string;
  kind: MessageKind;
  /** The type of the identifier that it goes to: `email` or `phone`. */
  channel: string;
  /** The stored address; for `unknown-account` the requested identifier, in its normal form. */
  to: string;
  /** The code: six digits, valid for ten minutes. */
  code?: string | undefined;
  /** The secret of `url`. */
  token?: string | undefined;
  /** Your page of `links` with the token. */
  url?: string | undefined;
  /** The instant from which the secrets are invalid, ISO 8601. */
  expiresAt?: string | undefined;
  userId?: string | undefined;
  locale?: string | undefined;
  /** The request behind it. */
  context: MessageContext;
}

/** The request behind a message. */
export interface MessageContext {
  ip: string | null;
  userAgent: string | null;
  requestId: string | null;
}

/** Keeps a host alive until a promise has ended: `waitUntil` of Vercel, Cloudflare, Netlify or Deno Deploy. */
export type WaitUntil = (promise: Promise<unknown>) => void;

/** Messages to users. */
export interface MessageOptions {
  /** Sends a message, after the answer. If it throws or takes 30 s, it is called again after 1 s and after 5 s more. */
  send: (message: Message, ctx: MessageContext) => unknown;
  /**
   * Gets a promise for each message that is being sent, for hosts that freeze after the answer. `auth.fetch()` takes a
   * `waitUntil` for its request only, and on Hono the `waitUntil` of `c.executionCtx` is used.
   *
   * @example waitUntil: (promise) => waitUntil(promise), // that of "@vercel/functions"
   */
  waitUntil?: WaitUntil | undefined;
  /** Your own pages, by absolute https URLs. Each link has the query parameter `token`, or for `login` `code`. */
  links?:
    | {
        reset?: string | undefined;
        verify?: string | undefined;
        login?: string | undefined;
        invite?: string | undefined;
      }
    | undefined;
  /** The language of your templates, passed on with each message. */
  locale?: string | undefined;
  /**
   * Sends `unknown-account` after a request for a new password or a login code of an e-mail address, or of a phone
   * number with its country, that no account has. Off if left out.
   */
  unknownAccount?: boolean | undefined;
  /**
   * Sends `new-sign-in` after a login by a device on which the user has not logged in since the password or a second
   * factor changed. Needs `knownDevices`. Off if left out.
   */
  newSignIn?: boolean | undefined;
}

/** Input of `inviteUser`. */
export interface InviteInput<Role extends string = string> {
  /** The user's identifiers, at least one of them of type `email` or `phone`. */
  identifiers: IdentifierInput[];
  /** The user's roles; those of the option `defaultRoles` if left out. */
  roles?: Role[] | undefined;
}

/** An invited user. */
export interface Invited<Role extends string = string> {
  user: User<Role>;
  /** The message, with `deliver: false`. */
  message?: Message | undefined;
}

import type { IdentifierInput, User } from "./types-common.js";

/** The secret of a message with the new password: that of its link, or its code with the flow. */
export type ResetInput = { token: string; newPassword: string } | { flow: string; code: string; newPassword: string };

/** A flow that was requested. The holder of the code presents both. */
export interface Asked {
  flow: string;
  /** ISO 8601. */
  expiresAt: string;
  /**
   * The message, with `deliver: false`, if a user has the identifier. Otherwise there is none, or with
   * `messages.unknownAccount` a message of kind `unknown-account`.
   */
  message?: Message | undefined;
}

/** The occasions of messages: a closed set, so these are all the templates that there are to write. */
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
  /** Both if left out. */
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
  /** Stays the same when it is sent again: give it to your provider as the idempotency key. */
  id: string;
  kind: MessageKind;
  /** The type of the identifier that it goes to: `email` or `phone`. */
  channel: string;
  /** The stored address; for `unknown-account` the requested identifier, in its normal form. */
  to: string;
  /** Six digits, good for ten minutes. */
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
  /** Sends a message, after the answer. After a throw, or 30 s, it is tried again after 1 s and after 5 s more. */
  send: (message: Message, ctx: MessageContext) => unknown;
  /**
   * Gets a promise for each message that is being sent, for hosts that freeze after the answer. `auth.fetch()` takes
   * one for its request alone, and on Hono that of `c.executionCtx` is found.
   *
   * @example waitUntil: (promise) => waitUntil(promise), // that of "@vercel/functions"
   */
  waitUntil?: WaitUntil | undefined;
  /** Your own pages, by absolute https URLs. Each gets the query parameter `token`, that of `login` `code`. */
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
  /** One of them of type `email` or `phone`. */
  identifiers: IdentifierInput[];
  /** `defaultRoles` if left out. */
  roles?: Role[] | undefined;
}

/** An invited user. */
export interface Invited<Role extends string = string> {
  user: User<Role>;
  /** The message, with `deliver: false`. */
  message?: Message | undefined;
}

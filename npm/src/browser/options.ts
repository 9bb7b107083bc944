import { SentriError } from "../errors.js";
import type { OnStepUp } from "./step-up.js";

type Fetch = typeof globalThis.fetch;

/** Options of `createAuthFetch`. */
export interface AuthFetchOptions {
  /** The mount path of the auth endpoints; `"/auth"` by default. */
  baseUrl?: string;
  /**
   * The home of the access token. `"memory"` (the default): in this tab's memory, sent as a bearer token. `"cookie"`:
   * in the cookie of the server's option `accessCookie`; nothing is sent by hand.
   */
  token?: "memory" | "cookie";
  /** Origins beside the page's own and that of `baseUrl` that get the token. It is never sent anywhere else. */
  origins?: readonly string[];
  /** An access token to begin with, for example a token that the page was rendered with. */
  accessToken?: string;
  /**
   * Called when the session has ended: the refresh was refused, or the user signed out, in this tab or another one. In
   * the tab of the logout it is called when the server has answered, so it may leave the page. A visitor who never
   * signed in has no session that could end: for them it is not called.
   */
  onSignedOut?: () => void;
  /**
   * Called when a request is refused with `STEP_UP_REQUIRED`: ask for the password, call `authFetch.reauthenticate()`,
   * and return `true`, whereupon the request is repeated once. Concurrent requests with the same requirement ask once.
   * Without it, and for any other result, the refusal is returned.
   */
  onStepUp?: OnStepUp;
  /** The `fetch` to use. */
  fetch?: Fetch;
}

type Name = keyof AuthFetchOptions;
const KNOWN: readonly Name[] = ["baseUrl", "token", "origins", "accessToken", "onSignedOut", "onStepUp", "fetch"];

/** Refuses unknown options, since a misspelt option would silently change nothing. */
export function checkOptions(options: AuthFetchOptions): void {
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name as Name));
  if (unknown !== undefined) throw wrong(`${unknown} is not an option; there is ${KNOWN.join(", ")}`);
  const { token = "memory", onSignedOut, onStepUp } = options;
  if (token !== "memory" && token !== "cookie") throw wrong("token must be 'memory' or 'cookie'");
  if (onSignedOut !== undefined && typeof onSignedOut !== "function") throw wrong("onSignedOut must be a function");
  if (onStepUp !== undefined && typeof onStepUp !== "function") throw wrong("onStepUp must be a function");
}

function wrong(why: string): SentriError {
  return new SentriError("CONFIGURATION_ERROR", `createAuthFetch: ${why}`);
}

// Written by `make generate` from the tables of the core. Do not edit.

/** An error as it crosses. */
export interface ErrorData {
  code: string;
  message: string;
  statusCode: number;
  /** Machine-readable particulars. */
  details?: unknown;
  /** In seconds. */
  retryAfter?: number;
}

/** A response to be written as it is. */
export interface ResponseData {
  status: number;
  headers: Array<[string, string]>;
  body: string;
}

/** A stored response that is given again; its body crosses beside it, as bytes. */
export interface ReplayData {
  status: number;
  headers: Array<[string, string]>;
}

/** The decision on a stored response. */
export interface ReplayDecision {
  replay: "answer" | "run" | "refuse";
  /** The response that refuses it. */
  refusal?: ResponseData;
}

/** A log entry. */
export interface LoggedEvent {
  level: "info" | "warn" | "error";
  entry: Record<string, unknown>;
}

/** A call of a hook of the host's. */
export interface HookCall {
  hook: string;
  args: Array<unknown>;
}

/** Everything that came of a request to an endpoint. */
export interface EndpointResult {
  response: ResponseData;
  events: Array<LoggedEvent>;
  /** To be run before the response is written. */
  notices: Array<HookCall>;
  /** To be sent after the response is written. */
  messages?: Array<unknown>;
}

/** The maker of a request. */
export interface Principal {
  id: string;
  /** The roles in effect. */
  roles: Array<string>;
  /** Null where the token was signed without a session. */
  sessionId: string | null;
  token: string;
  /** The time at which the token expires, in milliseconds since 1970. */
  exp: number;
  /** The roles that wait for a second factor, where there are any. */
  withheld?: Array<string>;
  /** The authenticator assurance level, where it is kept. */
  acr?: "aal1" | "aal2";
  /** The methods by which the user authenticated, where they are kept. */
  amr?: Array<string>;
  /** The time of that in seconds since 1970, where it is kept. */
  authTime?: number | null;
}

/** The result of `protect()`: a principal, or an error. */
export interface ProtectData {
  /** To be set on the response. */
  headers: Array<[string, string]>;
  events: Array<LoggedEvent>;
  /**
   * The time in milliseconds since 1970 until which the same bearer token may be answered from memory under the same
   * epoch; 0: never.
   */
  freshUntil: number;
  epoch: number;
  /**
   * The whole response to a request that ends here, a CORS preflight. There is an error then, too, for hosts that do
   * not look here.
   */
  answer?: ResponseData;
  principal?: Principal;
  error?: ErrorData;
}

/** The result of `authorize()`, `permit()` and step-up checks; no error lets pass. */
export interface Decision {
  error: ErrorData | null;
  events: Array<LoggedEvent>;
}

/** The result of a rate limiter; no error lets pass. */
export interface LimitResult {
  /** To be set on the response, also when it passes. */
  headers: Array<[string, string]>;
  error: ErrorData | null;
  events: Array<LoggedEvent>;
}

/** The authentication that a route asks for, to be compared with the authentication of a user. */
export interface Requirement {
  acr?: "aal1" | "aal2";
  /** In seconds. */
  maxAge?: number;
  /** The tolerance for the signer's clock, in seconds. */
  leeway: number;
}

/** The claims of an access token that was verified. */
export interface VerifiedToken {
  id: string;
  roles: Array<string>;
  sessionId: string | null;
  /** In seconds since 1970. */
  exp: number;
}

// Written by `make generate` from the tables of the core. Do not edit.

/** An error. */
export interface ErrorData {
  code: string;
  message: string;
  statusCode: number;
  /** Machine-readable details. */
  details?: unknown;
  /** In seconds. */
  retryAfter?: number;
}

/** A response, which the host writes unchanged. */
export interface ResponseData {
  status: number;
  headers: Array<[string, string]>;
  body: string;
}

/** A stored response that is replayed. Its body crosses separately, as bytes. */
export interface ReplayData {
  status: number;
  headers: Array<[string, string]>;
}

/** The decision on a stored response. */
export interface ReplayDecision {
  replay: "answer" | "run" | "refuse";
  /** The response that refuses the request. */
  refusal?: ResponseData;
}

/** A log entry. */
export interface LoggedEvent {
  level: "info" | "warn" | "error";
  entry: Record<string, unknown>;
}

/** A call of a hook of the host. */
export interface HookCall {
  hook: string;
  args: Array<unknown>;
}

/** The result of a request to an endpoint. */
export interface EndpointResult {
  response: ResponseData;
  events: Array<LoggedEvent>;
  /** The hooks to run before the response is written. */
  notices: Array<HookCall>;
  /** The messages to send after the response is written. */
  messages?: Array<unknown>;
}

/** The user behind a request. */
export interface Principal {
  id: string;
  /** The roles in effect. */
  roles: Array<string>;
  /** Null if the token was signed without a session. */
  sessionId: string | null;
  token: string;
  /** The time at which the token expires, in milliseconds since 1970. */
  exp: number;
  /** The roles that are not in effect until a second factor is presented, if there are any. */
  withheld?: Array<string>;
  /** The authenticator assurance level, if it is recorded. */
  acr?: "aal1" | "aal2";
  /** The methods by which the user authenticated, if they are recorded. */
  amr?: Array<string>;
  /** The time of the authentication in seconds since 1970, if it is recorded. */
  authTime?: number | null;
}

/** The result of `protect()`: a principal, or an error. */
export interface ProtectData {
  /** The headers to set on the response. */
  headers: Array<[string, string]>;
  events: Array<LoggedEvent>;
  /**
   * The time in milliseconds since 1970 until which the host may answer the same bearer token from its own cache under
   * the same epoch. 0: never.
   */
  freshUntil: number;
  epoch: number;
  /**
   * The complete response to a CORS preflight, which reaches no handler. There is an error then, too, for hosts that
   * ignore this member.
   */
  answer?: ResponseData;
  principal?: Principal;
  error?: ErrorData;
}

/** The result of `authorize()`, `permit()` or a step-up check. Without an error the request passes. */
export interface Decision {
  error: ErrorData | null;
  events: Array<LoggedEvent>;
}

/** The result of a rate limiter. Without an error the request passes. */
export interface LimitResult {
  /** The headers to set on the response to a request that passes. */
  headers: Array<[string, string]>;
  error: ErrorData | null;
  events: Array<LoggedEvent>;
}

/** The authentication that a route requires, for hosts that compare it with that of a user. */
export interface Requirement {
  acr?: "aal1" | "aal2";
  /** In seconds. */
  maxAge?: number;
  /** The tolerance for the signer's clock, in seconds. */
  leeway: number;
}

/** The claims of a verified access token. */
export interface VerifiedToken {
  id: string;
  roles: Array<string>;
  sessionId: string | null;
  /** In seconds since 1970. */
  exp: number;
}

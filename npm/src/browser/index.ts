export { SentriError } from "../errors.js";
export type { AskedCode, AuthFetch, FactorMethod, MfaChallenge, Registered, Registration, SignedIn } from "./api.js";
export { createAuthFetch } from "./auth-fetch.js";
export type { AuthFetchOptions } from "./options.js";
export type { StepUpChallenge } from "./step-up.js";
export type { SignedInUser } from "./token.js";
export { forwardCookies, type CookieSource, type CookieStore, type CookieTarget } from "./forward.js";

export { SentriError } from "../errors.js";
export { createAuthFetch, type AuthFetch, type AuthFetchOptions, type SignedIn } from "./auth-fetch.js";
export { forwardCookies, type CookieSource, type CookieTarget } from "./forward.js";

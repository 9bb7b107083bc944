import { readAssurance, type Assurance } from "./assurance.js";
import { numericDate, parseObject, type Json } from "./json.js";
import { TokenError } from "./jws.js";

/** An `iat` further in the future than this is refused. A smaller lead means that the signer's clock runs fast. */
const MAX_IAT_AHEAD_SECONDS = 24 * 60 * 60;
const MAX_MEMBERS = 64;

/** The claims of an access token. Times are in whole seconds since 1970. */
export interface AccessClaims {
  id: string;
  /** The roles in effect. */
  roles: string[];
  /** The user's further roles, which wait for a second factor; nothing when there are none. */
  withheld?: string[];
  sessionId?: string;
  /** `acr`, `amr` and `auth_time`; nothing when it has none of them. */
  assurance?: Assurance;
  /** 0 if the token has no `iat`. */
  iat: number;
  exp: number;
  iss?: string;
  /** The configured audience, or the only one named. */
  aud?: string;
}

/** The requirements of a token beside its signature. */
export interface ClaimRules {
  /** `iss` must be exactly this; a token without it is refused. */
  readonly issuer?: string | undefined;
  /** `aud` must be or contain exactly this. Not configured: any `aud` is accepted. */
  readonly audience?: string | undefined;
  /** The tolerance for the signer's clock, for `exp`, `nbf` and `iat`. */
  readonly leewaySeconds: number;
}

/**
 * Reads a verified payload and applies `rules` at `now` (milliseconds since 1970). Refused: duplicate names; times that
 * are not whole numbers from 0 to the year 9999; `exp` missing; `nbf` to come; `iat` more than a day ahead; an empty
 * `id`; roles that are not an array of strings.
 *
 * @throws TokenError `expired` when `exp` is reached and all else is right
 */
export function parseAccess(payload: Uint8Array, rules: ClaimRules, now: number): AccessClaims {
  const raw = parseObject(payload);
  if (!raw || raw.size > MAX_MEMBERS) throw new TokenError("malformed");
  const [exp, nbf, iat = 0] = ["exp", "nbf", "iat"].map((name) => optional(raw.get(name), numericDate));
  const [id, sessionId, iss] = ["id", "sessionId", "iss"].map((name) => optional(raw.get(name), text));
  const assurance = readAssurance(raw);
  const roles = optional(raw.get("roles"), texts);
  // A value of another form is ignored, because a token of another issuer may use this name for something else.
  const withheld = texts(raw.get("withheld") ?? null)?.filter((role) => !roles?.includes(role)) ?? [];
  const audiences = optional(raw.get("aud"), (value) => (typeof value === "string" ? [value] : texts(value))) ?? [];
  const isAhead = (seconds: number, leeway: number) => (seconds - leeway) * 1000 > now;
  const { issuer, audience, leewaySeconds } = rules;
  if (exp === undefined || !id || !roles || sessionId === "") throw new TokenError("malformed");
  if ((nbf !== undefined && isAhead(nbf, leewaySeconds)) || isAhead(iat, leewaySeconds + MAX_IAT_AHEAD_SECONDS)) {
    throw new TokenError("not_yet_valid");
  }
  if (issuer !== undefined && iss !== issuer) throw new TokenError("issuer");
  if (audience !== undefined && !audiences.includes(audience)) throw new TokenError("audience");
  if ((exp + leewaySeconds) * 1000 <= now) throw new TokenError("expired");
  const aud = audience ?? (audiences.length === 1 ? audiences[0] : undefined);
  return {
    id,
    roles,
    ...(withheld.length === 0 ? {} : { withheld }),
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(assurance === undefined ? {} : { assurance }),
    iat,
    exp,
    ...(iss === undefined ? {} : { iss }),
    ...(aud === undefined ? {} : { aud }),
  };
}

/** Reads a member that may be absent. If it is there, it must have its type; `null` does not count as absent. */
function optional<T>(value: Json | undefined, read: (value: Json) => T | undefined): T | undefined {
  if (value === undefined) return undefined;
  const found = read(value);
  if (found === undefined) throw new TokenError("malformed");
  return found;
}

function text(value: Json): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function texts(value: Json): string[] | undefined {
  return Array.isArray(value) && value.every((one) => typeof one === "string") ? (value as string[]) : undefined;
}

import { compactVerify } from "jose/jws/compact/verify";
import { algorithmOf, type JwsAlgorithm } from "./algorithm.js";
import { decode } from "./base64url.js";
import { parseObject } from "./json.js";
import type { VerifyingKey } from "./jwks.js";

/** The greatest length of a token, in bytes. */
export const MAX_TOKEN_BYTES = 8 * 1024;
/** The `typ` of access tokens. Tokens that sentri 5 signed have none. */
export const ACCESS_TYPE = "JWT";

const HEADER_MEMBERS = ["alg", "typ", "kid"];

/** The fault of a token, in the words of the native core. */
export type Reason =
  | "malformed"
  | "type"
  | "algorithm"
  | "unknown_key"
  | "signature"
  | "not_yet_valid"
  | "issuer"
  | "audience"
  | "expired";

/**
 * The refusal of a token. `code` distinguishes a token that has expired and is right in all else from all other faults.
 * The reason is for tests and logs only, since it would help clients to forge tokens.
 */
export class TokenError extends Error {
  constructor(readonly reason: Reason) {
    super(reason);
  }

  get code(): "TOKEN_EXPIRED" | "TOKEN_INVALID" {
    return this.reason === "expired" ? "TOKEN_EXPIRED" : "TOKEN_INVALID";
  }
}

/** The members of a header that decide which keys are tried. */
export interface Header {
  readonly algorithm: JwsAlgorithm;
  readonly kid: string | undefined;
}

/**
 * Reads the header of a compact JWS (RFC 7515, 3.1) strictly, unverified. The only members are `alg`, `typ` and `kid`,
 * each once and a string. All others are refused, known or not: with `crit` and `b64` (RFC 7797) the payload would mean
 * something else, and `jwk`, `jku`, `x5u` and `x5c` let the sender choose the key (RFC 8725, 3.10). All three parts
 * must be canonical base64url. `type` is the required `typ`, if any (RFC 8725, 3.11).
 *
 * @throws TokenError
 */
export function readHeader(token: string, type?: string): Header {
  if (token.length > MAX_TOKEN_BYTES) throw new TokenError("malformed");
  const parts = token.split(".").map((part) => (part === "" ? undefined : decode(part)));
  if (parts.length !== 3 || parts.some((part) => part === undefined)) throw new TokenError("malformed");
  const header = parseObject(parts[0]!);
  if (
    !header ||
    [...header].some(([name, value]) => !HEADER_MEMBERS.includes(name) || typeof value !== "string") ||
    !header.has("alg")
  ) {
    throw new TokenError("malformed");
  }
  const [alg, typ, kid] = HEADER_MEMBERS.map((name) => header.get(name) as string | undefined);
  if (type !== undefined && typ !== undefined && typ.toLowerCase() !== type.toLowerCase()) throw new TokenError("type");
  const algorithm = algorithmOf(alg!);
  if (!algorithm) throw new TokenError("algorithm");
  return { algorithm, kid };
}

/**
 * Verifies `token` with the first of `keys` that fits its header and made its signature, and returns its payload. A
 * token without `kid` is tried against every key of its algorithm, a token with `kid` only against the keys with this
 * `kid`.
 *
 * @throws TokenError
 */
export async function verify(token: string, header: Header, keys: readonly VerifyingKey[]): Promise<Uint8Array> {
  let reason: Reason = "unknown_key";
  for (const { kid, algorithm, key } of keys) {
    if (algorithm !== header.algorithm || (header.kid !== undefined && header.kid !== kid)) continue;
    try {
      return (await compactVerify(token, key, { algorithms: [algorithm.name] })).payload;
    } catch {
      // The next key may fit.
      reason = "signature";
    }
  }
  throw new TokenError(reason);
}

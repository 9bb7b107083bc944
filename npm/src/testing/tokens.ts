import {
  constants,
  createHash,
  generateKeyPairSync,
  randomUUID,
  sign,
  type KeyObject,
  type SignKeyObjectInput,
} from "node:crypto";
import type { TestClock } from "../clock.js";
import { SentriError } from "../errors.js";
import type { Algorithm } from "../types.js";
import { refuseInProduction } from "./production.js";

/** A public key as a key set shows it (RFC 7517). */
export type PublicJwk = Record<string, string>;

/** The claims of a token; every member has a default. Times are in seconds. */
export interface TokenInput {
  /** The user's id; a new UUID if left out. */
  id?: string;
  /** The user's roles; none if left out. */
  roles?: readonly string[];
  /** The session's id; a new UUID if left out, `null` for a token without a session. */
  sessionId?: string | null;
  /** The time until the token expires, in seconds; 900 by default. It is negative for a token that has expired. */
  expiresIn?: number;
  /** Further claims, or other values for the usual claims. A claim that is `undefined` here is left out. */
  claims?: Record<string, unknown>;
  /** Further members of the header, or other values for the usual members. */
  header?: Record<string, unknown>;
}

/** Signs access tokens like an auth server's, with keys of its own. */
export interface TokenFactory {
  /** Signs an access token. */
  sign(input?: TokenInput): string;
  /** Returns the key set that verifies the tokens: the present key first, then earlier keys. */
  jwks(): { keys: PublicJwk[] };
  /** Makes a new key, which signs from now on. The set still holds the earlier keys. */
  rotate(): void;
  /** Removes every key but the present key from the set. */
  retire(): void;
}

/** Options of `createTokenFactory`. */
export interface TokenFactoryOptions {
  /** An asymmetric algorithm; ES256, the fastest to make keys for, by default. */
  algorithm?: Exclude<Algorithm, "HS256" | "HS384" | "HS512">;
  /** The claim `iss`. */
  issuer?: string;
  /** The claim `aud`. */
  audience?: string;
  /** The source of the time. */
  clock?: TestClock;
}

interface Key {
  kid: string;
  privateKey: KeyObject;
  jwk: PublicJwk;
}

/**
 * Makes a factory that signs access tokens for any user, roles and expiry, as an auth server would, for tests of
 * applications in client mode.
 *
 * @example
 * const tokens = createTokenFactory();
 * const keys = await startKeyServer(tokens);
 * const auth = createAuthHono({ mode: "client", keyUri: keys.keyUri });
 * const authorization = `Bearer ${tokens.sign({ roles: ["admin"] })}`;
 */
export function createTokenFactory({
  algorithm = "ES256",
  issuer,
  audience,
  clock,
}: TokenFactoryOptions = {}): TokenFactory {
  refuseInProduction("createTokenFactory");
  let keys = [makeKey(algorithm)];
  const now = () => Math.floor((clock ? clock.now() : Date.now()) / 1000);
  return {
    sign({ id = randomUUID(), roles = [], sessionId = randomUUID(), expiresIn = 900, claims, header } = {}) {
      const { kid, privateKey } = keys[0]!;
      const iat = Math.min(now(), now() + expiresIn - 1);
      const payload = {
        id,
        roles,
        ...(sessionId === null ? {} : { sessionId }),
        iat,
        exp: now() + expiresIn,
        iss: issuer,
        aud: audience,
        ...claims,
      };
      const input = `${encode({ alg: algorithm, typ: "JWT", kid, ...header })}.${encode(payload)}`;
      const signature = sign(hashOf(algorithm), Buffer.from(input), signingKey(algorithm, privateKey));
      return `${input}.${signature.toString("base64url")}`;
    },
    jwks: () => ({ keys: keys.map(({ jwk }) => ({ ...jwk })) }),
    rotate: () => void keys.unshift(makeKey(algorithm)),
    retire: () => void (keys = keys.slice(0, 1)),
  };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function hashOf(algorithm: string): string | null {
  return algorithm === "EdDSA" ? null : `sha${algorithm.slice(2)}`;
}

function signingKey(algorithm: string, key: KeyObject): SignKeyObjectInput {
  if (algorithm.startsWith("PS")) {
    return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  }
  return { key, dsaEncoding: "ieee-p1363" };
}

function makeKey(algorithm: string): Key {
  const { privateKey, publicKey } = makePair(algorithm);
  const parts = publicKey.export({ format: "jwk" }) as PublicJwk;
  // The `kid` is the key's thumbprint (RFC 7638), made of the required members in lexicographic order.
  const required = Object.fromEntries(Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1)));
  const kid = createHash("sha256").update(JSON.stringify(required)).digest("base64url");
  return { kid, privateKey, jwk: { ...required, use: "sig", alg: algorithm, kid } };
}

function makePair(algorithm: string): { privateKey: KeyObject; publicKey: KeyObject } {
  if (/^[RP]S(256|384|512)$/.test(algorithm)) return generateKeyPairSync("rsa", { modulusLength: 2048 });
  const curves: Record<string, string> = { ES256: "P-256", ES384: "P-384" };
  if (curves[algorithm]) return generateKeyPairSync("ec", { namedCurve: curves[algorithm] });
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  throw new SentriError(
    "CONFIGURATION_ERROR",
    `createTokenFactory: algorithm '${algorithm}' must be asymmetric: client mode takes no shared secret`,
  );
}

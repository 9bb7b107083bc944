/** Which kind of key an algorithm works with. */
export type Family = "oct" | "RSA" | "EC" | "OKP";

/** Everything about a JWS algorithm (RFC 7518, 3.1; RFC 8037). `none` does not exist. */
export interface JwsAlgorithm {
  /** The value of `alg`. */
  readonly name: string;
  /** `kty` of its keys. */
  readonly family: Family;
  /** Length of the hash; a shared secret shorter than it is weak. */
  readonly hashBytes: number;
  /** `crv` of its keys, and the length of a coordinate. */
  readonly curve?: { readonly name: string; readonly coordinateBytes: number };
}

const row = (name: string, family: Family, hashBytes: number, curve?: JwsAlgorithm["curve"]): JwsAlgorithm =>
  curve ? { name, family, hashBytes, curve } : { name, family, hashBytes };

/** The supported algorithms. No other code here lists them. */
export const ALGORITHMS: readonly JwsAlgorithm[] = [
  row("HS256", "oct", 32),
  row("HS384", "oct", 48),
  row("HS512", "oct", 64),
  row("RS256", "RSA", 32),
  row("RS384", "RSA", 48),
  row("RS512", "RSA", 64),
  row("PS256", "RSA", 32),
  row("PS384", "RSA", 48),
  row("PS512", "RSA", 64),
  row("ES256", "EC", 32, { name: "P-256", coordinateBytes: 32 }),
  row("ES384", "EC", 48, { name: "P-384", coordinateBytes: 48 }),
  row("EdDSA", "OKP", 64, { name: "Ed25519", coordinateBytes: 32 }),
];

/** The algorithm of exactly this name; `rs256` and `RS256 ` are none. */
export function algorithmOf(name: string): JwsAlgorithm | undefined {
  return ALGORITHMS.find((algorithm) => algorithm.name === name);
}

/** Returns whether an algorithm needs a shared secret, so that there is no public key to publish. */
export function isSymmetric(algorithm: JwsAlgorithm): boolean {
  return algorithm.family === "oct";
}

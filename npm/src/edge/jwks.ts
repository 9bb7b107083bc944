import type { JWK } from "jose";
import { importJWK } from "jose/key/import";
import { ALGORITHMS, algorithmOf, isSymmetric, type JwsAlgorithm } from "./algorithm.js";
import { decode } from "./base64url.js";
import { parseObject, type Json, type JsonObject } from "./json.js";
import { KeyError, checkEd25519Point, checkRsaPublicKey } from "./weak.js";

/** The greatest length of a key set, in bytes. */
export const MAX_SET_BYTES = 64 * 1024;
const MAX_SET_KEYS = 32;
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];

/** A key that verifies with one algorithm, whatever algorithm a token names. */
export interface VerifyingKey {
  readonly kid: string | undefined;
  readonly algorithm: JwsAlgorithm;
  readonly key: CryptoKey | Uint8Array;
}

/**
 * Reads a key set (RFC 7517): public keys or shared secrets, not both. It is refused whole for members that an honest
 * issuer never publishes: a private member, a duplicate `kid`, weak or broken keys. An entry that is meant for
 * something else is skipped, as RFC 7517, 5 asks; a set that leaves nothing is refused. A key without `alg` is here
 * once for each algorithm that it fits.
 *
 * @throws KeyError with the reason
 */
export async function parseSet(bytes: Uint8Array): Promise<VerifyingKey[]> {
  if (bytes.length > MAX_SET_BYTES) throw new KeyError("longer than 64 KiB");
  const set = parseObject(bytes);
  if (!set) throw new KeyError("not a JSON object, or a name stands twice");
  const entries = set.get("keys");
  if (!Array.isArray(entries)) throw new KeyError("`keys` is not an array");
  if (entries.length > MAX_SET_KEYS) throw new KeyError("more than 32 keys");
  const kids = new Set<string>();
  const kinds = new Set<boolean>();
  const keys: VerifyingKey[] = [];
  for (const jwk of entries) {
    if (!(jwk instanceof Map)) throw new KeyError("an entry is not an object");
    if (PRIVATE_MEMBERS.some((name) => jwk.has(name))) throw new KeyError("a key has a private member");
    const kid = optionalText(jwk, "kid");
    if (kid !== undefined) {
      if (kids.has(kid)) throw new KeyError("two keys have the same kid");
      kids.add(kid);
    }
    const kty = optionalText(jwk, "kty");
    if (kty === undefined) throw new KeyError("a key has no kty");
    kinds.add(kty === "oct");
    for (const { algorithm, key } of await parseKey(jwk, kty)) keys.push({ kid, algorithm, key });
  }
  if (kinds.size > 1) throw new KeyError("shared secrets and public keys are mixed");
  if (keys.length === 0) throw new KeyError("no key in it can verify tokens");
  return keys;
}

/** Reads a set from the network. Refuses a set that holds a shared secret, which must never be published. */
export async function parseRemoteSet(bytes: Uint8Array): Promise<VerifyingKey[]> {
  const keys = await parseSet(bytes);
  if (keys.some(({ algorithm }) => isSymmetric(algorithm))) throw new KeyError("it holds a shared secret");
  return keys;
}

/** Returns a key for each algorithm that the entry allows. There is none if the entry is meant for something else. */
async function parseKey(jwk: JsonObject, kty: string): Promise<Array<Omit<VerifyingKey, "kid">>> {
  const fitting = ALGORITHMS.filter(({ family }) => family === kty);
  if (fitting.length === 0) return [];
  if (kty !== "oct" && jwk.has("k")) throw new KeyError("a key has a private member");
  // Weak and broken keys are refused even where they are marked for another use.
  const alg = optionalText(jwk, "alg");
  const curve = optionalText(jwk, "crv");
  const verifies = isForVerifying(jwk);
  const keys: Array<Omit<VerifyingKey, "kid">> = [];
  let weak = false;
  for (const algorithm of fitting) {
    if (algorithm.curve && algorithm.curve.name !== curve) continue;
    const key = await importKey(jwk, algorithm);
    if (key === "weak") weak = true;
    else if (key && verifies && (alg === undefined || alg === algorithm.name)) keys.push({ algorithm, key });
  }
  const wanted = alg === undefined ? undefined : algorithmOf(alg);
  // The secret is too short for every algorithm, or for the algorithm that it names.
  if (weak && keys.length === 0 && (alg === undefined || wanted))
    throw new KeyError("a shared secret is shorter than its hash");
  if (wanted && wanted.family !== kty) throw new KeyError("alg doesn't fit kty");
  return keys;
}

/** The key for one algorithm; `undefined` where the runtime has no such algorithm. */
async function importKey(
  jwk: JsonObject,
  algorithm: JwsAlgorithm,
): Promise<CryptoKey | Uint8Array | "weak" | undefined> {
  const { family: kty, curve } = algorithm;
  switch (kty) {
    case "oct": {
      const secret = bytesOf(jwk, "k");
      if (secret.length === 0 || secret.length < algorithm.hashBytes) return "weak";
      return secret;
    }
    case "RSA":
      checkRsaPublicKey(bytesOf(jwk, "n"), bytesOf(jwk, "e"));
      return parsed({ kty, n: textOf(jwk, "n"), e: textOf(jwk, "e") }, algorithm, "the RSA key is not usable");
    case "EC":
      if ([bytesOf(jwk, "x"), bytesOf(jwk, "y")].some(({ length }) => length !== curve!.coordinateBytes)) {
        throw new KeyError("an EC coordinate has the wrong length");
      }
      return parsed(
        { kty, crv: curve!.name, x: textOf(jwk, "x"), y: textOf(jwk, "y") },
        algorithm,
        "the EC point is not on the curve",
      );
    case "OKP":
      checkEd25519Point(bytesOf(jwk, "x"));
      return parsed({ kty, crv: curve!.name, x: textOf(jwk, "x") }, algorithm, "the Ed25519 key is not usable");
  }
}

async function parsed(jwk: JWK, algorithm: JwsAlgorithm, reason: string): Promise<CryptoKey | Uint8Array | undefined> {
  try {
    return await importJWK(jwk, algorithm.name);
  } catch (error) {
    if ((error as Error).name === "NotSupportedError") return undefined;
    throw new KeyError(reason);
  }
}

/** `use` (RFC 7517, 4.2) and `key_ops` (4.3), where given, must allow verifying. */
function isForVerifying(jwk: JsonObject): boolean {
  const signature = (optionalText(jwk, "use") ?? "sig") === "sig";
  const operations = jwk.get("key_ops");
  if (operations === undefined) return signature;
  if (!Array.isArray(operations)) throw new KeyError("key_ops is not an array");
  if (operations.some((name: Json) => typeof name !== "string") || new Set(operations).size < operations.length) {
    throw new KeyError("key_ops is not an array of different strings");
  }
  return signature && operations.includes("verify");
}

function optionalText(jwk: JsonObject, name: string): string | undefined {
  const value = jwk.get(name);
  if (value === undefined || typeof value === "string") return value;
  throw new KeyError("a member of a key is not a string");
}

function textOf(jwk: JsonObject, name: string): string {
  const text = jwk.get(name);
  if (typeof text !== "string") throw new KeyError("a key lacks a member");
  return text;
}

function bytesOf(jwk: JsonObject, name: string): Uint8Array {
  const bytes = decode(textOf(jwk, name));
  if (!bytes) throw new KeyError("a member of a key is not canonical base64url");
  return bytes;
}

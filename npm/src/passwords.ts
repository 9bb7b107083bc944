import { passwordFunctions } from "#engine";
import { unwrap } from "./errors.js";

/** The hashing of passwords without a server; the rules are those of the option `password`. */
export interface HashOptions {
  /** `"bcrypt"` by default. */
  algorithm?: "bcrypt" | "argon2id";
  /** Shortest password that is hashed, in characters. */
  minLength?: number;
  /** Longest password that is hashed, in bytes. */
  maxLength?: number;
  /** `"nist"`: the rules of SP 800-63B. */
  preset?: "nist";
  /** The cost of bcrypt; 12 by default. */
  saltRounds?: number;
}

/**
 * Hashes a password off the event loop, without a server and a database.
 *
 * @example
 * const hash = await hashPassword("correct horse battery staple", { algorithm: "argon2id" });
 * @throws SentriError `VALIDATION_ERROR`, `CONFIGURATION_ERROR`, `SERVICE_UNAVAILABLE`
 */
export async function hashPassword(password: string, options: HashOptions = {}): Promise<string> {
  return unwrap<string>(await passwordFunctions().callStandalone("hashPassword", JSON.stringify([password, options])));
}

/**
 * Whether a password belongs to a bcrypt or argon2id hash.
 *
 * @example
 * if (!(await verifyPassword(password, row.hash))) throw new Error("no");
 * @throws SentriError `VALIDATION_ERROR`, `SERVICE_UNAVAILABLE`
 */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  return unwrap<boolean>(await passwordFunctions().callStandalone("verifyPassword", JSON.stringify([password, hash])));
}

/**
 * Whether a hash is weaker than `hashPassword` would make it with the same options: hash the password again when it is
 * next verified. Never true from argon2id to bcrypt. `false` for a value that is no hash; it matches no password.
 *
 * @example
 * if (needsRehash(row.hash)) row.hash = await hashPassword(password);
 * @throws SentriError `VALIDATION_ERROR`, `CONFIGURATION_ERROR`
 */
export function needsRehash(hash: string, options: HashOptions = {}): boolean {
  return unwrap<boolean>(passwordFunctions().needsRehash(JSON.stringify([hash, options])));
}

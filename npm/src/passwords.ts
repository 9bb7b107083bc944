import { passwordFunctions } from "#engine";
import { unwrap } from "./errors.js";

/** Options of hashing passwords without a server. The rules are those of the option `password`, and are checked. */
export interface HashOptions {
  /** The algorithm of new hashes; `"bcrypt"` by default. */
  algorithm?: "bcrypt" | "argon2id";
  /** The shortest password that is hashed, in characters. By default 1, or 15 with `preset`. */
  minLength?: number;
  /** The longest password that is hashed, in characters; 1024 by default. bcrypt hashes at most 72 bytes. */
  maxLength?: number;
  /** The set of rules; `"nist"` stands for the rules of NIST SP 800-63B. */
  preset?: "nist";
  /** The cost of bcrypt, from 10 to 16; 12 by default. */
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
 * Returns whether a password matches a hash of bcrypt, argon2, scrypt or PBKDF2.
 *
 * @example
 * if (!(await verifyPassword(password, row.hash))) throw new Error("no");
 * @throws SentriError `VALIDATION_ERROR`, `SERVICE_UNAVAILABLE`
 */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  return unwrap<boolean>(await passwordFunctions().callStandalone("verifyPassword", JSON.stringify([password, hash])));
}

/**
 * Returns whether a hash is weaker than `hashPassword` would make it with the same options. If so, hash the password
 * again when it is next verified. Never true for an argon2id hash if the options say bcrypt, nor for a value that is no
 * hash, which matches no password.
 *
 * @example
 * if (needsRehash(row.hash)) row.hash = await hashPassword(password);
 * @throws SentriError `VALIDATION_ERROR`, `CONFIGURATION_ERROR`
 */
export function needsRehash(hash: string, options: HashOptions = {}): boolean {
  return unwrap<boolean>(passwordFunctions().needsRehash(JSON.stringify([hash, options])));
}

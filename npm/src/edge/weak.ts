const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;

/** The refusal of a key. Its message reveals nothing of the key. */
export class KeyError extends Error {}

/**
 * Refuses moduli outside 2048 to 8192 bits, even moduli, exponents that are even, 1 or above 32 bits, integers with
 * leading zeros (RFC 7518, 6.3.1) and moduli made by the library of CVE-2017-15361 (ROCA).
 */
export function checkRsaPublicKey(n: Uint8Array, e: Uint8Array): void {
  if (n.length === 0) throw new KeyError("the RSA modulus is empty");
  if (e.length === 0) throw new KeyError("the RSA exponent is empty");
  if (n[0] === 0 || e[0] === 0) throw new KeyError("an RSA integer starts with zero");
  const bits = n.length * 8 - (Math.clz32(n[0]!) - 24);
  if (bits < MIN_RSA_BITS) throw new KeyError("the RSA modulus is shorter than 2048 bits");
  if (bits > MAX_RSA_BITS) throw new KeyError("the RSA modulus is longer than 8192 bits");
  if (n.at(-1)! % 2 === 0) throw new KeyError("the RSA modulus is even");
  if (e.length > 4 || e.at(-1)! % 2 === 0 || (e.length === 1 && e[0] === 1)) {
    throw new KeyError("the RSA exponent is even, 1 or above 32 bits");
  }
  if (isRoca(n)) throw new KeyError("the RSA modulus is of the kind that can be factored (ROCA)");
}

/**
 * The points of order 1, 2, 4 and 8 by their `y`, little-endian in hexadecimal. Anybody can sign for a key that is such
 * a point.
 */
const ED25519_SMALL_ORDER = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  `ec${"ff".repeat(30)}7f`,
];

/**
 * Refuses non-canonical encodings of a point (RFC 8032, 5.1.3), and points of small order. The sign of `x` does not
 * matter: the negative of a point of small order has a small order too.
 */
export function checkEd25519Point(point: Uint8Array): void {
  if (point.length !== 32) throw new KeyError("the Ed25519 key is not usable");
  const hex = (byte: number) => byte.toString(16).padStart(2, "0");
  const y = Array.from(point, (byte, at) => hex(at === 31 ? byte & 0x7f : byte)).join("");
  if (point[0]! >= 0xed && y.endsWith(`${"ff".repeat(30)}7f`))
    throw new KeyError("the Ed25519 key is not in its canonical form");
  if (ED25519_SMALL_ORDER.includes(y)) throw new KeyError("the Ed25519 key is a point of small order");
}

// Both primes of a vulnerable key are 65537^a modulo the product of the first primes, hence so is the modulus, modulo
// each of them. A sound modulus passes for all of these primes once in 2^27 keys or so.
const ROCA_PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
];

function isRoca(n: Uint8Array): boolean {
  return ROCA_PRIMES.every((prime) =>
    isPowerOf65537(
      n.reduce((rest, byte) => (rest * 256 + byte) % prime, 0),
      prime,
    ),
  );
}

function isPowerOf65537(value: number, prime: number): boolean {
  let power = 1;
  do {
    if (power === value) return true;
    power = (power * (65537 % prime)) % prime;
  } while (power !== 1);
  return false;
}

//! Public keys that must not be trusted.

use super::key_error::KeyError;

/// The smallest modulus, in bits (RFC 7518, 3.3).
pub const MIN_RSA_BITS: usize = 2048;
/// The largest modulus, in bits. A larger modulus would only keep the verifier busy.
pub const MAX_RSA_BITS: usize = 8192;

/// Checks an RSA public key. It refuses moduli outside 2048 to 8192 bits, even moduli, exponents that are even, 1 or
/// above 32 bits, integers with leading zeros (RFC 7518, 6.3.1), and moduli made by the library of CVE-2017-15361
/// (ROCA).
///
/// # Errors
/// The reason.
pub fn check_rsa_public_key(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let (Some(&high), Some(&low)) = (n.first(), n.last()) else {
        return Err(KeyError("the RSA modulus is empty"));
    };
    let (Some(&e_high), Some(&e_low)) = (e.first(), e.last()) else {
        return Err(KeyError("the RSA exponent is empty"));
    };
    if high == 0 || e_high == 0 {
        return Err(KeyError("an RSA integer starts with zero"));
    }
    let bits = n.len() * 8 - high.leading_zeros() as usize;
    if bits < MIN_RSA_BITS {
        return Err(KeyError("the RSA modulus is shorter than 2048 bits"));
    }
    if bits > MAX_RSA_BITS {
        return Err(KeyError("the RSA modulus is longer than 8192 bits"));
    }
    if low & 1 == 0 {
        return Err(KeyError("the RSA modulus is even"));
    }
    if e.len() > 4 || e_low & 1 == 0 || e == [1] {
        return Err(KeyError("the RSA exponent is even, 1 or above 32 bits"));
    }
    if is_roca(n) {
        return Err(KeyError("the RSA modulus is of the kind that can be factored (ROCA)"));
    }
    Ok(())
}

/// The points of order 1, 2, 4 and 8, by their little-endian `y`. Under such a key, signatures can be forged without
/// the private key.
const ED25519_SMALL_ORDER: [[u8; 32]; 5] = [
    little_endian(0),
    little_endian(1),
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    below_2_255(0xec),
];

const fn little_endian(value: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = value;
    bytes
}

/// Returns a number of 255 bits, all of them set except for the lowest byte, which is given. The field's prime is such
/// a number with `0xed`.
const fn below_2_255(lowest: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = lowest;
    bytes[31] = 0x7f;
    bytes
}

/// Refuses non-canonical encodings of a point (RFC 8032, 5.1.3), and points of small order. The sign of `x` does not
/// matter: the negative of a point of small order has a small order too.
///
/// # Errors
/// The reason.
pub fn check_ed25519_point(point: &[u8]) -> Result<(), KeyError> {
    let Ok(mut y) = <[u8; 32]>::try_from(point) else { return Err(KeyError("the Ed25519 key is not usable")) };
    y[31] &= 0x7f;
    if y[0] >= 0xed && y == below_2_255(y[0]) {
        return Err(KeyError("the Ed25519 key is not in its canonical form"));
    }
    if ED25519_SMALL_ORDER.contains(&y) {
        return Err(KeyError("the Ed25519 key is a point of small order"));
    }
    Ok(())
}

// Both primes of a vulnerable key are powers of 65537 modulo the product of the first primes. So the modulus of the key
// is a power of 65537 modulo each of these primes. A sound modulus is so for all of them about once in 2^27 keys.
const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

fn is_roca(n: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|&prime| is_power_of_65537(remainder(n, prime), prime))
}

fn remainder(n: &[u8], prime: u32) -> u32 {
    n.iter().fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % prime)
}

fn is_power_of_65537(value: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == value {
            return true;
        }
        power = power * (65537 % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}

//! RSA public keys that must not be trusted.

use super::key::KeyError;

/// Smallest modulus (RFC 7518, 3.3).
pub const MIN_RSA_BITS: usize = 2048;
/// Largest modulus: a larger one only serves to keep the verifier busy.
pub const MAX_RSA_BITS: usize = 8192;

/// Refuses moduli outside 2048 to 8192 bits, even moduli, exponents that are even, 1 or above 32 bits, integers with
/// leading zeros (RFC 7518, 6.3.1) and moduli made by the library of CVE-2017-15361 (ROCA).
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

// Both primes of a vulnerable key are 65537^a modulo the product of the first primes, hence so is the modulus,
// modulo each of them. A sound modulus passes for all of these primes once in 2^27 keys or so.
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

//! PHC strings: `$id$name=number,..$salt$digest`, where salt and digest are base64 without padding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::crypto::Secret;

/// The longest hash that fits its column in the database.
pub const MAX_LENGTH: usize = 255;

/// The parts of a PHC string after its id.
pub(super) struct Parts<const N: usize> {
    /// The parameters, in the order of their names.
    pub numbers: [u32; N],
    pub salt: Vec<u8>,
    pub digest: Vec<u8>,
}

/// Reads the parts of a string that begins with `$id$`. `None`: the parameters are not `names` in this order, a number
/// has a sign or a leading zero, the base64 is malformed, or the salt or the digest is empty.
pub(super) fn parse<const N: usize>(encoded: &str, id: &str, names: [&str; N]) -> Option<Parts<N>> {
    if encoded.len() > MAX_LENGTH {
        return None;
    }
    let rest = encoded.strip_prefix('$')?.strip_prefix(id)?.strip_prefix('$')?;
    let [parameters, salt, digest] = rest.split('$').collect::<Vec<_>>().try_into().ok()?;
    let mut numbers = [0; N];
    let mut given = parameters.split(',');
    for (number, name) in numbers.iter_mut().zip(names) {
        *number = read_number(given.next()?.strip_prefix(name)?.strip_prefix('=')?)?;
    }
    let decode = |text: &str| STANDARD_NO_PAD.decode(text).ok().filter(|bytes| !bytes.is_empty());
    let (salt, digest) = (decode(salt)?, decode(digest)?);
    given.next().is_none().then_some(Parts { numbers, salt, digest })
}

/// Writes a PHC string.
pub(super) fn write<const N: usize>(
    id: &str,
    names: [&str; N],
    numbers: [u32; N],
    salt: &[u8],
    digest: &[u8],
) -> Secret<String> {
    let parameters: Vec<String> = names.iter().zip(numbers).map(|(name, number)| format!("{name}={number}")).collect();
    let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest));
    Secret::new(format!("${id}${}${salt}${digest}", parameters.join(",")))
}

/// Reads a whole number in canonical form.
pub(super) fn read_number(text: &str) -> Option<u32> {
    let is_plain = text == "0" || (text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

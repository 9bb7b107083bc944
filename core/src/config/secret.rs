//! The options `secret` and `secretFile`.

use std::io::Read as _;

use super::reader::Reader;
use crate::crypto::Secret;
use crate::error::Error;

/// The longest file that is read, in bytes. A private key of 8192 bits has 7 KiB.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Reads `secret`, or the file that `secretFile` names, without white space at its ends.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option, if both are set, or the file can't be read, is empty or is too long.
pub fn read_secret(read: &mut Reader<'_>) -> Result<Option<Secret<Vec<u8>>>, Error> {
    let given = read.secret("secret")?;
    let Some(path) = read.text("secretFile")? else { return Ok(given) };
    if given.is_some() {
        return Err(read.error("secretFile", "and secret exclude each other: set one of them"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| read.error("secretFile", format!("can't be read ({path}): {error}")))?;
    let bytes = Secret::new(bytes);
    if bytes.expose().len() as u64 > MAX_FILE_BYTES {
        return Err(read.error("secretFile", "names a file of more than 64 KiB, which is no key"));
    }
    let text = bytes.expose().trim_ascii();
    if text.is_empty() {
        return Err(read.error("secretFile", format!("names an empty file ({path})")));
    }
    Ok(Some(Secret::new(text.to_vec())))
}

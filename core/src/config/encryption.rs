//! The option `encryptionKey`, and its older name `keys.encryptionKey`.

use std::sync::Arc;

use super::reader::Reader;
use crate::crypto::{MIN_KEY_BYTES, Secret};
use crate::error::Error;
use crate::factor::FactorKeys;
use crate::token::wrap::WrappingKey;

/// The keys that encrypt secrets in the database, for each use.
#[derive(Debug, Clone)]
pub(super) struct Encryption {
    /// Seals private keys.
    pub wrapping: Arc<WrappingKey>,
    /// Seals secrets of factors.
    pub factors: Arc<FactorKeys>,
}

/// Reads `encryptionKey`, or its older name. The value is a text or a list, whose first key encrypts and whose keys all
/// decrypt.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option and the cure.
pub(super) fn encryption(read: &mut Reader<'_>) -> Result<Option<Encryption>, Error> {
    let own = read.strings("encryptionKey", true)?;
    let keys = read.value("keys").filter(|keys| keys.is_object());
    let older = keys.map(|keys| Reader::new("keys", keys)?.strings("encryptionKey", true)).transpose()?.flatten();
    if own.is_some() && older.is_some() {
        return Err(read.error("encryptionKey", "and keys.encryptionKey are one option: leave the latter out"));
    }
    let Some(keys) = own.or(older) else { return Ok(None) };
    let keys: Vec<Secret<String>> = keys.into_iter().map(Secret::new).collect();
    let bytes = || keys.iter().map(|key| key.expose().as_bytes());
    let wrong = || {
        let what = format!("must be random text of at least {MIN_KEY_BYTES} bytes, or a list of them");
        read.error("encryptionKey", format!("{what}: make one by openssl rand -base64 32"))
    };
    let wrapping = WrappingKey::of(bytes()).map_err(|_| wrong())?;
    let factors = FactorKeys::of(bytes()).ok_or_else(wrong)?;
    Ok(Some(Encryption { wrapping: Arc::new(wrapping), factors: Arc::new(factors) }))
}

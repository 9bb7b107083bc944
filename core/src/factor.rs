//! Second factors: codes of authenticator apps (RFC 6238) and recovery codes. Pure; `store` keeps the factors and
//! counts the attempts.

use std::fmt;

use crate::crypto::{SealingKeys, Secret, is_sealed};

pub mod base32;
pub mod enrolment;
pub mod recovery;
pub mod totp;

/// A kind of code of a second factor, as clients name it in `method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorMethod {
    /// A code of an authenticator app.
    Totp,
    /// A recovery code.
    Recovery,
}

impl FactorMethod {
    /// The name in requests, answers and the table of attempts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Recovery => "recovery",
        }
    }

    /// Finds the method of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Totp, Self::Recovery].into_iter().find(|method| method.as_str() == name)
    }
}

/// The keys that encrypt the secrets of second factors, derived from the option `encryptionKey`.
pub struct FactorKeys(SealingKeys);

impl FactorKeys {
    /// Derives the keys. The first key encrypts, and all keys decrypt. `None`: the list is empty, or a key is shorter
    /// than 16 bytes.
    #[must_use]
    pub fn of<'a>(encryption_keys: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        SealingKeys::new(encryption_keys, b"sentri factor seal v1").map(Self)
    }

    /// Encrypts a secret and returns its stored form, which can be decrypted only for the same user and factor.
    #[must_use]
    pub fn seal(&self, secret: &str, user_id: &str, factor_id: &str) -> Option<Secret<String>> {
        self.0.seal(secret, &context(user_id, factor_id))
    }
}

impl fmt::Debug for FactorKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactorKeys(..)")
    }
}

/// Decrypts the secret in `stored`. A secret that was stored without `encryptionKey` is returned unchanged. `None`: the
/// keys are missing or have changed, or the row was moved or damaged.
#[must_use]
pub fn open_secret(
    keys: Option<&FactorKeys>,
    stored: &Secret<String>,
    user_id: &str,
    factor_id: &str,
) -> Option<Secret<String>> {
    if !is_sealed(stored.expose()) {
        return Some(stored.clone());
    }
    keys?.0.open(stored.expose(), &context(user_id, factor_id))
}

/// Joins two ids into a context. No id holds the separator, so no two pairs make the same text.
fn context(user_id: &str, factor_id: &str) -> String {
    format!("{user_id}|{factor_id}")
}

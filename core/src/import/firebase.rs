//! Firebase: users of `firebase auth:export`, whose hashes need the parameters of their project.

use std::fmt;

use super::hash::{decode_base64, malformed};
use super::line::Line;
use super::user::{ForeignUser, ImportedProof, disabled, refused};
use crate::crypto::Secret;
use crate::error::Error;
use crate::password::{ScryptCost, ScryptKind, encode_scrypt};

/// The bytes of a hash and of a signer key.
const HASH_BYTES: usize = 64;

/// The parameters of the hashes of a project, which its console shows.
#[derive(Clone)]
pub struct FirebaseHash {
    signer_key: Secret<Vec<u8>>,
    salt_separator: Vec<u8>,
    rounds: u32,
    mem_cost: u32,
}

impl fmt::Debug for FirebaseHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirebaseHash(..)")
    }
}

impl FirebaseHash {
    /// Checks the parameters as the console shows them: base64 and numbers.
    ///
    /// # Errors
    /// A sentence that names the parameter.
    pub fn new(signer_key: &str, salt_separator: &str, rounds: u32, mem_cost: u32) -> Result<Self, &'static str> {
        let signer_key = decode_base64(signer_key).map(Secret::new);
        let signer_key = signer_key.filter(|key| key.expose().len() == HASH_BYTES);
        let signer_key = signer_key.ok_or("firebase.signerKey must be base64 of 64 bytes: base64_signer_key")?;
        let salt_separator = decode_base64(salt_separator).filter(|separator| separator.len() <= 16);
        let salt_separator = salt_separator.ok_or("firebase.saltSeparator must be base64: base64_salt_separator")?;
        if !(1..=8).contains(&rounds) || !(1..=14).contains(&mem_cost) {
            return Err("firebase.rounds must be from 1 to 8, and firebase.memCost from 1 to 14");
        }
        Ok(Self { signer_key, salt_separator, rounds, mem_cost })
    }

    /// Converts a hash to the stored form. Firebase's hash is the signer key, encrypted by a stream cipher whose key is
    /// derived from the password. The stored form holds the key stream, which is the XOR of hash and signer key.
    fn encode(&self, hash: &str, salt: &str) -> Option<Secret<String>> {
        let hash = decode_base64(hash).filter(|hash| hash.len() == HASH_BYTES)?;
        let stream: Vec<u8> = hash.iter().zip(self.signer_key.expose()).map(|(a, b)| a ^ b).collect();
        let salt = [decode_base64(salt)?, self.salt_separator.clone()].concat();
        let cost = ScryptCost { log_n: self.mem_cost, r: self.rounds, p: 1 };
        (salt.len() <= 64).then(|| encode_scrypt(ScryptKind::Firebase, cost, &salt, &stream))
    }
}

pub(super) fn read(line: &Line<'_>, parameters: &FirebaseHash) -> Result<ForeignUser, Error> {
    if line.flag(&["disabled"])? {
        return Err(disabled());
    }
    let mut user = ForeignUser::new(line.id(&["localId", "uid"])?);
    let is_verified = line.flag(&["emailVerified"])?;
    user.add("email", line.text(&["email"])?.unwrap_or_default(), ImportedProof::of(is_verified));
    // In Firebase a user has a number only after a code was sent to it.
    user.add("phone", line.text(&["phoneNumber"])?.unwrap_or_default(), ImportedProof::Some);
    if let Some(claims) = line.embedded("customAttributes")? {
        user.roles = Line::new(&claims).words(&["roles", "role"])?;
    }
    if let Some(hash) = line.text(&["passwordHash"])? {
        if hash == "UkVEQUNURUQ=" {
            return Err(refused(
                "the password hash was left out of the export: whoever made it lacked the right to it",
            ));
        }
        let salt = line.text(&["salt"])?.unwrap_or_default();
        user.hash = Some(parameters.encode(hash, salt).ok_or_else(malformed)?);
    }
    // The export names the factors and leaves their secrets out.
    user.other_factors = !line.list(&["mfaInfo"])?.is_empty();
    user.created_at = line.instant(&["createdAt"])?;
    Ok(user)
}

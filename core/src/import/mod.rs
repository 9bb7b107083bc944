//! Reads users of other systems from lines of JSON. The functions are pure: each takes a line, and returns a user or
//! the reason of the refusal. `service::import` applies the rules of the realm and writes.
//!
//! Each format is a function over one object. It refuses a user whom it can't carry over in full, for example with an
//! unknown second factor.

use serde_json::Value;

use crate::crypto::sha256;
use crate::error::Error;
use crate::json::parse_strict;

mod auth0;
mod better_auth;
mod django;
mod firebase;
mod hash;
mod keycloak;
mod line;
mod sentri;
mod supabase;
mod user;

pub use firebase::FirebaseHash;
pub use user::{ForeignIdentifier, ForeignUser, ImportedProof};

use line::Line;
use user::refused;

/// The longest line in bytes.
pub const MAX_LINE: usize = 64 * 1024;
/// The longest id of a user in another system, in bytes.
const MAX_ID: usize = 255;

/// The system that the lines come from.
#[derive(Debug, Clone)]
pub enum Format {
    /// sentri's own form.
    Sentri,
    /// better-auth: rows of `user` with those of `account`.
    BetterAuth,
    /// Supabase: rows of `auth.users`.
    Supabase,
    /// Auth0: its export with password hashes.
    Auth0,
    /// Firebase: `auth:export`, with the parameters of its hashes.
    Firebase(FirebaseHash),
    /// Django: `dumpdata` of the users.
    Django,
    /// Keycloak: the users of an exported realm.
    Keycloak,
}

impl Format {
    /// The names of all formats, as options spell them.
    pub const NAMES: [&'static str; 7] =
        ["sentri", "better-auth", "supabase", "auth0", "firebase", "django", "keycloak"];

    /// Returns the name of the format.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Sentri => "sentri",
            Self::BetterAuth => "better-auth",
            Self::Supabase => "supabase",
            Self::Auth0 => "auth0",
            Self::Firebase(_) => "firebase",
            Self::Django => "django",
            Self::Keycloak => "keycloak",
        }
    }

    /// Reads one line, which must be a JSON object of at most [`MAX_LINE`] bytes.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, or `FORBIDDEN` for a disabled account, with a sentence that holds no secret.
    pub fn read(&self, text: &str) -> Result<ForeignUser, Error> {
        if text.len() > MAX_LINE {
            return Err(too_long());
        }
        let value = parse_strict(text.as_bytes()).map_err(|what| refused(format!("the line is no JSON: {what}")))?;
        let Value::Object(members) = &value else { return Err(refused("the line is no JSON object")) };
        let line = Line::new(members);
        let user = match self {
            Self::Sentri => sentri::read(&line),
            Self::BetterAuth => better_auth::read(&line),
            Self::Supabase => supabase::read(&line),
            Self::Auth0 => auth0::read(&line),
            Self::Firebase(parameters) => firebase::read(&line, parameters),
            Self::Django => django::read(&line),
            Self::Keycloak => keycloak::read(&line),
        }?;
        if user.id.is_empty() || user.id.len() > MAX_ID || user.id.contains(char::is_control) {
            return Err(refused("the id is empty, too long, or holds control characters"));
        }
        Ok(user)
    }

    /// Returns the id that a user gets in this store. It is the user's own id if that is a UUID, else a UUID derived
    /// from format and id, so a line makes the same user however often it is read.
    #[must_use]
    pub fn user_id(&self, id: &str) -> String {
        if let Some(uuid) = uuid::Uuid::try_parse(id).ok().filter(|uuid| id.len() == 36 && !uuid.is_nil()) {
            return uuid.hyphenated().to_string();
        }
        let digest = sha256(format!("sentri import v1\0{}\0{id}", self.as_str()).as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid().hyphenated().to_string()
    }
}

/// Returns the refusal of a line that is longer than [`MAX_LINE`].
#[must_use]
pub fn too_long() -> Error {
    refused(format!("the line is longer than {} KiB", MAX_LINE / 1024))
}

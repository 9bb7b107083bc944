//! The keys of buckets and their purposes. Each purpose has a part of the memory of its own, so that nobody fills the
//! part of another.

use crate::crypto::{sha256, to_base64url};

/// The key of a bucket: what it is for in clear, whom it is about as a digest only.
#[must_use]
pub fn key(purpose: &str, subject: &str) -> String {
    format!("{purpose}:{}", to_base64url(&sha256(subject.as_bytes())[..18]))
}

/// The bucket of failed logins of one account, by the user's id.
#[must_use]
pub fn login_account(user_id: &str) -> String {
    key("login:account", user_id)
}

/// The bucket of failed logins by an identifier that nobody has, by its normal form. Never that of an account, not even
/// for who logs in with somebody's id.
#[must_use]
pub fn login_unknown(normalized: &str) -> String {
    key("login:unknown", normalized)
}

/// The bucket of failed logins by one spelling of an identifier, by its normal form, whether somebody has it or not.
#[must_use]
pub fn login_spelling(normalized: &str) -> String {
    key("login:spelling", normalized)
}

/// The bucket of logins that succeed while many wait, by the bucket of their account.
#[must_use]
pub fn login_right(account: &str) -> String {
    key("login:right", account)
}

/// The bucket of a user's attempts at identifiers that somebody else has.
#[must_use]
pub fn identifiers_of(user_id: &str) -> String {
    key("identifiers", user_id)
}

/// The bucket of failed logins from one client address, as `web::client_ip::bucket` writes it.
#[must_use]
pub fn login_address(address: &str) -> String {
    key("login:address", address)
}

/// The bucket of registrations from one client address.
#[must_use]
pub fn register_address(address: &str) -> String {
    key("register:address", address)
}

/// The bucket of messages to one user about logins by devices that are not known, by the user's id.
#[must_use]
pub fn sign_in_messages(user_id: &str) -> String {
    key("security-message:sign-in", user_id)
}

/// The bucket of wrong guesses at the API key from one client address.
#[must_use]
pub fn api_key_address(address: &str) -> String {
    key("api-key:address", address)
}

/// The purpose of a bucket, as the beginning of its key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketPurpose {
    /// Failed logins by account, by spelling, and identifiers that others have.
    Account,
    /// Failed logins by client address.
    Address,
    /// Registrations.
    Register,
    /// Guesses at the API key.
    ApiKey,
    /// Failed logins from devices that a user is known on.
    Device,
    /// Messages to users: their addresses and numbers.
    Message,
    /// Messages about logins, which completed logins alone count.
    SecurityMessage,
    /// Limiters on routes of the application, whose keys its callers may choose.
    Custom,
}

impl BucketPurpose {
    /// All purposes, each at the place of its number.
    pub const ALL: [Self; 8] = [
        Self::Account,
        Self::Address,
        Self::Register,
        Self::ApiKey,
        Self::Device,
        Self::Message,
        Self::SecurityMessage,
        Self::Custom,
    ];

    /// The purpose of the bucket with this key. A key of an unknown form counts as the application's.
    #[must_use]
    pub fn of(key: &str) -> Self {
        match key.split(':').next() {
            Some("login") if key.starts_with("login:address:") => Self::Address,
            Some("login" | "identifiers") => Self::Account,
            Some("register") => Self::Register,
            Some("api-key") => Self::ApiKey,
            Some("device") => Self::Device,
            Some("message") => Self::Message,
            Some("security-message") => Self::SecurityMessage,
            _ => Self::Custom,
        }
    }

    /// The most buckets that the memory of one process keeps for this purpose.
    #[must_use]
    pub const fn places(self) -> usize {
        match self {
            Self::Account => 56_000,
            Self::Address => 36_000,
            Self::Register | Self::Message => 16_000,
            Self::ApiKey | Self::Device => 8_000,
            Self::SecurityMessage => 4_000,
            Self::Custom => 56_000,
        }
    }
}

/// A key without its subject: the limiter that a bucket belongs to.
#[must_use]
pub fn limiter(key: &str) -> &str {
    key.rsplit_once(':').map_or("", |(limiter, _)| limiter)
}

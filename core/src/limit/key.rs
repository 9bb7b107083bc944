//! The keys of buckets and their purposes. Each purpose has its own part of the memory, so that a flood of keys for one
//! purpose does not displace the buckets of another.

use crate::crypto::{sha256, to_base64url};

/// Returns the key of a bucket. It has the purpose in plain text, and the subject as a digest only.
#[must_use]
pub fn key(purpose: &str, subject: &str) -> String {
    format!("{purpose}:{}", to_base64url(&sha256(subject.as_bytes())[..18]))
}

/// Returns the bucket of failed logins to an account, by the user's id.
#[must_use]
pub fn login_account(user_id: &str) -> String {
    key("login:account", user_id)
}

/// Returns the bucket of failed logins by an identifier that nobody has, by its normal form. It never equals the bucket
/// of an account, even if the identifier is some user's id.
#[must_use]
pub fn login_unknown(normalized: &str) -> String {
    key("login:unknown", normalized)
}

/// Returns the bucket of failed logins by a spelling of an identifier, by its normal form, whether a user has it or
/// not.
#[must_use]
pub fn login_spelling(normalized: &str) -> String {
    key("login:spelling", normalized)
}

/// Returns the bucket of logins that succeed while many wait for a hash, by the bucket of their account.
#[must_use]
pub fn login_right(account: &str) -> String {
    key("login:right", account)
}

/// Returns the bucket of a user's attempts to take identifiers that others have.
#[must_use]
pub fn identifiers_of(user_id: &str) -> String {
    key("identifiers", user_id)
}

/// Returns the bucket of failed logins from a client address, as `web::client_ip::bucket` writes it.
#[must_use]
pub fn login_address(address: &str) -> String {
    key("login:address", address)
}

/// Returns the bucket of registrations from a client address.
#[must_use]
pub fn register_address(address: &str) -> String {
    key("register:address", address)
}

/// Returns the bucket of messages to a user about logins by devices that are not known, by the user's id.
#[must_use]
pub fn sign_in_messages(user_id: &str) -> String {
    key("security-message:sign-in", user_id)
}

/// Returns the bucket of wrong API keys from a client address.
#[must_use]
pub fn api_key_address(address: &str) -> String {
    key("api-key:address", address)
}

/// The purpose of a bucket, which the beginning of its key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketPurpose {
    /// Failed logins by account and by spelling, and attempts to take identifiers that others have.
    Account,
    /// Failed logins by client address.
    Address,
    /// Registrations.
    Register,
    /// Wrong API keys.
    ApiKey,
    /// Failed logins from known devices.
    Device,
    /// Messages to users, by the address or number that they go to.
    Message,
    /// Messages about new sign-ins, which only completed logins count.
    SecurityMessage,
    /// Limiters on routes of the application, whose keys its clients may be able to choose.
    Custom,
}

impl BucketPurpose {
    /// All purposes, each at the index of its number.
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

    /// Returns the purpose of the bucket with this key. A key of an unknown form is [`BucketPurpose::Custom`].
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

    /// Returns the most buckets that the memory of a process keeps for this purpose.
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

/// Returns a key without its subject, which names the limiter that the bucket belongs to.
#[must_use]
pub fn limiter(key: &str) -> &str {
    key.rsplit_once(':').map_or("", |(limiter, _)| limiter)
}

//! The port to the set-up of a new database.

use async_trait::async_trait;

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::model::NewUser;

/// The id and the purpose of the row with a token that makes the first admin.
pub const SETUP: &str = "setup";

/// The token by which the first admin is made, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupToken {
    /// Random bits in base64url, from which the token is derived. A token of the operator's choice has nothing to do
    /// with them.
    pub nonce: String,
    /// The SHA-256 of the token in base64url.
    pub digest: String,
    /// The `kid` of the signing key from which the token is derived; empty if the key has none.
    pub kid: String,
    /// The time from which the token can't be spent.
    pub expires_at: Millis,
}

/// The result of an attempt to make the first admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstAdmin {
    /// The user was written, and the token is spent.
    Created,
    /// An identifier of the user belongs to another user. The token is not spent.
    Taken,
    /// The token was spent or expired, or there is an admin already.
    Gone,
}

/// The part of the store for the first admin. Every method is one transaction.
#[async_trait]
pub trait SetupStore: Send + Sync + 'static {
    /// Whether any user has one of these roles.
    async fn any_has_role(&self, roles: &[String]) -> Result<bool, StoreError>;

    /// Writes the token by which the first admin is made. Returns `false` and writes nothing if another token is open,
    /// unless `replaces` is true.
    async fn put_setup(&self, token: &SetupToken, replaces: bool, now: Millis) -> Result<bool, StoreError>;

    /// Finds the open token by which the first admin is made.
    async fn find_setup(&self, now: Millis) -> Result<Option<SetupToken>, StoreError>;

    /// Spends the open token of this digest and writes a user, if no user has one of `admin_roles`.
    async fn create_first_admin(
        &self,
        user: &NewUser,
        digest: &str,
        admin_roles: &[String],
    ) -> Result<FirstAdmin, StoreError>;
}

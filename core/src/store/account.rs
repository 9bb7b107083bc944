//! The port to the account of a user as a whole: all stored data, and its deletion.

use async_trait::async_trait;

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::model::{Disabling, Expected, Factors, Identifier, Session, Standing, User};

/// The most rows of a kind that [`AccountStore::read_account`] reads.
pub const MOST_ROWS: u32 = 10_000;

/// All that is stored of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: User,
    /// The time of its last change.
    pub updated_at: Option<Millis>,
    /// Oldest first, with the time at which each was made.
    pub identifiers: Vec<(Identifier, Millis)>,
    /// Newest first, ended ones too, at most [`MOST_ROWS`].
    pub sessions: Vec<Session>,
    /// The second factors.
    pub factors: Factors,
    /// Newest first, at most [`MOST_ROWS`].
    pub flows: Vec<PastFlow>,
}

/// A flow of a user without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFlow {
    /// The purpose.
    pub purpose: String,
    /// The rows that wait in it, as JSON; empty: there are none.
    pub payload: String,
    /// The identifier that it is about; empty: there is none.
    pub identifier_id: String,
    /// The time at which it was asked for.
    pub created_at: Millis,
    /// From when on nothing spends it.
    pub expires_at: Millis,
    /// The time at which it was spent or ended.
    pub consumed_at: Option<Millis>,
}

/// The deletion of a user by themself.
#[derive(Debug, Clone, Copy)]
pub struct AccountDeletion<'a> {
    /// The user.
    pub user_id: &'a str,
    /// The session in which they ask for it. It must be open.
    pub session_id: &'a str,
    /// The user as their proof was judged.
    pub expected: Expected<'a>,
    /// Roles whose holders stay.
    pub kept_roles: &'a [String],
    /// Until when the id is remembered, for tokens that belong to no session.
    pub remembered_until: Millis,
}

/// The result of an [`AccountDeletion`]; but for the first one nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// Done.
    Done,
    /// The user is another by now, or gone: judge again.
    Changed,
    /// The session is over.
    Ended,
    /// The user holds one of the roles whose holders stay.
    Kept,
    /// The code that was to be spent with it is spent.
    Spent,
}

/// The duties of a driver toward one account as a whole.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// All that is stored of a user. `None`: there is no such user.
    async fn read_account(&self, user_id: &str) -> Result<Option<Account>, StoreError>;

    /// Deletes a user as [`super::Store::delete_user`] does, together with the spending of the user's proof.
    async fn delete_account(&self, deletion: &AccountDeletion<'_>, now: Millis) -> Result<Deleted, StoreError>;

    /// Disables a user at `disabling.at`, or replaces reason and end while the user is disabled already. The
    /// `auth_epoch` steps, so all flows end; all sessions are deleted. `false`: no such user.
    async fn disable_user(&self, user_id: &str, disabling: &Disabling) -> Result<bool, StoreError>;

    /// Enables a user. `false` if the user was not disabled; nothing is written then.
    async fn enable_user(&self, user_id: &str, now: Millis) -> Result<bool, StoreError>;

    /// The standing of a user: whether anything is known against them.
    async fn standing(&self, user_id: &str, now: Millis) -> Result<Standing, StoreError>;
}

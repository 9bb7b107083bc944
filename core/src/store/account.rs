//! The port to the account of a user as a whole: its data, deletion, disabling and standing.

use async_trait::async_trait;

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::model::{Disabling, Expected, Factors, Identifier, Session, Standing, User};

/// The most rows of a kind that [`AccountStore::read_account`] reads.
pub const MOST_ROWS: u32 = 10_000;

/// Everything that is stored of a user, except audit entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: User,
    /// The time of the user's last change.
    pub updated_at: Option<Millis>,
    /// The identifiers, oldest first, each with the time at which it was made.
    pub identifiers: Vec<(Identifier, Millis)>,
    /// The sessions, also ended ones, newest first, at most [`MOST_ROWS`].
    pub sessions: Vec<Session>,
    /// The second factors.
    pub factors: Factors,
    /// The flows, newest first, at most [`MOST_ROWS`].
    pub flows: Vec<PastFlow>,
}

/// A flow of a user without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFlow {
    /// The name of the purpose.
    pub purpose: String,
    /// The data that take effect when the flow is spent, as JSON; empty if there are none.
    pub payload: String,
    /// The id of the identifier that the flow is about; empty if there is none.
    pub identifier_id: String,
    /// The time at which the flow was requested.
    pub created_at: Millis,
    /// The time from which the flow can't be spent.
    pub expires_at: Millis,
    /// The time at which the flow was spent or ended.
    pub consumed_at: Option<Millis>,
}

/// The deletion of a user by the user.
#[derive(Debug, Clone, Copy)]
pub struct AccountDeletion<'a> {
    /// The user.
    pub user_id: &'a str,
    /// The id of the session in which the user requests the deletion. It must be open.
    pub session_id: &'a str,
    /// The state of the user when the proof was judged.
    pub expected: Expected<'a>,
    /// The roles whose holders can't be deleted this way.
    pub kept_roles: &'a [String],
    /// The time until which the id is remembered, for tokens that belong to no session.
    pub remembered_until: Millis,
}

/// The result of an [`AccountDeletion`]. Only [`Deleted::Done`] changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The user is deleted.
    Done,
    /// The user has changed or is gone, so the proof must be judged again.
    Changed,
    /// The session has ended.
    Ended,
    /// The user holds a role whose holders can't be deleted this way.
    Kept,
    /// The code of the proof is spent already.
    Spent,
}

/// The part of the store that works on an account as a whole.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Reads an account, or returns `None` if there is no such user.
    async fn read_account(&self, user_id: &str) -> Result<Option<Account>, StoreError>;

    /// Deletes a user as [`super::Store::delete_user`] does, and spends the code of the user's proof in the same
    /// transaction.
    async fn delete_account(&self, deletion: &AccountDeletion<'_>, now: Millis) -> Result<Deleted, StoreError>;

    /// Disables a user at `disabling.at`, or replaces reason and end if the user is disabled already. All sessions are
    /// deleted, and all flows end, since the `auth_epoch` grows. Returns `false` if there is no such user.
    async fn disable_user(&self, user_id: &str, disabling: &Disabling) -> Result<bool, StoreError>;

    /// Enables a user. Returns `false` and writes nothing if the user was not disabled.
    async fn enable_user(&self, user_id: &str, now: Millis) -> Result<bool, StoreError>;

    /// Returns the standing of a user: good, disabled or deleted.
    async fn standing(&self, user_id: &str, now: Millis) -> Result<Standing, StoreError>;
}

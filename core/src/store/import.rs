//! Users of other systems, written in batches.

use async_trait::async_trait;

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::model::{Factor, NewUser};

/// A user of another system with the rows that belong to it.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// The user. `now` is the time of the registration there.
    pub user: NewUser,
    /// Confirmed second factors.
    pub factors: Vec<Factor>,
}

/// The end of a user's import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The user is there now.
    Written,
    /// A user of this id and with one of these identifiers was there before. Nothing was changed.
    Present,
    /// The id is that of a user with other identifiers.
    OtherUser,
    /// An identifier belongs to another user, or leads to another user.
    Taken,
    /// A user of this id was deleted a short time ago.
    Deleted,
}

/// The part of the port that is about users of other systems.
#[async_trait]
pub trait ImportStore: Send + Sync + 'static {
    /// Writes users with their identifiers and factors, in one transaction or a few, and returns the result of each. Of
    /// users who share an id or a sign-in the first is written. With `writes` false nothing is written, and
    /// [`Imported::Written`] marks the users who would be.
    async fn import_users(&self, users: &[NewImport], now: Millis, writes: bool) -> Result<Vec<Imported>, StoreError>;
}

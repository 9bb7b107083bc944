//! The port by which users of other systems are written.

use async_trait::async_trait;

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::model::{Factor, NewUser};

/// A user of another system with the rows that belong to it.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// The user, whose `now` is the time of the registration in the other system.
    pub user: NewUser,
    /// Confirmed second factors.
    pub factors: Vec<Factor>,
}

/// The result of a user's import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The user was written.
    Written,
    /// A user of this id, with one of these identifiers, existed before. Nothing was changed.
    Present,
    /// The id belongs to a user with other identifiers.
    OtherUser,
    /// An identifier belongs to another user, or a login by it would find another user.
    Taken,
    /// A user of this id was deleted a short time ago.
    Deleted,
}

/// The part of the store that writes users of other systems.
#[async_trait]
pub trait ImportStore: Send + Sync + 'static {
    /// Writes users with their identifiers and factors, in one transaction or a few, and returns the result of each. If
    /// users share an id or a name to sign in by, the first of them is written. If `writes` is false nothing is
    /// written, and [`Imported::Written`] marks the users that would be.
    async fn import_users(&self, users: &[NewImport], now: Millis, writes: bool) -> Result<Vec<Imported>, StoreError>;
}

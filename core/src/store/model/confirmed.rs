//! Writes that wait until control over an address is proved.

use super::{Flow, Identifier, IdentifierUpdate, NewUser};
use crate::identifier::Claim;

/// A change of an identifier whose new address is proved.
#[derive(Debug, Clone)]
pub struct ConfirmedChange<'a> {
    /// The flow as it was found.
    pub flow: &'a Flow,
    /// Whether its code was right, so that the attempt at it counts no more.
    pub by_code: bool,
    /// The identifier, which must still have this type and value.
    pub from: &'a Identifier,
    /// Its new type and value.
    pub to: &'a IdentifierUpdate,
    /// Sign-ins that must not lead to another user.
    pub claims: &'a [Claim],
    /// Whether another user's unverified address gives way, if that user has a verified address.
    pub displaces: bool,
}

/// A registration whose address is proved.
#[derive(Debug, Clone)]
pub struct ConfirmedRegistration<'a> {
    /// The flow as it was found.
    pub flow: &'a Flow,
    /// Whether its code was right, so that the attempt at it counts no more.
    pub by_code: bool,
    /// The rows to write.
    pub user: &'a NewUser,
    /// The one of its identifiers that is proved.
    pub proved: &'a Identifier,
}

/// The result of spending a flow whose effect needs values that may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// Done.
    Done,
    /// The flow is spent or expired, or the rows that it was made for have changed.
    Gone,
    /// One of the values is taken. The flow is as good as before.
    Taken,
}

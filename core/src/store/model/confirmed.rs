//! The writes of changes and registrations that were pending until an address was proved.

use super::{Flow, Identifier, IdentifierUpdate, NewUser};
use crate::identifier::Claim;

/// A change of an identifier whose new address is proved.
#[derive(Debug, Clone)]
pub struct ConfirmedChange<'a> {
    /// The flow as it was found.
    pub flow: &'a Flow,
    /// Whether the flow is spent by its code. If so, the attempt at the code no longer counts as a failure.
    pub by_code: bool,
    /// The identifier, which must still have this type and value.
    pub from: &'a Identifier,
    /// The new type and value.
    pub to: &'a IdentifierUpdate,
    /// Claims on names to sign in by, which must not lead to another user.
    pub claims: &'a [Claim],
    /// Whether another user's unverified address gives way, if that user has a verified address.
    pub displaces: bool,
}

/// A registration whose address is proved.
#[derive(Debug, Clone)]
pub struct ConfirmedRegistration<'a> {
    /// The flow as it was found.
    pub flow: &'a Flow,
    /// Whether the flow is spent by its code. If so, the attempt at the code no longer counts as a failure.
    pub by_code: bool,
    /// The rows to write.
    pub user: &'a NewUser,
    /// The identifier of the user that is proved.
    pub proved: &'a Identifier,
}

/// The result of spending a flow that writes identifiers, which may be taken by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The flow is spent and the rows are written.
    Done,
    /// The flow is spent or expired, or the rows that it was made for have changed.
    Gone,
    /// An identifier is taken. The flow can still be spent.
    Taken,
}

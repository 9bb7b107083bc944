//! The rows of flows, and the writes that spend a flow.

use super::{Identifier, UsedFactor};
use crate::clock::Millis;
use crate::crypto::Secret;

/// A row of `sentri_flows`: a secret that may be spent once, by a token and perhaps by a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The id, 128 random bits in base64url. The client that requested the flow has it, and a code is valid only with
    /// it.
    pub id: String,
    /// The purpose, such as `reset` or `verify`; see [`crate::flow::FlowPurpose`].
    pub purpose: String,
    /// The id of the user; `None` if no account has the requested identifier.
    pub user_id: Option<String>,
    /// The key of the limit on open flows, which is a digest or an id.
    pub subject: String,
    /// The SHA-256 of the token in base64url.
    pub token_digest: String,
    /// The code, if the flow has a code.
    pub code: Option<StoredCode>,
    /// The number of wrong attempts at the code.
    pub attempts: i64,
    /// The most wrong attempts at the code.
    pub max_attempts: i64,
    /// The id of the identifier that the flow is about; empty if there is none.
    pub identifier_id: String,
    /// The digest of the type and value that the identifier had then, by [`crate::flow::address_digest`]; empty if
    /// there is none.
    pub address_digest: String,
    /// The data that take effect when the flow is spent, as JSON in one line; empty if there are none.
    pub payload: Secret<String>,
    /// The time at which the flow was requested.
    pub created_at: Millis,
    /// The time from which the flow can't be spent.
    pub expires_at: Millis,
}

/// The code of a flow, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCode {
    /// The keyed digest in base64url.
    pub digest: String,
    /// The `kid` of the signing key from which the digest's key is derived; empty if that key has none.
    pub kid: String,
    /// The time from which the code is expired.
    pub expires_at: Millis,
}

/// The spending of a flow of a user, with its effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending<'a> {
    /// The flow as it was found.
    pub flow: &'a Flow,
    /// Whether the flow is spent by its code. If so, the attempt at the code no longer counts as a failure.
    pub by_code: bool,
    /// The identifier that the message went to. It must still have this type and value.
    pub proves: Option<&'a Identifier>,
    /// The hash of a password to set, which ends all sessions and all flows of the user. An empty hash removes the
    /// password. Without `takes_over` the identifier must be verified, or else the flow is not spent, as for a flow of
    /// the purpose `login-code`.
    pub new_hash: Option<&'a str>,
    /// Whether this is the first proof of control over an identifier of the account. It takes the account from a party
    /// that registered it without a proof, so all other unverified identifiers except usernames are deleted. If an
    /// identifier is verified by then, the flow is not spent.
    pub takes_over: bool,
}

/// A code that may be used once. If it has been used meanwhile, its write is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unspent<'a> {
    /// The code of a second factor.
    Factor(UsedFactor<'a>),
    /// The code of a message.
    Sent(Spending<'a>),
}

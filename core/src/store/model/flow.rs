//! The rows of flows, and the writes that spend a flow.

use super::{Identifier, UsedFactor};
use crate::clock::Millis;
use crate::crypto::Secret;

/// A row of `sentri_flows`: one secret, as a token and perhaps a code, that may be spent once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// 128 random bits in base64url. Who asked for the flow holds it; a code counts only beside it.
    pub id: String,
    /// `reset`, `verify` and so on: see [`crate::flow::FlowPurpose`].
    pub purpose: String,
    /// The user; `None` if no account has the requested identifier.
    pub user_id: Option<String>,
    /// The thing of which only so many flows may be open: a digest or an id.
    pub subject: String,
    /// SHA-256 of the token in base64url.
    pub token_digest: String,
    /// The code, if any.
    pub code: Option<StoredCode>,
    /// Counted attempts at the code that were not right.
    pub attempts: i64,
    /// The most of them.
    pub max_attempts: i64,
    /// The identifier that the message went to; empty: there is none.
    pub identifier_id: String,
    /// The type and the value that it had then: [`crate::flow::address_digest`]; empty: there is none.
    pub address_digest: String,
    /// The rows to write when it is spent, as JSON in one line; empty: there are none.
    pub payload: Secret<String>,
    /// The time at which it was asked for.
    pub created_at: Millis,
    /// From when on nothing spends it.
    pub expires_at: Millis,
}

/// The code of a flow, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCode {
    /// The keyed digest in base64url.
    pub digest: String,
    /// The `kid` of the signing key from which its key is derived; empty: the key has none.
    pub kid: String,
    /// From when on the code is expired.
    pub expires_at: Millis,
}

/// The end of a flow of a user, with its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending<'a> {
    /// The flow as it was found.
    pub flow: &'a Flow,
    /// Whether its code was right, so that the attempt at it counts no more.
    pub by_code: bool,
    /// The identifier that the message went to. It must still have this type and value.
    pub proves: Option<&'a Identifier>,
    /// A password to set, which ends all sessions and all flows of the user; empty: the password goes. Without
    /// `takes_over` the identifier must be verified, as for a flow of the purpose `login-code`: else it is not spent.
    pub new_hash: Option<&'a str>,
    /// The first proof of control over an identifier takes the account from the party that registered it without a
    /// proof: the other unverified identifiers are deleted, except usernames. If an identifier is verified by then, the
    /// flow is not spent.
    pub takes_over: bool,
}

/// A code that may be used once: if it has been used meanwhile, its write is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unspent<'a> {
    /// Of a second factor.
    Factor(UsedFactor<'a>),
    /// Of a message.
    Sent(Spending<'a>),
}

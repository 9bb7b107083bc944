//! Redeems flows by a token, or by a code together with the flow's id.

use super::Realm;
use super::input::Input;
use crate::authentication::SentCode;
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::flow::{self, FlowPurpose};
use crate::store::model::{Flow, Identifier, UserWithIdentifiers};

/// The longest secret or id that is looked up, in bytes.
const MAX_SECRET: usize = 256;

/// The secret that a client presents: `{token}`, or `{flow, code}`.
pub(super) enum PresentedSecret {
    Token(String),
    Code { flow: String, code: String },
}

impl PresentedSecret {
    /// Reads `{token}` or `{flow, code}`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when neither is there.
    pub(super) fn read(input: &Input<'_>) -> Result<Self, Error> {
        if let Some(token) = input.optional_text("token")? {
            return Ok(Self::Token(token.to_owned()));
        }
        let (Some(flow), Some(code)) = (input.optional_text("flow")?, input.optional_text("code")?) else {
            return Err(Error::validation("token", "token is required, or flow and code"));
        };
        Ok(Self::Code { flow: flow.to_owned(), code: code.to_owned() })
    }
}

/// A flow whose secret was right, and which is not spent yet.
pub(super) struct Found {
    pub flow: Flow,
    pub by_code: bool,
}

/// Finds the flow of a secret. An attempt at a code is counted before the code is compared.
///
/// # Errors
/// `CODE_INVALID` for a wrong, expired, used or unknown secret; the store's failures.
pub(super) async fn find(realm: &Realm, presented: &PresentedSecret) -> Result<Found, Failure> {
    let now = realm.now();
    let (found, by_code) = match presented {
        PresentedSecret::Token(token) if token.len() > MAX_SECRET => (None, false),
        PresentedSecret::Token(token) => (realm.store.find_flow(&flow::token_digest(token), now).await?, false),
        PresentedSecret::Code { flow: id, code } => {
            let code = flow::normalize_code(code).ok_or(ErrorCode::CodeInvalid)?;
            // No id has control characters, and some databases refuse a query that has.
            if id.len() > MAX_SECRET || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(ErrorCode::CodeInvalid.into());
            }
            let keys = realm.keys.require()?;
            let counted = realm.store.attempt_code(id, now - flow::DAY, now).await?;
            (counted.filter(|flow| keys.is_code_of(flow, &code)), true)
        }
    };
    Ok(Found { flow: found.ok_or(ErrorCode::CodeInvalid)?, by_code })
}

/// A flow of a user whose secret was right, and which is not spent yet.
pub(super) struct Redeemed {
    pub flow: Flow,
    pub user: UserWithIdentifiers,
    /// The identifier that the flow is about. It still has the value that it had when the flow began.
    pub identifier: Identifier,
    pub by_code: bool,
}

impl Redeemed {
    pub(super) fn user_id(&self) -> &str {
        &self.user.user.id
    }

    pub(super) fn is_for(&self, purpose: FlowPurpose) -> bool {
        self.flow.purpose == purpose.as_str()
    }

    /// Returns the proof for a login, or `None` if this is no code of a flow for a login.
    pub(super) fn to_proof(&self) -> Option<SentCode> {
        let is_login = self.by_code && self.is_for(FlowPurpose::LoginCode);
        is_login.then(|| SentCode::of(self.flow.clone(), self.identifier.clone(), !is_verified(&self.user)))
    }
}

/// Finds the user of a flow, and the identifier that the flow is about.
///
/// # Errors
/// `CODE_INVALID` if the flow has another purpose or no user, the user is disabled, or the address has changed; the
/// store's failures.
pub(super) async fn redeem(realm: &Realm, purposes: &[FlowPurpose], found: Found) -> Result<Redeemed, Failure> {
    let Found { flow, by_code } = found;
    if !purposes.iter().any(|purpose| flow.purpose == purpose.as_str()) {
        return Err(ErrorCode::CodeInvalid.into());
    }
    let user_id = flow.user_id.as_deref().ok_or(ErrorCode::CodeInvalid)?;
    let user = realm.store.find_user(user_id).await?;
    // Disabling a user ends all flows, so this catches a flow that was found just before.
    let user = user.filter(|user| !user.user.is_disabled(realm.now())).ok_or(ErrorCode::CodeInvalid)?;
    let address_of = |one: &Identifier| flow::address_digest(&flow.id, &one.kind, &one.value);
    let as_it_was = |one: &&Identifier| {
        one.id == flow.identifier_id && flow::is_same_digest(&flow.address_digest, &address_of(one))
    };
    let identifier = user.identifiers.iter().find(as_it_was).cloned().ok_or(ErrorCode::CodeInvalid)?;
    Ok(Redeemed { flow, user, identifier, by_code })
}

/// Whether control over an identifier of the user has been proved.
pub(super) fn is_verified(user: &UserWithIdentifiers) -> bool {
    user.identifiers.iter().any(|one| one.verified_at.is_some())
}

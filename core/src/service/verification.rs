//! Requests codes by which users prove control over addresses, and holds up logins of users who have proved none.

use serde::Serialize;
use serde_json::Value;

use super::flows::{self, Asked, Receiver, Subject};
use super::receivers::named;
use super::requirement::{due, is_verifiable};
use super::shown::ShownIdentifier;
use super::{Caller, Realm, Trail};
use crate::clock::Iso;
use crate::crypto::make_id;
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::flow::FlowPurpose;
use crate::identifier::{self, Lookup};
use crate::store::model::Identifier;
use crate::use_case::Output;

/// Sends a user a code for one of their identifiers.
///
/// # Errors
/// `USER_NOT_FOUND`, `IDENTIFIER_NOT_FOUND`, `VALIDATION_ERROR` if users do not verify identifiers of this type,
/// `RATE_LIMIT_EXCEEDED`; the store's failures.
pub async fn ask_own(
    realm: &Realm,
    caller: &Caller,
    user_id: &str,
    identifier_id: &str,
    trail: &mut Trail,
) -> Result<Asked, Failure> {
    let rules = flows::rules(realm)?;
    let user = realm.store.find_user(user_id).await?.ok_or(ErrorCode::UserNotFound)?;
    let found = user.identifiers.iter().find(|one| one.id == identifier_id);
    let identifier = found.ok_or(ErrorCode::IdentifierNotFound)?;
    if !is_verifiable(rules, identifier) {
        return Err(Error::validation("id", "Identifiers of this type are not verified").into());
    }
    flows::limit_address(realm, caller).await?;
    let to = Receiver::new(user_id, identifier);
    let subject = Subject::of_spelling(realm, Some(identifier), &identifier.normalized)?;
    let mut asked = flows::begin(realm, caller, FlowPurpose::Verify, Some(to), subject).await?;
    trail.messages.extend(asked.message.take());
    Ok(asked)
}

/// Sends a code to an unverified identifier, for a client without a session. The answer is the same for every
/// identifier.
///
/// # Errors
/// `VALIDATION_ERROR`, `RATE_LIMIT_EXCEEDED`; the store's failures.
pub async fn ask(realm: &Realm, caller: &Caller, given: &str, trail: &mut Trail) -> Result<Asked, Failure> {
    let rules = flows::rules(realm)?;
    let lookup = identifier::lookup(given)?;
    flows::limit_address(realm, caller).await?;
    let found = realm.store.find_credential(&lookup.normalized, &lookup.exact, &lookup.others).await?;
    let user = realm.store.find_user(&found.map_or_else(make_id, |found| found.user_id)).await?;
    let wanted = |one: &&Identifier| one.verified_at.is_none() && is_verifiable(rules, one);
    let enabled = user.as_ref().filter(|user| !user.user.is_disabled(realm.now()));
    let to = enabled.and_then(|user| {
        let identifier = named(user, &lookup).filter(wanted)?;
        Some(Receiver::new(&user.user.id, identifier))
    });
    let identifier = to.as_ref().map(|to| to.identifier);
    let normalized = identifier.map_or(&lookup.normalized, |identifier| &identifier.normalized);
    let subject = Subject::of_spelling(realm, identifier, normalized)?;
    let mut asked = flows::begin(realm, caller, FlowPurpose::Verify, to, subject).await?;
    trail.messages.extend(asked.message.take());
    Ok(asked)
}

/// The result `{identifier: {id, type, value, verifiedAt}}`.
#[derive(Debug, Serialize)]
pub struct Confirmed {
    identifier: VerifiedIdentifier,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifiedIdentifier {
    #[serde(flatten)]
    identifier: ShownIdentifier,
    verified_at: Iso,
}

impl Output for Confirmed {
    const SHAPE: &'static str = "{identifier}";

    /// The option `router` can't override the use cases of this result.
    fn read(_value: &Value) -> Option<Self> {
        None
    }
}

impl Confirmed {
    pub(super) fn of(realm: &Realm, identifier: &Identifier) -> Self {
        let verified_at = Iso(identifier.verified_at.unwrap_or_else(|| realm.now()));
        Self { identifier: VerifiedIdentifier { identifier: identifier.into(), verified_at } }
    }
}

/// Lets a user with a right password log in, if the user has verified an address or need not. Otherwise it refuses the
/// login, and sends a code to the address that the user logs in by, or to the oldest one.
///
/// # Errors
/// `IDENTIFIER_UNVERIFIED`, with the flow of the code; the store's failures.
pub(super) async fn require_verified(
    realm: &Realm,
    caller: &Caller,
    user_id: &str,
    lookup: &Lookup,
    trail: &mut Trail,
) -> Result<(), Failure> {
    if realm.config.messages.as_ref().is_none_or(|rules| rules.required.is_none()) {
        return Ok(());
    }
    let Some(user) = realm.store.find_user(user_id).await? else { return Ok(()) };
    let Some(rules) = due(realm, &user) else { return Ok(()) };
    let verifiable = |one: &&Identifier| is_verifiable(rules, one);
    let oldest = |kind: &str| user.identifiers.iter().filter(verifiable).find(|one| one.kind == kind);
    let identifier = named(&user, lookup).filter(verifiable).or_else(|| oldest("email")).or_else(|| oldest("phone"));
    let normalized = identifier.map_or(&lookup.normalized, |identifier| &identifier.normalized);
    let subject = Subject::of_spelling(realm, identifier, normalized)?;
    let to = identifier.map(|identifier| Receiver::new(user_id, identifier));
    let mut asked = flows::begin(realm, caller, FlowPurpose::Verify, to, subject).await?;
    trail.messages.extend(asked.message.take());
    Err(Error::from(ErrorCode::IdentifierUnverified).with_details(asked.write()).into())
}

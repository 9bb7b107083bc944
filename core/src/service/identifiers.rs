//! Adds, changes and deletes a user's identifiers in bulk, all or none.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use super::attempt::Attempt;
use super::audit::kinds_and_forms;
use super::input::{Input, list};
use super::requirement::check_kept;
use super::story::{Facts, Story};
use super::{Caller, Realm, Trail, flows, security_messages};
use crate::audit::Change;
use crate::cache::Settlement;
use crate::crypto;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::hook::Operation;
use crate::identifier::{self, Claim, Normalized};
use crate::limit;
use crate::store::model::{ChangeLimits, Identifier, IdentifierChange};
use crate::use_case::{self, Context, Done, Output, UseCase};

mod answered;

pub use answered::{AnsweredIdentifier, PendingIdentifier};

/// The most identifiers in a call.
pub(super) const MAX_ITEMS: usize = 50;

/// The most identifiers that users may give themselves, so that a user can't occupy the addresses of a whole town. Code
/// of the host may give more.
const MAX_OWN: u32 = 50;

/// One item of `identifiers: [{type, value}]`.
pub struct NewIdentifier {
    kind: String,
    value: String,
}

/// Reads `identifiers: [{type, value}]` of a registration or a bulk creation.
///
/// # Errors
/// `VALIDATION_ERROR`.
pub fn read_new(identifiers: &Value) -> Result<Vec<NewIdentifier>, Error> {
    let read = |item| {
        let item = read_item(item)?;
        let text = |name| item.text(name).map(str::to_owned).map_err(in_identifiers);
        Ok(NewIdentifier { kind: text("type")?, value: text("value")? })
    };
    list("identifiers", identifiers, MAX_ITEMS)?.iter().map(read).collect()
}

/// Brings new identifiers into their normal forms.
///
/// # Errors
/// `VALIDATION_ERROR`, also when two of them are the same.
pub fn normalize(realm: &Realm, items: &[NewIdentifier]) -> Result<Vec<Identifier>, Failure> {
    let mut seen = HashSet::new();
    let mut identifiers = Vec::with_capacity(items.len());
    for NewIdentifier { kind, value } in items {
        let normalized = realm.config.identifiers.normalize(kind, value)?;
        if !seen.insert(normalized.normalized.clone()) {
            return Err(Error::validation("identifiers", "identifiers must not name the same value twice").into());
        }
        identifiers.push(make(kind, normalized));
    }
    Ok(identifiers)
}

/// The identifiers after a change: `{identifiers}`.
#[derive(Serialize)]
pub struct ChangedIdentifiers {
    /// The identifiers in the order of the input.
    pub identifiers: Vec<AnsweredIdentifier>,
}

impl Output for ChangedIdentifiers {
    const SHAPE: &'static str = "{identifiers: [...]}";

    fn read(value: &Value) -> Option<Self> {
        Some(Self { identifiers: AnsweredIdentifier::read_all(value.get("identifiers")?)? })
    }

    fn tell(&self, facts: &mut Facts) {
        facts.count = Some(self.identifiers.iter().filter(|one| !one.is_pending()).count());
    }
}

/// Returns the claims that new identifiers, given as types and values, make on names to sign in by.
pub(super) fn claims<'a>(identifiers: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Claim> {
    identifiers.filter_map(|(kind, value)| identifier::claim(kind, value)).collect()
}

/// Adds identifiers to a user, all or none.
///
/// It fails with `VALIDATION_ERROR`, `IDENTIFIER_ALREADY_EXISTS`, `USER_NOT_FOUND`, `RATE_LIMIT_EXCEEDED`, and the
/// store's failures.
pub struct CreateIdentifiers;

/// The input `{userId, identifiers: [{type, value}]}`.
pub struct CreateInput {
    user_id: String,
    items: Vec<NewIdentifier>,
}

impl use_case::Input for CreateInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Self::new(input.text("userId")?, input.member("identifiers"))
    }
}

impl CreateInput {
    /// Reads the identifiers for a user.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    pub fn new(user_id: &str, identifiers: &Value) -> Result<Self, Error> {
        Ok(Self { user_id: user_id.to_owned(), items: read_new(identifiers)? })
    }
}

impl UseCase for CreateIdentifiers {
    const NAME: Option<Operation> = Some(Operation::BulkCreateIdentifiers);
    const STORY: Story = story(EventName::IdentifiersCreated);
    type Input = CreateInput;
    type Output = ChangedIdentifiers;

    async fn run(context: &mut Context<'_>, input: CreateInput) -> Result<ChangedIdentifiers, Failure> {
        let Context { realm, caller, trail } = context;
        let CreateInput { user_id, items } = input;
        let store = realm.store_for(caller)?;
        let identifiers = normalize(realm, &items)?;
        let values = identifiers.iter().map(|one| (one.kind.as_str(), one.value.as_str()));
        let limits = limits_of(realm, caller, claims(values));
        let store = realm.noting_on(&store, &trail.author, || {
            let change = Change::of(EventName::IdentifiersCreated, &user_id);
            Ok([realm.with_digests(change, kinds_and_forms(&identifiers))?])
        })?;
        let work = async { settle(store.add_identifiers(&user_id, &identifiers, &limits, realm.now()).await?) };
        limited(realm, &user_id, caller, trail, work).await?;
        Ok(ChangedIdentifiers { identifiers: identifiers.into_iter().map(Into::into).collect() })
    }
}

pub(super) const fn story(success: EventName) -> Story {
    Story { success, failure: Some(EventName::IdentifiersFailure) }
}

/// Limits a user's attempts to add identifiers that other users have, since each refusal reveals that an identifier
/// exists.
pub(super) async fn limited(
    realm: &Realm,
    user_id: &str,
    caller: &Caller,
    trail: &mut Trail,
    work: impl Future<Output = Result<(), Failure>> + Send,
) -> Result<(), Failure> {
    let key = (!caller.trusted).then(|| limit::identifiers_of(user_id));
    let attempt = Attempt::begin(realm, key.as_deref(), |limits| limits.identifiers, "identifiers", trail).await?;
    let outcome = work.await;
    let counts = matches!(&outcome, Err(Failure::Refused(error)) if error.is(ErrorCode::IdentifierAlreadyExists));
    attempt.settle(if counts { Settlement::Counted } else { Settlement::Refunded }).await;
    outcome
}

pub(super) fn limits_of(realm: &Realm, caller: &Caller, claims: Vec<Claim>) -> ChangeLimits {
    // Otherwise an attacker with a short hold on a session could remove the only verified address, and the next
    // password reset would go to an address of theirs. A change to another address waits for a proof.
    let verifies = realm.config.messages.as_ref().is_some_and(|rules| rules.verified_types.is_some());
    let most = (!caller.trusted).then_some(MAX_OWN);
    let (keeps_verified, displaces) = (verifies && !caller.trusted, flows::displaces(realm));
    ChangeLimits { claims, most, keeps_verified, displaces }
}

/// Whether users are notified when one of their verified addresses is removed.
pub(super) fn tells_of_changes(realm: &Realm, caller: &Caller) -> bool {
    realm.config.messages.is_some() && !caller.trusted
}

/// Deletes identifiers of a user, all or none. At least one identifier must remain.
///
/// It fails with `VALIDATION_ERROR` (also if no identifier, or no verified address, would remain),
/// `IDENTIFIER_NOT_FOUND`, `USER_NOT_FOUND`, and the store's failures.
pub struct DeleteIdentifiers;

/// The input `{userId, ids}`.
pub struct DeleteInput {
    user_id: String,
    ids: Vec<String>,
}

impl use_case::Input for DeleteInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Self::new(input.text("userId")?, input.member("ids"))
    }
}

impl DeleteInput {
    /// Reads the ids of a user's identifiers.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, `IDENTIFIER_NOT_FOUND`.
    pub fn new(user_id: &str, given: &Value) -> Result<Self, Error> {
        let mut ids: Vec<String> = Vec::new();
        for id in list("ids", given, MAX_ITEMS)? {
            let id = id.as_str().ok_or_else(|| Error::validation("ids", "ids must be a list of strings"))?;
            if id.contains(char::is_control) {
                return Err(ErrorCode::IdentifierNotFound.into());
            }
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
        Ok(Self { user_id: user_id.to_owned(), ids })
    }
}

impl UseCase for DeleteIdentifiers {
    const NAME: Option<Operation> = Some(Operation::BulkDeleteIdentifiers);
    const STORY: Story = story(EventName::IdentifiersDeleted);
    type Input = DeleteInput;
    type Output = Done;

    async fn run(context: &mut Context<'_>, input: DeleteInput) -> Result<Done, Failure> {
        let Context { realm, caller, trail } = context;
        let store = realm.store_for(caller)?;
        let limits = limits_of(realm, caller, Vec::new());
        let notified = if tells_of_changes(realm, caller) { store.find_user(&input.user_id).await? } else { None };
        if let Some(user) = &notified {
            check_kept(realm, caller, user, |one| input.ids.contains(&one.id))?;
        }
        let store = realm.noting_on(&store, &trail.author, || {
            Ok([Change::of(EventName::IdentifiersDeleted, &input.user_id).with("ids", input.ids.clone())])
        })?;
        settle(store.delete_identifiers(&input.user_id, &input.ids, &limits, realm.now()).await?)?;
        let is_gone = |one: &Identifier| one.verified_at.is_some() && input.ids.contains(&one.id);
        if let Some(user) = notified.filter(|user| user.identifiers.iter().any(is_gone)) {
            security_messages::leave_change(realm, caller, &user, trail);
        }
        Ok(Done)
    }
}

pub(super) fn read_item(item: &Value) -> Result<Input<'_>, Error> {
    Input::new(item).map_err(|_| Error::validation("identifiers", "identifiers must be a list of objects"))
}

pub(super) fn in_identifiers(error: Error) -> Error {
    Error::validation("identifiers", format!("identifiers: {}", error.message))
}

pub(super) fn make(kind: &str, normalized: Normalized) -> Identifier {
    Identifier {
        id: crypto::make_id(),
        kind: kind.to_owned(),
        value: normalized.value,
        normalized: normalized.normalized,
        verified_at: None,
    }
}

pub(super) fn settle(change: IdentifierChange) -> Result<(), Failure> {
    match change {
        IdentifierChange::Done => Ok(()),
        IdentifierChange::NoUser => Err(ErrorCode::UserNotFound.into()),
        IdentifierChange::NotFound => Err(ErrorCode::IdentifierNotFound.into()),
        IdentifierChange::Taken => Err(ErrorCode::IdentifierAlreadyExists.into()),
        IdentifierChange::LastOne => Err(Error::validation("ids", "At least one identifier must remain").into()),
        IdentifierChange::LastVerified => {
            let message = "identifiers: a verified address must remain: verify another address first";
            Err(Error::validation("identifiers", message).into())
        }
        IdentifierChange::TooMany => {
            let message = format!("identifiers: a user can have {MAX_OWN} at most");
            Err(Error::validation("identifiers", message).into())
        }
    }
}

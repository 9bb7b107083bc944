//! A user's identifiers: added, changed and deleted in bulk, all or nothing.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::attempt::Attempt;
use super::input::Input;
use super::{Caller, Realm, Trail};
use crate::cache::Settlement;
use crate::crypto;
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::identifier::{self, Claim, Normalized};
use crate::limit;
use crate::store::model::{ChangeLimits, Identifier, IdentifierChange, IdentifierUpdate};

/// The most identifiers that one call may bring.
const MAX_ITEMS: usize = 50;

/// The most that users may give themselves: nobody sits on the addresses of a whole town. Code of the host may give more.
const MAX_OWN: u32 = 50;

/// An identifier as responses show it.
#[must_use]
pub fn describe(identifier: &Identifier) -> Value {
    json!({ "id": identifier.id, "type": identifier.kind, "value": identifier.value })
}

/// Reads `identifiers: [{type, value}]` of a registration or a bulk creation.
///
/// # Errors
/// `VALIDATION_ERROR`, also when two of them are the same.
pub fn read_new(realm: &Realm, input: &Input<'_>) -> Result<Vec<Identifier>, Failure> {
    let mut seen = HashSet::new();
    let mut identifiers = Vec::new();
    for item in input.list("identifiers", MAX_ITEMS)? {
        let item = read_item(item)?;
        let kind = item.text("type").map_err(in_identifiers)?;
        let value = item.text("value").map_err(in_identifiers)?;
        let normalized = realm.config.identifiers.normalize(kind, value)?;
        if !seen.insert(normalized.normalized.clone()) {
            return Err(Error::validation("identifiers", "identifiers must not name the same value twice").into());
        }
        identifiers.push(make(kind, normalized));
    }
    Ok(identifiers)
}

/// The sign-ins that new identifiers, as types and values, lay claim to.
pub(super) fn claims<'a>(identifiers: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Claim> {
    identifiers.filter_map(|(kind, value)| identifier::claim(kind, value)).collect()
}

/// `{userId, identifiers: [{type, value}]}` in, `{identifiers: [created]}` out.
///
/// # Errors
/// `VALIDATION_ERROR`, `IDENTIFIER_ALREADY_EXISTS`, `USER_NOT_FOUND`, `RATE_LIMIT_EXCEEDED`; the store's.
pub async fn create(realm: &Arc<Realm>, input: &Value, caller: &Caller, trail: &mut Trail) -> Result<Value, Failure> {
    let store = realm.store_for(caller)?;
    let input = Input::new(input)?;
    let user_id = input.text("userId")?;
    let identifiers = read_new(realm, &input)?;
    let values = identifiers.iter().map(|one| (one.kind.as_str(), one.value.as_str()));
    let limits = limits_of(caller, claims(values));
    let work = async { settle(store.add_identifiers(user_id, &identifiers, &limits, realm.now()).await?) };
    limited(realm, user_id, caller, trail, work).await?;
    Ok(json!({ "identifiers": identifiers.iter().map(describe).collect::<Value>() }))
}

/// Lets a user try only so many identifiers that somebody else has: who is refused one learns that it exists.
async fn limited(
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

fn limits_of(caller: &Caller, claims: Vec<Claim>) -> ChangeLimits {
    ChangeLimits { claims, most: (!caller.trusted).then_some(MAX_OWN) }
}

/// `{userId, identifiers: [{id, type?, value} | {type, value}]}` in, `{identifiers: [updated]}` out.
///
/// An item without `id` inserts, or replaces the one identifier that the user has of that type.
///
/// # Errors
/// `VALIDATION_ERROR`, `IDENTIFIER_NOT_FOUND`, `IDENTIFIER_ALREADY_EXISTS`, `USER_NOT_FOUND`, `RATE_LIMIT_EXCEEDED`; the
/// store's.
pub async fn update(realm: &Arc<Realm>, input: &Value, caller: &Caller, trail: &mut Trail) -> Result<Value, Failure> {
    let store = realm.store_for(caller)?;
    let input = Input::new(input)?;
    let user_id = input.text("userId")?;
    let items = input.list("identifiers", MAX_ITEMS)?;
    let user = store.find_user(user_id).await?.ok_or(ErrorCode::UserNotFound)?;
    let (mut updates, mut inserts, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    let mut result = Vec::with_capacity(items.len());
    let mut claimed = Vec::new();
    for item in items {
        let item = read_item(item)?;
        let value = item.text("value").map_err(in_identifiers)?;
        let target = find_target(&item, &user.identifiers)?;
        let kind = match (item.optional_text("type").map_err(in_identifiers)?, target) {
            (Some(kind), _) => kind,
            (None, Some(existing)) => existing.kind.as_str(),
            (None, None) => return Err(Error::validation("identifiers", "identifiers need an id or a type").into()),
        };
        let normalized = realm.config.identifiers.normalize(kind, value)?;
        let changed = match target {
            Some(existing) => Identifier { id: existing.id.clone(), ..make(kind, normalized) },
            None => make(kind, normalized),
        };
        if !seen.insert(changed.id.clone()) || !seen.insert(format!("={}", changed.normalized)) {
            return Err(Error::validation("identifiers", "identifiers must not name the same one twice").into());
        }
        result.push(describe(&changed));
        // What stays as it is was its owner's before.
        if target.is_none_or(|existing| (&existing.kind, &existing.value) != (&changed.kind, &changed.value)) {
            claimed.extend(identifier::claim(&changed.kind, &changed.value));
        }
        match target {
            Some(_) => updates.push(IdentifierUpdate {
                id: changed.id,
                kind: changed.kind,
                value: changed.value,
                normalized: changed.normalized,
            }),
            None => inserts.push(changed),
        }
    }
    let limits = limits_of(caller, claimed);
    let work = async { settle(store.update_identifiers(user_id, &updates, &inserts, &limits, realm.now()).await?) };
    limited(realm, user_id, caller, trail, work).await?;
    Ok(json!({ "identifiers": result }))
}

/// `{userId, ids}` in. At least one identifier stays.
///
/// # Errors
/// `VALIDATION_ERROR` (also when none would stay), `IDENTIFIER_NOT_FOUND`, `USER_NOT_FOUND`; the store's.
pub async fn delete(realm: &Arc<Realm>, input: &Value, caller: &Caller) -> Result<Value, Failure> {
    let store = realm.store_for(caller)?;
    let input = Input::new(input)?;
    let user_id = input.text("userId")?;
    let mut ids = Vec::new();
    for id in input.list("ids", MAX_ITEMS)? {
        let id = id.as_str().ok_or_else(|| Error::validation("ids", "ids must be a list of strings"))?;
        if id.contains(char::is_control) {
            return Err(ErrorCode::IdentifierNotFound.into());
        }
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    settle(store.delete_identifiers(user_id, &ids, realm.now()).await?)?;
    Ok(Value::Null)
}

fn read_item(item: &Value) -> Result<Input<'_>, Error> {
    Input::new(item).map_err(|_| Error::validation("identifiers", "identifiers must be a list of objects"))
}

fn in_identifiers(error: Error) -> Error {
    Error::validation("identifiers", format!("identifiers: {}", error.message))
}

fn find_target<'a>(item: &Input<'_>, existing: &'a [Identifier]) -> Result<Option<&'a Identifier>, Failure> {
    if let Some(id) = item.optional_text("id").map_err(in_identifiers)? {
        let found = existing.iter().find(|identifier| identifier.id == id);
        return found.map(Some).ok_or_else(|| ErrorCode::IdentifierNotFound.into());
    }
    let Some(kind) = item.optional_text("type").map_err(in_identifiers)? else { return Ok(None) };
    let mut same_kind = existing.iter().filter(|identifier| identifier.kind == kind);
    match (same_kind.next(), same_kind.next()) {
        (_, Some(_)) => {
            let message = format!("identifiers: the user has several of type {kind}: name the id");
            Err(Error::validation("identifiers", message).into())
        }
        (one, None) => Ok(one),
    }
}

fn make(kind: &str, normalized: Normalized) -> Identifier {
    Identifier {
        id: crypto::make_id(),
        kind: kind.to_owned(),
        value: normalized.value,
        normalized: normalized.normalized,
    }
}

fn settle(change: IdentifierChange) -> Result<(), Failure> {
    match change {
        IdentifierChange::Done => Ok(()),
        IdentifierChange::NoUser => Err(ErrorCode::UserNotFound.into()),
        IdentifierChange::NotFound => Err(ErrorCode::IdentifierNotFound.into()),
        IdentifierChange::Taken => Err(ErrorCode::IdentifierAlreadyExists.into()),
        IdentifierChange::LastOne => Err(Error::validation("ids", "At least one identifier must remain").into()),
        IdentifierChange::TooMany => {
            let message = format!("identifiers: a user can have {MAX_OWN} at most");
            Err(Error::validation("identifiers", message).into())
        }
    }
}

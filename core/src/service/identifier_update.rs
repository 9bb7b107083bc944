//! Changes a user's identifiers in bulk, all or none.

use std::collections::HashSet;

use serde_json::Value;

use super::audit::kinds_and_forms;
use super::identifiers::{
    AnsweredIdentifier, ChangedIdentifiers, MAX_ITEMS, in_identifiers, limited, limits_of, make, read_item, settle,
    story, tells_of_changes,
};
use super::input::{Input, list};
use super::pending_change::{self, Pending};
use super::requirement::check_kept;
use super::shown::ShownIdentifier;
use super::story::Story;
use super::{Caller, Realm, flows, security_messages};
use crate::audit::Change;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::hook::Operation;
use crate::identifier::{self, Claim};
use crate::store::model::{Identifier, IdentifierUpdate};
use crate::use_case::{self, Context, UseCase};

/// One item of `identifiers: [{id, type?, value} | {type, value}]`.
struct Item {
    id: Option<String>,
    kind: Option<String>,
    value: String,
}

/// Changes identifiers of a user, all or none. An item without `id` adds an identifier, or replaces the user's only
/// identifier of that type.
///
/// It fails with `VALIDATION_ERROR`, `IDENTIFIER_NOT_FOUND`, `IDENTIFIER_ALREADY_EXISTS`, `USER_NOT_FOUND`,
/// `RATE_LIMIT_EXCEEDED`, and the store's failures.
pub struct UpdateIdentifiers;

/// The input `{userId, identifiers: [{id, type?, value} | {type, value}]}`.
pub struct UpdateInput {
    user_id: String,
    items: Vec<Item>,
}

impl use_case::Input for UpdateInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Self::new(input.text("userId")?, input.member("identifiers"))
    }
}

impl UpdateInput {
    /// Reads the changes for a user.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    pub fn new(user_id: &str, identifiers: &Value) -> Result<Self, Error> {
        let read = |item| {
            let item = read_item(item)?;
            let optional = |name| item.optional_text(name).map(|text| text.map(str::to_owned)).map_err(in_identifiers);
            let value = item.text("value").map_err(in_identifiers)?.to_owned();
            Ok(Item { id: optional("id")?, kind: optional("type")?, value })
        };
        let items = list("identifiers", identifiers, MAX_ITEMS)?.iter().map(read).collect::<Result<_, Error>>()?;
        Ok(Self { user_id: user_id.to_owned(), items })
    }
}

impl UseCase for UpdateIdentifiers {
    const NAME: Option<Operation> = Some(Operation::BulkUpdateIdentifiers);
    const STORY: Story = story(EventName::IdentifiersUpdated);
    type Input = UpdateInput;
    type Output = ChangedIdentifiers;

    async fn run(context: &mut Context<'_>, input: UpdateInput) -> Result<ChangedIdentifiers, Failure> {
        let Context { realm, caller, trail } = context;
        let UpdateInput { user_id, items } = input;
        let store = realm.store_for(caller)?;
        let user = store.find_user(&user_id).await?.ok_or(ErrorCode::UserNotFound)?;
        let Plan { updates, inserts, mut shown, claimed, pending } = plan(realm, caller, &items, &user.identifiers)?;
        check_kept(realm, caller, &user, |one| is_changed(one, &updates))?;
        for _ in &pending {
            flows::limit_address(realm, caller).await?;
        }
        if pending.len() < items.len() {
            let limits = limits_of(realm, caller, claimed);
            let store = realm.noting_on(&store, &trail.author, || {
                let changed = updates.iter().map(|one| (one.kind.as_str(), one.normalized.as_str()));
                let change = Change::of(EventName::IdentifiersUpdated, &user_id);
                Ok([realm.with_digests(change, changed.chain(kinds_and_forms(&inserts)))?])
            })?;
            let work =
                async { settle(store.update_identifiers(&user_id, &updates, &inserts, &limits, realm.now()).await?) };
            limited(realm, &user_id, caller, trail, work).await?;
            if tells_of_changes(realm, caller)
                && user.identifiers.iter().any(|one| one.verified_at.is_some() && is_changed(one, &updates))
            {
                security_messages::leave_change(realm, caller, &user, trail);
            }
        }
        // Pending changes come last, since a change of identifiers ends the flows of the user.
        for (at, one) in pending {
            let asked = pending_change::ask(realm, caller, &user, &one, trail).await?;
            shown[at] = AnsweredIdentifier::Pending(Box::new(asked));
        }
        Ok(ChangedIdentifiers { identifiers: shown })
    }
}

/// Whether `updates` give an identifier another type or value.
fn is_changed(one: &Identifier, updates: &[IdentifierUpdate]) -> bool {
    updates.iter().any(|to| to.id == one.id && (&to.kind, &to.value) != (&one.kind, &one.value))
}

/// The writes that carry out a change.
#[derive(Default)]
struct Plan {
    updates: Vec<IdentifierUpdate>,
    inserts: Vec<Identifier>,
    shown: Vec<AnsweredIdentifier>,
    claimed: Vec<Claim>,
    /// The changes that wait for a proof, with their places in the answer.
    pending: Vec<(usize, Pending)>,
}

fn plan(realm: &Realm, caller: &Caller, items: &[Item], existing: &[Identifier]) -> Result<Plan, Failure> {
    let (mut plan, mut seen) = (Plan::default(), HashSet::new());
    for item in items {
        let target = find_target(item, existing)?;
        let kind = match (&item.kind, target) {
            (Some(kind), _) => kind,
            (None, Some(existing)) => &existing.kind,
            (None, None) => return Err(Error::validation("identifiers", "identifiers need an id or a type").into()),
        };
        // A value that stays as it is belonged to the user before, so newer rules must not refuse it.
        let stays = target.is_some_and(|existing| existing.kind == *kind && existing.value == item.value);
        let rules = &realm.config.identifiers;
        let value = &item.value;
        let normalized = if stays { rules.normalize_held(kind, value) } else { rules.normalize(kind, value) }?;
        let changed = match target {
            Some(existing) => Identifier { id: existing.id.clone(), ..make(kind, normalized) },
            None => make(kind, normalized),
        };
        if !seen.insert(changed.id.clone()) || !seen.insert(format!("={}", changed.normalized)) {
            return Err(Error::validation("identifiers", "identifiers must not name the same one twice").into());
        }
        plan.shown.push(AnsweredIdentifier::Kept(ShownIdentifier::from(&changed)));
        if !stays {
            if let Some(existing) = target.filter(|_| pending_change::waits(realm, caller, &changed.kind)) {
                let pending = Pending { from: existing.clone(), to: changed };
                plan.pending.push((plan.shown.len() - 1, pending));
                continue;
            }
            plan.claimed.extend(identifier::claim(&changed.kind, &changed.value));
        }
        match target {
            Some(_) => plan.updates.push(IdentifierUpdate {
                id: changed.id,
                kind: changed.kind,
                value: changed.value,
                normalized: changed.normalized,
            }),
            None => plan.inserts.push(changed),
        }
    }
    Ok(plan)
}

fn find_target<'a>(item: &Item, existing: &'a [Identifier]) -> Result<Option<&'a Identifier>, Failure> {
    if let Some(id) = &item.id {
        let found = existing.iter().find(|identifier| identifier.id == *id);
        return found.map(Some).ok_or_else(|| ErrorCode::IdentifierNotFound.into());
    }
    let Some(kind) = &item.kind else { return Ok(None) };
    let mut same_kind = existing.iter().filter(|identifier| identifier.kind == *kind);
    match (same_kind.next(), same_kind.next()) {
        (_, Some(_)) => {
            let message = format!("identifiers: the user has several of type {kind}: name the id");
            Err(Error::validation("identifiers", message).into())
        }
        (one, None) => Ok(one),
    }
}

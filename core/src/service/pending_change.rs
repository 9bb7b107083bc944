//! Changes of an identifier that are pending until the new address is proved. The old value counts until then.

use serde_json::{Value, json};

use super::flows::{self, Receiver, Subject, Waiting};
use super::identifiers::PendingIdentifier;
use super::input::Input;
use super::receivers::{is_address, oldest_address};
use super::redeem::{Redeemed, is_verified};
use super::verification::Confirmed;
use super::{Caller, Realm, Trail};
use crate::audit::Change;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::flow::FlowPurpose;
use crate::identifier::{self, Claim};
use crate::message::MessageKind;
use crate::store::model::{ConfirmedChange, Identifier, IdentifierUpdate, Spent, UserWithIdentifiers};

/// A pending change of an identifier.
pub(super) struct Pending {
    pub from: Identifier,
    /// The new identifier, which has the same id.
    pub to: Identifier,
}

/// Whether users have to prove control over this type before they get an identifier of it.
pub(super) fn waits(realm: &Realm, caller: &Caller, kind: &str) -> bool {
    let types = realm.config.messages.as_ref().and_then(|rules| rules.verified_types.as_ref());
    !caller.trusted && types.is_some_and(|types| types.iter().any(|one| one == kind))
}

/// Sends a code to the new address and a security message to the old one. It does the same if the new address is taken,
/// so that only someone who reads the new address's messages learns that. Returns the present identifier with the
/// pending change.
///
/// # Errors
/// `RATE_LIMIT_EXCEEDED`; the store's failures.
pub(super) async fn ask(
    realm: &Realm,
    caller: &Caller,
    user: &UserWithIdentifiers,
    Pending { from, to }: &Pending,
    trail: &mut Trail,
) -> Result<PendingIdentifier, Failure> {
    let user_id = user.user.id.as_str();
    let sent = Subject::of_spelling(realm, None, &to.normalized)?.sent;
    let payload = json!({ "type": to.kind, "value": to.value, "normalized": to.normalized }).to_string();
    let (receiver, subject) = (Receiver::new(user_id, to), Subject { open: from.id.clone(), sent });
    let waiting = Waiting { changes: Some(from), payload, author: None };
    let mut asked = flows::begin_with(realm, caller, FlowPurpose::Change, Some(receiver), subject, waiting).await?;
    trail.messages.extend(asked.message.take());
    // An unverified address may belong to a stranger, but a user without a verified address has no better one.
    let old = Some(from).filter(|from| is_address(from) && (from.verified_at.is_some() || !is_verified(user)));
    let notified = old.or_else(|| oldest_address(user).filter(|_| is_verified(user)));
    if let Some(to) = notified.filter(|_| asked.is_put) {
        let to = Receiver::new(user_id, to);
        trail.messages.push(flows::message(realm, caller, MessageKind::ChangeNotice, &to, None));
    }
    Ok(PendingIdentifier::new(from, to, asked))
}

/// Writes a change whose new address is proved, in a session of its user.
///
/// # Errors
/// `FORBIDDEN` outside a session of the user, `CODE_INVALID`, `IDENTIFIER_ALREADY_EXISTS`; the store's failures.
pub(super) async fn confirm(
    realm: &Realm,
    trail: &mut Trail,
    redeemed: &Redeemed,
    session_user: &str,
) -> Result<Confirmed, Failure> {
    let user_id = redeemed.user_id();
    if session_user != user_id {
        return Err(Error::new(ErrorCode::Forbidden, "Confirm in a session of the account").into());
    }
    let to = read(redeemed)?;
    // The options may have changed since the change was requested.
    let normalized = realm.config.identifiers.normalize(&to.kind, &to.value)?;
    if normalized.normalized != to.normalized {
        return Err(ErrorCode::CodeInvalid.into());
    }
    let claims: Vec<Claim> = identifier::claim(&to.kind, &to.value).into_iter().collect();
    let displaces = flows::displaces(realm);
    let Redeemed { flow, identifier: from, by_code, .. } = redeemed;
    let now = realm.now();
    let change = ConfirmedChange { flow, by_code: *by_code, from, to: &to, claims: &claims, displaces };
    let store = realm.noting(&trail.author, || {
        let events = [EventName::IdentifiersUpdated, EventName::IdentifierVerified];
        let noted = |event| realm.with_digests(Change::of(event, user_id), [(&*to.kind, &*to.normalized)]);
        events.map(noted).into_iter().collect::<Result<Vec<_>, _>>()
    })?;
    match store.spend_change(&change, now).await? {
        Spent::Done => {}
        Spent::Gone => return Err(ErrorCode::CodeInvalid.into()),
        Spent::Taken => return Err(ErrorCode::IdentifierAlreadyExists.into()),
    }
    trail.note(EventName::IdentifiersUpdated, |event| event.with("userId", user_id).with("count", 1));
    trail.facts.user_id = Some(user_id.to_owned());
    let IdentifierUpdate { id, kind, value, normalized } = to;
    Ok(Confirmed::of(realm, &Identifier { id, kind, value, normalized, verified_at: Some(now) }))
}

fn read(redeemed: &Redeemed) -> Result<IdentifierUpdate, Failure> {
    let payload = serde_json::from_str(redeemed.flow.payload.expose()).unwrap_or(Value::Null);
    let read = |input: &Input<'_>| -> Result<IdentifierUpdate, Error> {
        let text = |name| input.text(name).map(str::to_owned);
        let id = redeemed.identifier.id.clone();
        Ok(IdentifierUpdate { id, kind: text("type")?, value: text("value")?, normalized: text("normalized")? })
    };
    let update = Input::new(&payload).and_then(|input| read(&input));
    update.map_err(|_| Failure::Internal("a pending change can't be read".to_owned()))
}

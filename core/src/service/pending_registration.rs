//! Registrations that are pending until an address is proved. Until then there is no user, and nothing is reserved.

use serde_json::{Value, json};

use super::attempt::{Attempts, Guess, WRONG_IN_A_ROW};
use super::audit::made;
use super::flows::{self, Asked, Receiver, Subject, Waiting};
use super::identifiers::{MAX_ITEMS, claims, make};
use super::input::Input;
use super::receivers::is_address;
use super::redeem::{Found, is_verified};
use super::requirement::is_verifiable;
use super::verification::Confirmed;
use super::{Caller, Realm, Trail, token_size};
use crate::access;
use crate::audit::Change;
use crate::config::messages::MessageRules;
use crate::crypto::{self, Secret};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::flow::FlowPurpose;
use crate::identifier;
use crate::limit;
use crate::message::MessageKind;
use crate::store::model::{ConfirmedRegistration, Flow, Identifier, NewUser, Spent, UserWithIdentifiers};
use crate::store::rivals_of;

/// The longest text of a pending registration in bytes. A column of MySQL holds 65,535.
const MAX_PAYLOAD: usize = 60_000;

/// Returns the option `messages`, if a user who registers must prove an address first.
pub(super) fn rules<'a>(realm: &'a Realm, caller: &Caller) -> Option<&'a MessageRules> {
    realm.config.messages.as_ref().filter(|rules| rules.required.is_some() && !caller.trusted)
}

/// Whether a flow holds a registration. The flow for a taken address holds none, so it can't be spent.
pub(super) fn is_one(flow: &Flow) -> bool {
    flow.user_id.is_none() && flow.purpose == FlowPurpose::Verify.as_str() && !flow.payload.expose().is_empty()
}

/// A registration whose values are checked.
pub(super) struct Registration {
    pub identifiers: Vec<Identifier>,
    pub password: Secret<String>,
    /// The roles of the request; if there are none, the default roles are meant.
    pub roles: Vec<String>,
}

/// Returns the address to prove, which is the first address of a type that must be verified.
///
/// # Errors
/// `VALIDATION_ERROR` if there is no such address.
pub(super) fn address<'a>(rules: &MessageRules, identifiers: &'a [Identifier]) -> Result<&'a Identifier, Error> {
    identifiers.iter().find(|one| is_verifiable(rules, one)).ok_or_else(|| {
        let types = rules.verified_types.as_deref().unwrap_or_default().join(" or ");
        Error::validation("identifiers", format!("identifiers must have one of type {types}, to be verified"))
    })
}

/// Sends a code to the address of a registration. If the address is taken, it sends its owner a message that they have
/// an account already. Both take the same work and give the same answer.
///
/// # Errors
/// `VALIDATION_ERROR`, `RATE_LIMIT_EXCEEDED`; the store's failures.
pub(super) async fn ask(
    realm: &Realm,
    caller: &Caller,
    trail: &mut Trail,
    rules: &MessageRules,
    registration: Registration,
) -> Result<Asked, Failure> {
    let Registration { identifiers, password, roles } = registration;
    let address = address(rules, &identifiers)?;
    flows::limit_address(realm, caller).await?;
    let rivals = rivals_of(&address.kind, &address.value, &address.normalized);
    let mut holders = realm.store.holders_of(&rivals).await?;
    // The look-up runs in any case, so that both cases take equally long.
    if holders.is_empty() {
        holders.push(crypto::make_id());
    }
    let mut owners = Vec::with_capacity(1);
    for holder in &holders {
        owners.extend(realm.store.find_user(holder).await?);
    }
    let taken = owners.iter().find_map(|owner| Some((owner, holds(owner, &rivals)?)));
    let hash = realm.hasher.on_behalf_of(caller.requester()).hash(password).await?;
    let payload = write(&identifiers, address, hash.expose(), &roles)?;
    let subject = Subject::of_spelling(realm, None, &address.normalized)?;
    let receiver = taken.is_none().then_some(Receiver { user_id: None, identifier: address });
    let waiting =
        Waiting { payload: if taken.is_none() { payload } else { String::new() }, changes: None, author: None };
    let mut asked = flows::begin_with(realm, caller, FlowPurpose::Verify, receiver, subject, waiting).await?;
    trail.messages.extend(asked.message.take());
    if let Some((owner, identifier)) = taken.filter(|_| asked.is_put) {
        let to = Receiver::new(&owner.user.id, identifier);
        trail.messages.push(flows::message(realm, caller, MessageKind::AlreadyRegistered, &to, None));
    }
    Ok(asked)
}

/// Returns the identifier of `owner` by which an address is taken, or `None` if all of these `rivals` give way. An
/// unverified address gives way if its user has another, verified identifier. Otherwise the owner of the address can
/// take over the account instead. The store decides by the same rule when the address is proved.
fn holds<'a>(owner: &'a UserWithIdentifiers, rivals: &[String]) -> Option<&'a Identifier> {
    let gives_way = |one: &Identifier| is_address(one) && one.verified_at.is_none() && is_verified(owner);
    owner.identifiers.iter().find(|one| rivals.contains(&one.normalized) && !gives_way(one))
}

fn write(identifiers: &[Identifier], address: &Identifier, hash: &str, roles: &[String]) -> Result<String, Failure> {
    let row = |one: &Identifier| json!({ "type": one.kind, "value": one.value, "proved": one.id == address.id });
    let rows: Vec<Value> = identifiers.iter().map(row).collect();
    let payload = json!({ "identifiers": rows, "passwordHash": hash, "roles": roles }).to_string();
    if payload.len() > MAX_PAYLOAD {
        return Err(Error::validation("identifiers", "identifiers are too long together").into());
    }
    Ok(payload)
}

/// The proof that a user gives to confirm a registration.
pub(super) struct RegistrationProof {
    /// The password of the registration.
    pub password: Option<Secret<String>>,
    /// A new password in its place. Somebody else may have chosen the rest of the registration, so only its proved
    /// address and its usernames stay.
    pub new: Option<Secret<String>>,
}

/// Makes the user of a registration whose address is proved.
///
/// # Errors
/// `FORBIDDEN` without a password, `INVALID_CREDENTIALS`, `CODE_INVALID`, `USER_ALREADY_EXISTS`, `RATE_LIMIT_EXCEEDED`;
/// the store's failures.
pub(super) async fn confirm(
    realm: &Realm,
    caller: &Caller,
    trail: &mut Trail,
    found: &Found,
    proof: RegistrationProof,
) -> Result<Confirmed, Failure> {
    let Pending { mut identifiers, proved, hash, mut roles } = read(realm, &found.flow)?;
    let hash = match proof {
        RegistrationProof { password: Some(password), .. } => {
            check(realm, caller, trail, &proved.normalized, password, hash.clone()).await?;
            hash
        }
        RegistrationProof { new: Some(new), .. } => {
            identifiers.retain(|one| one.id == proved.id || one.kind == "username");
            roles = self::roles(realm, &[])?;
            realm.hasher.on_behalf_of(caller.requester()).hash(new).await?
        }
        RegistrationProof { .. } => {
            let message = "Confirm with the password of the registration, or with a new one";
            return Err(Error::new(ErrorCode::Forbidden, message).into());
        }
    };
    // Unproved addresses are left out, since a refusal would reveal that they are taken.
    identifiers.retain(|one| !is_address(one) || one.id == proved.id);
    let (now, claims) = (realm.now(), claims(identifiers.iter().map(|one| (one.kind.as_str(), one.value.as_str()))));
    let displaces = flows::displaces(realm);
    let user = NewUser { id: crypto::make_id(), password_hash: Some(hash), roles, identifiers, claims, displaces, now };
    let Found { flow, by_code } = found;
    let registration = ConfirmedRegistration { flow, by_code: *by_code, user: &user, proved: &proved };
    let store = realm.noting(&trail.author, || {
        let verified = Change::of(EventName::IdentifierVerified, &user.id);
        let verified = realm.with_digests(verified, [(&*proved.kind, &*proved.normalized)])?;
        Ok(made(realm, EventName::RegisterSuccess, &user)?.into_iter().chain([verified]))
    })?;
    match store.spend_registration(&registration, now).await? {
        Spent::Done => {}
        Spent::Gone => return Err(ErrorCode::CodeInvalid.into()),
        Spent::Taken => return Err(ErrorCode::UserAlreadyExists.into()),
    }
    trail.note(EventName::RegisterSuccess, |event| event.with("userId", user.id.as_str()));
    trail.facts.user_id = Some(user.id);
    Ok(Confirmed::of(realm, &Identifier { verified_at: Some(now), ..proved }))
}

/// Checks the password of a registration. A wrong password counts as at a login by this address.
async fn check(
    realm: &Realm,
    caller: &Caller,
    trail: &mut Trail,
    normalized: &str,
    password: Secret<String>,
    hash: Secret<String>,
) -> Result<(), Failure> {
    if realm.config.password.is_too_long(password.expose()) {
        return Err(ErrorCode::InvalidCredentials.into());
    }
    let mut attempts = Attempts::new(realm, "login");
    let key = limit::login_unknown(&identifier::key(normalized));
    attempts.begin(&key, |limits| limits.login_account, WRONG_IN_A_ROW, trail).await?;
    let outcome = match realm.hasher.on_behalf_of(caller.requester()).verify(password, Some(hash)).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(ErrorCode::InvalidCredentials.into()),
        Err(failure) => Err(failure),
    };
    attempts.settle(Guess::of(&outcome)).await;
    outcome
}

/// A pending registration, checked by the present options.
struct Pending {
    identifiers: Vec<Identifier>,
    proved: Identifier,
    hash: Secret<String>,
    roles: Vec<String>,
}

fn read(realm: &Realm, flow: &Flow) -> Result<Pending, Failure> {
    let unreadable = || Failure::Internal("a pending registration can't be read".to_owned());
    let payload = serde_json::from_str(flow.payload.expose()).map_err(|_| unreadable())?;
    let input = Input::new(&payload)?;
    let asked = input.optional_strings("roles")?.unwrap_or_default();
    let (mut identifiers, mut proved) = (Vec::new(), None);
    for row in input.list("identifiers", MAX_ITEMS)? {
        let item = Input::new(row)?;
        let kind = item.text("type")?;
        let identifier = make(kind, realm.config.identifiers.normalize(kind, item.text("value")?)?);
        if row["proved"] == true {
            proved = Some(identifier.clone());
        }
        identifiers.push(identifier);
    }
    let hash = Secret::new(input.text("passwordHash")?.to_owned());
    Ok(Pending { identifiers, proved: proved.ok_or_else(unreadable)?, hash, roles: roles(realm, &asked)? })
}

/// Returns the roles of a registration by an untrusted caller.
///
/// # Errors
/// `INVALID_ROLE`, `FORBIDDEN`, `VALIDATION_ERROR` if they are too many for a token.
fn roles(realm: &Realm, asked: &[String]) -> Result<Vec<String>, Error> {
    let roles = if asked.is_empty() {
        realm.config.roles.default.clone()
    } else {
        access::check_assignable(asked, &realm.config.roles, false)?
    };
    token_size::check_roles(realm, &roles)?;
    Ok(roles)
}

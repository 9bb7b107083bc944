//! Login: limits first, one password verification whoever the user is, then a session that can't outlive a password
//! change it raced.

use std::sync::Arc;

use serde_json::Value;

use super::attempt::{Attempts, Guess, RIGHT, WRONG, WRONG_IN_A_ROW};
use super::input::Input;
use super::{Caller, Realm, Trail, device, sessions};
use crate::crypto::Secret;
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::hook::Effect;
use crate::identifier;
use crate::limit;
use crate::password::Hasher;
use crate::store::model::{Credential, Session};

/// The most times that the credential is read again when its hash changed between verification and session.
const RACES: usize = 3;

/// `{identifier, password}` in, `{accessToken, refreshToken, user: {id, roles}}` out.
///
/// # Errors
/// `INVALID_CREDENTIALS` for an unknown identifier and for a wrong password, after equal work; `VALIDATION_ERROR`,
/// `RATE_LIMIT_EXCEEDED`, `SERVICE_UNAVAILABLE`.
pub async fn login(realm: &Arc<Realm>, input: &Value, caller: &Caller, trail: &mut Trail) -> Result<Value, Failure> {
    let input = Input::new(input)?;
    let given = input.text("identifier")?;
    let password = Secret::new(input.text("password")?.to_owned());
    let lookup = identifier::lookup(given)?;
    if realm.config.password.is_too_long(password.expose()) {
        // It is nobody's password, so it is no guess at one, and nobody keeps its bytes while others are verified.
        let error = Error::from(ErrorCode::InvalidCredentials);
        tell_failure(given, &error, caller, trail);
        return Err(error.into());
    }
    let mut attempts = Attempts::new(realm, "login");
    let credential = count(realm, &mut attempts, &lookup, caller, trail).await?;
    let outcome = verify_and_open(realm, credential, &password, &lookup, caller, trail).await;
    let guess = Guess::of(&outcome);
    attempts.settle(guess).await;
    if let (Guess::Wrong, Err(Failure::Refused(error))) = (guess, &outcome) {
        tell_failure(given, error, caller, trail);
    }
    let (session, roles) = outcome?;
    tell_success(&session, &roles, caller, trail);
    sessions::issue(realm, &session, &roles, realm.now())
}

/// Takes a place in every bucket that a login counts in, and finds the user.
///
/// The spelling has a bucket beside the account's, and a name that nobody has is charged to both kinds as well:
/// whatever spelling is tried after which other, known and unknown names are refused at the same guess.
///
/// At a device that is known for the user, the budgets of that device take the place of all three.
async fn count(
    realm: &Realm,
    attempts: &mut Attempts<'_>,
    lookup: &identifier::Lookup,
    caller: &Caller,
    trail: &mut Trail,
) -> Result<Option<Credential>, Failure> {
    if let Some(credential) = device::find_own(realm, caller, lookup).await?
        && device::begin(attempts, caller, &credential.user_id).await
    {
        count_while_crowded(realm, attempts, &limit::login_account(&credential.user_id), trail).await?;
        return Ok(Some(credential));
    }
    if !caller.trusted {
        let address = limit::login_address(caller.bucket());
        attempts.begin(&address, |limits| limits.login_address, WRONG, trail).await?;
    }
    let spelling = limit::login_spelling(&lookup.normalized);
    attempts.begin(&spelling, |limits| limits.login_account, WRONG_IN_A_ROW, trail).await?;
    let credential = match realm.store.find_credential(&lookup.normalized, &lookup.exact).await {
        Ok(credential) => credential,
        Err(error) => {
            attempts.settle(Guess::Unknown).await;
            return Err(error.into());
        }
    };
    let account = account_key(credential.as_ref(), &lookup.normalized);
    attempts.begin(&account, |limits| limits.login_account, WRONG_IN_A_ROW, trail).await?;
    count_while_crowded(realm, attempts, &account, trail).await?;
    Ok(credential)
}

/// No other limit counts right passwords, so accounts of one's own would be a way to keep the queue full.
async fn count_while_crowded(
    realm: &Realm,
    attempts: &mut Attempts<'_>,
    account: &str,
    trail: &mut Trail,
) -> Result<(), Failure> {
    if realm.hasher.is_crowded() {
        attempts.begin(&limit::login_right(account), |limits| limits.login_right, RIGHT, trail).await?;
    }
    Ok(())
}

async fn verify_and_open(
    realm: &Realm,
    mut credential: Option<Credential>,
    password: &Secret<String>,
    lookup: &identifier::Lookup,
    caller: &Caller,
    trail: &mut Trail,
) -> Result<(Session, Vec<String>), Failure> {
    let hasher = realm.hasher.on_behalf_of(caller.origin());
    for _ in 0..RACES {
        let hash = credential.as_ref().and_then(|c| c.password_hash.clone());
        let matches = hasher.verify(password.clone(), hash.clone()).await?;
        let (true, Some(found), Some(hash)) = (matches, credential, hash) else {
            return Err(ErrorCode::InvalidCredentials.into());
        };
        let now = realm.now();
        let hash = strengthen(realm, &hasher, &found.user_id, password, hash).await?;
        let session = sessions::new_session(realm, &found.user_id, caller, now);
        if let Some(roles) = sessions::open(realm, &session, Some(hash.expose()), trail).await? {
            return Ok((session, roles));
        }
        credential = realm.store.find_credential(&lookup.normalized, &lookup.exact).await?;
    }
    Err(ErrorCode::InvalidCredentials.into())
}

/// Replaces a hash that is weaker than the policy. The login goes on with the old one when another login was first.
async fn strengthen(
    realm: &Realm,
    hasher: &Hasher,
    user_id: &str,
    password: &Secret<String>,
    hash: Secret<String>,
) -> Result<Secret<String>, Failure> {
    // A full queue is no reason to refuse a login that has been verified; the next one will do it.
    let Ok(Some(stronger)) = hasher.rehash(password.clone(), &hash).await else { return Ok(hash) };
    let swapped = realm.store.rehash(user_id, hash.expose(), stronger.expose(), realm.now()).await?;
    Ok(if swapped { stronger } else { hash })
}

fn tell_success(session: &Session, roles: &[String], caller: &Caller, trail: &mut Trail) {
    let mut context = caller.hook_context();
    context.session_id = Some(session.id.clone());
    trail.tell(Effect::Login { user_id: session.user_id.clone(), roles: roles.to_vec(), context });
}

fn tell_failure(identifier: &str, error: &Error, caller: &Caller, trail: &mut Trail) {
    let mut context = caller.hook_context();
    context.error_code = Some(error.code.to_string());
    trail.tell(Effect::FailedLogin { identifier: identifier.to_owned(), context });
}

/// All identifiers and spellings of one user share a bucket; an unknown identifier has one of its own, so that
/// guessing at it looks the same.
fn account_key(credential: Option<&Credential>, normalized: &str) -> String {
    match credential {
        Some(credential) => limit::login_account(&credential.user_id),
        None => limit::login_unknown(normalized),
    }
}

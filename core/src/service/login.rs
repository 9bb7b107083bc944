//! Login: limits first, one password verification whoever the user is, then a session that can't outlive a password
//! change it raced.

use std::sync::Arc;

use serde_json::Value;

use super::input::Input;
use super::{Caller, Realm, Trail, sessions};
use crate::cache::{Settlement, Verdict};
use crate::crypto::Secret;
use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName};
use crate::failure::Failure;
use crate::hook::Effect;
use crate::identifier;
use crate::limit::{self, Budget, LimitRules};
use crate::store::model::{Credential, Session};

/// How often the credential is read again when its hash changed between verification and session.
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
    let address = (!caller.trusted).then(|| limit::login_address(caller.bucket()));
    let guard = Attempt::begin(realm, address.as_deref(), |limits| limits.login_address, "login", trail).await?;
    let credential = match realm.store.find_credential(&lookup.normalized, &lookup.exact).await {
        Ok(credential) => credential,
        Err(error) => {
            guard.settle(Settlement::Refunded).await;
            return Err(error.into());
        }
    };
    let account = account_key(credential.as_ref(), &lookup.normalized);
    let account = match Attempt::begin(realm, Some(&account), |limits| limits.login_account, "login", trail).await {
        Ok(account) => account,
        Err(refused) => {
            guard.settle(Settlement::Refunded).await;
            return Err(refused);
        }
    };
    let outcome = verify_and_open(realm, credential, &password, &lookup, caller, trail).await;
    match &outcome {
        Ok(_) => {
            account.settle(Settlement::Reset).await;
            guard.settle(Settlement::Refunded).await;
        }
        Err(Failure::Refused(error)) if error.is(ErrorCode::InvalidCredentials) => {
            account.settle(Settlement::Counted).await;
            guard.settle(Settlement::Counted).await;
            tell_failure(given, error, caller, trail);
        }
        Err(_) => {
            account.settle(Settlement::Refunded).await;
            guard.settle(Settlement::Refunded).await;
        }
    }
    let (session, roles) = outcome?;
    tell_success(&session, &roles, caller, trail);
    sessions::issue(realm, &session, &roles, realm.now())
}

async fn verify_and_open(
    realm: &Realm,
    mut credential: Option<Credential>,
    password: &Secret<String>,
    lookup: &identifier::Lookup,
    caller: &Caller,
    trail: &mut Trail,
) -> Result<(Session, Vec<String>), Failure> {
    for _ in 0..RACES {
        let hash = credential.as_ref().and_then(|c| c.password_hash.clone());
        let matches = realm.hasher.verify(password.clone(), hash.clone()).await?;
        let (true, Some(found), Some(hash)) = (matches, credential, hash) else {
            return Err(ErrorCode::InvalidCredentials.into());
        };
        let now = realm.now();
        let hash = strengthen(realm, &found.user_id, password, hash).await?;
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
    user_id: &str,
    password: &Secret<String>,
    hash: Secret<String>,
) -> Result<Secret<String>, Failure> {
    // A full queue is no reason to refuse a login that has been verified; the next one will do it.
    let Ok(Some(stronger)) = realm.hasher.rehash(password.clone(), &hash).await else { return Ok(hash) };
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

/// One counted attempt, to be settled when its outcome is known.
pub(super) struct Attempt<'a> {
    realm: &'a Realm,
    key: Option<String>,
}

impl<'a> Attempt<'a> {
    /// Takes a place in the bucket `key`; nothing is counted without a key or without limits.
    pub(super) async fn begin(
        realm: &'a Realm,
        key: Option<&str>,
        budget: impl Fn(&LimitRules) -> Budget,
        policy: &str,
        trail: &mut Trail,
    ) -> Result<Self, Failure> {
        let (Some(limits), Some(key)) = (&realm.config.rate_limits, key) else { return Ok(Self { realm, key: None }) };
        let budget = budget(limits);
        match realm.cache.begin(key, budget).await {
            Verdict::Granted { .. } => Ok(Self { realm, key: Some(key.to_owned()) }),
            Verdict::Exceeded { retry_after } => {
                trail.note(|| {
                    Event::new(EventName::RateLimitExceeded)
                        .with("limit", policy)
                        .with("retryAfter", limit::seconds_up(retry_after))
                });
                Err(limit::exceeded(policy, budget, retry_after).into())
            }
        }
    }

    /// Says how it ended.
    pub(super) async fn settle(&self, settlement: Settlement) {
        if let Some(key) = &self.key {
            self.realm.cache.settle(key, settlement).await;
        }
    }
}

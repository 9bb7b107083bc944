//! Login by a password. The limits come first, then one password verification for known and unknown identifiers alike,
//! then a session that can't outlive a concurrent change of the password.

use serde_json::Value;

use super::attempt::{Attempts, Guess, RIGHT, WRONG, WRONG_IN_A_ROW};
use super::input::Input;
use super::issued::Issued;
use super::sessions;
use super::story::Story;
use super::{Caller, Realm, Trail, device, second_factor, verification};
use crate::authentication::{Next, Proof, next};
use crate::crypto::Secret;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::hook::{HookContext, Notice, Operation};
use crate::identifier;
use crate::limit;
use crate::password::{Hasher, PasswordProof};
use crate::store::model::{Credential, Session};
use crate::use_case::{self, Context, UseCase};

/// The most times that the credential is read again when its hash changed between verification and session.
const RACES: usize = 3;

/// Logs a user in by an identifier and the password.
///
/// It fails with `INVALID_CREDENTIALS` for an unknown identifier and for a wrong password, after equal work. If the
/// password is right, it fails with `ACCOUNT_DISABLED` for a disabled user, with `IDENTIFIER_UNVERIFIED` for a user
/// without a verified address, and with `MFA_REQUIRED` for a user with a second factor. Other failures are
/// `VALIDATION_ERROR`, `RATE_LIMIT_EXCEEDED` and `SERVICE_UNAVAILABLE`.
pub struct Login;

/// The input `{identifier, password}`.
pub struct LoginInput {
    given: String,
    password: Secret<String>,
}

impl use_case::Input for LoginInput {
    const SUBJECT: Option<&'static str> = Some("identifier");

    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        let given = input.text("identifier")?.to_owned();
        Ok(Self { given, password: Secret::new(input.text("password")?.to_owned()) })
    }
}

impl UseCase for Login {
    const NAME: Option<Operation> = Some(Operation::Login);
    const STORY: Story = Story { success: EventName::LoginSuccess, failure: Some(EventName::LoginFailure) };
    type Input = LoginInput;
    type Output = Issued;

    async fn run(context: &mut Context<'_>, input: LoginInput) -> Result<Issued, Failure> {
        let Context { realm, caller, trail } = context;
        let lookup = identifier::lookup(&input.given)?;
        if realm.config.password.is_too_long(input.password.expose()) {
            // No password is that long, so this is no guess, and its bytes are not held while it would wait in the
            // queue.
            return Err(ErrorCode::InvalidCredentials.into());
        }
        let mut attempts = Attempts::new(realm, "login");
        let credential = count(realm, &mut attempts, &lookup, caller, trail).await?;
        let outcome = verify_and_open(realm, credential, &input.password, &lookup, caller, trail).await;
        attempts.settle(Guess::of(&outcome)).await;
        let (session, roles) = outcome?;
        sessions::issue(realm, &session, roles, realm.now())
    }

    fn notice(subject: Option<String>, end: Result<&Issued, &Error>, mut context: HookContext) -> Option<Notice> {
        match end {
            Ok(issued) => {
                context.session_id.clone_from(&issued.session_id);
                Some(Notice::Login { user_id: issued.user.id.clone(), roles: issued.user.roles.clone(), context })
            }
            Err(error) if error.is(ErrorCode::InvalidCredentials) => {
                context.error_code = Some(error.code.to_string());
                Some(Notice::FailedLogin { identifier: subject?, context })
            }
            Err(_) => None,
        }
    }
}

/// Takes a place in every bucket that a login counts in, and finds the user.
///
/// A spelling has a bucket beside the account's, and an unknown name is charged to both kinds too. So known and unknown
/// names are refused at the same guess, in whatever order spellings are tried.
///
/// On a device that is known for the user, the budgets of that device take the place of these buckets and of the
/// address's.
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
    let spelling = limit::login_spelling(&lookup.key);
    attempts.begin(&spelling, |limits| limits.login_account, WRONG_IN_A_ROW, trail).await?;
    let credential = match realm.store.find_credential(&lookup.normalized, &lookup.exact, &lookup.others).await {
        Ok(credential) => credential,
        Err(error) => {
            attempts.settle(Guess::Unknown).await;
            return Err(error.into());
        }
    };
    let account = account_key(credential.as_ref(), &lookup.key);
    attempts.begin(&account, |limits| limits.login_account, WRONG_IN_A_ROW, trail).await?;
    count_while_crowded(realm, attempts, &account, trail).await?;
    Ok(credential)
}

/// Takes a place for a user's guess at their own password. On a known device the budgets of that device count it.
pub(super) async fn count_own(
    realm: &Realm,
    attempts: &mut Attempts<'_>,
    caller: &Caller,
    user_id: &str,
    trail: &mut Trail,
) -> Result<(), Failure> {
    let account = limit::login_account(user_id);
    if !device::begin(attempts, caller, user_id).await {
        attempts.begin(&account, |limits| limits.login_account, WRONG_IN_A_ROW, trail).await?;
    }
    count_while_crowded(realm, attempts, &account, trail).await
}

/// Counts right passwords of an account while the queue of password hashes is crowded. No other limit counts them, so a
/// client could otherwise keep the queue full with accounts of its own.
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
    let hasher = realm.hasher.on_behalf_of(caller.requester());
    for _ in 0..RACES {
        let hash = credential.as_ref().and_then(|c| c.password_hash.clone());
        let proof = hasher.prove(password.clone(), hash).await?;
        let (Some(proof), Some(found)) = (proof, credential) else {
            return Err(ErrorCode::InvalidCredentials.into());
        };
        if found.is_disabled(realm.now()) {
            return Err(ErrorCode::AccountDisabled.into());
        }
        let proof = strengthen(realm, &hasher, &found.user_id, password, proof).await?;
        let seen = second_factor::seen(realm, &found.user_id, found.auth_epoch).await?;
        verification::require_verified(realm, caller, &found.user_id, lookup, trail).await?;
        match next(&found.user_id, seen, vec![Proof::Password(proof)]) {
            Next::Complete(user) => {
                if let Some(opened) = sessions::open(realm, &user, caller, trail).await? {
                    return Ok(opened);
                }
            }
            Next::FactorNeeded(user) => {
                if let Some(refusal) = second_factor::challenge(realm, &user, trail).await? {
                    return Err(refusal.into());
                }
            }
            Next::Needed => break,
        }
        credential = realm.store.find_credential(&lookup.normalized, &lookup.exact, &lookup.others).await?;
    }
    Err(ErrorCode::InvalidCredentials.into())
}

/// Replaces a hash that is weaker than the policy. If another login replaced it first, this login goes on with the old
/// hash.
async fn strengthen(
    realm: &Realm,
    hasher: &Hasher,
    user_id: &str,
    password: &Secret<String>,
    proof: PasswordProof,
) -> Result<PasswordProof, Failure> {
    let hash = Secret::new(proof.hash().to_owned());
    // A full queue must not refuse a verified login. A later login will strengthen the hash.
    let Ok(Some(stronger)) = hasher.rehash(password.clone(), &hash).await else { return Ok(proof) };
    let swapped = realm.store.rehash(user_id, hash.expose(), stronger.expose(), realm.now()).await?;
    Ok(if swapped { proof.under(stronger) } else { proof })
}

/// Returns the bucket of an account. All identifiers and spellings of a user share a bucket. An unknown identifier has
/// a bucket of its own, so that guesses at it are refused in the same way.
fn account_key(credential: Option<&Credential>, key: &str) -> String {
    match credential {
        Some(credential) => limit::login_account(&credential.user_id),
        None => limit::login_unknown(key),
    }
}

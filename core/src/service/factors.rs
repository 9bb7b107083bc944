//! The second factors of a user: their list, their enrolment, and the recovery codes.

use serde::Serialize;
use serde_json::Value;

use super::input::Input;
use super::reauthenticate::find as open_session;
use super::story::Story;
use super::{Realm, Trail, security_messages};
use crate::audit::Change;
use crate::cache::Revocation;
use crate::crypto::{Secret, ShownSecret, make_id};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::factor::{FactorMethod, enrolment, open_secret, recovery, totp};
use crate::failure::{Failure, StoreError};
use crate::flow;
use crate::hook::Operation;
use crate::message::MessageKind;
use crate::store::model::{Factor, FactorChange, FactorChangeKind, Factors, Session, UserWithIdentifiers};
use crate::use_case::{self, Context, Output, UseCase};

mod listing;

pub use listing::{FactorList, list};

/// The most confirmed factors of a user.
const MOST_FACTORS: usize = 10;
/// The longest label, in characters.
const LONGEST_LABEL: usize = 64;
/// The most times that a user's factors are read again when others change them at the same time.
pub(super) const RACES: usize = 3;

/// The secret of an authenticator app in the forms that an app can read: `{id, secret, uri, qr}`.
#[derive(Serialize)]
pub struct Enrolment {
    id: String,
    secret: ShownSecret,
    uri: ShownSecret,
    qr: ShownSecret,
}

/// Makes the secret of an authenticator app. The secret is pending until one of its codes was right, and replaces an
/// earlier pending secret.
///
/// # Errors
/// `VALIDATION_ERROR`, `USER_NOT_FOUND`, `UNAUTHORIZED` when the session has ended; the store's failures.
pub async fn enrol(
    realm: &Realm,
    user_id: &str,
    session_id: Option<&str>,
    label: Option<&str>,
) -> Result<Enrolment, Failure> {
    let issuer = realm.config.mfa.as_ref().map_or("", |mfa| mfa.issuer.as_str());
    let is_label = |label: &str| label.chars().count() <= LONGEST_LABEL && !label.contains(char::is_control);
    if label.is_some_and(|label| !is_label(label)) {
        let message = format!("label must be at most {LONGEST_LABEL} characters");
        return Err(Error::validation("label", message).into());
    }
    let user = realm.store.find_user(user_id).await?.ok_or(ErrorCode::UserNotFound)?;
    if realm.store.factors_of(user_id).await?.confirmed().count() >= MOST_FACTORS {
        return Err(Error::validation("id", format!("A user has at most {MOST_FACTORS} second factors")).into());
    }
    let (id, secret) = (make_id(), totp::make_secret());
    let kept = match &realm.config.factor_keys {
        Some(keys) => keys.seal(secret.expose(), user_id, &id),
        None => Some(secret.clone()),
    };
    let factor = Factor {
        id,
        user_id: user_id.to_owned(),
        kind: FactorMethod::Totp.as_str().to_owned(),
        label: label.map(str::to_owned),
        secret: kept.ok_or_else(|| Failure::Internal("the secret of a factor can't be sealed".to_owned()))?,
        last_step: -1,
        created_at: realm.now(),
        confirmed_at: None,
        last_used_at: None,
    };
    if !realm.store.put_factor(&factor, session_id).await? {
        check_open(realm, user_id, session_id).await?;
        return Err(ErrorCode::UserNotFound.into());
    }
    let uri = enrolment::uri(issuer, account(&user), &secret);
    let qr = enrolment::qr(&uri).ok_or_else(|| Failure::Internal("the URI fits no QR code".to_owned()))?;
    Ok(Enrolment { id: factor.id, secret: ShownSecret(secret), uri: ShownSecret(uri), qr: ShownSecret(qr) })
}

/// Returns the name by which a user knows the account: an e-mail address, if the user has one.
fn account(user: &UserWithIdentifiers) -> &str {
    let email = user.identifiers.iter().find(|one| one.kind == "email");
    email.or(user.identifiers.first()).map_or(&user.user.id, |identifier| &identifier.value)
}

/// Reads the factors of a user, and the `auth_epoch` under which they were read.
pub(super) async fn read(realm: &Realm, user_id: &str) -> Result<(i64, Factors), Failure> {
    let credential = realm.store.credential_of(user_id).await?.ok_or(ErrorCode::UserNotFound)?;
    Ok((credential.auth_epoch, realm.store.factors_of(user_id).await?))
}

/// Fails if the session in which factors are changed has ended. The check of the request may have used an older read.
async fn check_open(realm: &Realm, user_id: &str, session_id: Option<&str>) -> Result<(), Failure> {
    let Some(session_id) = session_id else { return Ok(()) };
    open_session(realm, session_id, user_id).await.map(|_| ())
}

/// Makes a change, and notes the sessions that it ends. Returns `false` if the user changed since the read.
pub(super) async fn change(realm: &Realm, change: &FactorChange<'_>, trail: &mut Trail) -> Result<bool, Failure> {
    let now = realm.now();
    let is_kept = |session: &Session| Some(session.id.as_str()) == change.kept_session;
    let ending = if change.ends_sessions { realm.store.list_sessions(change.user_id, now).await? } else { Vec::new() };
    let store = realm.noting(&trail.author, || Ok([noted(change)]))?;
    let write = store.change_factors(change, now);
    let is_done = if change.ends_sessions {
        realm.revoking(Revocation::User(change.user_id.to_owned()), write).await?
    } else {
        write.await?
    };
    if is_done {
        let ids: Vec<String> = ending.into_iter().filter(|one| !is_kept(one)).map(|session| session.id).collect();
        trail.sessions_revoked(change.user_id, &ids);
    } else {
        check_open(realm, change.user_id, change.kept_session).await?;
    }
    Ok(is_done)
}

fn noted(change: &FactorChange<'_>) -> Change {
    let (event, factor) = match change.kind {
        FactorChangeKind::Confirm { id, .. } => (EventName::MfaEnrolled, Some(id)),
        FactorChangeKind::Remove { id } => (EventName::MfaRemoved, Some(id)),
        FactorChangeKind::Codes => (EventName::RecoveryRenewed, None),
    };
    let noted = Change::of(event, change.user_id);
    if let Some(id) = factor { noted.with("factor", id) } else { noted }
}

/// New recovery codes in clear, and the digests to store.
struct NewCodes {
    codes: Vec<Secret<String>>,
    digests: Vec<String>,
}

fn make_codes(realm: &Realm) -> NewCodes {
    let count = realm.config.mfa.as_ref().map_or(0, |mfa| mfa.recovery_codes);
    let codes: Vec<Secret<String>> = (0..count).map(|_| recovery::make_code()).collect();
    let normalized = codes.iter().filter_map(|code| recovery::normalize_code(code.expose()));
    NewCodes { digests: normalized.map(|code| recovery::code_digest(&code)).collect(), codes }
}

/// Recovery codes, which are shown once: `{recoveryCodes}`, or `null` if the user has recovery codes already.
#[derive(Serialize)]
pub struct ShownCodes(Option<RecoveryCodes>);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecoveryCodes {
    recovery_codes: Vec<ShownSecret>,
}

impl ShownCodes {
    fn of(new: Option<NewCodes>) -> Self {
        Self(new.map(|new| RecoveryCodes { recovery_codes: new.codes.into_iter().map(ShownSecret).collect() }))
    }
}

impl Output for ShownCodes {
    const SHAPE: &'static str = "{recoveryCodes}, or null";

    /// The option `router` can't override this use case.
    fn read(_: &Value) -> Option<Self> {
        None
    }
}

/// The user who changes factors, and the session in which this happens.
pub(super) struct FactorOwner {
    pub(super) user_id: String,
    session_id: Option<String>,
}

impl FactorOwner {
    pub(super) fn read(input: &Input<'_>) -> Result<Self, Error> {
        let session_id = input.optional_text("sessionId")?.map(str::to_owned);
        Ok(Self { user_id: input.text("userId")?.to_owned(), session_id })
    }

    pub(super) fn change<'a>(&'a self, auth_epoch: i64, kind: FactorChangeKind<'a>) -> FactorChange<'a> {
        let (user_id, kept_session) = (self.user_id.as_str(), self.session_id.as_deref());
        FactorChange { user_id, auth_epoch, kind, recovery_codes: None, ends_sessions: false, kept_session }
    }
}

/// Confirms a pending factor by its first right code. The first factor of a user ends all other sessions, and makes
/// recovery codes.
///
/// It fails with `CODE_INVALID`, `FACTOR_NOT_FOUND` if no such factor is pending, `UNAUTHORIZED` if the session has
/// ended, `USER_NOT_FOUND` and `VALIDATION_ERROR`.
pub struct ConfirmFactor;

/// The input `{userId, sessionId, id, code}`.
pub struct ConfirmFactorInput {
    author: FactorOwner,
    id: String,
    code: Secret<String>,
}

impl use_case::Input for ConfirmFactorInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        let code = Secret::new(input.text("code")?.to_owned());
        Ok(Self { author: FactorOwner::read(&input)?, id: input.text("id")?.to_owned(), code })
    }
}

impl UseCase for ConfirmFactor {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::MfaEnrolled, failure: Some(EventName::MfaFailure) };
    type Input = ConfirmFactorInput;
    type Output = ShownCodes;

    async fn run(context: &mut Context<'_>, input: ConfirmFactorInput) -> Result<ShownCodes, Failure> {
        let Context { realm, caller, trail } = context;
        let ConfirmFactorInput { author, id, code } = input;
        let user_id = author.user_id.as_str();
        trail.facts.user_id = Some(user_id.to_owned());
        let code = flow::normalize_code(code.expose()).ok_or(ErrorCode::CodeInvalid)?;
        for _ in 0..RACES {
            let (auth_epoch, factors) = read(realm, user_id).await?;
            let pending = |one: &&Factor| one.id == id && one.confirmed_at.is_none();
            let factor = factors.factors.iter().find(pending).ok_or(ErrorCode::FactorNotFound)?;
            let secret = open_secret(realm.config.factor_keys.as_deref(), &factor.secret, user_id, &factor.id);
            let secret = secret.ok_or(ErrorCode::CodeInvalid)?;
            let step = totp::find_step(&secret, &code, factor.last_step, realm.now()).ok_or(ErrorCode::CodeInvalid)?;
            let is_first = !factors.are_asked_for();
            let new = is_first.then(|| make_codes(realm));
            let confirmation = FactorChange {
                recovery_codes: new.as_ref().map(|new| new.digests.as_slice()),
                ends_sessions: is_first,
                ..author.change(auth_epoch, FactorChangeKind::Confirm { id: &factor.id, step })
            };
            if change(realm, &confirmation, trail).await? {
                security_messages::tell(realm, caller, user_id, MessageKind::FactorAdded, trail).await;
                return Ok(ShownCodes::of(new));
            }
        }
        Err(ErrorCode::CodeInvalid.into())
    }
}

/// The event of new recovery codes.
pub const RENEWAL: Story = Story { success: EventName::RecoveryRenewed, failure: None };

/// Makes new recovery codes, which replace those of the user.
///
/// # Errors
/// `FACTOR_NOT_FOUND` if the user has no second factor; `UNAUTHORIZED` if the session has ended; `USER_NOT_FOUND`; the
/// store's failures.
pub async fn renew_codes(
    realm: &Realm,
    user_id: &str,
    session_id: Option<&str>,
    trail: &mut Trail,
) -> Result<ShownCodes, Failure> {
    let author = FactorOwner { user_id: user_id.to_owned(), session_id: session_id.map(str::to_owned) };
    for _ in 0..RACES {
        let (auth_epoch, factors) = read(realm, user_id).await?;
        if !factors.are_asked_for() {
            return Err(ErrorCode::FactorNotFound.into());
        }
        let new = make_codes(realm);
        let codes = author.change(auth_epoch, FactorChangeKind::Codes);
        let anew = FactorChange { recovery_codes: Some(&new.digests), ..codes };
        if change(realm, &anew, trail).await? {
            return Ok(ShownCodes::of(Some(new)));
        }
    }
    Err(StoreError::Conflict("the factors are being changed by others".to_owned()).into())
}

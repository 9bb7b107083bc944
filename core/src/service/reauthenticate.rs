//! Authenticates a user again in a session. The session gets a new `auth_time`, and its refresh token is replaced at
//! once.

use serde_json::Value;

use super::access_token::seconds;
use super::attempt::{Attempts, Guess};
use super::audit::spent_with;
use super::input::Input;
use super::issued::Issued;
use super::login::count_own;
use super::revocation::ended;
use super::second_factor::{self, PresentedCode};
use super::story::Story;
use super::{Caller, Realm, Trail, sessions};
use crate::assurance::Assurance;
use crate::audit::{Author, Change};
use crate::authentication::{Proof, Proven, again};
use crate::cache::Revocation;
use crate::crypto::Secret;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::{Failure, StoreError};
use crate::hook::Operation;
use crate::session::{Liveness, liveness};
use crate::store::model::{FactorAsker, Rotation, Session, SessionState};
use crate::use_case::{self, Context, UseCase};

/// The most lost races in a row before the store is reported as overloaded, and the most reads of a credential.
const RACES: usize = 3;

/// Authenticates the user of an open session again, by the password or the code of a second factor.
///
/// Wrong passwords spend the budget of the login, or that of a known device; wrong codes spend the budget of codes. It
/// fails with `INVALID_CREDENTIALS`, `CODE_INVALID`, `UNAUTHORIZED` if the session has ended, `VALIDATION_ERROR`,
/// `RATE_LIMIT_EXCEEDED` and `SERVICE_UNAVAILABLE`.
pub struct Reauthenticate;

/// The input `{userId, sessionId, password}`, or `{userId, sessionId, method, code}`.
pub struct ReauthenticateInput {
    pub(super) user_id: String,
    pub(super) session_id: String,
    pub(super) by: By,
}

/// The means by which a user proves their identity again.
pub(super) enum By {
    Password(Secret<String>),
    Code(PresentedCode),
}

impl use_case::Input for ReauthenticateInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        let (user_id, session_id) = (input.text("userId")?.to_owned(), input.text("sessionId")?.to_owned());
        let by = if input.value("method").is_some() && input.value("password").is_none() {
            By::Code(PresentedCode::read(&input)?)
        } else {
            By::Password(Secret::new(input.text("password")?.to_owned()))
        };
        Ok(Self { user_id, session_id, by })
    }
}

impl UseCase for Reauthenticate {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::StepUpSuccess, failure: Some(EventName::LoginFailure) };
    type Input = ReauthenticateInput;
    type Output = Issued;

    async fn run(context: &mut Context<'_>, input: ReauthenticateInput) -> Result<Issued, Failure> {
        let Context { realm, caller, trail } = context;
        let ReauthenticateInput { user_id, session_id, by } = input;
        let session = find(realm, &session_id, &user_id).await?.session;
        let asker = Asker { realm, caller, user_id: &user_id };
        let renewal = Renewal { session, author: trail.author.clone() };
        let SessionState { session, roles } = prove_again(&asker, by, &renewal, trail).await?;
        sessions::issue(realm, &session, roles, realm.now())
    }
}

/// A user who proves their identity again in a session.
pub(super) struct Asker<'a> {
    pub(super) realm: &'a Realm,
    pub(super) caller: &'a Caller,
    pub(super) user_id: &'a str,
}

/// A write that needs a proof of identity.
pub(super) trait ProvenWrite: Sync {
    /// The result of the write.
    type Done: Send;

    /// Writes if the user is still as the proof was judged. Returns `None` if the user's hash or `auth_epoch` has
    /// changed since, so that the proof must be judged again.
    fn write(&self, realm: &Realm, user: &Proven) -> impl Future<Output = Result<Option<Self::Done>, Failure>> + Send;
}

/// Judges a proof in an open session, and does the write that needs it. Wrong passwords spend the budget of the login,
/// wrong codes the budget of codes.
///
/// # Errors
/// Those of [`Reauthenticate`], and those of the write.
pub(super) async fn prove_again<W: ProvenWrite>(
    asker: &Asker<'_>,
    by: By,
    write: &W,
    trail: &mut Trail,
) -> Result<W::Done, Failure> {
    match by {
        By::Password(password) => by_password(asker, password, write, trail).await,
        By::Code(code) => by_code(asker, &code, write, trail).await,
    }
}

async fn by_password<W: ProvenWrite>(
    asker: &Asker<'_>,
    password: Secret<String>,
    write: &W,
    trail: &mut Trail,
) -> Result<W::Done, Failure> {
    let Asker { realm, caller, user_id } = *asker;
    if realm.config.password.is_too_long(password.expose()) {
        return Err(ErrorCode::InvalidCredentials.into());
    }
    let mut attempts = Attempts::new(realm, "login");
    count_own(realm, &mut attempts, caller, user_id, trail).await?;
    let hasher = realm.hasher.on_behalf_of(caller.requester());
    let outcome = async {
        for _ in 0..RACES {
            let credential = realm.store.credential_of(user_id).await?.ok_or_else(ended)?;
            let proof = hasher.prove(password.clone(), credential.password_hash).await?;
            let proof = proof.ok_or(ErrorCode::InvalidCredentials)?;
            let user = again(user_id, credential.auth_epoch, Proof::Password(proof));
            if let Some(done) = write.write(realm, &user).await? {
                return Ok(done);
            }
        }
        Err(Failure::from(ErrorCode::InvalidCredentials))
    };
    let outcome = outcome.await;
    attempts.settle(Guess::of(&outcome)).await;
    outcome
}

async fn by_code<W: ProvenWrite>(
    asker: &Asker<'_>,
    code: &PresentedCode,
    write: &W,
    trail: &mut Trail,
) -> Result<W::Done, Failure> {
    let Asker { realm, caller, user_id } = *asker;
    trail.facts.failure = Some(EventName::MfaFailure);
    // Without the option `mfa` no factor counts.
    if realm.config.mfa.is_none() {
        return Err(ErrorCode::CodeInvalid.into());
    }
    let known = realm.store.find_user(user_id).await?.ok_or_else(ended)?;
    let proved = second_factor::prove(realm, FactorAsker::User(user_id), code, trail).await?;
    let user = again(user_id, proved.auth_epoch, Proof::Factor(proved.proof));
    let done = write.write(realm, &user).await?.ok_or(ErrorCode::CodeInvalid)?;
    second_factor::tell(realm, caller, &known, code.method, trail);
    Ok(done)
}

/// Returns the session, if it is open and belongs to the user.
///
/// # Errors
/// `UNAUTHORIZED` if it is not; the store's failures.
pub(crate) async fn find(realm: &Realm, session_id: &str, user_id: &str) -> Result<SessionState, Failure> {
    let state = realm.store.find_session(session_id).await?.ok_or_else(ended)?;
    let is_live = liveness(&state.session, &realm.config.session, realm.now()) == Liveness::Live;
    if is_live && state.session.user_id == user_id { Ok(state) } else { Err(ended().into()) }
}

/// Writes that the user of a session has authenticated again. `session` is the state before the call. Of two concurrent
/// calls the second takes the result of the first, since a second step would revoke the refresh token of the first.
struct Renewal {
    session: Session,
    author: Author,
}

impl ProvenWrite for Renewal {
    type Done = SessionState;

    async fn write(&self, realm: &Realm, user: &Proven) -> Result<Option<SessionState>, Failure> {
        renew(realm, &self.session, user, &self.author).await
    }
}

async fn renew(
    realm: &Realm,
    before: &Session,
    user: &Proven,
    author: &Author,
) -> Result<Option<SessionState>, Failure> {
    for _ in 0..RACES {
        let now = realm.now();
        let state = find(realm, &before.id, user.user_id()).await?;
        // A code can be spent once, so the second of two calls that present it must fail.
        if user.expected().unspent.is_none() && is_done(&state.session, before, seconds(now)) {
            return Ok(Some(state));
        }
        let known = state.session.assurance.clone().unwrap_or_else(Assurance::none);
        let renewed = Session {
            expires_at: realm.config.session.expires_at(state.session.created_at, now),
            assurance: Some(known.renewed_by(&user.methods(), seconds(now))),
            ..state.session
        };
        let store = realm.noting(author, || {
            Ok([Change::of(EventName::StepUpSuccess, user.user_id())].into_iter().chain(spent_with(user)))
        })?;
        let write = store.reauthenticate(&renewed, user.expected(), now);
        // The write also drops the cached states of the session.
        match realm.revoking(Revocation::Sessions(vec![before.id.clone()]), write).await? {
            Rotation::Rotated(next) => return Ok(Some(next)),
            // The generation did not change, so the session ended or the user changed.
            Rotation::Behind(next) if next.session.generation == renewed.generation => {
                return if next.session.revoked_at.is_some() { Err(ended().into()) } else { Ok(None) };
            }
            Rotation::Behind(_) => {}
            Rotation::Gone => return Err(ended().into()),
            Rotation::Spent => return Err(ErrorCode::CodeInvalid.into()),
        }
    }
    Err(StoreError::Conflict("the session is being renewed by others".to_owned()).into())
}

/// Whether another call has authenticated the user already. `auth_time` shows this by another value, even if the clock
/// was put back, or by the present second. A call that finished before this call began counts too. Otherwise the
/// answers of the two calls, which may arrive in either order, would name different refresh tokens, and one of them is
/// revoked.
fn is_done(session: &Session, before: &Session, now: i64) -> bool {
    let at = auth_time(session);
    let is_renewed = || session.generation >= before.generation + 2 || seconds(session.created_at) < now;
    at != auth_time(before) || (at == Some(now) && is_renewed())
}

fn auth_time(session: &Session) -> Option<i64> {
    session.assurance.as_ref()?.auth_time
}

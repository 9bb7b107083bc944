//! The second step of a login. The client presents the code of a factor, and the id of the flow that a right password
//! or a sent code began.

use std::time::Duration;

use serde_json::{Value, json};

use super::attempt::clear;
use super::input::Input;
use super::issued::Issued;
use super::security_messages;
use super::story::Story;
use super::{Caller, Realm, Trail, sessions};
use crate::authentication::{EarlierProof, FactorProof, Next, Proof, Proven, Seen, next};
use crate::cache::Budget;
use crate::clock::{Millis, to_iso};
use crate::crypto::Secret;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::factor::{FactorMethod, open_secret, recovery};
use crate::failure::Failure;
use crate::flow::{self, DAY, MFA, MFA_LIFE};
use crate::hook::{HookContext, Notice, Operation};
use crate::identifier;
use crate::limit;
use crate::message::MessageKind;
use crate::store::model::{FactorAsker, FactorAttempt, FactorBudget, Factors, Flow, UserWithIdentifiers};
use crate::use_case::{self, Context, UseCase};

/// The most attempts at codes of a user and method: `LATELY` within [`WINDOW`], `TODAY` in a day, and `IN_A_ROW`
/// without a right code between them. They hold even if the option `rateLimit` is off.
const LATELY: u32 = 10;
const TODAY: u32 = 30;
const IN_A_ROW: u32 = 100;
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// The longest id of a flow that is looked up, in bytes.
const MAX_ID: usize = 64;

/// Whether the user needs a second factor to log in.
///
/// # Errors
/// The store's failures.
pub(crate) async fn is_asked_for(realm: &Realm, user_id: &str) -> Result<bool, Failure> {
    Ok(realm.config.mfa.is_some() && realm.store.factors_of(user_id).await?.are_asked_for())
}

/// Returns the user as a login sees them. The factors are read after `auth_epoch`, so a later change of them shows.
///
/// # Errors
/// The store's failures.
pub(super) async fn seen(realm: &Realm, user_id: &str, auth_epoch: i64) -> Result<Seen, Failure> {
    Ok(Seen { auth_epoch: Some(auth_epoch), has_factor: is_asked_for(realm, user_id).await? })
}

/// Begins the flow of a user whose password or sent code was right, and returns the refusal that names the flow.
/// Returns `None` if the user has changed since or the code is spent, so that the proof must be judged again.
///
/// # Errors
/// The store's failures.
pub(super) async fn challenge(realm: &Realm, user: &Proven, trail: &mut Trail) -> Result<Option<Error>, Failure> {
    let (now, user_id) = (realm.now(), user.user_id());
    let flow = Flow {
        id: flow::make_flow_id(),
        purpose: MFA.to_owned(),
        user_id: Some(user_id.to_owned()),
        subject: user_id.to_owned(),
        // No message is sent, so no client has the token.
        token_digest: flow::token_digest(&flow::make_token()),
        code: None,
        attempts: 0,
        max_attempts: flow::MAX_ATTEMPTS,
        identifier_id: String::new(),
        address_digest: String::new(),
        payload: Secret::new(user.methods().first().map_or_else(String::new, |method| method.as_str().to_owned())),
        created_at: now,
        expires_at: now + MFA_LIFE,
    };
    if !realm.store.begin_mfa(&flow, user.expected()).await? {
        return Ok(None);
    }
    let factors = realm.store.factors_of(user_id).await?;
    trail.facts.user_id = Some(user_id.to_owned());
    let details = json!({ "flow": flow.id, "methods": methods(&factors), "expiresAt": to_iso(flow.expires_at) });
    Ok(Some(Error::from(ErrorCode::MfaRequired).with_details(details)))
}

fn methods(factors: &Factors) -> Vec<&'static str> {
    let totp = factors.are_asked_for().then_some(FactorMethod::Totp.as_str());
    let recovery = (factors.recovery_codes > 0).then_some(FactorMethod::Recovery.as_str());
    totp.into_iter().chain(recovery).collect()
}

/// The code that a client presents: `{method, code}`.
pub(super) struct PresentedCode {
    pub(super) method: FactorMethod,
    code: Secret<String>,
}

impl PresentedCode {
    /// Reads `{method, code}`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    pub(super) fn read(input: &Input<'_>) -> Result<Self, Error> {
        let method = FactorMethod::from_name(input.text("method")?)
            .ok_or_else(|| Error::validation("method", "method must be 'totp' or 'recovery'"))?;
        Ok(Self { method, code: Secret::new(input.text("code")?.to_owned()) })
    }

    /// Returns the code without spaces and the like between its characters. A malformed code costs no attempt.
    fn normalized(&self) -> Result<Secret<String>, Error> {
        let code = match self.method {
            FactorMethod::Totp => flow::normalize_code(self.code.expose()).map(Secret::new),
            FactorMethod::Recovery => recovery::normalize_code(self.code.expose()),
        };
        code.ok_or_else(|| ErrorCode::CodeInvalid.into())
    }
}

/// A code that was verified.
pub(super) struct ProvedFactor {
    pub(super) user_id: String,
    /// The epoch under which the factors were read.
    pub(super) auth_epoch: i64,
    pub(super) proof: FactorProof,
    /// The proof that began the flow, if the code belongs to a flow.
    earlier: Option<EarlierProof>,
}

/// Verifies a code. The attempt is counted before the code is compared.
///
/// # Errors
/// `CODE_INVALID` for a wrong or used code, or without a user or an open flow; `RATE_LIMIT_EXCEEDED`; the store's
/// failures.
pub(super) async fn prove(
    realm: &Realm,
    asker: FactorAsker<'_>,
    presented: &PresentedCode,
    trail: &mut Trail,
) -> Result<ProvedFactor, Failure> {
    let (now, code) = (realm.now(), presented.normalized()?);
    // No id has control characters, and some databases refuse a query that has.
    let is_id = |id: &str| id.len() <= MAX_ID && id.bytes().all(|byte| byte.is_ascii_graphic());
    if matches!(asker, FactorAsker::Flow(id) if !is_id(id)) {
        return Err(ErrorCode::CodeInvalid.into());
    }
    let attempt = realm.store.attempt_factor(asker, &budget(presented.method, now), now).await?;
    let earlier = EarlierProof::of(&attempt);
    let (attempt_id, user_id) = match attempt {
        FactorAttempt::Counted { id, user_id, .. } => (id, user_id),
        FactorAttempt::Refused => return Err(ErrorCode::CodeInvalid.into()),
        FactorAttempt::Exceeded => return Err(exceeded(trail).into()),
    };
    trail.facts.user_id = Some(user_id.clone());
    let credential = realm.store.credential_of(&user_id).await?.ok_or(ErrorCode::CodeInvalid)?;
    let proof = match presented.method {
        FactorMethod::Recovery => FactorProof::by_recovery(&attempt_id, &code),
        FactorMethod::Totp => {
            let factors = realm.store.factors_of(&user_id).await?;
            by_totp(realm, &attempt_id, &factors, code.expose(), now)?.ok_or(ErrorCode::CodeInvalid)?
        }
    };
    Ok(ProvedFactor { user_id, auth_epoch: credential.auth_epoch, proof, earlier })
}

fn by_totp(
    realm: &Realm,
    attempt_id: &str,
    factors: &Factors,
    code: &str,
    now: Millis,
) -> Result<Option<FactorProof>, Failure> {
    let (keys, mut is_sealed) = (realm.config.factor_keys.as_deref(), false);
    for factor in factors.confirmed() {
        let Some(secret) = open_secret(keys, &factor.secret, &factor.user_id, &factor.id) else {
            is_sealed = true;
            continue;
        };
        if let Some(proof) = FactorProof::by_totp(attempt_id, factor, &secret, code, now) {
            return Ok(Some(proof));
        }
    }
    if is_sealed {
        let cause = "the secret of a second factor can't be opened: is encryptionKey the same?";
        return Err(Failure::Internal(cause.to_owned()));
    }
    Ok(None)
}

const fn window_millis() -> Millis {
    15 * 60_000
}

fn budget(method: FactorMethod, now: Millis) -> FactorBudget {
    // A recovery code is too long to be guessed, and it helps a user whose codes of the app are locked.
    let in_a_row = matches!(method, FactorMethod::Totp).then_some(IN_A_ROW);
    FactorBudget { method, since: [(LATELY, now - window_millis()), (TODAY, now - DAY)], in_a_row }
}

/// Returns the refusal of an attempt beyond a budget. The wait depends on which budget is spent; the answer names the
/// shortest.
fn exceeded(trail: &mut Trail) -> Error {
    trail.note(EventName::RateLimitExceeded, |event| {
        event.with("limit", "factor").with("retryAfter", limit::seconds_up(WINDOW))
    });
    limit::exceeded("factor", Budget { limit: LATELY, window: WINDOW }, WINDOW)
}

/// Leaves the events of a right code that is spent, and notifies the user of a used recovery code.
pub(super) fn tell(
    realm: &Realm,
    caller: &Caller,
    user: &UserWithIdentifiers,
    method: FactorMethod,
    trail: &mut Trail,
) {
    let user_id = user.user.id.as_str();
    trail.note(EventName::MfaSuccess, |event| event.with("userId", user_id).with("method", method.as_str()));
    if method == FactorMethod::Recovery {
        trail.note(EventName::RecoveryUsed, |event| event.with("userId", user_id));
        security_messages::leave(realm, caller, user, MessageKind::RecoveryUsed, trail);
    }
}

/// Clears the counts of wrong and unfinished logins by the user's password, after a finished login.
async fn clear_login(realm: &Realm, user: &UserWithIdentifiers) {
    let Some(limits) = &realm.config.rate_limits else { return };
    // The keys are those under which the first step counts, which may differ from the identifier's normal form.
    let lookups = user.identifiers.iter().filter_map(|one| identifier::lookup(&one.value).ok());
    let spellings = lookups.map(|lookup| limit::login_spelling(&lookup.key));
    for key in spellings.chain([limit::login_account(&user.user.id)]) {
        clear(realm, &key, limits.login_account).await;
    }
}

/// Completes a login by the code of a second factor.
///
/// It fails with `CODE_INVALID` for a wrong, used or unknown code or without an open flow, `VALIDATION_ERROR`,
/// `RATE_LIMIT_EXCEEDED` and `SERVICE_UNAVAILABLE`.
pub struct LoginMfa;

/// The input `{flow, method, code}`.
pub struct LoginMfaInput {
    flow: String,
    presented: PresentedCode,
}

impl use_case::Input for LoginMfaInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Ok(Self { flow: input.text("flow")?.to_owned(), presented: PresentedCode::read(&input)? })
    }
}

impl UseCase for LoginMfa {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::LoginSuccess, failure: Some(EventName::MfaFailure) };
    type Input = LoginMfaInput;
    type Output = Issued;

    async fn run(context: &mut Context<'_>, input: LoginMfaInput) -> Result<Issued, Failure> {
        let Context { realm, caller, trail } = context;
        let LoginMfaInput { flow, presented } = input;
        let proved = prove(realm, FactorAsker::Flow(&flow), &presented, trail).await?;
        let ProvedFactor { user_id, auth_epoch, proof, earlier } = proved;
        let known = realm.store.find_user(&user_id).await?.ok_or(ErrorCode::CodeInvalid)?;
        let by_password = earlier.as_ref().is_some_and(EarlierProof::is_password);
        let proofs = earlier.map(Proof::Earlier).into_iter().chain([Proof::Factor(proof)]).collect();
        let seen = Seen { auth_epoch: Some(auth_epoch), has_factor: true };
        let Next::Complete(user) = next(&user_id, seen, proofs) else { return Err(ErrorCode::CodeInvalid.into()) };
        let opened = sessions::open(realm, &user, caller, trail).await?;
        let (session, roles) = opened.ok_or(ErrorCode::CodeInvalid)?;
        // A login by the code of a message proves no password, so earlier guesses at the password still count.
        if by_password {
            clear_login(realm, &known).await;
        }
        tell(realm, caller, &known, presented.method, trail);
        sessions::issue(realm, &session, roles, realm.now())
    }

    fn notice(_: Option<String>, end: Result<&Issued, &Error>, mut context: HookContext) -> Option<Notice> {
        let issued = end.ok()?;
        context.session_id.clone_from(&issued.session_id);
        Some(Notice::Login { user_id: issued.user.id.clone(), roles: issued.user.roles.clone(), context })
    }
}

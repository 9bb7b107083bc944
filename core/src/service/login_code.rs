//! Login by the code of a message.

use serde_json::Value;

use super::attempt::{Attempts, Guess, WRONG};
use super::flows::{Asked, Receiver};
use super::input::Input;
use super::issued::Issued;
use super::redeem::{self, PresentedSecret};
use super::reset::{self, EndedAccess, RequestInput};
use super::story::Story;
use super::{Caller, Realm, Trail, second_factor, sessions};
use crate::authentication::{Next, Proof, next};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::flow::FlowPurpose;
use crate::hook::{HookContext, Notice, Operation};
use crate::limit;
use crate::store::model::Session;
use crate::use_case::{self, Context, UseCase};

/// Requests a message with a code to log in by.
///
/// The answer is the same for known and unknown identifiers, after the same work. It fails with `VALIDATION_ERROR`, and
/// with `RATE_LIMIT_EXCEEDED` if a client's address requests too many messages.
pub struct RequestLoginCode;

impl UseCase for RequestLoginCode {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::LoginCodeRequested, failure: None };
    type Input = RequestInput;
    type Output = Asked;

    async fn run(context: &mut Context<'_>, input: RequestInput) -> Result<Asked, Failure> {
        let Context { realm, caller, trail } = context;
        require_option(realm)?;
        reset::ask(realm, caller, FlowPurpose::LoginCode, &input, trail).await
    }
}

/// Fails if the option `loginCode` is off.
fn require_option(realm: &Realm) -> Result<(), Error> {
    let missing = || Error::configuration("loginCode is off: without it nobody logs in by a code");
    if realm.config.login_code { Ok(()) } else { Err(missing()) }
}

/// Logs a user in by the code of a message, together with the id of the flow that requested it.
///
/// The login verifies the address that the code went to. It fails with `CODE_INVALID` for a wrong, expired, used or
/// unknown code, `MFA_REQUIRED` if the user has a second factor, `VALIDATION_ERROR`, `RATE_LIMIT_EXCEEDED` and
/// `SERVICE_UNAVAILABLE`.
pub struct LoginByCode;

/// The input `{flow, code}`.
pub struct CodeInput {
    presented: PresentedSecret,
}

impl use_case::Input for CodeInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        let (flow, code) = (input.text("flow")?.to_owned(), input.text("code")?.to_owned());
        Ok(Self { presented: PresentedSecret::Code { flow, code } })
    }
}

impl UseCase for LoginByCode {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::LoginSuccess, failure: Some(EventName::LoginFailure) };
    type Input = CodeInput;
    type Output = Issued;

    async fn run(context: &mut Context<'_>, input: CodeInput) -> Result<Issued, Failure> {
        let Context { realm, caller, trail } = context;
        require_option(realm)?;
        let mut attempts = Attempts::new(realm, "login");
        // The flows of an account count its wrong codes. Counting them in the account's bucket would lock out its
        // password.
        if !caller.trusted {
            let address = limit::login_address(caller.bucket());
            attempts.begin(&address, |limits| limits.login_address, WRONG, trail).await?;
        }
        let outcome = verify_and_open(realm, &input.presented, caller, trail).await;
        let is_wrong = matches!(&outcome, Err(Failure::Refused(error)) if error.is(ErrorCode::CodeInvalid));
        attempts.settle(if is_wrong { Guess::Wrong } else { Guess::of(&outcome) }).await;
        let (session, roles) = outcome?;
        sessions::issue(realm, &session, roles, realm.now())
    }

    fn notice(_: Option<String>, end: Result<&Issued, &Error>, mut context: HookContext) -> Option<Notice> {
        let issued = end.ok()?;
        context.session_id.clone_from(&issued.session_id);
        Some(Notice::Login { user_id: issued.user.id.clone(), roles: issued.user.roles.clone(), context })
    }
}

async fn verify_and_open(
    realm: &Realm,
    presented: &PresentedSecret,
    caller: &Caller,
    trail: &mut Trail,
) -> Result<(Session, Vec<String>), Failure> {
    let found = redeem::find(realm, presented).await?;
    let redeemed = redeem::redeem(realm, &[FlowPurpose::LoginCode], found).await?;
    let proof = redeemed.to_proof().ok_or(ErrorCode::CodeInvalid)?;
    let (user_id, to) = (redeemed.user_id(), Receiver::new(redeemed.user_id(), &redeemed.identifier));
    let credential = realm.store.credential_of(user_id).await?.ok_or(ErrorCode::CodeInvalid)?;
    let seen = second_factor::seen(realm, user_id, credential.auth_epoch).await?;
    match next(user_id, seen, vec![Proof::Sent(Box::new(proof))]) {
        Next::Complete(user) if user.takes_over() => {
            let ending = EndedAccess::of(realm, user_id, true).await?;
            let opened = sessions::open(realm, &user, caller, trail).await?.ok_or(ErrorCode::CodeInvalid)?;
            ending.tell(realm, caller, &to, credential.password_hash.is_some(), trail);
            Ok(opened)
        }
        Next::Complete(user) => {
            let opened = sessions::open(realm, &user, caller, trail).await?;
            opened.ok_or_else(|| ErrorCode::CodeInvalid.into())
        }
        Next::FactorNeeded(user) => {
            let refusal = second_factor::challenge(realm, &user, trail).await?;
            Err(refusal.map_or_else(|| ErrorCode::CodeInvalid.into(), Failure::from))
        }
        Next::Needed => Err(ErrorCode::CodeInvalid.into()),
    }
}

//! A new password for a user who forgot the old password.

use serde_json::Value;

use super::flows::{self, Asked, Receiver, Subject, Waiting};
use super::input::Input;
use super::receivers::{oldest_address, receiver};
use super::redeem::{self, PresentedSecret, Redeemed, is_verified};
use super::story::Story;
use super::{Caller, Realm, Trail, security_messages};
use crate::audit::Change;
use crate::cache::Revocation;
use crate::crypto::{Secret, make_id};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::flow::FlowPurpose;
use crate::hook::Operation;
use crate::identifier;
use crate::message::MessageKind;
use crate::store::model::{Identifier, Spending};
use crate::use_case::{self, Context, Done, UseCase};

/// Requests a message with a code and a link for a new password.
///
/// The answer is the same for known and unknown identifiers, after the same work. It fails with `VALIDATION_ERROR`, and
/// with `RATE_LIMIT_EXCEEDED` if a client's address requests too many messages.
pub struct RequestPasswordReset;

/// The input `{identifier, deliver?}`.
pub struct RequestInput {
    given: String,
    /// Whether sentri delivers the message; code of the host that sends it itself passes `false`.
    deliver: bool,
}

impl use_case::Input for RequestInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Ok(Self::new(input.text("identifier")?, input.delivers()))
    }
}

impl RequestInput {
    /// Returns the input for an identifier in any spelling.
    #[must_use]
    pub fn new(given: &str, deliver: bool) -> Self {
        Self { given: given.to_owned(), deliver }
    }
}

impl UseCase for RequestPasswordReset {
    const NAME: Option<Operation> = Some(Operation::RequestPasswordReset);
    const STORY: Story = Story { success: EventName::PasswordResetRequested, failure: None };
    type Input = RequestInput;
    type Output = Asked;

    async fn run(context: &mut Context<'_>, input: RequestInput) -> Result<Asked, Failure> {
        let Context { realm, caller, trail } = context;
        ask(realm, caller, FlowPurpose::Reset, &input, trail).await
    }
}

/// Begins a flow for the user who has an identifier. The answer is the same for known and unknown identifiers, after
/// the same work. A disabled user gets no message. An unknown address gets a message if the option
/// `messages.unknownAccount` is on.
///
/// # Errors
/// `VALIDATION_ERROR`, `RATE_LIMIT_EXCEEDED`; the store's failures.
pub(super) async fn ask(
    realm: &Realm,
    caller: &Caller,
    purpose: FlowPurpose,
    input: &RequestInput,
    trail: &mut Trail,
) -> Result<Asked, Failure> {
    flows::rules(realm)?;
    let lookup = identifier::lookup(&input.given)?;
    flows::limit_address(realm, caller).await?;
    let found = realm.store.find_credential(&lookup.normalized, &lookup.exact, &lookup.others).await?;
    let to_nobody = if found.is_none() { security_messages::to_nobody(realm, caller, &input.given) } else { None };
    // The look-up runs in any case, so that both cases take equally long.
    let user_id = found.map_or_else(make_id, |found| found.user_id);
    let user = realm.store.find_user(&user_id).await?;
    let to = user.as_ref().filter(|user| !user.user.is_disabled(realm.now())).and_then(|user| receiver(user, &lookup));
    let subject = Subject::of_user(realm, to.as_ref().and_then(|to| to.user_id), &lookup.normalized)?;
    let mut asked = flows::begin(realm, caller, purpose, to, subject).await?;
    asked.message = asked.message.or(to_nobody.filter(|_| asked.is_put));
    if input.deliver || !caller.trusted {
        trail.messages.extend(asked.message.take());
    }
    Ok(asked)
}

/// Requests a message with a code and a link for a new password, for a user whom an admin or code of the host names. It
/// goes to the oldest e-mail address, or else phone number. Over a limit nothing is sent.
///
/// It fails with `USER_NOT_FOUND`, `ACCOUNT_DISABLED`, and with `VALIDATION_ERROR` if the user has no address that may
/// get messages.
pub struct SendPasswordReset;

/// The input `{userId, deliver?}`.
pub struct SendInput {
    user_id: String,
    /// The same as in [`RequestInput`].
    deliver: bool,
}

impl use_case::Input for SendInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Ok(Self::new(input.text("userId")?, input.delivers()))
    }
}

impl SendInput {
    /// Returns the input for the user of that id.
    #[must_use]
    pub fn new(user_id: &str, deliver: bool) -> Self {
        Self { user_id: user_id.to_owned(), deliver }
    }
}

impl UseCase for SendPasswordReset {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::PasswordResetRequested, failure: None };
    type Input = SendInput;
    type Output = Asked;

    async fn run(context: &mut Context<'_>, input: SendInput) -> Result<Asked, Failure> {
        let Context { realm, caller, trail } = context;
        flows::rules(realm)?;
        let user = realm.store.find_user(&input.user_id).await?.ok_or(ErrorCode::UserNotFound)?;
        if user.user.is_disabled(realm.now()) {
            return Err(ErrorCode::AccountDisabled.into());
        }
        let to = oldest_address(&user).ok_or_else(|| {
            let message = "the user has no e-mail address or phone number that messages may go to";
            Error::validation("userId", message)
        })?;
        let subject = Subject::of_user(realm, Some(&input.user_id), &to.normalized)?;
        let to = Receiver::new(&input.user_id, to);
        let waiting = Waiting { author: Some(&trail.author), ..Waiting::default() };
        let mut asked = flows::begin_with(realm, caller, FlowPurpose::Reset, Some(to), subject, waiting).await?;
        if input.deliver || !caller.trusted {
            trail.messages.extend(asked.message.take());
        }
        Ok(asked)
    }
}

/// Sets a new password by the token or the code of a message. All sessions of the user end, and no session is opened.
///
/// It fails with `VALIDATION_ERROR`, `SERVICE_UNAVAILABLE`, and `CODE_INVALID` for a wrong, expired, used or unknown
/// secret.
pub struct ResetPassword;

/// The input `{token, newPassword}` or `{flow, code, newPassword}`.
pub struct ResetInput {
    presented: PresentedSecret,
    new: Secret<String>,
}

impl use_case::Input for ResetInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Ok(Self { presented: PresentedSecret::read(&input)?, new: Secret::new(input.text("newPassword")?.to_owned()) })
    }
}

impl UseCase for ResetPassword {
    const NAME: Option<Operation> = Some(Operation::ResetPassword);
    const STORY: Story = Story { success: EventName::PasswordReset, failure: None };
    type Input = ResetInput;
    type Output = Done;

    async fn run(context: &mut Context<'_>, input: ResetInput) -> Result<Done, Failure> {
        let Context { realm, caller, trail } = context;
        flows::rules(realm)?;
        // The password is checked before the secret, so that a refused password spends no attempt.
        realm.config.password.check("newPassword", input.new.expose())?;
        let found = redeem::find(realm, &input.presented).await?;
        let redeemed = redeem::redeem(realm, &[FlowPurpose::Reset, FlowPurpose::Invite], found).await?;
        let takes_over = !is_verified(&redeemed.user);
        let by = Replacement { new: input.new, takes_over, event: EventName::PasswordReset };
        replace_password(realm, caller, trail, &redeemed, by).await?;
        trail.facts.user_id = Some(redeemed.user.user.id);
        Ok(Done)
    }
}

/// A new password, and the effects of its proof.
pub(super) struct Replacement {
    pub new: Secret<String>,
    /// The value of [`Spending::takes_over`].
    pub takes_over: bool,
    /// The event that records the change.
    pub event: EventName,
}

/// Spends a flow and sets a password, which ends all sessions of the user. Notifies the address that the flow was sent
/// to.
pub(super) async fn replace_password(
    realm: &Realm,
    caller: &Caller,
    trail: &mut Trail,
    redeemed: &Redeemed,
    by: Replacement,
) -> Result<(), Failure> {
    let Replacement { new, takes_over, event } = by;
    let Redeemed { flow, identifier, by_code, .. } = redeemed;
    let user_id = redeemed.user_id();
    let new_hash = realm.hasher.on_behalf_of(caller.requester()).hash(new).await?;
    let now = realm.now();
    let ending = EndedAccess::of(realm, user_id, takes_over).await?;
    let (by_code, new_hash) = (*by_code, Some(new_hash.expose().as_str()));
    let spending = Spending { flow, by_code, proves: Some(identifier), new_hash, takes_over };
    let store = realm.noting(&trail.author, || ending.changes(realm, event, user_id, identifier))?;
    let write = store.spend_flow(&spending, now);
    if !realm.revoking(Revocation::User(user_id.to_owned()), write).await? {
        return Err(ErrorCode::CodeInvalid.into());
    }
    ending.tell(realm, caller, &Receiver::new(user_id, identifier), true, trail);
    Ok(())
}

/// The sessions and factors of a user that the use of a secret ends. They are read before the secret is spent; a change
/// of factors in between ends the flow of the secret.
pub(super) struct EndedAccess {
    sessions: Vec<String>,
    takes_over: bool,
    drops_factors: bool,
}

impl EndedAccess {
    /// Reads the present sessions and factors of a user.
    ///
    /// # Errors
    /// The store's failures.
    pub(super) async fn of(realm: &Realm, user_id: &str, takes_over: bool) -> Result<Self, Failure> {
        let live = realm.store.list_sessions(user_id, realm.now()).await?;
        let drops_factors = takes_over && realm.store.factors_of(user_id).await?.are_asked_for();
        let sessions = live.into_iter().map(|session| session.id).collect();
        Ok(Self { sessions, takes_over, drops_factors })
    }

    /// Returns the audit changes of a proof of control over `identifier`.
    pub(super) fn changes(
        &self,
        realm: &Realm,
        event: EventName,
        user_id: &str,
        identifier: &Identifier,
    ) -> Result<Vec<Change>, Failure> {
        let change = Change::of(event, user_id).with("takesOver", self.takes_over);
        let mut changes =
            vec![realm.with_digests(change, [(identifier.kind.as_str(), identifier.normalized.as_str())])?];
        changes.extend(self.drops_factors.then(|| Change::of(EventName::MfaRemoved, user_id)));
        Ok(changes)
    }

    /// Leaves the events of what ended, and messages to the proved address.
    pub(super) fn tell(
        self,
        realm: &Realm,
        caller: &Caller,
        to: &Receiver<'_>,
        changes_password: bool,
        trail: &mut Trail,
    ) {
        let user_id = to.user_id.unwrap_or_default();
        trail.sessions_revoked(user_id, &self.sessions);
        if changes_password {
            trail.messages.push(flows::message(realm, caller, MessageKind::PasswordChanged, to, None));
        }
        if self.drops_factors {
            trail.note(EventName::MfaRemoved, |event| event.with("userId", user_id));
            trail.messages.push(flows::message(realm, caller, MessageKind::FactorRemoved, to, None));
        }
    }
}

//! Proves control over an address by the secret of a message that went there.

use serde_json::Value;

use super::attempt::{Attempts, Guess};
use super::flows;
use super::input::Input;
use super::login::count_own;
use super::redeem::{self, PresentedSecret, Redeemed, is_verified};
use super::reset::{Replacement, replace_password};
use super::story::Story;
use super::verification::Confirmed;
use super::{Caller, Realm, Trail, pending_change, pending_registration, security_messages};
use crate::audit::Change;
use crate::crypto::Secret;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::flow::FlowPurpose;
use crate::hook::Operation;
use crate::store::model::Spending;
use crate::use_case::{self, Context, UseCase};

/// Verifies an address by the token or the code of a message.
///
/// In a session of the user the secret is enough. Elsewhere the account's password is needed too. Otherwise a party
/// that registered another person's address could have that person verify it. If no address of the account is verified
/// yet, a new password will do, by which the owner of the address takes the account over. It fails with
/// `VALIDATION_ERROR`, `CODE_INVALID`, `INVALID_CREDENTIALS`, `FORBIDDEN` and `RATE_LIMIT_EXCEEDED`.
pub struct ConfirmIdentifier;

/// The input `{token}` or `{flow, code}`, with `password?` or `newPassword?`.
pub struct ConfirmInput {
    presented: PresentedSecret,
    /// The id of the user of the request's session; empty if the request has no session.
    session_user: String,
    password: Option<Secret<String>>,
    new: Option<Secret<String>>,
}

impl use_case::Input for ConfirmInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        let secret = |name| input.optional_text(name).map(|text| text.map(|text| Secret::new(text.to_owned())));
        let session_user = input.value("sessionUser").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (password, new) = (secret("password")?, secret("newPassword")?);
        Ok(Self { presented: PresentedSecret::read(&input)?, session_user, password, new })
    }
}

impl UseCase for ConfirmIdentifier {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::IdentifierVerified, failure: None };
    type Input = ConfirmInput;
    type Output = Confirmed;

    async fn run(context: &mut Context<'_>, input: ConfirmInput) -> Result<Confirmed, Failure> {
        let Context { realm, caller, trail } = context;
        flows::rules(realm)?;
        let ConfirmInput { presented, session_user, password, new } = input;
        if let Some(new) = &new {
            realm.config.password.check("newPassword", new.expose())?;
        }
        let found = redeem::find(realm, &presented).await?;
        if pending_registration::is_one(&found.flow) {
            let proof = pending_registration::RegistrationProof { password, new };
            return pending_registration::confirm(realm, caller, trail, &found, proof).await;
        }
        let redeemed = redeem::redeem(realm, &[FlowPurpose::Verify, FlowPurpose::Change], found).await?;
        if redeemed.is_for(FlowPurpose::Change) {
            return pending_change::confirm(realm, trail, &redeemed, &session_user).await;
        }
        match (session_user == redeemed.user_id(), password, new) {
            (true, ..) => spend(realm, caller, &redeemed, trail).await?,
            (false, Some(password), _) => {
                check_password(realm, caller, redeemed.user_id(), password, trail).await?;
                spend(realm, caller, &redeemed, trail).await?;
            }
            (false, None, Some(new)) if !is_verified(&redeemed.user) => {
                let by = Replacement { new, takes_over: true, event: EventName::IdentifierVerified };
                replace_password(realm, caller, trail, &redeemed, by).await?;
            }
            (false, None, _) => {
                let message = "Confirm in a session of the account, or with its password";
                return Err(Error::new(ErrorCode::Forbidden, message).into());
            }
        }
        let confirmed = Confirmed::of(realm, &redeemed.identifier);
        trail.facts.user_id = Some(redeemed.user.user.id);
        Ok(confirmed)
    }
}

/// Spends the flow and notes that the address is verified. The addresses that were verified before are notified of a
/// newly verified one.
async fn spend(realm: &Realm, caller: &Caller, redeemed: &Redeemed, trail: &mut Trail) -> Result<(), Failure> {
    let Redeemed { flow, identifier, by_code, user } = redeemed;
    let by_code = *by_code;
    let spending = Spending { flow, by_code, proves: Some(identifier), new_hash: None, takes_over: false };
    let store = realm.noting(&trail.author, || {
        let change = Change::of(EventName::IdentifierVerified, redeemed.user_id());
        Ok([realm.with_digests(change, [(identifier.kind.as_str(), identifier.normalized.as_str())])?])
    })?;
    let is_spent = store.spend_flow(&spending, realm.now()).await?;
    if !is_spent {
        return Err(ErrorCode::CodeInvalid.into());
    }
    if identifier.verified_at.is_none() {
        security_messages::leave_change(realm, caller, user, trail);
    }
    Ok(())
}

/// Checks the password of the account. A wrong password counts in the buckets of the login.
async fn check_password(
    realm: &Realm,
    caller: &Caller,
    user_id: &str,
    password: Secret<String>,
    trail: &mut Trail,
) -> Result<(), Failure> {
    if realm.config.password.is_too_long(password.expose()) {
        return Err(ErrorCode::InvalidCredentials.into());
    }
    let mut attempts = Attempts::new(realm, "login");
    count_own(realm, &mut attempts, caller, user_id, trail).await?;
    let outcome = async {
        let hash = realm.store.credential_of(user_id).await?.and_then(|found| found.password_hash);
        let is_right = realm.hasher.on_behalf_of(caller.requester()).verify(password, hash).await?;
        if is_right { Ok(()) } else { Err(Failure::from(ErrorCode::InvalidCredentials)) }
    }
    .await;
    attempts.settle(Guess::of(&outcome)).await;
    outcome
}

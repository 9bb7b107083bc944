//! Changes of passwords.

use serde_json::Value;

use super::attempt::{Attempts, Guess};
use super::input::Input;
use super::login::count_own;
use super::story::Story;
use super::{Realm, Trail, security_messages};
use crate::audit::Change;
use crate::cache::Revocation;
use crate::crypto::Secret;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::hook::Operation;
use crate::message::MessageKind;
use crate::password::Hasher;
use crate::use_case::{self, Context, Done, UseCase};

const STORY: Story = Story { success: EventName::PasswordChanged, failure: Some(EventName::PasswordChangeFailure) };

/// Changes the password of a user who knows the present one. Every session of the user ends, also the caller's.
///
/// Wrong guesses at the present password spend the budget of the login, or that of a known device. So a stolen access
/// token gives no further guesses. It fails with `INVALID_CREDENTIALS`, `ACCOUNT_DISABLED`, `VALIDATION_ERROR`,
/// `USER_NOT_FOUND`, `RATE_LIMIT_EXCEEDED` and `SERVICE_UNAVAILABLE`.
pub struct ChangePassword;

/// The input `{userId, currentPassword, newPassword}`.
pub struct ChangeInput {
    user_id: String,
    current: Secret<String>,
    new: Secret<String>,
}

impl use_case::Input for ChangeInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        let user_id = input.text("userId")?.to_owned();
        let current = Secret::new(input.text("currentPassword")?.to_owned());
        Ok(Self { user_id, current, new: Secret::new(input.text("newPassword")?.to_owned()) })
    }
}

impl UseCase for ChangePassword {
    const NAME: Option<Operation> = Some(Operation::ChangePassword);
    const STORY: Story = STORY;
    type Input = ChangeInput;
    type Output = Done;

    async fn run(context: &mut Context<'_>, input: ChangeInput) -> Result<Done, Failure> {
        let Context { realm, caller, trail } = context;
        let ChangeInput { user_id, current, new } = input;
        realm.config.password.check("newPassword", new.expose())?;
        if realm.config.password.is_too_long(current.expose()) {
            return Err(ErrorCode::InvalidCredentials.into());
        }
        let mut attempts = Attempts::new(realm, "login");
        count_own(realm, &mut attempts, caller, &user_id, trail).await?;
        let hasher = realm.hasher.on_behalf_of(caller.requester());
        let outcome = verify_and_change(realm, &hasher, &user_id, current, new, trail).await;
        attempts.settle(Guess::of(&outcome)).await;
        outcome?;
        security_messages::tell(realm, caller, &user_id, MessageKind::PasswordChanged, trail).await;
        Ok(Done)
    }
}

async fn verify_and_change(
    realm: &Realm,
    hasher: &Hasher,
    user_id: &str,
    current: Secret<String>,
    new: Secret<String>,
    trail: &mut Trail,
) -> Result<(), Failure> {
    let credential = realm.store.credential_of(user_id).await?.ok_or(ErrorCode::UserNotFound)?;
    let (is_disabled, old_hash) = (credential.is_disabled(realm.now()), credential.password_hash);
    if !hasher.verify(current, old_hash.clone()).await? {
        return Err(ErrorCode::InvalidCredentials.into());
    }
    if is_disabled {
        return Err(ErrorCode::AccountDisabled.into());
    }
    let Some(old_hash) = old_hash else { return Err(ErrorCode::InvalidCredentials.into()) };
    let new_hash = hasher.hash(new).await?;
    replace(realm, user_id, Some(old_hash.expose()), &new_hash, trail).await
}

/// Sets a password without the present one, for the host's code and admins. Every session of the user ends.
///
/// It fails with `VALIDATION_ERROR`, `USER_NOT_FOUND`, and the store's failures.
pub struct SetPassword;

/// The input `{userId, newPassword}`.
pub struct SetInput {
    user_id: String,
    new: Secret<String>,
}

impl use_case::Input for SetInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Ok(Self::new(input.text("userId")?, input.text("newPassword")?))
    }
}

impl SetInput {
    /// Returns the input for a user. The use case checks the password later.
    #[must_use]
    pub fn new(user_id: &str, new: &str) -> Self {
        Self { user_id: user_id.to_owned(), new: Secret::new(new.to_owned()) }
    }
}

impl UseCase for SetPassword {
    const NAME: Option<Operation> = None;
    const STORY: Story = STORY;
    type Input = SetInput;
    type Output = Done;

    async fn run(context: &mut Context<'_>, input: SetInput) -> Result<Done, Failure> {
        let Context { realm, caller, trail } = context;
        realm.config.password.check("newPassword", input.new.expose())?;
        let new_hash = realm.hasher.hash(input.new).await?;
        replace(realm, &input.user_id, None, &new_hash, trail).await?;
        security_messages::tell(realm, caller, &input.user_id, MessageKind::PasswordChanged, trail).await;
        Ok(Done)
    }
}

async fn replace(
    realm: &Realm,
    user_id: &str,
    expected: Option<&str>,
    new_hash: &Secret<String>,
    trail: &mut Trail,
) -> Result<(), Failure> {
    let now = realm.now();
    let live = realm.store.list_sessions(user_id, now).await?;
    let store = realm.noting(&trail.author, || Ok([Change::of(EventName::PasswordChanged, user_id)]))?;
    let write = store.change_password(user_id, expected, new_hash.expose(), now);
    let changed = realm.revoking(Revocation::User(user_id.to_owned()), write).await?;
    if !changed {
        // If a hash was expected, the password changed after it was verified, so the verified password is no longer the
        // present one.
        return Err(if expected.is_some() { ErrorCode::InvalidCredentials } else { ErrorCode::UserNotFound }.into());
    }
    let ids: Vec<String> = live.into_iter().map(|session| session.id).collect();
    trail.sessions_revoked(user_id, &ids);
    Ok(())
}

//! The removal of second factors.

use serde_json::Value;

use super::factors::{FactorOwner, RACES, change, read};
use super::input::Input;
use super::security_messages;
use super::story::Story;
use crate::audit::Change;
use crate::cache::Revocation;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::hook::Operation;
use crate::message::MessageKind;
use crate::store::model::{FactorChange, FactorChangeKind};
use crate::use_case::{self, Context, Done, UseCase};

/// Removes a second factor. With the last factor the recovery codes are removed too, and all other sessions end.
///
/// It fails with `FACTOR_NOT_FOUND`, `UNAUTHORIZED` when the session has ended, and `USER_NOT_FOUND`.
pub struct RemoveFactor;

/// The input `{userId, sessionId, id}`.
pub struct RemoveFactorInput {
    author: FactorOwner,
    id: String,
}

impl use_case::Input for RemoveFactorInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Ok(Self { author: FactorOwner::read(&input)?, id: input.text("id")?.to_owned() })
    }
}

impl UseCase for RemoveFactor {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::MfaRemoved, failure: None };
    type Input = RemoveFactorInput;
    type Output = Done;

    async fn run(context: &mut Context<'_>, input: RemoveFactorInput) -> Result<Done, Failure> {
        let Context { realm, caller, trail } = context;
        let RemoveFactorInput { author, id } = input;
        let user_id = author.user_id.as_str();
        trail.facts.user_id = Some(user_id.to_owned());
        for _ in 0..RACES {
            let (auth_epoch, factors) = read(realm, user_id).await?;
            let factor = factors.factors.iter().find(|one| one.id == id).ok_or(ErrorCode::FactorNotFound)?;
            let is_last = factor.confirmed_at.is_some() && factors.confirmed().count() == 1;
            let removal = FactorChange {
                recovery_codes: is_last.then_some(&[]),
                ends_sessions: is_last,
                ..author.change(auth_epoch, FactorChangeKind::Remove { id: &factor.id })
            };
            if change(realm, &removal, trail).await? {
                if factor.confirmed_at.is_some() {
                    security_messages::tell(realm, caller, user_id, MessageKind::FactorRemoved, trail).await;
                }
                return Ok(Done);
            }
        }
        Err(ErrorCode::FactorNotFound.into())
    }
}

/// Removes all second factors and recovery codes of a user, for the host's code and admins. All sessions of the user
/// end, and earlier wrong codes no longer count.
///
/// It fails with `USER_NOT_FOUND`, and the store's failures.
pub struct RemoveFactors;

/// The input `{userId}`.
pub struct RemoveAllInput {
    user_id: String,
}

impl use_case::Input for RemoveAllInput {
    fn read(value: &Value) -> Result<Self, Error> {
        Ok(Self::new(Input::new(value)?.text("userId")?))
    }
}

impl RemoveAllInput {
    /// Returns the input for the user of that id.
    #[must_use]
    pub fn new(user_id: &str) -> Self {
        Self { user_id: user_id.to_owned() }
    }
}

impl UseCase for RemoveFactors {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::MfaRemoved, failure: None };
    type Input = RemoveAllInput;
    type Output = Done;

    async fn run(context: &mut Context<'_>, input: RemoveAllInput) -> Result<Done, Failure> {
        let Context { realm, caller, trail } = context;
        let (user_id, now) = (input.user_id.as_str(), realm.now());
        let user = realm.store.find_user(user_id).await?.ok_or(ErrorCode::UserNotFound)?;
        let had_factor = realm.store.factors_of(user_id).await?.are_asked_for();
        let live = realm.store.list_sessions(user_id, now).await?;
        let store =
            realm.noting(&trail.author, || Ok([Change::of(EventName::MfaRemoved, user_id).with("all", true)]))?;
        let write = store.remove_factors(user_id, now);
        if !realm.revoking(Revocation::User(user_id.to_owned()), write).await? {
            return Err(ErrorCode::UserNotFound.into());
        }
        let ids: Vec<String> = live.into_iter().map(|session| session.id).collect();
        trail.sessions_revoked(user_id, &ids);
        if had_factor {
            security_messages::leave(realm, caller, &user, MessageKind::FactorRemoved, trail);
        }
        Ok(Done)
    }
}

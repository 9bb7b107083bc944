//! Disables users, and enables them again, for an admin or the host.

use serde::Serialize;
use serde_json::Value;

use super::input::Input;
use super::security_messages;
use super::shown::ShownUser;
use super::story::{Facts, Story};
use crate::audit::Change;
use crate::cache::Revocation;
use crate::clock::{Millis, from_iso};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::hook::Operation;
use crate::message::MessageKind;
use crate::store::model::Disabling;
use crate::use_case::{self, Context, Output, UseCase};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;
/// The last instant that every database keeps.
const LAST: Millis = 253_402_300_799_000;

/// Disables a user, which ends the user's sessions and flows. No session can be opened until the user is enabled again
/// or the disabling runs out.
///
/// A second disabling replaces reason and end, and sends no second security message. It fails with `VALIDATION_ERROR`,
/// `USER_NOT_FOUND`, and the store's failures.
pub struct DisableUser;

/// The input `{userId, reason?, until?}`.
pub struct DisableInput {
    user_id: String,
    reason: Option<String>,
    until: Option<Millis>,
}

/// The result `{user: {id, roles, identifiers, disabled?}}`.
#[derive(Debug, Serialize)]
pub struct ChangedUser {
    /// The user after the change.
    pub user: ShownUser,
}

impl use_case::Input for DisableInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Self::new(input.text("userId")?, input)
    }
}

impl DisableInput {
    /// Reads `{reason?, until?}` for a user.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    pub fn new(user_id: &str, input: Input<'_>) -> Result<Self, Error> {
        let reason = input.optional_text("reason")?;
        if reason.is_some_and(|reason| reason.chars().count() > LONGEST_REASON || reason.contains(char::is_control)) {
            let message = format!("reason must be a line of at most {LONGEST_REASON} characters");
            return Err(Error::validation("reason", message));
        }
        let until = input.optional_text("until")?.map(|text| read_instant(text).ok_or_else(wrong_until)).transpose()?;
        Ok(Self { user_id: user_id.to_owned(), reason: reason.map(str::to_owned), until })
    }
}

impl Output for ChangedUser {
    const SHAPE: &'static str = "{user: {id, roles, identifiers}}";

    /// The option `router` can't override this use case.
    fn read(_value: &Value) -> Option<Self> {
        None
    }

    fn tell(&self, facts: &mut Facts) {
        facts.user_id = Some(self.user.id.clone());
    }
}

/// Reads an instant such as `2026-12-24T18:00:00Z` (RFC 3339). A fraction is optional, an offset is required.
fn read_instant(text: &str) -> Option<Millis> {
    let (at, rest) = text.split_at_checked(19)?;
    let zone = rest.strip_prefix('.').map_or(rest, |rest| rest.trim_start_matches(|one: char| one.is_ascii_digit()));
    let is_zone = ["Z", "+00:00", "-00:00"].iter().any(|form| is_like(zone, form));
    if !is_zone || !is_like(at, "0000-00-00T00:00:00") {
        return None;
    }
    from_iso(text).filter(|at| (0..=LAST).contains(at))
}

/// Whether a text has the form of another text, in which a zero matches any digit.
fn is_like(text: &str, form: &str) -> bool {
    let fits = |(one, form): (u8, u8)| if form == b'0' { one.is_ascii_digit() } else { one == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

fn wrong_until() -> Error {
    Error::validation("until", "until must be an instant in the future, such as '2026-12-24T18:00:00Z'")
}

impl UseCase for DisableUser {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::UserDisabled, failure: None };
    type Input = DisableInput;
    type Output = ChangedUser;

    async fn run(context: &mut Context<'_>, input: DisableInput) -> Result<ChangedUser, Failure> {
        let Context { realm, caller, trail } = context;
        let DisableInput { user_id, reason, until } = input;
        let now = realm.now();
        if until.is_some_and(|until| until <= now) {
            return Err(wrong_until().into());
        }
        let mut user = realm.store.find_user(&user_id).await?.ok_or(ErrorCode::UserNotFound)?;
        let live = realm.store.list_sessions(&user_id, now).await?;
        let disabling = Disabling { at: now, until, reason };
        let store = realm.noting(&trail.author, || Ok([Change::of(EventName::UserDisabled, &user_id)]))?;
        let write = store.disable_user(&user_id, &disabling);
        if !realm.revoking(Revocation::User(user_id.clone()), write).await? {
            return Err(ErrorCode::UserNotFound.into());
        }
        let ids: Vec<String> = live.into_iter().map(|session| session.id).collect();
        trail.sessions_revoked(&user_id, &ids);
        let before = user.user.disabled.take().filter(|before| before.holds(now));
        if before.is_none() {
            security_messages::leave(realm, caller, &user, MessageKind::AccountDisabled, trail);
        }
        let at = before.map_or(now, |before| before.at);
        user.user.disabled = Some(Disabling { at, ..disabling });
        Ok(ChangedUser { user: ShownUser::at(now, user) })
    }
}

/// Enables a disabled user. The sessions and flows that the disabling ended stay ended.
///
/// It fails with `USER_NOT_FOUND`, and the store's failures.
pub struct EnableUser;

/// The input `{userId}`.
pub struct EnableInput {
    user_id: String,
}

impl use_case::Input for EnableInput {
    fn read(value: &Value) -> Result<Self, Error> {
        Ok(Self::new(Input::new(value)?.text("userId")?))
    }
}

impl EnableInput {
    /// Returns the input for the user of that id.
    #[must_use]
    pub fn new(user_id: &str) -> Self {
        Self { user_id: user_id.to_owned() }
    }
}

impl UseCase for EnableUser {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::UserEnabled, failure: None };
    type Input = EnableInput;
    type Output = ChangedUser;

    async fn run(context: &mut Context<'_>, input: EnableInput) -> Result<ChangedUser, Failure> {
        let Context { realm, trail, .. } = context;
        let (user_id, now) = (input.user_id.as_str(), realm.now());
        // No cache keeps that a user is disabled, so no cache has to forget anything.
        let store = realm.noting(&trail.author, || Ok([Change::of(EventName::UserEnabled, user_id)]))?;
        store.enable_user(user_id, now).await?;
        let user = realm.store.find_user(user_id).await?.ok_or(ErrorCode::UserNotFound)?;
        Ok(ChangedUser { user: ShownUser::at(now, user) })
    }
}

//! Ends a session, or all sessions of a user.

use serde::Serialize;
use serde_json::{Value, json};

use super::input::Input;
use super::sessions;
use super::story::Story;
use crate::error::Error;
use crate::event::EventName;
use crate::failure::Failure;
use crate::hook::{HookContext, Notice, Operation};
use crate::use_case::{self, Context, Done, Output, UseCase, WrittenInput};

/// Ends one session. Ending a session that has ended succeeds.
pub struct Logout;

/// The input `{sessionId?}`.
pub struct LogoutInput {
    /// The id of the session, if the request names a session.
    pub session_id: Option<String>,
}

/// The result `{userId?}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedOut {
    /// The id of the session's user, if there is such a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    #[serde(skip)]
    session_id: Option<String>,
    /// Whether this call ended a session.
    #[serde(skip)]
    was_live: bool,
}

impl use_case::Input for LogoutInput {
    fn read(value: &Value) -> Result<Self, Error> {
        Ok(Self { session_id: Input::new(value)?.optional_text("sessionId")?.map(str::to_owned) })
    }
}

impl WrittenInput for LogoutInput {
    fn write(&self) -> Value {
        self.session_id.as_ref().map_or_else(|| json!({}), |id| json!({ "sessionId": id }))
    }
}

impl Output for LoggedOut {
    const SHAPE: &'static str = "{userId?}";

    fn read(value: &Value) -> Option<Self> {
        let user_id = value.get("userId").and_then(Value::as_str).map(str::to_owned);
        Some(Self { was_live: user_id.is_some(), user_id, session_id: None })
    }
}

impl UseCase for Logout {
    const NAME: Option<Operation> = Some(Operation::Logout);
    const STORY: Story = Story { success: EventName::Logout, failure: None };
    type Input = LogoutInput;
    type Output = LoggedOut;

    async fn run(context: &mut Context<'_>, input: LogoutInput) -> Result<LoggedOut, Failure> {
        let Context { realm, trail, .. } = context;
        let nobody = LoggedOut { user_id: None, session_id: None, was_live: false };
        let Some(session_id) = input.session_id else { return Ok(nobody) };
        let Some(state) = realm.store.find_session(&session_id).await? else { return Ok(nobody) };
        let user_id = state.session.user_id;
        let was_live = sessions::revoke(realm, &session_id, Some(&user_id), trail).await?;
        Ok(LoggedOut { user_id: Some(user_id), session_id: Some(session_id), was_live })
    }

    fn notice(_: Option<String>, end: Result<&LoggedOut, &Error>, mut context: HookContext) -> Option<Notice> {
        let done = end.ok().filter(|done| done.was_live)?;
        context.session_id.clone_from(&done.session_id);
        Some(Notice::Logout { user_id: done.user_id.clone()?, context })
    }
}

/// Ends every session of a user.
pub struct LogoutAll;

/// The input `{userId}`.
pub struct UserInput {
    /// The user's id.
    pub user_id: String,
}

impl use_case::Input for UserInput {
    const SUBJECT: Option<&'static str> = Some("userId");

    fn read(value: &Value) -> Result<Self, Error> {
        Ok(Self { user_id: Input::new(value)?.text("userId")?.to_owned() })
    }
}

impl WrittenInput for UserInput {
    fn write(&self) -> Value {
        json!({ "userId": self.user_id })
    }
}

impl UseCase for LogoutAll {
    const NAME: Option<Operation> = Some(Operation::LogoutAll);
    const STORY: Story = Story { success: EventName::LogoutAll, failure: None };
    type Input = UserInput;
    type Output = Done;

    async fn run(context: &mut Context<'_>, input: UserInput) -> Result<Done, Failure> {
        sessions::revoke_all(context.realm, &input.user_id, context.trail).await?;
        Ok(Done)
    }

    fn notice(subject: Option<String>, end: Result<&Done, &Error>, context: HookContext) -> Option<Notice> {
        end.ok()?;
        Some(Notice::Logout { user_id: subject?, context })
    }
}

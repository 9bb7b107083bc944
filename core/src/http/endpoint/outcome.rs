//! The event of a request to an endpoint, from what came of the request.

use std::time::Duration;

use serde_json::Value;

use super::Endpoint;
use crate::error::Error;
use crate::event::{Event, EventName};

/// The facts of a request for the log.
pub(super) struct Outcome<'a> {
    pub endpoint: Endpoint,
    pub body: &'a str,
    pub error: Option<&'a Error>,
    pub cause: Option<String>,
    pub user_id: Option<&'a str>,
    pub target_id: &'a str,
    pub took: Duration,
}

impl Outcome<'_> {
    /// The event of a failure for which its endpoint has none: the cause is told nowhere else.
    pub fn defect(&self) -> Option<Event> {
        let (error, cause) = (self.error?, self.cause.as_deref()?);
        Some(Event::new(EventName::HookFailure).with("hook", error.code.as_ref()).with("cause", cause))
    }

    /// The event of the endpoint for its success or its failure, if it has one.
    pub fn name(&self) -> Option<EventName> {
        use EventName as E;
        let (success, failure) = match self.endpoint {
            Endpoint::Register => (E::RegisterSuccess, Some(E::RegisterFailure)),
            Endpoint::Login => (E::LoginSuccess, Some(E::LoginFailure)),
            Endpoint::Refresh => (E::RefreshSuccess, Some(E::RefreshFailure)),
            Endpoint::Logout => (E::Logout, None),
            Endpoint::LogoutAll => (E::LogoutAll, None),
            Endpoint::ChangePassword | Endpoint::SetPassword => (E::PasswordChanged, Some(E::PasswordChangeFailure)),
            Endpoint::AssignRoles => (E::RolesAssigned, Some(E::RolesAssignFailure)),
            Endpoint::CreateIdentifiers => (E::IdentifiersCreated, Some(E::IdentifiersFailure)),
            Endpoint::UpdateIdentifiers | Endpoint::SetIdentifiers => {
                (E::IdentifiersUpdated, Some(E::IdentifiersFailure))
            }
            Endpoint::DeleteIdentifiers => (E::IdentifiersDeleted, Some(E::IdentifiersFailure)),
            _ => return None,
        };
        if self.error.is_none() { Some(success) } else { failure }
    }

    /// Returns the event with the fields that its name has.
    pub fn fill(&self, mut event: Event) -> Event {
        let data = || serde_json::from_str::<Value>(self.body).ok().map(|mut body| body["data"].take());
        for field in event.name.fields() {
            let value = match *field {
                "userId" => self.subject(data).map(Value::from),
                "targetUserId" => Some(Value::from(self.target_id)),
                "roles" => data().map(|mut data| data["user"]["roles"].take()),
                "count" => data().and_then(|data| data["identifiers"].as_array().map(|list| list.len().into())),
                "errorCode" => self.error.map(|error| error.code.as_ref().into()),
                "cause" => self.cause.clone().map(Value::from),
                "duration_ms" => Some(u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX).into()),
                _ => None,
            };
            if let Some(value) = value {
                event = event.with(field, value);
            }
        }
        event
    }

    /// The user an event is about: the caller, the target of an admin, or whom the answer names.
    fn subject(&self, data: impl Fn() -> Option<Value>) -> Option<String> {
        if !self.target_id.is_empty() {
            return Some(self.target_id.to_owned());
        }
        let named = || data()?.pointer("/user/id")?.as_str().map(str::to_owned);
        self.user_id.map(str::to_owned).or_else(named)
    }
}

//! The state of a request while an endpoint serves it.

use std::sync::Arc;

use serde_json::Value;

use super::decision::{self, Decision};
use super::guard::{self, Principal};
use super::pace::Pace;
use super::{Request, body};
use crate::assurance::{Acr, Requirement};
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::service::{Caller, Realm, Trail, second_factor};
use crate::use_case::{self, Context, UseCase, WrittenInput};
use crate::web::query;

/// The state of a request while an endpoint serves it.
pub(in crate::http) struct Call<'a> {
    pub realm: &'a Arc<Realm>,
    pub request: &'a Request,
    pub parameter: String,
    pub caller: Caller,
    pub principal: Option<Principal>,
    pub trail: Trail,
    /// Headers of the response, which a refusal has too.
    pub headers: Vec<(String, String)>,
    /// The pace of the answer, if its time must reveal nothing.
    pub pace: Option<Pace>,
}

impl Call<'_> {
    /// Reads the body as a JSON object, and sets the members `ours` in it. Values of the client under these names are
    /// replaced.
    pub fn input(&self, ours: &[(&str, &str)]) -> Result<Value, Failure> {
        let mut input = body::read(&self.request.body, self.request.header("content-encoding"))?;
        let Some(map) = input.as_object_mut() else {
            return Err(Error::new(ErrorCode::ValidationError, "The request body must be a JSON object").into());
        };
        for (name, value) in ours {
            map.insert((*name).to_owned(), (*value).into());
        }
        Ok(input)
    }

    /// Returns the value of a query parameter. `None`: it is missing, or can't be decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        query::value(self.request.query.as_deref(), name)
    }

    /// Returns the value of a query parameter that must not be ignored. An empty parameter counts as absent.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` if the parameter can't be decoded.
    pub fn query_text(&self, name: &str) -> Result<Option<String>, Error> {
        let is_given = query::raw(self.request.query.as_deref(), name).is_some_and(|value| !value.is_empty());
        match self.query(name) {
            None if is_given => {
                Err(Error::validation(name, format!("{name} must be percent-encoded text without control characters")))
            }
            value => Ok(value),
        }
    }

    /// Reads the query parameter `limit`, the number of items on a page of a list.
    pub fn query_limit(&self) -> Result<Option<u32>, Error> {
        let whole = |text: String| text.parse().map_err(|_| Error::validation("limit", "limit must be a whole number"));
        self.query("limit").map(whole).transpose()
    }

    /// Runs a use case on unchecked input, by the host's override if there is one.
    pub async fn run<U: UseCase>(&mut self, input: Value) -> Result<U::Output, Failure> {
        let Self { realm, caller, trail, .. } = self;
        use_case::run::<U>(&mut Context { realm, caller, trail }, input).await
    }

    /// Runs a use case that can't be overridden.
    pub async fn run_read<U: UseCase>(&mut self, input: U::Input) -> Result<U::Output, Failure> {
        const { assert!(U::NAME.is_none(), "an override can stand in for it") }
        let Self { realm, caller, trail, .. } = self;
        use_case::run_read::<U>(&mut Context { realm, caller, trail }, input).await
    }

    /// Runs a use case on input that is checked already, by the host's override if there is one.
    pub async fn run_checked<U>(&mut self, input: U::Input) -> Result<U::Output, Failure>
    where
        U: UseCase,
        U::Input: WrittenInput,
    {
        let Self { realm, caller, trail, .. } = self;
        use_case::run_checked::<U>(&mut Context { realm, caller, trail }, input).await
    }

    /// Admits a user who may change credentials. The authentication must be recent, as for [`Self::require_recent`],
    /// and the session must still be open.
    ///
    /// # Errors
    /// `STEP_UP_REQUIRED`, or an error of [`Self::bring_up_to_date`].
    pub async fn require_fresh(&mut self) -> Result<(), Failure> {
        self.require_recent().await?;
        self.bring_up_to_date().await
    }

    /// Reads the session from the store, whatever is cached; of a token without a session it reads the user.
    ///
    /// # Errors
    /// `UNAUTHORIZED` if the session has ended, or the user is deleted or disabled; an error of the store.
    pub async fn bring_up_to_date(&mut self) -> Result<(), Failure> {
        let principal = self.principal.as_mut().ok_or(ErrorCode::Unauthorized)?;
        guard::bring_up_to_date(self.realm, principal).await
    }

    /// Admits a user whose authentication is recent enough to change credentials. The check applies with `mfa`, and
    /// with `messages`, since a message to a new identifier could set a new password. A user who has a second factor
    /// must have presented it in this session.
    ///
    /// # Errors
    /// `STEP_UP_REQUIRED`, or an error of the store.
    pub async fn require_recent(&mut self) -> Result<(), Failure> {
        let config = &self.realm.config;
        if !config.keeps_assurance() {
            return Ok(());
        }
        let max_age = config.reauthentication.max_age;
        self.require(Requirement { acr: self.acr_of_user().await?, max_age })
    }

    /// Admits a user who has no second factor, or who has presented it in this session.
    ///
    /// # Errors
    /// `STEP_UP_REQUIRED`, or an error of the store.
    pub async fn require_factor(&mut self) -> Result<(), Failure> {
        match self.acr_of_user().await? {
            Some(acr) => self.require(Requirement { acr: Some(acr), max_age: None }),
            None => Ok(()),
        }
    }

    /// Returns the level that the user can reach, if it is higher than that of a password.
    async fn acr_of_user(&self) -> Result<Option<Acr>, Failure> {
        let has_factor = second_factor::is_asked_for(self.realm, &self.user()?.id).await?;
        Ok(has_factor.then_some(Acr::Aal2))
    }

    fn require(&mut self, need: Requirement) -> Result<(), Failure> {
        let user = self.user()?;
        if user.assurance.as_ref().is_some_and(|held| held.meets(need, 0, self.realm.now())) {
            return Ok(());
        }
        let Decision { error, event } = decision::step_up(&user.id, need, "server", &self.realm.telemetry);
        self.trail.events.extend(event);
        Err(error.unwrap_or_else(|| ErrorCode::StepUpRequired.into()).into())
    }

    /// Returns the user behind the request. A public route may have none, and neither does the bearer of an API key.
    pub fn user(&self) -> Result<&Principal, Failure> {
        self.principal.as_ref().ok_or_else(|| ErrorCode::Unauthorized.into())
    }
}

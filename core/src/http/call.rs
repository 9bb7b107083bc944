//! A request on its way through an endpoint.

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

/// One request on its way through an endpoint.
pub(in crate::http) struct Call<'a> {
    pub realm: &'a Arc<Realm>,
    pub request: &'a Request,
    pub parameter: String,
    pub caller: Caller,
    pub principal: Option<Principal>,
    pub trail: Trail,
    /// Set on the response whether it is a success or not.
    pub headers: Vec<(String, String)>,
    /// Set if the time of the answer must reveal nothing.
    pub pace: Option<Pace>,
}

impl Call<'_> {
    /// The body as JSON, with members that the server sets; the client's values under those names are replaced.
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

    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<String> {
        query::value(self.request.query.as_deref(), name)
    }

    /// A parameter of the query that must not be ignored; an empty parameter counts as absent.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` where it can't be decoded.
    pub fn query_text(&self, name: &str) -> Result<Option<String>, Error> {
        let is_given = query::raw(self.request.query.as_deref(), name).is_some_and(|value| !value.is_empty());
        match self.query(name) {
            None if is_given => {
                Err(Error::validation(name, format!("{name} must be percent-encoded text without control characters")))
            }
            value => Ok(value),
        }
    }

    /// The number of items for a page of a list.
    pub fn query_limit(&self) -> Result<Option<u32>, Error> {
        let whole = |text: String| text.parse().map_err(|_| Error::validation("limit", "limit must be a whole number"));
        self.query("limit").map(whole).transpose()
    }

    /// Runs a use case on the body: the host's or ours.
    pub async fn run<U: UseCase>(&mut self, input: Value) -> Result<U::Output, Failure> {
        let Self { realm, caller, trail, .. } = self;
        use_case::run::<U>(&mut Context { realm, caller, trail }, input).await
    }

    /// Runs a use case that no override can stand in for.
    pub async fn run_read<U: UseCase>(&mut self, input: U::Input) -> Result<U::Output, Failure> {
        const { assert!(U::NAME.is_none(), "an override can stand in for it") }
        let Self { realm, caller, trail, .. } = self;
        use_case::run_read::<U>(&mut Context { realm, caller, trail }, input).await
    }

    /// Runs a use case on input that is checked already: the host's or ours.
    pub async fn run_checked<U>(&mut self, input: U::Input) -> Result<U::Output, Failure>
    where
        U: UseCase,
        U::Input: WrittenInput,
    {
        let Self { realm, caller, trail, .. } = self;
        use_case::run_checked::<U>(&mut Context { realm, caller, trail }, input).await
    }

    /// Admits a user who may change credentials: authenticated of late, as [`Self::require_recent`] says, in a session
    /// that is still open.
    ///
    /// # Errors
    /// `STEP_UP_REQUIRED`; as of [`Self::bring_up_to_date`].
    pub async fn require_fresh(&mut self) -> Result<(), Failure> {
        self.require_recent().await?;
        self.bring_up_to_date().await
    }

    /// Reads the session of the user, or the user of a token without a session, from the store, whatever was remembered.
    ///
    /// # Errors
    /// `UNAUTHORIZED` if the session has ended, or the user is deleted or disabled; the store's.
    pub async fn bring_up_to_date(&mut self) -> Result<(), Failure> {
        let principal = self.principal.as_mut().ok_or(ErrorCode::Unauthorized)?;
        guard::bring_up_to_date(self.realm, principal).await
    }

    /// Admits a user whose authentication is recent enough to change credentials, if sessions keep its time: with
    /// `mfa`, and with `messages`, since a message to a new identifier could set a new password. A user who has a
    /// second factor must have presented it in this session.
    ///
    /// # Errors
    /// `STEP_UP_REQUIRED`; the store's.
    pub async fn require_recent(&mut self) -> Result<(), Failure> {
        let config = &self.realm.config;
        if !config.keeps_assurance() {
            return Ok(());
        }
        let max_age = config.reauthentication.max_age;
        self.require(Requirement { acr: self.acr_of_user().await?, max_age })
    }

    /// Admits a user who has no second factor, or has presented it in this session.
    ///
    /// # Errors
    /// `STEP_UP_REQUIRED`; the store's.
    pub async fn require_factor(&mut self) -> Result<(), Failure> {
        match self.acr_of_user().await? {
            Some(acr) => self.require(Requirement { acr: Some(acr), max_age: None }),
            None => Ok(()),
        }
    }

    /// The level that the user can reach, if it is more than a password.
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

    /// The user behind the request; every route but the public ones has one, or a valid API key.
    pub fn user(&self) -> Result<&Principal, Failure> {
        self.principal.as_ref().ok_or_else(|| ErrorCode::Unauthorized.into())
    }
}

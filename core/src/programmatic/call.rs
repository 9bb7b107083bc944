//! A programmatic call as a value: its name, its kind, and the function that runs it.

use std::pin::Pin;

use serde::Serialize;
use serde_json::Value;

use super::arguments::Arguments;
use crate::audit::{Actor, Author};
use crate::error::Error;
use crate::failure::Failure;
use crate::server::AuthServer;
use crate::service::story::Story;
use crate::service::{Caller, Realm, Trail};
use crate::use_case::{Context, UseCase, run_read};

/// The future of a call's answer.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;

type Run = for<'a> fn(&'a mut Work<'_>, &'a Arguments) -> Running<'a>;

/// The kinds of calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The call works before the first migration and while the database is unavailable.
    Free,
    /// The call waits until the server is ready.
    Waiting,
    /// The call waits too, may be part of the host's transaction, and returns a refusal as an outcome instead of
    /// failing.
    Outcome,
}

/// A programmatic call. [`super::table`] lists all calls.
pub(super) struct Call {
    /// The name in the host languages' API, in camel case.
    pub name: &'static str,
    kind: Kind,
    /// Reads the arguments, runs the use case, and writes its answer.
    pub run: Run,
}

impl Call {
    pub const fn new(name: &'static str, run: Run) -> Self {
        Self { name, kind: Kind::Waiting, run }
    }

    /// Makes a call that works without a database.
    pub const fn free(name: &'static str, run: Run) -> Self {
        Self { name, kind: Kind::Free, run }
    }

    /// Makes a call that returns an outcome.
    pub const fn outcome(name: &'static str, run: Run) -> Self {
        Self { name, kind: Kind::Outcome, run }
    }

    pub fn waits(&self) -> bool {
        self.kind != Kind::Free
    }

    pub fn is_outcome(&self) -> bool {
        self.kind == Kind::Outcome
    }
}

/// Writes the answer of a call as JSON; no other code does.
pub(super) fn answer<'a, T: Serialize>(work: impl Future<Output = Result<T, Failure>> + Send + 'a) -> Running<'a> {
    Box::pin(async {
        let answer = work.await?;
        serde_json::to_value(answer).map_err(|error| Failure::Internal(format!("an answer can't be written: {error}")))
    })
}

/// The state of a running call: the events beside its result, and the story of the use case that it runs.
pub(super) struct Work<'a> {
    pub server: &'a AuthServer,
    pub caller: Caller,
    pub trail: Trail,
    pub story: Option<&'static Story>,
}

impl<'a> Work<'a> {
    pub fn new(server: &'a AuthServer, transaction: Option<u32>) -> Self {
        let realm = server.realm();
        let actor = if realm.command_line.is_here() { Actor::Cli } else { Actor::Code };
        let trail = Trail::new(&realm.telemetry).by(Author { actor, ..Author::default() });
        Self { server, caller: Caller { transaction, ..Caller::host() }, trail, story: None }
    }

    pub fn realm(&self) -> &'a Realm {
        self.server.realm()
    }

    /// Sets the user whom the event of the use case names.
    pub fn about(&mut self, user_id: &str) -> &mut Self {
        self.trail.facts.user_id = Some(user_id.to_owned());
        self
    }

    /// Runs a use case, without the host's override. Wrong input is a failure of the use case.
    pub async fn run<U: UseCase>(&mut self, input: Result<U::Input, Error>) -> Result<U::Output, Failure> {
        self.story = Some(&U::STORY);
        let Self { server, caller, trail, .. } = self;
        run_read::<U>(&mut Context { realm: server.realm(), caller, trail }, input?).await
    }
}

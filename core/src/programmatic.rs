//! The programmatic calls. Bindings run them by name, so a new call changes no binding; Rust code may use `service`.

mod arguments;
mod call;
mod counted;
mod identifiers;
mod names;
mod passwords;
mod server;
mod sessions;
mod table;
mod users;

use std::time::Instant;

use serde_json::{Value, json};

use arguments::Arguments;
use call::{Call, Work};
pub use names::CALLS;

use crate::error::Error;
use crate::server::AuthServer;
use crate::service::keys;
use crate::service::story::Ending;

impl AuthServer {
    /// Runs a programmatic call by its name in camel case, with its arguments as a JSON array.
    ///
    /// `register` and the bulk identifier calls return `{success: true, ...}`, or `{success: false, error}` for an
    /// error below the status 500. Other errors fail.
    ///
    /// # Errors
    /// The refusals of the call; `CONFIGURATION_ERROR` for an unknown name.
    pub async fn call(&self, method: &str, arguments: Value) -> Result<Value, Error> {
        self.call_within(None, method, arguments).await
    }

    /// Runs a call for [`AuthServer::call_within`], which counts it.
    async fn answer(&self, transaction: Option<u32>, call: &Call, arguments: Value) -> Result<Value, Error> {
        if transaction.is_some() && !call.is_outcome() {
            let method = call.name;
            return Err(Error::configuration(format!("{method}() takes no trx")));
        }
        let Value::Array(list) = arguments else {
            return Err(Error::validation("arguments", "a text in the arguments is no well-formed Unicode"));
        };
        if call.waits() {
            self.ready().await?;
            match transaction {
                None => keys::catch_up(self.realm()).await,
                // A look may have to wait for the connection that the transaction has.
                Some(_) => keys::reload_if_old(self.realm()),
            }
            self.realm().look_for_audit().await.map_err(|failure| self.public(failure))?;
        }
        let (mut work, started) = (Work::new(self, transaction), Instant::now());
        let result = (call.run)(&mut work, &Arguments(list)).await;
        self.realm().log_later(std::mem::take(&mut work.trail.events));
        self.realm().outbox.lock().append(&mut work.trail.messages);
        let result = result.map_err(|failure| self.public(failure));
        self.leave_event(&work, result.as_ref().err(), started);
        if call.is_outcome() { outcome(result) } else { result }
    }

    /// Leaves the event of the use case that a call ran, the same event as that of an endpoint.
    fn leave_event(&self, work: &Work<'_>, error: Option<&Error>, started: Instant) {
        if work.story.is_none() {
            return;
        }
        let details = error.and_then(|error| error.details.as_ref());
        let cause = details.and_then(|details| details.get("cause")).and_then(Value::as_str);
        let ending = Ending { error, cause, took: started.elapsed() };
        self.realm().log_later(work.trail.story(work.story, &ending));
    }
}

/// Turns the result of a call into an outcome, in which a refusal is an answer and not an error.
fn outcome(result: Result<Value, Error>) -> Result<Value, Error> {
    match result {
        Err(error) if error.status < 500 => Ok(json!({
            "success": false,
            "error": { "code": error.code, "message": error.message, "statusCode": error.status },
        })),
        Ok(mut value) => {
            let mut outcome = json!({ "success": true });
            if let (Some(outcome), Some(members)) = (outcome.as_object_mut(), value.as_object_mut()) {
                outcome.append(members);
            }
            Ok(outcome)
        }
        failed => failed,
    }
}

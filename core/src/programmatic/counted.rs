//! The count of programmatic calls, by name, outcome and time.

use std::time::Instant;

use serde_json::Value;

use super::table::TABLE;
use crate::error::Error;
use crate::server::AuthServer;
use crate::telemetry::CallOutcome;

impl AuthServer {
    /// [`AuthServer::call`] as a part of the host's transaction of that number (see [`crate::store::foreign`]), for
    /// `register` and the bulk identifier calls. Commit and rollback are the host's; a refused change alone is undone.
    ///
    /// # Errors
    /// As of `call`; `CONFIGURATION_ERROR` for another call, and if the host does not run the database's statements.
    pub async fn call_within(&self, transaction: Option<u32>, method: &str, arguments: Value) -> Result<Value, Error> {
        let Some((number, call)) = TABLE.iter().enumerate().find(|(_, call)| call.name == method) else {
            return Err(Error::configuration(format!("{method}() does not exist")));
        };
        let started = Instant::now();
        let result = self.answer(transaction, call, arguments).await;
        self.realm().telemetry.called(number, outcome_of(result.as_ref()), started.elapsed());
        result
    }
}

fn outcome_of(result: Result<&Value, &Error>) -> CallOutcome {
    match result {
        // The answer of a call that tells a refusal in its result.
        Ok(answer) if answer.get("success").is_some_and(|success| success == false) => CallOutcome::Refused,
        Ok(_) => CallOutcome::Success,
        Err(error) if error.status < 500 => CallOutcome::Refused,
        Err(_) => CallOutcome::Failed,
    }
}

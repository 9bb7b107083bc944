//! Counts programmatic calls, by name, outcome and time.

use std::time::Instant;

use serde_json::Value;

use super::table::TABLE;
use crate::error::Error;
use crate::server::AuthServer;
use crate::telemetry::CallOutcome;

impl AuthServer {
    /// Runs a call as [`AuthServer::call`] does, as part of the host's transaction of this number (see
    /// [`crate::store::foreign`]). Only `register` and the bulk identifier calls can be. The host commits or rolls
    /// back; a refused change alone is undone here.
    ///
    /// # Errors
    /// As of `call`; `CONFIGURATION_ERROR` for a transaction with another call, or if the host does not run the
    /// database's statements.
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
        // A call with an outcome returns a refusal in its answer.
        Ok(answer) if answer.get("success").is_some_and(|success| success == false) => CallOutcome::Refused,
        Ok(_) => CallOutcome::Success,
        Err(error) if error.status < 500 => CallOutcome::Refused,
        Err(_) => CallOutcome::Failed,
    }
}

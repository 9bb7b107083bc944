//! Methods of the server that sign and verify tokens, or find them in a request.

use napi_derive::napi;
use sentri_core::AuthServer;
use serde_json::Value;

use crate::outcome::{outcome, parse};
use crate::server::NativeServer;
use crate::verify::look_for_keys;

impl NativeServer {
    /// The server, for a call by its keys alone, which other processes may have replaced.
    fn by_keys(&self) -> napi::Result<&AuthServer> {
        let server = self.get()?;
        look_for_keys(server);
        Ok(server)
    }
}

#[napi]
impl NativeServer {
    /// Signs an access token for `{id, roles, sessionId?}`.
    #[napi(catch_unwind)]
    pub fn sign_access_token(&self, claims: String) -> napi::Result<String> {
        Ok(outcome(self.by_keys()?.sign_access_token(&parse(&claims)).map(Value::from)))
    }

    /// Signs a refresh token for a session.
    #[napi(catch_unwind)]
    pub fn sign_refresh_token(&self, session_id: String) -> napi::Result<String> {
        Ok(outcome(self.by_keys()?.sign_refresh_token(&session_id).map(Value::from)))
    }

    /// Verifies a refresh token and returns the id of its session.
    #[napi(catch_unwind)]
    pub fn verify_refresh_token(&self, token: String) -> napi::Result<String> {
        Ok(outcome(self.by_keys()?.verify_refresh_token(&token).map(Value::from)))
    }

    /// Returns the access token of a request without verifying it, or null if the request has none.
    #[napi(catch_unwind)]
    pub fn access_token_of(
        &self,
        authorization: Option<String>,
        cookie: Option<String>,
    ) -> napi::Result<Option<String>> {
        Ok(self.get()?.access_token_of(authorization.as_deref(), cookie.as_deref()))
    }

    /// Whether `protect()` has to be asked before a request gets a stored answer. `identity` is the result of
    /// `identify` for the request.
    #[napi(catch_unwind)]
    pub fn guards_replay(
        &self,
        identity: String,
        authorization: Option<String>,
        cookie: Option<String>,
    ) -> napi::Result<bool> {
        Ok(self.get()?.guards_replay(&identity, authorization.as_deref(), cookie.as_deref()))
    }
}

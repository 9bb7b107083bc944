//! The tokens that a login and a refresh hand out.

use serde::Serialize;
use serde_json::Value;

use super::shown::UserRoles;
use super::story::Facts;
use crate::clock::Millis;
use crate::use_case::Output;

/// The two tokens of a session, and its user: `{accessToken, refreshToken, user: {id, roles}}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issued {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// The user, with the roles in effect.
    pub user: UserRoles,
    /// The id of the session; `None` if an override made the tokens.
    #[serde(skip)]
    pub session_id: Option<String>,
    /// The time at which the refresh token expires; `None` if an override made it.
    #[serde(skip)]
    pub refresh_expires_at: Option<Millis>,
}

impl Output for Issued {
    const SHAPE: &'static str = "{accessToken, refreshToken, user: {id, roles}}";

    fn read(value: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self {
            access_token: text(value.get("accessToken")?)?,
            refresh_token: text(value.get("refreshToken")?)?,
            user: UserRoles::read(value.get("user")?)?,
            session_id: None,
            refresh_expires_at: None,
        })
    }

    fn tell(&self, facts: &mut Facts) {
        facts.user_id.get_or_insert_with(|| self.user.id.clone());
    }
}

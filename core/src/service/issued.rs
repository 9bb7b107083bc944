//! The tokens that a login and a refresh hand out.

use serde_json::{Value, json};

use super::story::Facts;
use crate::clock::Millis;
use crate::use_case::Output;

/// The two tokens of a session, and whose it is.
pub struct Issued {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// The user's id.
    pub user_id: String,
    /// The user's roles in effect.
    pub roles: Vec<String>,
    /// The session. `None`: an override made the tokens.
    pub session_id: Option<String>,
    /// The time at which the refresh token expires. `None`: an override made it.
    pub refresh_expires_at: Option<Millis>,
}

impl Output for Issued {
    const SHAPE: &'static str = "{accessToken, refreshToken, user: {id, roles}}";

    fn read(value: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let user = value.get("user")?;
        Some(Self {
            access_token: text(value.get("accessToken")?)?,
            refresh_token: text(value.get("refreshToken")?)?,
            user_id: text(user.get("id")?)?,
            roles: user.get("roles")?.as_array()?.iter().map(text).collect::<Option<_>>()?,
            session_id: None,
            refresh_expires_at: None,
        })
    }

    fn write(&self) -> Value {
        json!({
            "accessToken": self.access_token,
            "refreshToken": self.refresh_token,
            "user": { "id": self.user_id, "roles": self.roles },
        })
    }

    fn tell(&self, facts: &mut Facts) {
        facts.user_id.get_or_insert_with(|| self.user_id.clone());
    }
}

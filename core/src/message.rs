//! Messages to users: codes and links that the host sends after the answer. A message is data; the core sends nothing.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::clock::{Millis, to_iso};
use crate::hook::HookContext;

macro_rules! kinds {
    ($($variant:ident = $name:literal,)*) => {
        /// The kinds of messages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum MessageKind {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl MessageKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name, as the host's `send` gets it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    PasswordReset = "password-reset",
    PasswordChanged = "password-changed",
    Verify = "verify",
    FactorAdded = "factor-added",
    FactorRemoved = "factor-removed",
    RecoveryUsed = "recovery-used",
    AccountDisabled = "account-disabled",
    ChangeConfirm = "change-confirm",
    ChangeNotice = "change-notice",
    AlreadyRegistered = "already-registered",
    Invitation = "invitation",
    LoginCode = "login-code",
    UnknownAccount = "unknown-account",
    NewSignIn = "new-sign-in",
}

/// One message.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Stays the same when the message is sent again: the key by which a provider knows it.
    pub id: String,
    /// The occasion.
    pub kind: MessageKind,
    /// The type of the identifier that it goes to.
    pub channel: String,
    /// The stored value of that identifier, never a typed value; if no account has the identifier, its normal form.
    pub to: String,
    /// Six digits.
    pub code: Option<String>,
    /// The secret of the link.
    pub token: Option<String>,
    /// The configured link with the token, if configured.
    pub url: Option<String>,
    /// The instant from which the secrets are invalid.
    pub expires_at: Option<Millis>,
    /// The user.
    pub user_id: Option<String>,
    /// The option `messages.locale`.
    pub locale: Option<String>,
    /// The request behind it.
    pub context: HookContext,
}

impl fmt::Debug for Message {
    /// `Debug` without address and secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, channel, expires_at, .. } = self;
        f.debug_struct("Message")
            .field("id", id)
            .field("kind", kind)
            .field("channel", channel)
            .field("expires_at", expires_at)
            .finish_non_exhaustive()
    }
}

impl Message {
    /// Writes the message for the host: `{id, kind, channel, to, code?, token?, url?, expiresAt?, userId?, locale?,
    /// context: {ip, userAgent, requestId}}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut message = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                message.insert(name.to_owned(), value);
            }
        };
        put("id", Some(self.id.as_str().into()));
        put("kind", Some(self.kind.as_str().into()));
        put("channel", Some(self.channel.as_str().into()));
        put("to", Some(self.to.as_str().into()));
        put("code", self.code.as_deref().map(Into::into));
        put("token", self.token.as_deref().map(Into::into));
        put("url", self.url.as_deref().map(Into::into));
        put("expiresAt", self.expires_at.map(|at| to_iso(at).into()));
        put("userId", self.user_id.as_deref().map(Into::into));
        put("locale", self.locale.as_deref().map(Into::into));
        let HookContext { ip, user_agent, request_id, .. } = &self.context;
        put("context", Some(json!({ "ip": ip, "userAgent": user_agent, "requestId": request_id })));
        Value::Object(message)
    }
}

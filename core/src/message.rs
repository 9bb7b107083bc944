//! Messages to users: codes and links that the host sends after the answer. A message is data; the core sends nothing.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::clock::{Iso, Millis};
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

        impl Serialize for MessageKind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
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

/// A message to a user. The host gets it as JSON and sends it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The id, which stays the same when the message is sent again, so that a provider can recognize it.
    pub id: String,
    /// The kind of the message.
    pub kind: MessageKind,
    /// The type of the identifier that it goes to.
    pub channel: String,
    /// The stored value of that identifier, never a typed value; if no account has the identifier, its normal form.
    pub to: String,
    /// The code of six digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The token for the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The link with the token or the code, if the application's page is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The instant from which code and token are invalid.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "iso")]
    pub expires_at: Option<Millis>,
    /// The user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The option `messages.locale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The request behind the message.
    #[serde(serialize_with = "request")]
    pub context: HookContext,
}

fn iso<S: Serializer>(at: &Option<Millis>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(Iso).serialize(serializer)
}

/// Writes the context as `{ip, userAgent, requestId}`.
fn request<S: Serializer>(context: &HookContext, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Request<'a> {
        ip: Option<&'a str>,
        user_agent: Option<&'a str>,
        request_id: Option<&'a str>,
    }
    let HookContext { ip, user_agent, request_id, .. } = context;
    let (ip, user_agent, request_id) = (ip.as_deref(), user_agent.as_deref(), request_id.as_deref());
    Request { ip, user_agent, request_id }.serialize(serializer)
}

impl fmt::Debug for Message {
    /// Omits the address and the secrets.
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
        serde_json::to_value(self).unwrap_or_default()
    }
}

//! The host's functions that the core calls, and notices for the host's hooks. Notices are data ([`Notice`]); only
//! functions that decide something during a request are callbacks.

use std::fmt;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

pub(crate) mod rows;

macro_rules! operations {
    (
        ()
        $($variant:ident($name:literal, $($case:ident)::+), $sentence:literal, $input:literal => $result:literal;)*
    ) => {
        /// The use cases that the option `router` may override.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Operation {
            /// All operations.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name in the `router` option.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Returns the sentence that describes the override, and the types of its input and result in TypeScript.
            #[must_use]
            pub const fn types(self) -> (&'static str, &'static str, &'static str) {
                match self {
                    $(Self::$variant => ($sentence, $input, $result),)*
                }
            }
        }
    };
}
rows::each_operation!(operations);

impl Operation {
    /// Finds the operation of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == name)
    }
}

/// Overrides of the built-in use cases (`router` option).
#[async_trait]
pub trait Overrides: Send + Sync + 'static {
    /// Whether `operation` is overridden.
    fn has(&self, operation: Operation) -> bool;

    /// Runs the host's function with the operation's input and the request's context, both as JSON. For its `next()`
    /// the host calls `AuthServer::run_builtin`. The core holds no lock, transaction or permit meanwhile.
    ///
    /// # Errors
    /// If the host threw, its error if that had a code and a status, else `INTERNAL_ERROR` with the error's text for
    /// the log.
    async fn call(&self, operation: Operation, input: Value, context: Value) -> Result<Value, Failure>;
}

/// The host's decision on revocation (`isTokenRevoked` option).
#[async_trait]
pub trait RevocationCheck: Send + Sync + 'static {
    /// Whether tokens of this session must be refused.
    ///
    /// # Errors
    /// Any failure. The token is then refused.
    async fn is_revoked(&self, session_id: &str) -> Result<bool, Failure>;
}

/// The request behind a notice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HookContext {
    /// The client's address.
    pub ip: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// The id of the session, if there is one.
    pub session_id: Option<String>,
    /// The error code of the answer to a failed login.
    pub error_code: Option<String>,
}

/// A notice for the host's hooks. The host awaits the hook before it sends the response.
#[derive(Clone, PartialEq)]
pub enum Notice {
    /// `onLogin({id, roles}, ctx)`
    Login {
        /// The user's id.
        user_id: String,
        /// The user's roles.
        roles: Vec<String>,
        /// The request behind the notice.
        context: HookContext,
    },
    /// `onFailedLogin(identifier, ctx)`
    FailedLogin {
        /// The identifier as it was sent.
        identifier: String,
        /// The request behind the notice, and the error code of its answer.
        context: HookContext,
    },
    /// `onLogout(userId, ctx)`
    Logout {
        /// The user's id.
        user_id: String,
        /// The request behind the notice.
        context: HookContext,
    },
}

impl fmt::Debug for Notice {
    /// Omits the identifier of a failed login, since people type passwords there by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, context) = match self {
            Self::Login { context, .. } => ("Login", context),
            Self::FailedLogin { context, .. } => ("FailedLogin", context),
            Self::Logout { context, .. } => ("Logout", context),
        };
        f.debug_struct(name).field("context", context).finish_non_exhaustive()
    }
}

//! An endpoint as one value: its address, the callers that it is for, its description, and the function that serves it.

use std::pin::Pin;

use super::description::Description;
use crate::audit::AuditLevel;
use crate::config::Config;
use crate::failure::Failure;
use crate::http::Response;
use crate::http::call::Call;
use crate::http::envelope::Reply;
use crate::service::story::Story;

/// The callers that an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any client.
    Public,
    /// A user whom `protect()` admits.
    User,
    /// A user with an admin role, or the bearer of an API key.
    Admin,
}

/// The option that an endpoint needs. Without it, the path answers as an unknown path does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// No option is needed.
    Nothing,
    /// `messages`
    Messages,
    /// `loginCode`
    LoginCode,
    /// `verification`
    Verification,
    /// `administration`
    Administration,
    /// `administration`, with `messages`
    UserReset,
    /// `administration`, with `messages.links.invite`
    Invitations,
    /// `administration`, with `mfa`
    FactorRemoval,
    /// `administration`, with `audit`
    Audit,
    /// `setup`
    Setup,
    /// `mfa` or `messages`, with which sessions record how users authenticated.
    Assurance,
    /// `mfa`
    Mfa,
}

impl Needs {
    /// Whether the needed options are set.
    #[must_use]
    pub fn is_met(self, config: &Config) -> bool {
        let messages = config.messages.as_ref();
        match self {
            Self::Nothing => true,
            Self::Setup => config.setup,
            Self::Messages => messages.is_some(),
            Self::LoginCode => config.login_code,
            Self::Assurance => config.keeps_assurance(),
            Self::Mfa => config.mfa.is_some(),
            Self::Administration => config.administration,
            Self::UserReset => config.administration && messages.is_some(),
            Self::Audit => config.administration && config.audit > AuditLevel::Off,
            Self::FactorRemoval => config.administration && config.mfa.is_some(),
            Self::Invitations => config.administration && messages.is_some_and(|rules| rules.invite_link.is_some()),
            Self::Verification => messages.is_some_and(|rules| rules.verified_types.is_some()),
        }
    }
}

/// The secrets in the answers of an endpoint. Answers with secrets are never stored under an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// Answers show no secret, so they may be stored.
    Nothing,
    /// Answers show secrets that are shown once, names of flows, or whether a secret was right.
    Secrets,
    /// Answers hand out or take back tokens, in cookies if these are on.
    Tokens,
}

/// The future of an endpoint's answer.
pub type Serving<'a> = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send + 'a>>;

/// An endpoint, with all facts about it. [`super::ROUTES`] lists it.
pub struct Endpoint {
    /// The name in the OpenAPI document, in camel case.
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Path below the mount point; `:name` matches one segment.
    pub pattern: &'static str,
    /// The callers that it is for.
    pub access: Access,
    /// The option that it needs.
    pub needs: Needs,
    /// The secrets in its answers.
    pub shows: Shows,
    /// The events of its success and its failure, which are those of its use case. `None`: it has no event of its own.
    pub story: Option<&'static Story>,
    /// Its input and its answers, for the OpenAPI document.
    pub describe: fn() -> Description,
    /// Reads the input, runs the use case and words the answer.
    pub(in crate::http) serve: for<'a> fn(&'a mut Call<'_>) -> Serving<'a>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Endpoint({} {})", self.method, self.pattern)
    }
}

/// Puts the answer of an endpoint into the envelope.
pub(in crate::http) fn enveloped<'a>(work: impl Future<Output = Result<Reply, Failure>> + Send + 'a) -> Serving<'a> {
    Box::pin(async { work.await.and_then(Reply::into_response) })
}

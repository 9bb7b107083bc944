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

/// The option without which an endpoint is not there: it answers as an unknown path does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// It is always there.
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
    /// `mfa`, or another option that keeps how users authenticated.
    Assurance,
    /// `mfa`
    Mfa,
}

impl Needs {
    /// Whether the options that it needs are set.
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

/// The secrets in the answers of an endpoint, which keep them out of idempotency keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// None: an answer may be kept.
    Nothing,
    /// Secrets that are shown once, the names of flows, or verdicts on secrets.
    Secrets,
    /// Tokens that are handed out or taken back, in cookies where these are on.
    Tokens,
}

/// The work of an endpoint.
pub type Serving<'a> = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send + 'a>>;

/// One endpoint. It has all facts about the endpoint, and [`super::ROUTES`] lists it.
pub struct Endpoint {
    /// The name in the OpenAPI document, in camel case.
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Path below the mount point; `:name` matches one segment.
    pub pattern: &'static str,
    /// The callers that it is for.
    pub access: Access,
    /// The option without which it is not there.
    pub needs: Needs,
    /// The secrets in its answers.
    pub shows: Shows,
    /// The events of its success and its failure, those of its use case. `None`: it leaves none of its own.
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

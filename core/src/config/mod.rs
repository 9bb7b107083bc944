//! The checked options. Each default is written in one place, and every error names the option and the cure.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::access::{ApiKeys, RoleRules};
use crate::assurance::Requirement;
use crate::audit::AuditLevel;
use crate::clock::Millis;
use crate::crypto::Secret;
use crate::error::Error;
use crate::factor::FactorKeys;
use crate::hook::Operation;
use crate::identifier::IdentifierRules;
use crate::limit::LimitRules;
use crate::password::Policy;
use crate::session::SessionRules;
use crate::token::ClaimRules;
use crate::web::client_ip::TrustProxy;
use crate::web::cookie::CookieRules;
use crate::web::origin::{self, Origin};

mod audit;
pub mod client;
mod database;
mod devices;
mod encryption;
mod functions;
mod lifetimes;
pub mod messages;
mod mfa;
pub mod plain;
pub mod reader;
mod row;
mod rows;
pub(crate) mod secret;
mod signing;
pub mod table;
mod time;

pub use client::ClientConfig;
pub use database::Database;
pub use lifetimes::SessionCheck;
pub use mfa::Mfa;
pub use signing::{KEY_SLACK, KeyRules, Signing};
pub use table::SERVER_ONLY;

use database::database;
use encryption::encryption;
use functions::{hooks, logger, overrides};
use lifetimes::{lifetimes, session_check};
use messages::MessageRules;
use mfa::{mfa, reauthentication};
use plain::PlainOptions;
use reader::Reader;
use signing::{check_overlap, signing};
use table::{CLIENT_ONLY, Group};

/// The mode whose options are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Server,
    Client,
}

/// The checked options of server mode.
pub struct Config {
    /// The database (`db` or `dialect`).
    pub database: Database,
    /// The role options.
    pub roles: RoleRules,
    /// The source of the signing keys.
    pub signing: Signing,
    /// Lifetime of an access token in milliseconds.
    pub access_ttl: Millis,
    /// Lifetimes of sessions and refresh tokens.
    pub session: SessionRules,
    /// The options that are declared by their rows alone.
    pub plain: PlainOptions,
    /// `sessionCheck`.
    pub session_check: SessionCheck,
    /// Second factors; `None`: there are none.
    pub mfa: Option<Mfa>,
    /// The keys that encrypt the secrets of second factors. `None`: the secrets are stored as they are.
    pub factor_keys: Option<Arc<FactorKeys>>,
    /// The authentication that changes of credentials require, if [`Config::keeps_assurance`].
    pub reauthentication: Requirement,
    /// The rules for new passwords and for their hashes.
    pub password: Policy,
    /// Whether a one-time token makes the first admin.
    pub setup: bool,
    /// API keys. They close registration to clients without a key, and open the admin endpoints.
    pub api_keys: Option<ApiKeys>,
    /// The limits on failed logins and registrations. `None`: the option is off.
    pub rate_limits: Option<LimitRules>,
    /// The refresh cookie. `None`: the refresh token travels in request and response bodies.
    pub cookie: Option<CookieRules>,
    /// The access cookie; `None`: off.
    pub access_cookie: Option<CookieRules>,
    /// The cookie that a completed login sets to make its browser known. `None`: off.
    pub known_devices: Option<CookieRules>,
    /// Origins beside the request's own that may use cookies.
    pub trusted_origins: Vec<Origin>,
    /// The rules for identifiers.
    pub identifiers: IdentifierRules,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub trust_proxy: TrustProxy,
    /// The issuer and the audience of tokens, which are set and checked if configured. There is no leeway, since the
    /// server verifies its own tokens.
    pub claims: ClaimRules,
    /// The `service` field of log entries.
    pub service: String,
    /// Whether there is a logger.
    pub logging: bool,
    /// Whether answers hide mistakes of the application (`production` option).
    pub production: bool,
    /// The rules of messages to users. `None`: the option `messages` is not set.
    pub messages: Option<MessageRules>,
    /// Whether users may log in by the code of a message.
    pub login_code: bool,
    /// Whether there are the endpoints of the option `administration`.
    pub administration: bool,
    /// The option `audit`.
    pub audit: AuditLevel,
    /// Use cases that the host overrides.
    pub overrides: HashSet<Operation>,
    /// Whether the host decides on revocation too (`isTokenRevoked` option).
    pub token_revoked: bool,
    /// The address of the Redis through which processes share counters and revocations.
    pub redis_url: Option<Secret<String>>,
    /// Warnings for the logger about options that are allowed but unwise.
    pub warnings: Vec<String>,
}

impl fmt::Debug for Config {
    /// Shows no field, since options hold passwords and keys, and an option that is added later may too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

impl Config {
    /// Checks the options of server mode.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option and the cure.
    pub fn from_options(options: &Value) -> Result<Self, Error> {
        let mut read = Reader::new("", options)?;
        check_mode(&mut read, Mode::Server)?;
        read.refuse(&CLIENT_ONLY, "belongs to mode: 'client': leave it out, or use that mode")?;
        let mut config = Self::independent(&mut read)?;
        config.read_dependent(&mut read)?;
        hooks(&mut read)?;
        debug_assert_eq!(read.missing(Group::Server), None, "options that the table lacks");
        read.finish()?;
        if let (Some(a), Some(b)) = (&config.cookie, &config.access_cookie)
            && a.name == b.name
        {
            return Err(Error::configuration("accessCookie.name must differ from cookie.name"));
        }
        Ok(config)
    }

    /// Reads the options that depend on no other option. The fields of the others are off.
    fn independent(read: &mut Reader<'_>) -> Result<Self, Error> {
        let mut warnings = Vec::new();
        let production = read.boolean("production", false)?;
        let database = database(read)?;
        let encryption = encryption(read)?;
        let wrapping = encryption.as_ref().map(|keys| Arc::clone(&keys.wrapping));
        let signing = signing(read, wrapping, production, &mut warnings)?;
        let (access_ttl, session) = lifetimes(read, &mut warnings)?;
        check_overlap(&signing, access_ttl)?;
        Ok(Self {
            database,
            production,
            roles: roles(read)?,
            signing,
            access_ttl,
            session,
            plain: PlainOptions::read(read)?,
            session_check: session_check(read)?,
            mfa: None,
            factor_keys: encryption.map(|keys| keys.factors),
            reauthentication: reauthentication(read)?,
            password: Policy::from_options(read.only_members("password", Policy::MEMBERS)?, read.value("saltRounds"))?,
            setup: read.boolean("setup", false)?,
            api_keys: ApiKeys::from_option(read.value("apiKey"))?,
            rate_limits: LimitRules::from_option(read.only_members("rateLimit", LimitRules::MEMBERS)?)?,
            cookie: CookieRules::refresh(read.only_members("cookie", CookieRules::MEMBERS)?, production)?,
            access_cookie: CookieRules::access(read.only_members("accessCookie", CookieRules::MEMBERS)?, production)?,
            known_devices: None,
            trusted_origins: origin::trusted_origins(read.value("trustedOrigins"))?,
            identifiers: IdentifierRules::from_option(read.value("validIdentifiers"))?
                .with_confusables(read.value("confusables"))?,
            trust_proxy: TrustProxy::from_option(read.value("trustProxy"))?,
            claims: claims(read)?,
            service: read.text("loggerService")?.unwrap_or("sentri").to_owned(),
            logging: logger(read)?,
            messages: messages::messages(read, production)?,
            login_code: false,
            administration: false,
            audit: AuditLevel::Off,
            overrides: overrides(read)?,
            token_revoked: read.function("isTokenRevoked")?,
            redis_url: read.text("redisUrl")?.map(|url| Secret::new(url.to_owned())),
            warnings,
        })
    }

    /// Reads the options that depend on others, and checks them together.
    fn read_dependent(&mut self, read: &mut Reader<'_>) -> Result<(), Error> {
        if self.setup && !self.roles.admin.iter().any(|role| self.roles.valid.contains(role)) {
            return Err(read.error("setup", "needs a role in adminRoles that validRoles lists: nobody can be an admin"));
        }
        self.mfa = mfa(read, &mut self.roles)?;
        self.warnings.extend(mfa::warning(self.mfa.as_ref(), self.factor_keys.is_some(), self.production)?);
        self.warnings.extend(mfa::unverified_warning(self.mfa.as_ref(), self.messages.as_ref()));
        self.warnings.extend(messages::warning(self.messages.as_ref()));
        self.login_code = messages::login_code(read, self.messages.as_ref())?;
        self.administration = read.boolean("administration", false)?;
        self.audit = audit::level(read, self.administration)?;
        let tells_of_logins = self.messages.as_ref().is_some_and(|rules| rules.new_sign_in);
        let is_needed = self.rate_limits.is_some() || tells_of_logins;
        let cookies = (self.cookie.as_ref(), self.access_cookie.as_ref());
        self.known_devices = devices::known_devices(read, cookies, is_needed, self.production, &mut self.warnings)?;
        messages::check_sign_in(self.messages.as_ref(), self.known_devices.is_some())?;
        self.warnings.extend(self.api_keys.as_ref().and_then(ApiKeys::warning));
        Ok(())
    }

    /// Whether sessions and tokens record how strongly and when the user authenticated.
    #[must_use]
    pub const fn keeps_assurance(&self) -> bool {
        self.mfa.is_some() || self.messages.is_some()
    }
}

fn roles(read: &mut Reader<'_>) -> Result<RoleRules, Error> {
    RoleRules::from_options(
        read.value("validRoles"),
        read.value("adminRoles"),
        read.value("defaultRoles"),
        read.value("selfAssignableRoles"),
    )
}

fn claims(read: &mut Reader<'_>) -> Result<ClaimRules, Error> {
    Ok(ClaimRules {
        issuer: read.text("issuer")?.map(str::to_owned),
        audience: read.text("audience")?.map(str::to_owned),
        leeway_seconds: 0,
    })
}

fn check_mode(read: &mut Reader<'_>, wanted: Mode) -> Result<(), Error> {
    match (read.string("mode")?, wanted) {
        (Some("server"), Mode::Server) | (Some("client"), Mode::Client) => Ok(()),
        (Some("server"), Mode::Client) => Err(read.error("mode", "is 'server', but these are the options of a client")),
        (Some("client"), Mode::Server) => Err(read.error("mode", "is 'client', but these are the options of a server")),
        _ => Err(read.error("mode", "must be 'server' or 'client'")),
    }
}

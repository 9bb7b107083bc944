//! The options, checked: every default is written here once, every error names the option and the cure.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::access::{ApiKeys, RoleRules};
use crate::assurance::Requirement;
use crate::audit::Level;
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
pub use signing::{KeyRules, Signing};
pub use table::SERVER_ONLY;

use database::database;
use encryption::encryption;
use functions::{hooks, logger, overrides};
use lifetimes::{lifetimes, session_check};
use messages::MessageRules;
use mfa::{mfa, reauthentication};
use plain::PlainOptions;
use reader::Reader;
use signing::signing;
use table::{CLIENT_ONLY, Group};

/// Which options are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Server,
    Client,
}

/// The checked options of server mode.
pub struct Config {
    /// `db` or `dialect`.
    pub database: Database,
    /// Roles.
    pub roles: RoleRules,
    /// Keys.
    pub signing: Signing,
    /// Life of an access token in milliseconds.
    pub access_ttl: Millis,
    /// Life of sessions and refresh tokens.
    pub session: SessionRules,
    /// The options that are declared by their rows alone.
    pub plain: PlainOptions,
    /// `sessionCheck`.
    pub session_check: SessionCheck,
    /// Second factors; `None`: there are none.
    pub mfa: Option<Mfa>,
    /// The keys that seal secrets of factors; `None`: they are kept as they are.
    pub factor_keys: Option<Arc<FactorKeys>>,
    /// The authentication that changes of credentials ask for, where [`Config::keeps_assurance`].
    pub reauthentication: Requirement,
    /// The rules for new passwords and for their hashes.
    pub password: Policy,
    /// Whether a one-time token makes the first admin.
    pub setup: bool,
    /// Keys that close registration to others and open the admin endpoints.
    pub api_keys: Option<ApiKeys>,
    /// `None`: off.
    pub rate_limits: Option<LimitRules>,
    /// The refresh cookie; `None`: the refresh token travels in bodies.
    pub cookie: Option<CookieRules>,
    /// The access cookie; `None`: off.
    pub access_cookie: Option<CookieRules>,
    /// The cookie that makes a browser known where a login completed; `None`: off.
    pub known_devices: Option<CookieRules>,
    /// Origins beside the request's own that may use cookies.
    pub trusted_origins: Vec<Origin>,
    /// Identifier types.
    pub identifiers: IdentifierRules,
    /// The proxies that may speak for a client's address.
    pub trust_proxy: TrustProxy,
    /// Issuer and audience: set and checked when configured. No leeway, since the server verifies its own tokens.
    pub claims: ClaimRules,
    /// The `service` field of log entries.
    pub service: String,
    /// Whether there is a logger.
    pub logging: bool,
    /// Whether answers keep quiet about mistakes of the application.
    pub production: bool,
    /// Messages to users; `None`: no option needs messages.
    pub messages: Option<MessageRules>,
    /// Whether users log in by the code of a message.
    pub login_code: bool,
    /// Whether the endpoints of administration are there.
    pub administration: bool,
    /// The option `audit`.
    pub audit: Level,
    /// Use cases that the host overrides.
    pub overrides: HashSet<Operation>,
    /// Whether the host decides on revocation too.
    pub token_revoked: bool,
    /// The Redis by which counters and notices of revocations are shared with other processes.
    pub redis_url: Option<Secret<String>>,
    /// Options that are allowed but unwise, for the logger.
    pub warnings: Vec<String>,
}

impl fmt::Debug for Config {
    /// Nothing: options hold passwords and keys, and the next one added may too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

impl Config {
    /// Checks the options of server mode.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option and the cure.
    #[expect(clippy::too_many_lines, reason = "a table: a line or two an option")]
    pub fn from_options(options: &Value) -> Result<Self, Error> {
        let mut read = Reader::new("", options)?;
        let mut warnings = Vec::new();
        check_mode(&mut read, Mode::Server)?;
        read.refuse(&CLIENT_ONLY, "belongs to mode: 'client': leave it out, or use that mode")?;
        let production = read.boolean("production", false)?;
        let database = database(&mut read)?;
        let encryption = encryption(&mut read)?;
        let wrapping = encryption.as_ref().map(|keys| Arc::clone(&keys.wrapping));
        let signing = signing(&mut read, wrapping, production, &mut warnings)?;
        let (access_ttl, session) = lifetimes(&mut read, &mut warnings)?;
        let mut config = Self {
            database,
            production,
            roles: RoleRules::from_options(
                read.value("validRoles"),
                read.value("adminRoles"),
                read.value("defaultRoles"),
                read.value("selfAssignableRoles"),
            )?,
            signing,
            access_ttl,
            session,
            plain: PlainOptions::read(&mut read)?,
            session_check: session_check(&mut read)?,
            mfa: None,
            factor_keys: encryption.map(|keys| keys.factors),
            reauthentication: reauthentication(&mut read)?,
            password: Policy::from_options(
                Reader::only("password", read.value("password"), Policy::MEMBERS)?,
                read.value("saltRounds"),
            )?,
            setup: read.boolean("setup", false)?,
            api_keys: ApiKeys::from_option(read.value("apiKey"))?,
            rate_limits: LimitRules::from_option(Reader::only(
                "rateLimit",
                read.value("rateLimit"),
                LimitRules::MEMBERS,
            )?)?,
            cookie: CookieRules::refresh(
                Reader::only("cookie", read.value("cookie"), CookieRules::MEMBERS)?,
                production,
            )?,
            access_cookie: CookieRules::access(
                Reader::only("accessCookie", read.value("accessCookie"), CookieRules::MEMBERS)?,
                production,
            )?,
            known_devices: None,
            trusted_origins: origin::trusted_origins(read.value("trustedOrigins"))?,
            identifiers: IdentifierRules::from_option(read.value("validIdentifiers"))?
                .with_confusables(read.value("confusables"))?,
            trust_proxy: TrustProxy::from_option(read.value("trustProxy"))?,
            claims: ClaimRules {
                issuer: read.text("issuer")?.map(str::to_owned),
                audience: read.text("audience")?.map(str::to_owned),
                leeway_seconds: 0,
            },
            service: read.text("loggerService")?.unwrap_or("sentri").to_owned(),
            logging: logger(&mut read)?,
            messages: messages::messages(&mut read, production)?,
            login_code: false,
            administration: false,
            audit: Level::Off,
            overrides: overrides(&mut read)?,
            token_revoked: read.function("isTokenRevoked")?,
            redis_url: read.text("redisUrl")?.map(|url| Secret::new(url.to_owned())),
            warnings,
        };
        if config.setup && !config.roles.admin.iter().any(|role| config.roles.valid.contains(role)) {
            return Err(read.error("setup", "needs a role in adminRoles that validRoles lists: nobody can be an admin"));
        }
        config.mfa = mfa(&mut read, &mut config.roles)?;
        config.warnings.extend(mfa::warning(config.mfa.as_ref(), config.factor_keys.is_some(), production)?);
        config.warnings.extend(mfa::unverified_warning(config.mfa.as_ref(), config.messages.as_ref()));
        config.warnings.extend(messages::warning(config.messages.as_ref()));
        config.login_code = messages::login_code(&mut read, config.messages.as_ref())?;
        config.administration = read.boolean("administration", false)?;
        config.audit = audit::level(&mut read, config.administration)?;
        let tells_of_logins = config.messages.as_ref().is_some_and(|rules| rules.new_sign_in);
        let is_needed = config.rate_limits.is_some() || tells_of_logins;
        let cookies = (config.cookie.as_ref(), config.access_cookie.as_ref());
        config.known_devices = devices::known_devices(&mut read, cookies, is_needed, production, &mut config.warnings)?;
        messages::check_sign_in(config.messages.as_ref(), config.known_devices.is_some())?;
        config.warnings.extend(config.api_keys.as_ref().and_then(ApiKeys::warning));
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

    /// Whether sessions and tokens say how strongly and when the user authenticated.
    #[must_use]
    pub const fn keeps_assurance(&self) -> bool {
        self.mfa.is_some() || self.messages.is_some()
    }
}

fn check_mode(read: &mut Reader<'_>, wanted: Mode) -> Result<(), Error> {
    match (read.string("mode")?, wanted) {
        (Some("server"), Mode::Server) | (Some("client"), Mode::Client) => Ok(()),
        (Some("server"), Mode::Client) => Err(read.error("mode", "is 'server', but these are the options of a client")),
        (Some("client"), Mode::Server) => Err(read.error("mode", "is 'client', but these are the options of a server")),
        _ => Err(read.error("mode", "must be 'server' or 'client'")),
    }
}

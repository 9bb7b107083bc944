//! Server mode: owns users, sessions and keys, serves the endpoints, guards the host's routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex as SyncMutex;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::cache::memory::MemoryCache;
use crate::cache::{Broadcast, Budget, Cache, Verdict};
use crate::clock::{Clock, Millis, SystemClock, to_iso};
use crate::config::{Config, Database, reader::Reader};
use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName, Level};
use crate::failure::Failure;
use crate::hook::{Operation, Overrides, RevocationCheck};
use crate::http::credential;
use crate::http::decision;
pub use crate::http::decision::{Decision, PermitOutcome};
use crate::http::endpoint;
use crate::http::envelope::error_response;
use crate::http::guard::{self, GuardRequest, Guarded};
use crate::http::{Handled, Request, Response, client_ip, router};
use crate::limit;
use crate::password::Hasher;
use crate::redis::{Redis, RedisBroadcast, RedisCache};
use crate::service::freshness::Freshness;
use crate::service::keys::{self, Keys};
use crate::service::{self, Realm, sessions};
use crate::store::foreign::ForeignDatabase;
use crate::store::{self, Store};
use crate::token::claims::{AccessClaims, AccessView};

/// What the host brings beside its options.
pub struct Host {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Its own use cases (`router` option).
    pub overrides: Option<Arc<dyn Overrides>>,
    /// Its word on revocation (`isTokenRevoked` option).
    pub revocation: Option<Arc<dyn RevocationCheck>>,
    /// Its database (`dialect` option).
    pub database: Option<Arc<dyn ForeignDatabase>>,
}

impl Default for Host {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), overrides: None, revocation: None, database: None }
    }
}

/// What a verified access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAccess {
    /// User id.
    pub id: String,
    /// Roles at the time of signing.
    pub roles: Vec<String>,
    /// Session id, unless signed without one.
    pub session_id: Option<String>,
    /// Expiry in seconds since the epoch.
    pub exp: i64,
}

impl From<AccessClaims> for VerifiedAccess {
    fn from(claims: AccessClaims) -> Self {
        Self { id: claims.id, roles: claims.roles, session_id: claims.session_id, exp: claims.exp }
    }
}

/// The verdict of a rate limiter on a route of the host's.
#[derive(Debug, Clone)]
pub struct Limited {
    /// To be set on the response, also when it passes.
    pub headers: Vec<(String, String)>,
    /// Why not; `None` lets pass.
    pub error: Option<Error>,
    /// To be logged.
    pub events: Vec<Event>,
}

/// One auth server. Cheap to clone; every clone is the same server.
#[derive(Clone)]
pub struct AuthServer(Arc<Inner>);

struct Inner {
    realm: Arc<Realm>,
    ready: AtomicBool,
    getting_ready: Mutex<()>,
}

impl std::fmt::Debug for AuthServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthServer(..)")
    }
}

impl AuthServer {
    /// Checks the options and builds a server. No I/O: the database is opened at first use.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option and the cure.
    pub fn new(options: &Value, host: Host) -> Result<Self, Error> {
        let config = Config::from_options(options)?;
        let store = match (&config.database, &host.database) {
            (Database::Own(db), _) => store::open(db)?,
            (Database::Foreign(dialect), Some(database)) => store::over(Arc::clone(database), dialect),
            (Database::Foreign(_), None) => {
                return Err(Error::configuration("dialect is set, but the host brought no database"));
            }
        };
        Self::with_store(config, host, store)
    }

    /// A server over a store of the caller's.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` when the options promise something that the host did not bring.
    pub fn with_store(config: Config, host: Host, store: Arc<dyn Store>) -> Result<Self, Error> {
        if !config.overrides.is_empty() && host.overrides.is_none() {
            return Err(Error::configuration("router has functions, but the host brought none"));
        }
        if config.token_revoked && host.revocation.is_none() {
            return Err(Error::configuration("isTokenRevoked is set, but the host brought no function"));
        }
        let redis = config.redis_url.as_ref().map(|url| Redis::open(url.expose())).transpose()?;
        let clock = Arc::clone(&host.clock);
        let cache: Arc<dyn Cache> = match &redis {
            Some(redis) => Arc::new(RedisCache::new(redis, clock)),
            None => Arc::new(MemoryCache::new(clock)),
        };
        let realm = Realm {
            keys: Keys::new(&config.signing),
            hasher: Hasher::new(config.password.clone()),
            store,
            cache,
            broadcast: redis.as_ref().map(|redis| Arc::new(RedisBroadcast::new(redis)) as Arc<dyn Broadcast>),
            clock: host.clock,
            freshness: Freshness::default(),
            overrides: host.overrides,
            revocation: host.revocation,
            in_flight: SyncMutex::default(),
            next_call: AtomicU64::new(1),
            background_events: SyncMutex::default(),
            last_maintenance: AtomicI64::new(0),
            config,
        };
        realm.last_maintenance.store(realm.now(), Ordering::SeqCst);
        let realm = Arc::new(realm);
        if let Some(redis) = redis {
            let weak = Arc::downgrade(&realm);
            redis.on_change(move |what| {
                if let Some(realm) = weak.upgrade() {
                    let event = Event::new(EventName::HookFailure).with("hook", "redis").with("cause", what);
                    realm.note_in_background(event);
                }
            });
        }
        Ok(Self(Arc::new(Inner { realm, ready: AtomicBool::new(false), getting_ready: Mutex::new(()) })))
    }

    pub(crate) fn realm(&self) -> &Arc<Realm> {
        &self.0.realm
    }

    /// What in the options is allowed but unwise.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.realm().config.warnings
    }

    /// The present instant of the server's clock.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.realm().now()
    }

    /// Creates or updates the tables and makes the first key. Safe to repeat and to run in many processes at once.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE`, `CONFIGURATION_ERROR`, `INTERNAL_ERROR`.
    pub async fn migrate(&self) -> Result<(), Error> {
        let _held = self.0.getting_ready.lock().await;
        let realm = self.realm();
        let migrated = realm.store.migrate(realm.now()).await.map_err(Failure::from);
        self.become_ready(migrated).await
    }

    /// Waits until tables and keys are there. Every call that needs them does so by itself.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming `migrate()` when the tables are missing, `SERVICE_UNAVAILABLE`.
    pub async fn ready(&self) -> Result<(), Error> {
        if self.0.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let _held = self.0.getting_ready.lock().await;
        if self.0.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let checked = self.realm().store.check().await.map_err(Failure::from);
        self.become_ready(checked).await
    }

    async fn become_ready(&self, so_far: Result<(), Failure>) -> Result<(), Error> {
        let realm = self.realm();
        let result = match so_far {
            Ok(()) => keys::load(realm).await,
            Err(failure) => Err(failure),
        };
        result.map_err(|failure| self.public(failure))?;
        if let (false, Some(broadcast)) = (self.0.ready.swap(true, Ordering::AcqRel), &realm.broadcast) {
            broadcast.listen(Arc::new(service::Ear(Arc::downgrade(realm))));
        }
        Ok(())
    }

    /// The public form of a failure outside a request: the host's own code may know the cause, as `details.cause`. It
    /// goes to the log with the next request, too.
    pub(crate) fn public(&self, failure: Failure) -> Error {
        let (error, cause) = failure.into_public();
        let Some(cause) = cause else { return error };
        self.realm().note_in_background(
            Event::new(EventName::HookFailure).with("hook", error.code.as_ref()).with("cause", cause.as_str()),
        );
        error.with_details(json!({ "cause": cause }))
    }

    /// How many password verifications have run, those of a dummy for unknown users included.
    #[must_use]
    pub fn password_verifications(&self) -> u64 {
        self.realm().hasher.verifications()
    }

    /// Ends pools and connections. Later calls answer `SERVICE_UNAVAILABLE`.
    pub async fn close(&self) {
        if let Some(broadcast) = &self.realm().broadcast {
            broadcast.close();
        }
        self.realm().store.close().await;
    }

    /// Whether an endpoint of ours serves this; the host's other routes get the rest.
    #[must_use]
    pub fn has_route(&self, method: &str, path: &str) -> bool {
        router::find(method, path).is_some()
    }

    /// Serves one request to an endpoint. An unknown one is a 404 in the envelope.
    pub async fn handle(&self, request: Request) -> Handled {
        if let Err(error) = self.ready().await {
            return endpoint::refuse(self.realm(), &request, error);
        }
        match endpoint::handle(self.realm(), &request).await {
            Some(handled) => handled,
            None => Handled { response: error_response(&not_found()), ..Handled::default() },
        }
    }

    /// `protect()` without waiting; `None`: call [`AuthServer::guard`].
    #[must_use]
    pub fn guard_now(&self, request: &GuardRequest) -> Option<Guarded> {
        guard::guard_now(self.realm(), request).map(|guarded| self.with_background_events(guarded))
    }

    /// `protect()`.
    pub async fn guard(&self, request: &GuardRequest) -> Guarded {
        let guarded = match self.ready().await {
            Ok(()) => guard::guard(self.realm(), request).await,
            // What comes of a request may be shown to whoever made it.
            Err(error) => guard::refused(self.realm(), Error { details: None, ..error }),
        };
        self.with_background_events(guarded)
    }

    fn with_background_events(&self, mut guarded: Guarded) -> Guarded {
        let events = self.take_events();
        if !events.is_empty() {
            // They happened once, so what tells of them must not be repeated from a cache.
            guarded.fresh_until = 0;
            guarded.events.splice(0..0, events);
        }
        guarded
    }

    /// What is left to be logged of programmatic calls and of work in the background. Requests take it along; a host that
    /// logs asks for it after a call of its own.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        self.realm().take_background_events()
    }

    /// Grows with every revocation and role change made by this process: what a caller cached under another epoch
    /// is stale.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.realm().freshness.epoch()
    }

    /// Checks the roles given to `authorize()`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` for zero roles or one that `validRoles` does not list.
    pub fn check_roles(&self, required: &[String]) -> Result<(), Error> {
        self.realm().config.roles.check_required(required)
    }

    /// `authorize()`: any of `required`. `user` is `(id, roles)`.
    #[must_use]
    pub fn authorize(&self, user: Option<(&str, &[String])>, required: &[String]) -> Decision {
        decision::authorize(user, required, self.realm().config.logging)
    }

    /// `permit()`: words the host's verdict.
    #[must_use]
    pub fn permit(&self, user: Option<(&str, &[String])>, outcome: &PermitOutcome) -> Decision {
        decision::permit(user, outcome, self.realm().config.logging)
    }

    fn event(&self, make: impl FnOnce() -> Event) -> Option<Event> {
        self.realm().config.logging.then(make)
    }

    /// The response for an error, in the envelope.
    #[must_use]
    pub fn error_response(&self, error: &Error) -> Response {
        error_response(error)
    }

    /// The event of a hook that threw.
    #[must_use]
    pub fn hook_failed(&self, hook: &str, cause: &str) -> Event {
        Event::new(EventName::HookFailure).with("hook", hook).with("cause", cause)
    }

    /// The level of an event and the object that the host's logger gets.
    #[must_use]
    pub fn log_entry(&self, event: &Event, request_id: Option<&str>) -> (Level, Value) {
        (event.name.level(), event.to_log_entry(&self.realm().config.service, request_id))
    }

    /// What an override's `next()` runs.
    ///
    /// # Errors
    /// What the built-in refuses; `CONFIGURATION_ERROR` for an unknown operation.
    pub async fn run_builtin(&self, operation: &str, input: Value, context: Value) -> Result<Value, Error> {
        let operation = Operation::from_name(operation)
            .ok_or_else(|| Error::configuration(format!("router.{operation} is not an operation")))?;
        service::run_next(self.realm(), operation, &input, &context).await.map_err(|failure| self.public(failure))
    }

    /// Signs an access token for `{id, roles, sessionId?}`, good for `accessExpiresIn`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, `SERVICE_UNAVAILABLE` before the keys are there.
    pub fn sign_access_token(&self, claims: &Value) -> Result<String, Error> {
        let input = service::input::Input::new(claims)?;
        let roles = input.optional_strings("roles")?.unwrap_or_default();
        let now = self.now();
        let expires_at = now + self.realm().config.access_ttl;
        sessions::sign_access(
            self.realm(),
            input.text("id")?,
            &roles,
            input.optional_text("sessionId")?,
            now,
            expires_at,
        )
        .map_err(|failure| self.public(failure))
    }

    /// Signs a refresh token of generation 0 for a session, good for `refreshExpiresIn`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, `SERVICE_UNAVAILABLE` before the keys are there.
    pub fn sign_refresh_token(&self, session_id: &str) -> Result<String, Error> {
        if session_id.is_empty() {
            return Err(Error::validation("sessionId", "sessionId must not be empty"));
        }
        let (realm, now) = (self.realm(), self.now());
        let expires_at = realm.config.session.expires_at(now, now);
        let (iat, exp) = (sessions::seconds(now), sessions::seconds(expires_at));
        Ok(realm.keys.require()?.sign_refresh(session_id, 0, iat, exp, now)?)
    }

    /// Whether it is time to look for keys that other processes made; then call [`AuthServer::reload_keys`]. Requests
    /// do so by themselves.
    #[must_use]
    pub fn keys_are_old(&self) -> bool {
        keys::are_old(self.realm())
    }

    /// Looks for keys that other processes made, in the background. Needs a runtime.
    pub fn reload_keys(&self) {
        keys::reload_if_old(self.realm());
    }

    /// Verifies an access token's signature, claims and expiry; the session is not looked at.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `TOKEN_EXPIRED`, `SERVICE_UNAVAILABLE` before the keys are there.
    pub fn verify_access_token(&self, token: &str) -> Result<VerifiedAccess, Error> {
        self.verify_access_token_with(token, |claims| {
            let AccessClaims { id, roles, session_id, exp, .. } = claims.into();
            VerifiedAccess { id, roles, session_id, exp }
        })
    }

    /// [`AuthServer::verify_access_token`] that copies nothing: `read` makes what the caller wants of the claims.
    ///
    /// # Errors
    /// As [`AuthServer::verify_access_token`].
    pub fn verify_access_token_with<T>(&self, token: &str, read: impl FnOnce(AccessView<'_>) -> T) -> Result<T, Error> {
        let realm = self.realm();
        let ring = realm.keys.require()?;
        Ok(ring.verify_access_with(token, &realm.config.claims, self.now(), read)?)
    }

    /// Verifies a refresh token; the session is not looked at. Answers the session's id.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `TOKEN_EXPIRED`, `SERVICE_UNAVAILABLE` before the keys are there.
    pub fn verify_refresh_token(&self, token: &str) -> Result<String, Error> {
        Ok(self.realm().keys.require()?.verify_refresh(token, self.now())?.session_id)
    }

    /// The access token that a request brings, unverified: the bearer token, else the access cookie.
    #[must_use]
    pub fn access_token_of(&self, authorization: Option<&str>, cookies: Option<&str>) -> Option<String> {
        let cookie_name = self.realm().config.access_cookie.as_ref().map(|rules| rules.name.as_str());
        credential::unverified(authorization, cookies, cookie_name)
    }

    /// The client's address as limits see it: the peer's, or the forwarded one where `trustProxy` says so. `forwarded`
    /// are the values of `X-Forwarded-For` in the order received. Nothing where the peer is no address.
    #[must_use]
    pub fn client_address(&self, peer: &str, forwarded: &[String]) -> Option<String> {
        let forwarded = forwarded.iter().map(String::as_str);
        client_ip::client(Some(peer), forwarded, &self.realm().config.trust_proxy).map(|address| address.to_string())
    }

    /// Checks the options of a rate limiter on a route of the host's.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option.
    pub fn check_limit_rule(&self, rule: &Value) -> Result<(), Error> {
        limit_rule(rule).map(|_| ())
    }

    /// Counts one hit on a route of the host's. `key` is an address (folded: IPv6 by /64) or the host's own key.
    pub async fn limit(&self, rule: &Value, key: &str, is_address: bool) -> Limited {
        let (policy, budget) = match limit_rule(rule) {
            Ok(rule) => rule,
            Err(error) => return Limited { headers: Vec::new(), error: Some(error), events: Vec::new() },
        };
        let key = if is_address {
            let bucket = client_ip::canonical(key).map_or_else(|| "unknown".to_owned(), client_ip::bucket);
            limit::custom(&policy, &format!("address:{bucket}"))
        } else {
            limit::custom(&policy, &format!("key:{key}"))
        };
        match self.realm().cache.hit(&key, budget).await {
            verdict @ Verdict::Granted { .. } => {
                Limited { headers: limit::headers(&policy, budget, verdict), error: None, events: Vec::new() }
            }
            Verdict::Exceeded { retry_after } => Limited {
                headers: Vec::new(),
                error: Some(limit::exceeded(&policy, budget, retry_after)),
                events: self
                    .event(|| {
                        Event::new(EventName::RateLimitExceeded)
                            .with("limit", policy.as_str())
                            .with("retryAfter", limit::seconds_up(retry_after))
                    })
                    .into_iter()
                    .collect(),
            },
        }
    }

    /// The public key set, or `null` with a symmetric algorithm or before the keys are there.
    #[must_use]
    pub fn jwks(&self) -> Value {
        keys::jwks(self.realm()).unwrap_or(Value::Null)
    }

    /// The stored keys without their secrets, newest first: `[{kid, algorithm, createdAt, activeFrom, retiredAt}]`.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_keys(&self) -> Result<Value, Error> {
        self.ready().await?;
        let stored = self.realm().store.list_keys().await.map_err(|error| self.public(error.into()))?;
        Ok(stored
            .iter()
            .map(|key| {
                json!({
                    "kid": key.kid,
                    "algorithm": key.algorithm,
                    "createdAt": to_iso(key.created_at),
                    "activeFrom": to_iso(key.active_from),
                    "retiredAt": key.retired_at.map(to_iso),
                })
            })
            .collect())
    }
}

fn limit_rule(rule: &Value) -> Result<(String, Budget), Error> {
    let mut read = Reader::new("rateLimiter()", rule)?;
    let prefix = read.text("keyPrefix")?.unwrap_or("route").to_owned();
    for member in ["maxAttempts", "durationSeconds"] {
        if read.value(member).is_none() {
            return Err(read.error(member, "is missing"));
        }
    }
    read.function("key")?;
    read.finish()?;
    Ok((prefix, limit::custom_budget(rule)?))
}

fn not_found() -> Error {
    Error { code: "NOT_FOUND".into(), status: 404, ..Error::new(ErrorCode::InternalError, "No such endpoint") }
}

//! Server mode: owns users, sessions and keys, serves the endpoints, guards the host's routes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex as SyncMutex;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::cache::memory::MemoryCache;
use crate::cache::{Broadcast, Cache};
use crate::clock::{Clock, Millis, SystemClock};
use crate::config::{Config, Database};
use crate::epoch::Epoch;
use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName, Level};
use crate::failure::{Failure, StoreError};
use crate::hook::{Operation, Overrides, RevocationCheck};
use crate::http::decision;
pub use crate::http::decision::{Decision, PermitOutcome};
use crate::http::endpoint;
use crate::http::envelope::error_response;
use crate::http::guard::{self, GuardRequest, Guarded};
use crate::http::{Handled, Request, Response, preflight, router};
use crate::password::Hasher;
use crate::redis::{Redis, RedisBroadcast, RedisCache};
use crate::service::freshness::Freshness;
use crate::service::keys::{self, Keys};
use crate::service::{self, Realm, Warned};
use crate::store::foreign::ForeignDatabase;
use crate::store::{self, Store};
use crate::telemetry::Telemetry;

mod limits;
mod metrics;
mod start;
mod tokens;

pub use limits::Limited;
pub(crate) use start::Start;
pub use tokens::VerifiedAccess;

/// The parts that the host brings beside its options.
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

/// One auth server. Cheap to clone; every clone is the same server.
#[derive(Clone)]
pub struct AuthServer(Arc<Inner>);

struct Inner {
    realm: Arc<Realm>,
    redis: Option<Redis>,
    ready: AtomicBool,
    getting_ready: Mutex<()>,
    /// The time at which an attempt of a start that goes on trying failed.
    failed_at: SyncMutex<Option<Instant>>,
    closed: AtomicBool,
    unnamed_limiters: SyncMutex<HashSet<String>>,
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
        let mut config = Config::from_options(options)?;
        let store = match (&config.database, &host.database) {
            (Database::Own(db), _) => store::open_noting(db, &mut config.warnings)?,
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
            Some(redis) => Arc::new(RedisCache::new(redis, config.claims.issuer.as_deref(), clock)),
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
            telemetry: Arc::new(Telemetry::new(config.logging, router::ROUTES.len())),
            background_events: SyncMutex::default(),
            ending_surplus: SyncMutex::default(),
            last_maintenance: AtomicI64::new(0),
            warned: Warned::default(),
            config,
        };
        realm.last_maintenance.store(realm.now(), Ordering::SeqCst);
        let realm = Arc::new(realm);
        if let Some(redis) = &redis {
            let weak = Arc::downgrade(&realm);
            redis.on_change(move |what| {
                if let Some(realm) = weak.upgrade() {
                    let event = Event::new(EventName::HookFailure).with("hook", "redis").with("cause", what);
                    realm.note_in_background(event);
                }
            });
        }
        Ok(Self(Arc::new(Inner {
            realm,
            redis,
            ready: AtomicBool::new(false),
            getting_ready: Mutex::new(()),
            failed_at: SyncMutex::default(),
            closed: AtomicBool::new(false),
            unnamed_limiters: SyncMutex::default(),
        })))
    }

    /// Returns in words which servers there are behind `redisUrl`; nothing without that option.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` with the cause, where none works.
    pub async fn describe_redis(&self) -> Result<Option<String>, Error> {
        match &self.0.redis {
            Some(redis) => redis.describe().await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn realm(&self) -> &Arc<Realm> {
        &self.0.realm
    }

    /// Options that are allowed but unwise.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.realm().config.warnings
    }

    /// The present instant of the server's clock.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.realm().now()
    }

    /// Creates or updates the tables and makes the first key. Safe to repeat and to run in many processes at once. One
    /// attempt; the calls `migrate` and `ready` of [`AuthServer::call`] wait for a database that is starting.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE`, `CONFIGURATION_ERROR`, `INTERNAL_ERROR`.
    pub async fn migrate(&self) -> Result<(), Error> {
        self.migrate_once().await.map_err(|failure| self.public(failure))
    }

    /// Waits until tables and keys are there. Every call that needs them does so by itself.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming `migrate()` when the tables are missing, `SERVICE_UNAVAILABLE`.
    pub async fn ready(&self) -> Result<(), Error> {
        if self.0.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let ready = if self.is_waiting() {
            Err(StoreError::Unavailable("the start still waits for the database".into()).into())
        } else {
            self.get_ready().await
        };
        ready.map_err(|failure| self.public(failure))
    }

    async fn migrate_once(&self) -> Result<(), Failure> {
        let _held = self.0.getting_ready.lock().await;
        let realm = self.realm();
        realm.store.migrate(realm.now()).await?;
        self.become_ready().await
    }

    async fn get_ready(&self) -> Result<(), Failure> {
        let _held = self.0.getting_ready.lock().await;
        if self.0.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        self.realm().store.check().await?;
        self.become_ready().await
    }

    async fn become_ready(&self) -> Result<(), Failure> {
        let realm = self.realm();
        keys::load(realm).await?;
        if let (false, Some(broadcast)) = (self.0.ready.swap(true, Ordering::AcqRel), &realm.broadcast) {
            broadcast.listen(Arc::new(service::Ear(Arc::downgrade(realm))));
        }
        Ok(())
    }

    /// The public form of a failure outside a request: the host's own code may know the cause, as `details.cause`. It
    /// goes to the log with the next request, too.
    pub(crate) fn public(&self, failure: Failure) -> Error {
        let is_for_operator = matches!(failure, Failure::Store(StoreError::Configuration(_)));
        let (mut error, cause) = failure.into_public();
        let Some(cause) = cause else { return error };
        self.realm().note_in_background(
            Event::new(EventName::HookFailure).with("hook", error.code.as_ref()).with("cause", cause.as_str()),
        );
        if is_for_operator {
            error.message.clone_from(&cause);
        }
        error.with_details(json!({ "cause": cause }))
    }

    /// The number of password verifications so far, those of a dummy for unknown users included.
    #[must_use]
    pub fn password_verifications(&self) -> u64 {
        self.realm().hasher.verifications()
    }

    /// Ends pools and connections. Later calls answer `SERVICE_UNAVAILABLE`.
    pub async fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
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
            return endpoint::refuse(self.realm(), &request, for_callers(error));
        }
        match endpoint::handle(self.realm(), &request).await {
            Some(handled) => handled,
            None => Handled { response: error_response(&not_found()), ..Handled::default() },
        }
    }

    /// `protect()` without waiting; `None`: call [`AuthServer::guard`].
    #[must_use]
    pub fn guard_now(&self, request: &GuardRequest) -> Option<Guarded> {
        if let Some(answered) = self.preflight(request) {
            return Some(answered);
        }
        guard::guard_now(self.realm(), request).map(|guarded| self.with_background_events(guarded))
    }

    /// `protect()`.
    pub async fn guard(&self, request: &GuardRequest) -> Guarded {
        if let Some(answered) = self.preflight(request) {
            return answered;
        }
        let guarded = match self.ready().await {
            Ok(()) => guard::guard(self.realm(), request).await,
            // What comes of a request may be shown to whoever made it.
            Err(error) => guard::refused(self.realm(), Error { details: None, ..for_callers(error) }),
        };
        self.with_background_events(guarded)
    }

    /// Neither keys nor tables are needed for it.
    fn preflight(&self, request: &GuardRequest) -> Option<Guarded> {
        preflight::guarded(request, &self.realm().config.trusted_origins)
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

    /// Takes the events of programmatic calls and of work in the background. Requests take them along; a host that
    /// logs asks for it after a call of its own.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        self.realm().take_background_events()
    }

    /// The user named by a request's tokens, as [`guard::identify_now`] has it; `None`: call [`AuthServer::identify`].
    #[must_use]
    pub fn identify_now(&self, request: &GuardRequest) -> Option<String> {
        guard::identify_now(self.realm(), request)
    }

    /// The user named by a request's tokens; empty: nobody, or the keys to tell are not to be had.
    pub async fn identify(&self, request: &GuardRequest) -> String {
        match self.ready().await {
            Ok(()) => guard::identify(self.realm(), request).await,
            Err(_) => String::new(),
        }
    }

    /// Grows with every revocation and role change made by this process: what a caller cached under another epoch
    /// is stale.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.realm().freshness.epoch()
    }

    /// The counter behind [`AuthServer::epoch`], for a host that looks at it at every request.
    #[must_use]
    pub fn epochs(&self) -> &Epoch {
        self.realm().freshness.epochs()
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
        decision::authorize(user, required, &self.realm().telemetry, self.realm().config.production)
    }

    /// `permit()`: words the host's verdict.
    #[must_use]
    pub fn permit(&self, user: Option<(&str, &[String])>, outcome: &PermitOutcome) -> Decision {
        decision::permit(user, outcome, &self.realm().telemetry, self.realm().config.production)
    }

    /// The response for an error, in the envelope.
    #[must_use]
    pub fn error_response(&self, error: &Error) -> Response {
        error_response(error)
    }

    /// The event of a hook that threw.
    #[must_use]
    pub fn hook_failed(&self, hook: &str, cause: &str) -> Event {
        self.realm().telemetry.count(EventName::HookFailure);
        Event::new(EventName::HookFailure).with("hook", hook).with("cause", cause)
    }

    /// The level of an event and the object that the host's logger gets.
    #[must_use]
    pub fn log_entry(&self, event: &Event, request_id: Option<&str>) -> (Level, Value) {
        (event.name.level(), event.to_log_entry(&self.realm().config.service, request_id))
    }

    /// Runs the built-in for an override's `next()`.
    ///
    /// # Errors
    /// The refusals of the built-in; `CONFIGURATION_ERROR` for an unknown operation.
    pub async fn run_builtin(&self, operation: &str, input: Value, context: Value) -> Result<Value, Error> {
        let operation = Operation::from_name(operation)
            .ok_or_else(|| Error::configuration(format!("router.{operation} is not an operation")))?;
        service::run_next(self.realm(), operation, &input, &context).await.map_err(|failure| self.public(failure))
    }
}

fn not_found() -> Error {
    Error { code: "NOT_FOUND".into(), status: 404, ..Error::new(ErrorCode::InternalError, "No such endpoint") }
}

/// The error without what it tells the operator of the database, names of roles and tables among it.
fn for_callers(error: Error) -> Error {
    let cause = error.details.as_ref().and_then(|details| details.get("cause")).and_then(Value::as_str);
    match cause {
        Some(cause) if cause == error.message => {
            let (shown, _) = Failure::from(StoreError::Configuration(String::new())).into_public();
            Error { message: shown.message, ..error }
        }
        _ => error,
    }
}

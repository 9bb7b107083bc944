//! Server mode: owns users, sessions and keys, serves the endpoints, and guards the host's routes.

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
use crate::error::Error;
use crate::event::{Event, EventName, Level};
use crate::failure::{Failure, StoreError};
use crate::hook::{Operation, Overrides, RevocationCheck};
pub use crate::http::decision::{Decision, PermitVerdict};
use crate::http::envelope::error_response;
use crate::http::{Handled, Request, Response, cors, frame, router};
use crate::password::{Hasher, LOWEST_COST};
use crate::programmatic::CALLS;
use crate::redis::{Redis, RedisBroadcast, RedisCache};
use crate::service::command_line::CommandLine;
use crate::service::freshness::Freshness;
use crate::service::keys::Keys;
use crate::service::{self, Realm, Warned};
use crate::store::foreign::ForeignDatabase;
use crate::store::{self, Store};
use crate::telemetry::Telemetry;
use crate::web::trace;

mod health;
mod idempotency;
mod limits;
mod messages;
mod metrics;
mod protect;
mod public;
mod readiness;
mod start;
mod tokens;

use public::for_callers;

pub use idempotency::open_gate;
pub use limits::Limited;
pub(crate) use start::Start;
pub use tokens::VerifiedAccess;

/// The dependencies that the host provides beside its options.
pub struct Host {
    /// The source of the time.
    pub clock: Arc<dyn Clock>,
    /// The host's overrides of use cases (`router` option).
    pub overrides: Option<Arc<dyn Overrides>>,
    /// The host's decision on revocation (`isTokenRevoked` option).
    pub revocation: Option<Arc<dyn RevocationCheck>>,
    /// The host's database (`dialect` option).
    pub database: Option<Arc<dyn ForeignDatabase>>,
}

impl Default for Host {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), overrides: None, revocation: None, database: None }
    }
}

#[doc = include_str!("server/example.md")]
#[derive(Clone)]
pub struct AuthServer(Arc<Inner>);

struct Inner {
    realm: Arc<Realm>,
    redis: Option<Redis>,
    ready: AtomicBool,
    getting_ready: Mutex<()>,
    /// The time of the last failed attempt of a start that goes on trying.
    failed_at: SyncMutex<Option<Instant>>,
    closed: AtomicBool,
    unnamed_limiters: SyncMutex<HashSet<String>>,
    /// The last answer to a health probe, and the time at which it was made.
    health: Mutex<Option<(Instant, Value)>>,
}

impl std::fmt::Debug for AuthServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthServer(..)")
    }
}

impl AuthServer {
    /// Checks the options and builds a server, without I/O. The database is opened at first use. With a test clock the
    /// cost of bcrypt is 4, so that tests don't wait for hashes, unless `saltRounds` is set or this is production.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option and the cure.
    pub fn new(options: &Value, host: Host) -> Result<Self, Error> {
        let mut config = Config::from_options(options)?;
        let is_chosen = options.get("saltRounds").is_some_and(|rounds| !rounds.is_null());
        if host.clock.is_set_by_hand() && !config.production && !is_chosen {
            config.password.cost = LOWEST_COST;
        }
        let store = match (&config.database, &host.database) {
            (Database::Own(db), _) => store::open_noting(db, &mut config.warnings)?,
            (Database::Foreign(dialect), Some(database)) => store::over(Arc::clone(database), dialect),
            (Database::Foreign(_), None) => {
                return Err(Error::configuration("dialect is set, but the host brought no database"));
            }
        };
        Self::with_store(config, host, store)
    }

    /// Builds a server over a store of the caller.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` if an option needs a dependency that the host did not provide.
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
            telemetry: Arc::new(Telemetry::new(config.logging, router::names(), &CALLS)),
            background_events: SyncMutex::default(),
            outbox: SyncMutex::default(),
            ending_surplus: SyncMutex::default(),
            command_line: CommandLine::default(),
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
            health: Mutex::default(),
        })))
    }

    /// Describes the servers behind `redisUrl`. Returns `None` without that option.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` with the cause, if no server works.
    pub async fn describe_redis(&self) -> Result<Option<String>, Error> {
        match &self.0.redis {
            Some(redis) => redis.describe().await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn realm(&self) -> &Arc<Realm> {
        &self.0.realm
    }

    /// Returns warnings about options that are allowed but unwise.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.realm().config.warnings
    }

    /// The present instant of the server's clock.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.realm().now()
    }

    /// Converts a failure outside a request to a public error. The host's own code may see the cause, which is in
    /// `details.cause`. The next request logs the cause, too.
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

    /// Returns the number of password verifications so far, including those of the dummy hash for unknown users.
    #[must_use]
    pub fn password_verifications(&self) -> u64 {
        self.realm().hasher.verifications()
    }

    /// Closes pools and connections. Later calls fail with `SERVICE_UNAVAILABLE`.
    pub async fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        if let Some(broadcast) = &self.realm().broadcast {
            broadcast.close();
        }
        self.realm().store.close().await;
    }

    /// Whether an endpoint serves this method and path, which is relative to the mount point. Other requests are for
    /// the host's routes.
    #[must_use]
    pub fn has_route(&self, method: &str, path: &str) -> bool {
        router::find(method, path).is_some_and(|(endpoint, _)| endpoint.needs.is_met(&self.realm().config))
    }

    /// Serves a request to an endpoint. An unknown path is a 404 in the envelope.
    pub async fn handle(&self, request: Request) -> Handled {
        let trusted = &self.realm().config.trusted_origins;
        if let Some(response) = cors::preflight(&request, trusted) {
            return Handled { response, ..Handled::default() };
        }
        let mut handled = self.serve(&request).await;
        handled.response.headers.extend(cors::headers(&request, trusted));
        let trace = request.header("traceparent").filter(|_| request.alone).and_then(trace::id_of);
        for event in handled.events.iter_mut().filter(|_| trace.is_some()) {
            event.trace_id = trace.map(str::to_owned);
        }
        handled
    }

    async fn serve(&self, request: &Request) -> Handled {
        if let Err(error) = self.ready().await {
            return frame::refuse(self.realm(), request, for_callers(error));
        }
        match frame::handle(self.realm(), request).await {
            Some(handled) => handled,
            None => Handled { response: error_response(&Error::not_found("No such endpoint")), ..Handled::default() },
        }
    }

    /// Returns the response for an error, in the envelope.
    #[must_use]
    pub fn error_response(&self, error: &Error) -> Response {
        error_response(error)
    }

    /// Returns the event of a hook that threw, and counts it.
    #[must_use]
    pub fn hook_failed(&self, hook: &str, cause: &str) -> Event {
        self.realm().telemetry.count(EventName::HookFailure);
        Event::new(EventName::HookFailure).with("hook", hook).with("cause", cause)
    }

    /// Returns the level of an event and the object that the host's logger gets.
    #[must_use]
    pub fn log_entry(&self, event: &Event, request_id: Option<&str>) -> (Level, Value) {
        (event.name.level(), event.to_log_entry(&self.realm().config.service, request_id))
    }

    /// Runs the built-in use case, for the `next()` of an override.
    ///
    /// # Errors
    /// The refusals of the use case; `CONFIGURATION_ERROR` for an unknown operation.
    pub async fn run_builtin(&self, operation: &str, input: Value, context: Value) -> Result<Value, Error> {
        let operation = Operation::from_name(operation)
            .ok_or_else(|| Error::configuration(format!("router.{operation} is not an operation")))?;
        service::operations::run_next(self.realm(), operation, &input, &context)
            .await
            .map_err(|failure| self.public(failure))
    }
}

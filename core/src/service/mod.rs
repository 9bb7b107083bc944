//! The use cases. Each takes plain input and gives plain output, knows no HTTP, and leaves what it has to tell
//! (events for the log, notices for hooks) in a [`Trail`].

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::cache::{Broadcast, Cache, Listener, Revocation};
use crate::clock::{Clock, Millis};
use crate::config::Config;
use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName};
use crate::failure::{Failure, StoreError};
use crate::hook::{Effect, HookContext, Operation, Overrides, RevocationCheck};
use crate::password::{Hasher, Origin};
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::token::device::DeviceUser;

mod addresses;
pub(crate) mod api_key;
pub(crate) mod attempt;
pub mod device;
pub mod freshness;
pub mod identifiers;
pub mod input;
pub mod keys;
pub mod login;
pub mod logout;
pub mod maintenance;
mod notices;
pub mod password;
pub mod presented;
pub mod refresh;
pub mod register;
pub mod remote_keys;
pub mod revocation;
pub mod roles;
pub mod sessions;
pub mod token_size;
pub mod users;

pub(crate) use addresses::Warned;
use freshness::Freshness;
use keys::Keys;

/// One set of users, sessions and keys, with everything that serves them.
pub struct Realm {
    /// The checked options.
    pub config: Config,
    /// Users, sessions and stored keys.
    pub store: Arc<dyn Store>,
    /// Rate-limit buckets.
    pub cache: Arc<dyn Cache>,
    /// Word of revocations to and from other processes.
    pub broadcast: Option<Arc<dyn Broadcast>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Passwords.
    pub hasher: Hasher,
    /// Signing keys.
    pub keys: Keys,
    /// Sessions that were read of late.
    pub freshness: Freshness,
    /// The host's use cases.
    pub overrides: Option<Arc<dyn Overrides>>,
    /// The host's word on revocation.
    pub revocation: Option<Arc<dyn RevocationCheck>>,
    /// Overridden calls in flight.
    pub(crate) in_flight: Mutex<HashMap<u64, InFlight>>,
    pub(crate) next_call: AtomicU64,
    /// Events of work that no request asked for; the next request takes them along.
    pub(crate) background_events: Mutex<Vec<Event>>,
    /// The counts.
    pub telemetry: Arc<Telemetry>,
    /// Users whose surplus sessions a login of this process is ending.
    pub(crate) ending_surplus: Mutex<HashSet<String>>,
    pub(crate) last_maintenance: AtomicI64,
    /// Which warnings about addresses of clients the host has had.
    pub(crate) warned: Warned,
}

impl Realm {
    /// The present instant.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The store that `caller` works with: this realm's, or the same inside the caller's transaction.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` when the database is not spoken to by the host.
    pub fn store_for(&self, caller: &Caller) -> Result<Arc<dyn Store>, Error> {
        let Some(transaction) = caller.transaction else { return Ok(Arc::clone(&self.store)) };
        self.store.within(transaction).ok_or_else(|| {
            Error::configuration("trx works with the option dialect only: with db, sentri has connections of its own")
        })
    }

    /// Waits for a write that ends or changes something, then forgets it here and has other processes forget it. Also after
    /// a failure: a write that got no answer may have been done, or be done yet.
    pub(crate) async fn revoking<T: Send>(
        &self,
        revocation: Revocation,
        write: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let outcome = write.await;
        self.forget(&revocation);
        if let Some(broadcast) = &self.broadcast {
            broadcast.publish(&revocation).await;
        }
        outcome
    }

    fn forget(&self, revocation: &Revocation) {
        match revocation {
            Revocation::Sessions(ids) => self.freshness.forget_sessions(ids.iter().map(String::as_str)),
            Revocation::User(id) => self.freshness.forget_user(id),
        }
    }

    /// Takes the events of background work.
    pub(crate) fn take_background_events(&self) -> Vec<Event> {
        if self.telemetry.is_logging() { std::mem::take(&mut *self.background_events.lock()) } else { Vec::new() }
    }

    /// Keeps an event of background work for the next request to log.
    pub(crate) fn note_in_background(&self, event: Event) {
        self.log_later(self.telemetry.counted(event));
    }

    /// Keeps events, counted already, for the next request to log.
    pub(crate) fn log_later(&self, events: impl IntoIterator<Item = Event>) {
        let mut kept = self.background_events.lock();
        for event in events {
            if kept.len() < 100 {
                kept.push(event);
            }
        }
    }
}

/// Hears for a realm what other processes revoke, as long as there is a realm.
pub(crate) struct Ear(pub Weak<Realm>);

impl Listener for Ear {
    fn heard(&self, revocation: &Revocation) {
        if let Some(realm) = self.0.upgrade() {
            realm.forget(revocation);
        }
    }

    fn missed(&self) {
        if let Some(realm) = self.0.upgrade() {
            realm.freshness.forget_all();
        }
    }

    fn is_there(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// The caller, as far as use cases care.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Canonical client address.
    pub ip: Option<String>,
    /// The form of the address that limits count: itself, or the /64 of an IPv6 one.
    pub address: Option<String>,
    /// `User-Agent`, at most 512 characters.
    pub user_agent: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// The host's own number for the request.
    pub host_context: Option<u32>,
    /// The number of the host's transaction that the work shall be part of.
    pub transaction: Option<u32>,
    /// Whether the caller may grant admin roles and is exempt from limits: code of the host, or a valid API key.
    pub trusted: bool,
    /// The users that the caller's device is known for, the latest login first.
    pub devices: Vec<DeviceUser>,
}

impl Caller {
    /// Code of the host itself.
    #[must_use]
    pub fn host() -> Self {
        Self { trusted: true, ..Self::default() }
    }

    /// The bucket of the caller's address. Callers whose address is not known share one.
    #[must_use]
    pub fn bucket(&self) -> &str {
        self.address.as_deref().unwrap_or("unknown")
    }

    /// The side that work for this caller comes from: code of the application counts as one, with its API key too.
    #[must_use]
    pub fn origin(&self) -> Origin {
        if self.trusted {
            return Origin::Host;
        }
        self.ip.as_deref().and_then(|ip| ip.parse().ok()).map_or(Origin::Unknown, Origin::Client)
    }

    /// The context that hooks get.
    #[must_use]
    pub fn hook_context(&self) -> HookContext {
        HookContext {
            ip: self.ip.clone(),
            user_agent: self.user_agent.clone(),
            request_id: self.request_id.clone(),
            ..HookContext::default()
        }
    }

    fn to_json(&self, call: u64) -> Value {
        json!({
            "ip": self.ip, "address": self.address, "userAgent": self.user_agent, "requestId": self.request_id,
            "hostContext": self.host_context, "trusted": self.trusted, "callId": call,
        })
    }

    /// Reads back what [`Caller::to_json`] wrote and the host passed through `next()`. Missing members are harmless:
    /// they only take rights away.
    fn from_json(context: &Value) -> Self {
        let text = |name: &str| context.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            ip: text("ip"),
            address: text("address"),
            user_agent: text("userAgent"),
            request_id: text("requestId"),
            host_context: None,
            transaction: None,
            trusted: context.get("trusted").and_then(Value::as_bool).unwrap_or(false),
            devices: Vec::new(),
        }
    }
}

/// An overridden call: what its `next()` takes up and leaves behind, which the host need not hand on.
#[derive(Debug)]
pub(crate) struct InFlight {
    devices: Vec<DeviceUser>,
    trail: Trail,
}

/// The events and notices that a use case leaves beside its result.
#[derive(Debug)]
pub struct Trail {
    /// To be logged, in order.
    pub events: Vec<Event>,
    /// Notices for the host's hooks.
    pub effects: Vec<Effect>,
    telemetry: Arc<Telemetry>,
}

impl Trail {
    /// An empty trail.
    #[must_use]
    pub fn new(telemetry: &Arc<Telemetry>) -> Self {
        Self { events: Vec::new(), effects: Vec::new(), telemetry: Arc::clone(telemetry) }
    }

    /// Counts an event and adds it; its fields are filled in only when somebody logs.
    pub fn note(&mut self, name: EventName, fill: impl FnOnce(Event) -> Event) {
        self.events.extend(self.telemetry.event(name, fill));
    }

    /// Adds a notice.
    pub fn tell(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Notes that sessions ended.
    pub fn sessions_revoked(&mut self, user_id: &str, session_ids: &[String]) {
        for id in session_ids {
            self.note(EventName::SessionRevoked, |e| e.with("userId", user_id).with("sessionId", id.as_str()));
        }
    }

    fn absorb(&mut self, other: Self) {
        self.events.extend(other.events);
        self.effects.extend(other.effects);
    }
}

/// Runs a use case: the host's override where there is one, else the built-in.
///
/// # Errors
/// The refusals of the use case or the override; `CONFIGURATION_ERROR` when an override's result has the wrong shape.
pub async fn run(
    realm: &Arc<Realm>,
    operation: Operation,
    input: Value,
    caller: &Caller,
    trail: &mut Trail,
) -> Result<Value, Failure> {
    let Some(overrides) = realm.overrides.as_ref().filter(|o| o.has(operation)) else {
        return run_builtin(realm, operation, &input, caller, trail).await;
    };
    let call = realm.next_call.fetch_add(1, Ordering::Relaxed);
    let in_flight = InFlight { devices: caller.devices.clone(), trail: Trail::new(&realm.telemetry) };
    realm.in_flight.lock().insert(call, in_flight);
    let subject = notices::subject(operation, &input);
    let result = overrides.call(operation, input, caller.to_json(call)).await;
    if let Some(inner) = realm.in_flight.lock().remove(&call) {
        trail.absorb(inner.trail);
    }
    let result = result.and_then(|result| check_shape(operation, &result).map(|()| result));
    notices::complete(operation, subject, &result, caller, trail);
    result
}

/// Runs the built-in for an override's `next()`; its events join the request that the override serves.
///
/// # Errors
/// The refusals of the built-in.
pub async fn run_next(
    realm: &Arc<Realm>,
    operation: Operation,
    input: &Value,
    context: &Value,
) -> Result<Value, Failure> {
    let mut trail = Trail::new(&realm.telemetry);
    let call = context.get("callId").and_then(Value::as_u64);
    let mut caller = Caller::from_json(context);
    if let Some(outer) = call.and_then(|call| realm.in_flight.lock().get(&call).map(|outer| outer.devices.clone())) {
        caller.devices = outer;
    }
    let result = run_builtin(realm, operation, input, &caller, &mut trail).await;
    if let Some(call) = call
        && let Some(outer) = realm.in_flight.lock().get_mut(&call)
    {
        outer.trail.absorb(trail);
    }
    result
}

pub(crate) async fn run_builtin(
    realm: &Arc<Realm>,
    operation: Operation,
    input: &Value,
    caller: &Caller,
    trail: &mut Trail,
) -> Result<Value, Failure> {
    match operation {
        Operation::Login => login::login(realm, input, caller, trail).await,
        Operation::Register => register::register(realm, input, caller, trail).await,
        Operation::Refresh => refresh::refresh(realm, input, trail).await,
        Operation::Logout => logout::logout(realm, input, caller, trail).await,
        Operation::LogoutAll => logout::logout_all(realm, input, caller, trail).await,
        Operation::AssignRoles => roles::assign(realm, input).await,
        Operation::BulkCreateIdentifiers => identifiers::create(realm, input, caller, trail).await,
        Operation::BulkUpdateIdentifiers => identifiers::update(realm, input, caller, trail).await,
        Operation::BulkDeleteIdentifiers => identifiers::delete(realm, input, caller).await,
        Operation::ChangePassword => password::change(realm, input, caller, trail).await,
    }
}

/// An override stands in for the built-in, so the endpoint must be able to rely on the same members.
fn check_shape(operation: Operation, result: &Value) -> Result<(), Failure> {
    let text = |path: &str| result.pointer(path).is_some_and(Value::is_string);
    let list = |path: &str| result.pointer(path).is_some_and(Value::is_array);
    let (fits, wanted) = match operation {
        Operation::Login | Operation::Refresh => (
            text("/accessToken") && text("/refreshToken") && text("/user/id") && list("/user/roles"),
            "{accessToken, refreshToken, user: {id, roles}}",
        ),
        Operation::Register => {
            (text("/user/id") && list("/user/roles") && list("/user/identifiers"), "{user: {id, roles, identifiers}}")
        }
        Operation::AssignRoles => (text("/user/id") && list("/user/roles"), "{user: {id, roles}}"),
        Operation::BulkCreateIdentifiers | Operation::BulkUpdateIdentifiers => {
            (list("/identifiers"), "{identifiers: [...]}")
        }
        Operation::Logout | Operation::LogoutAll | Operation::BulkDeleteIdentifiers | Operation::ChangePassword => {
            (true, "")
        }
    };
    if fits {
        return Ok(());
    }
    let message = format!("router.{} must resolve to {wanted}", operation.as_str());
    Err(Error::new(ErrorCode::ConfigurationError, message).into())
}

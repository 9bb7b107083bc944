//! The part that the classes of both modes share: a server or client, or the error of its options, with its test clock,
//! its number and the process that it works in. The methods of `NativeServer` and `NativeClient` call the methods of
//! this module, which convert arguments and results.

use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, PoisonError};

use sentri_core::clock::TestClock;
use sentri_core::event::{Event, Level};
use sentri_core::http::decision::{Admitted, PermitVerdict};
use sentri_core::protect_host::{Either, ProtectHost};
use sentri_core::telemetry::{Remembered, spell};
use sentri_core::{Error, ErrorCode, wire};
use serde_json::{Value, json};

use crate::job::{self, Job};
use crate::runtime::{self, Home};
use crate::verify::{Entry, NUMBERED, Origin};

/// Makes a server or client from the options of its host, in the process that builds it and again in each forked child.
type Make<G> = Box<dyn Fn() -> Result<G, Error> + Send + Sync>;

/// An `AuthServer` or an `AuthClient` of a host, which works in forked processes too.
pub struct Instance<G: 'static> {
    kept: Arc<Kept<G>>,
    clock: Option<Arc<TestClock>>,
    number: u32,
}

impl<G: 'static> Drop for Instance<G> {
    fn drop(&mut self) {
        NUMBERED.forget(self.number);
    }
}

/// The server or client of each process, which whoever has its number can have made again, too.
struct Kept<G: 'static> {
    first: ManuallyDrop<Result<G, Error>>,
    home: Arc<Home>,
    make: Make<G>,
    /// The server or client of a child that was forked after the first use, with the id of the child's process. It is
    /// leaked, since references to it are handed out, and since an instance that a grandchild finds here belongs to its
    /// parent.
    renewed: Mutex<Option<(u32, &'static G)>>,
}

impl<G: 'static> Drop for Kept<G> {
    fn drop(&mut self) {
        if self.home.is_here() {
            // A value that owns nothing takes its place, since `ManuallyDrop::take` is unsafe.
            let mine = std::mem::replace(&mut *self.first, Err(ErrorCode::InternalError.into()));
            drop(mine);
        }
        // A child does not drop the instance of its parent, since that would close connections that both hold.
    }
}

impl<G: ProtectHost + Into<Either>> Kept<G> {
    /// Returns the server or client of this process. In a child that was forked after the first use it is made anew,
    /// with a runtime, connections and links to Redis of its own, and takes the place of the parent's under the number.
    fn get(self: &Arc<Self>, number: u32) -> Result<&G, Error> {
        if self.home.is_here() {
            return self.first.as_ref().map_err(Clone::clone);
        }
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        let here = std::process::id();
        let before = match *renewed {
            Some((owner, protect_host)) if owner == here => return Ok(protect_host),
            Some((_, of_parent)) => Some(of_parent),
            None => self.first.as_ref().ok(),
        };
        let protect_host: &'static G = Box::leak(Box::new((self.make)()?));
        if let Some(before) = before {
            protect_host.go_on_from(before);
        }
        NUMBERED.replace(number, self.entry(protect_host, Arc::new(Home::here())));
        *renewed = Some((here, protect_host));
        Ok(protect_host)
    }

    fn entry(self: &Arc<Self>, protect_host: &G, home: Arc<Home>) -> Entry {
        Entry { either: protect_host.clone().into(), home, origin: Arc::<Self>::clone(self) }
    }
}

impl<G: ProtectHost + Into<Either>> Origin for Kept<G> {
    fn renew(self: Arc<Self>, number: u32) -> Result<(), Error> {
        self.get(number).map(|_| ())
    }
}

/// Returns a function that turns an event into its level and log entry, under a request's id.
pub fn log<G: ProtectHost>(protect_host: &G, request_id: Option<&str>) -> impl Fn(&Event) -> (Level, Value) {
    move |event| protect_host.log_entry(event, request_id)
}

/// Makes a clock that stands at `now`, in milliseconds since 1970, until it is set.
pub fn test_clock(now: Option<i64>) -> Option<Arc<TestClock>> {
    now.map(|now| Arc::new(TestClock::at(now)))
}

impl<G: ProtectHost + Into<Either>> Instance<G> {
    /// Makes the server or client, and gives it a number if its options are right.
    pub fn new(make: impl Fn() -> Result<G, Error> + Send + Sync + 'static, clock: Option<Arc<TestClock>>) -> Self {
        let first = ManuallyDrop::new(make());
        let kept = Kept { first, home: Arc::default(), make: Box::new(make), renewed: Mutex::default() };
        let kept = Arc::new(kept);
        let remember = |first: &G| NUMBERED.remember(kept.entry(first, Arc::clone(&kept.home)));
        let number = kept.first.as_ref().map_or(u32::MAX, remember);
        Self { kept, clock, number }
    }

    /// Returns the server or client of this process, see [`Kept::get`].
    pub fn get(&self) -> Result<&G, Error> {
        self.kept.get(self.number)
    }

    /// Runs `run` on the server or client, and returns `{"value"}` or `{"error"}`.
    pub fn answer(&self, run: impl FnOnce(&G) -> Result<Value, Error>) -> String {
        wire::outcome(self.get().and_then(run))
    }

    /// Starts work with the server or client as a job.
    pub fn start<F: Future<Output = String> + Send + 'static>(&self, work: impl FnOnce(G) -> F) -> Arc<Job> {
        self.kept.home.settle();
        match self.get() {
            Ok(protect_host) => job::start(work(protect_host.clone())),
            Err(error) => job::refuse(error),
        }
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    pub fn set_clock(&self, now: i64) {
        if let Some(clock) = &self.clock {
            clock.set(now);
        }
    }

    /// Runs a function that does not wait. It runs within the runtime, so that it may start work in the background.
    pub fn within<T>(&self, run: impl FnOnce(&G) -> Option<T>) -> Option<T> {
        self.kept.home.settle();
        let protect_host = self.get().ok()?;
        let runtime = runtime::handle().ok()?;
        let _entered = runtime.enter();
        run(protect_host)
    }

    pub fn guard_now(&self, request: &str, request_id: Option<&str>) -> Option<String> {
        self.within(|protect_host| {
            let epoch = protect_host.epoch();
            let guarded = protect_host.guard_now(&wire::read_guard_request(&wire::parse(request)))?;
            Some(wire::protect_value(guarded, epoch, &log(protect_host, request_id)).to_string())
        })
    }

    pub fn guard(&self, request: &str, request_id: Option<String>) -> Arc<Job> {
        let request = wire::read_guard_request(&wire::parse(request));
        self.start(|protect_host| async move {
            let epoch = protect_host.epoch();
            let guarded = protect_host.guard(&request).await;
            wire::protect_value(guarded, epoch, &log(&protect_host, request_id.as_deref())).to_string()
        })
    }

    pub fn check_roles(&self, required: &[String]) -> String {
        self.answer(|protect_host| protect_host.check_roles(required).map(|()| Value::Null))
    }

    pub fn authorize(&self, user: &User, required: &[String], request_id: Option<&str>) -> String {
        self.answer(|protect_host| {
            let decision = protect_host.authorize(user.as_parts(), required);
            Ok(wire::decision_value(decision, &log(protect_host, request_id)))
        })
    }

    pub fn requirement(&self, asked: &str) -> String {
        self.answer(|protect_host| {
            let need = protect_host.requirement(&wire::parse(asked))?;
            Ok(wire::requirement_value(need, protect_host.leeway_seconds()))
        })
    }

    pub fn step_up(&self, id: &str, need: &str, request_id: Option<&str>) -> String {
        self.answer(|protect_host| {
            let decision = protect_host.step_up(id, wire::read_requirement(need));
            Ok(wire::decision_value(decision, &log(protect_host, request_id)))
        })
    }

    pub fn permit(&self, user: &User, verdict: &str, request_id: Option<&str>) -> String {
        self.answer(|protect_host| {
            let decision = protect_host.permit(user.as_parts(), &PermitVerdict::from_text(verdict));
            Ok(wire::decision_value(decision, &log(protect_host, request_id)))
        })
    }

    pub fn error_response(&self, error: &str) -> String {
        let error = wire::read_error(&wire::parse(error));
        self.answer(|protect_host| Ok(wire::response_value(protect_host.error_response(&error))))
    }

    pub fn metrics(&self, remembered: &str, format: &str) -> String {
        let remembered = Remembered::from_json(&wire::parse(remembered));
        self.answer(|protect_host| Ok(json!(spell(&protect_host.metrics(&remembered), format))))
    }

    pub fn access_token_of(&self, authorization: Option<&str>, cookie: Option<&str>) -> String {
        self.answer(|protect_host| Ok(json!(protect_host.access_token_of(authorization, cookie))))
    }
}

/// The user whom `protect()` has admitted, if it ran.
pub struct User {
    id: Option<String>,
    roles: Vec<String>,
    withheld: Vec<String>,
}

impl User {
    pub const fn new(id: Option<String>, roles: Vec<String>, withheld: Vec<String>) -> Self {
        Self { id, roles, withheld }
    }

    fn as_parts(&self) -> sentri_core::protect_host::User<'_> {
        Some(Admitted { id: self.id.as_deref()?, roles: &self.roles, withheld: &self.withheld })
    }
}

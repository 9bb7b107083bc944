//! The part that both modes share: a guardian or the reason why there is none, its test clock, its number and the
//! process it works in. Each of their methods converts by one of here.

use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, PoisonError};

use sentri_core::clock::TestClock;
use sentri_core::event::{Event, Level};
use sentri_core::guardian::{Either, Guardian};
use sentri_core::http::decision::{Admitted, PermitOutcome};
use sentri_core::telemetry::{Remembered, spell};
use sentri_core::{Error, ErrorCode, wire};
use serde_json::{Value, json};

use crate::job::{self, Job};
use crate::runtime::{self, Home};
use crate::verify::NUMBERED;

/// Makes a guardian by the options of its host, in the first process that uses it and again in each child.
type Make<G> = Box<dyn Fn() -> Result<G, Error> + Send + Sync>;

/// An `AuthServer` or an `AuthClient` in the hands of a host.
pub struct Held<G: 'static> {
    guardian: ManuallyDrop<Result<G, Error>>,
    clock: Option<Arc<TestClock>>,
    number: u32,
    home: Arc<Home>,
    make: Make<G>,
    /// The guardian of a child that was forked after the first use, with its process. Each is leaked, since references
    /// to it are handed out, and what a grandchild finds here belongs to its parent.
    renewed: Mutex<Option<(u32, &'static G)>>,
}

impl<G: 'static> Drop for Held<G> {
    fn drop(&mut self) {
        NUMBERED.forget(self.number);
        if self.home.is_here() {
            // By a value that owns nothing, since taking it out would be unsafe.
            let mine = std::mem::replace(&mut *self.guardian, Err(ErrorCode::InternalError.into()));
            drop(mine);
        }
        // A child lets the guardian of its parent alone: to drop it would be to close connections that both hold.
    }
}

/// Words events under a request's id.
pub fn log<G: Guardian>(guardian: &G, request_id: Option<&str>) -> impl Fn(&Event) -> (Level, Value) {
    move |event| guardian.log_entry(event, request_id)
}

/// A clock that stands at `now`, in milliseconds since 1970, until it is set.
pub fn test_clock(now: Option<i64>) -> Option<Arc<TestClock>> {
    now.map(|now| Arc::new(TestClock::at(now)))
}

impl<G: Guardian + Into<Either>> Held<G> {
    /// Takes what the options made.
    pub fn new(make: impl Fn() -> Result<G, Error> + Send + Sync + 'static, clock: Option<Arc<TestClock>>) -> Self {
        let home = Arc::<Home>::default();
        let guardian = make();
        let remember = |guardian: &G| NUMBERED.remember((guardian.clone().into(), Arc::clone(&home)));
        let number = guardian.as_ref().map_or(u32::MAX, remember);
        let guardian = ManuallyDrop::new(guardian);
        Self { guardian, clock, number, home, make: Box::new(make), renewed: Mutex::default() }
    }

    /// The guardian of this process. In a child that was forked after the first use it starts anew, with a runtime,
    /// connections and links to Redis of its own.
    pub fn get(&self) -> Result<&G, Error> {
        if self.home.is_here() {
            return self.guardian.as_ref().map_err(Clone::clone);
        }
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        let here = std::process::id();
        if let Some((owner, guardian)) = *renewed
            && owner == here
        {
            return Ok(guardian);
        }
        let guardian: &'static G = Box::leak(Box::new((self.make)()?));
        NUMBERED.replace(self.number, (guardian.clone().into(), Arc::new(Home::here())));
        *renewed = Some((here, guardian));
        Ok(guardian)
    }

    /// `{"value"}` or `{"error"}`.
    pub fn answer(&self, run: impl FnOnce(&G) -> Result<Value, Error>) -> String {
        wire::outcome(self.get().and_then(run))
    }

    /// Starts work.
    pub fn start<F: Future<Output = String> + Send + 'static>(&self, work: impl FnOnce(G) -> F) -> Arc<Job> {
        self.home.settle();
        match self.get() {
            Ok(guardian) => job::start(work(guardian.clone())),
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

    /// Runs what does not wait within the runtime, where it may start work in the background.
    pub fn within<T>(&self, run: impl FnOnce(&G) -> Option<T>) -> Option<T> {
        self.home.settle();
        let guardian = self.get().ok()?;
        let runtime = runtime::handle().ok()?;
        let _entered = runtime.enter();
        run(guardian)
    }

    pub fn guard_now(&self, request: &str, request_id: Option<&str>) -> Option<String> {
        self.within(|guardian| {
            let epoch = guardian.epoch();
            let guarded = guardian.guard_now(&wire::read_guard_request(&wire::parse(request)))?;
            Some(wire::guarded_value(guarded, epoch, &log(guardian, request_id)).to_string())
        })
    }

    pub fn guard(&self, request: &str, request_id: Option<String>) -> Arc<Job> {
        let request = wire::read_guard_request(&wire::parse(request));
        self.start(|guardian| async move {
            let epoch = guardian.epoch();
            let guarded = guardian.guard(&request).await;
            wire::guarded_value(guarded, epoch, &log(&guardian, request_id.as_deref())).to_string()
        })
    }

    pub fn check_roles(&self, required: &[String]) -> String {
        self.answer(|guardian| guardian.check_roles(required).map(|()| Value::Null))
    }

    pub fn authorize(&self, user: &User, required: &[String], request_id: Option<&str>) -> String {
        self.answer(|guardian| {
            let decision = guardian.authorize(user.as_parts(), required);
            Ok(wire::decision_value(decision, &log(guardian, request_id)))
        })
    }

    pub fn requirement(&self, asked: &str) -> String {
        self.answer(|guardian| {
            let need = guardian.requirement(&wire::parse(asked))?;
            Ok(wire::requirement_value(need, guardian.leeway_seconds()))
        })
    }

    pub fn step_up(&self, id: &str, need: &str, request_id: Option<&str>) -> String {
        self.answer(|guardian| {
            let decision = guardian.step_up(id, wire::read_requirement(need));
            Ok(wire::decision_value(decision, &log(guardian, request_id)))
        })
    }

    pub fn permit(&self, user: &User, verdict: &str, request_id: Option<&str>) -> String {
        self.answer(|guardian| {
            let decision = guardian.permit(user.as_parts(), &PermitOutcome::from_text(verdict));
            Ok(wire::decision_value(decision, &log(guardian, request_id)))
        })
    }

    pub fn error_response(&self, error: &str) -> String {
        let error = wire::read_error(&wire::parse(error));
        self.answer(|guardian| Ok(wire::response_value(guardian.error_response(&error))))
    }

    pub fn metrics(&self, remembered: &str, format: &str) -> String {
        let remembered = Remembered::from_json(&wire::parse(remembered));
        self.answer(|guardian| Ok(json!(spell(&guardian.metrics(&remembered), format))))
    }

    pub fn access_token_of(&self, authorization: Option<&str>, cookie: Option<&str>) -> String {
        self.answer(|guardian| Ok(json!(guardian.access_token_of(authorization, cookie))))
    }
}

/// The user that `protect()` has let in, if it ran.
pub struct User {
    id: Option<String>,
    roles: Vec<String>,
    withheld: Vec<String>,
}

impl User {
    pub const fn new(id: Option<String>, roles: Vec<String>, withheld: Vec<String>) -> Self {
        Self { id, roles, withheld }
    }

    fn as_parts(&self) -> sentri_core::guardian::User<'_> {
        Some(Admitted { id: self.id.as_deref()?, roles: &self.roles, withheld: &self.withheld })
    }
}

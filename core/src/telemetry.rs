//! Telemetry: counts events, answers and calls, with or without a logger. The fields of an event are built only for a
//! logger.
//!
//! [`METRICS`] is the table of names, kinds and help texts. A snapshot is plain data, and [`to_prometheus`] writes it
//! in the text format 0.0.4 of Prometheus.

mod snapshot;
mod table;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

pub use snapshot::{PROMETHEUS_TYPE, Snapshot, spell, to_prometheus};
pub use table::{METRICS, MetricKind, MetricName};

use crate::event::{Event, EventName};
use crate::histogram::Histogram;

/// The statuses that are counted one by one. A further count is for all others.
const STATUSES: [u16; 14] = [200, 201, 204, 304, 400, 401, 403, 404, 409, 413, 415, 429, 500, 503];

/// The outcome of a programmatic call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// The call succeeded.
    Success,
    /// The call was refused for a reason that its caller can act on.
    Refused,
    /// The call failed for a reason on the server's side, such as an unavailable database.
    Failed,
}

impl CallOutcome {
    /// Every outcome, in the order in which they are counted.
    pub const ALL: [Self; 3] = [Self::Success, Self::Refused, Self::Failed];

    /// Returns the value of the label `outcome`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The runs of an endpoint or a call, by their result and by their time.
#[derive(Debug)]
struct Runs<const RESULTS: usize> {
    by_result: [AtomicU64; RESULTS],
    times: Histogram,
}

/// The metrics and labels of runs in a snapshot.
struct Shown {
    counter: MetricName,
    times: MetricName,
    name: &'static str,
    result: &'static str,
}

const ENDPOINTS: Shown =
    Shown { counter: MetricName::Requests, times: MetricName::RequestTimes, name: "endpoint", result: "status" };
const CALLS: Shown =
    Shown { counter: MetricName::Calls, times: MetricName::CallTimes, name: "call", result: "outcome" };

/// The counts of a server or client. Counting is cheap; reading is rare.
#[derive(Debug)]
pub struct Telemetry {
    logging: bool,
    events: [AtomicU64; EventName::ALL.len()],
    endpoints: Vec<(String, Runs<{ STATUSES.len() + 1 }>)>,
    calls: Vec<(&'static str, Runs<{ CallOutcome::ALL.len() }>)>,
}

impl Telemetry {
    /// Makes counts of zero for endpoints and programmatic calls of these names. `logging` says whether there is a
    /// logger, for which events are built.
    #[must_use]
    pub fn new(logging: bool, endpoints: Vec<String>, calls: &[&'static str]) -> Self {
        Self {
            logging,
            events: [const { AtomicU64::new(0) }; EventName::ALL.len()],
            endpoints: endpoints.into_iter().map(|name| (name, Runs::new())).collect(),
            calls: calls.iter().map(|name| (*name, Runs::new())).collect(),
        }
    }

    /// Whether there is a logger.
    #[must_use]
    pub const fn is_logging(&self) -> bool {
        self.logging
    }

    /// Counts an event, and builds it if there is a logger.
    pub fn event(&self, name: EventName, fill: impl FnOnce(Event) -> Event) -> Option<Event> {
        self.count(name);
        self.logging.then(|| fill(Event::new(name)))
    }

    /// Counts an event that was built elsewhere. Without a logger it is dropped.
    pub fn counted(&self, event: Event) -> Option<Event> {
        self.count(event.name);
        self.logging.then_some(event)
    }

    /// Counts an event without building it.
    pub fn count(&self, name: EventName) {
        self.events[name as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an answer of the endpoint with this number.
    pub fn answered(&self, endpoint: usize, status: u16, took: Duration) {
        let place = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len());
        if let Some((_, runs)) = self.endpoints.get(endpoint) {
            runs.add(place, took);
        }
    }

    /// Counts a programmatic call by its number.
    pub fn called(&self, call: usize, outcome: CallOutcome, took: Duration) {
        if let Some((_, runs)) = self.calls.get(call) {
            runs.add(outcome as usize, took);
        }
    }

    /// Returns the present counts. `remembered` counts the events of requests that the host answered from its own
    /// cache, which the core did not see.
    #[must_use]
    pub fn snapshot(&self, remembered: &Remembered) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for event in EventName::ALL {
            let count = self.events[*event as usize].load(Ordering::Relaxed) + remembered.count(*event);
            snapshot.add(MetricName::Events, &[("event", event.as_str())], count as f64);
        }
        let statuses: Vec<String> = STATUSES.iter().map(u16::to_string).chain(["other".to_owned()]).collect();
        for (name, runs) in &self.endpoints {
            runs.snapshot(&ENDPOINTS, name, statuses.iter().map(String::as_str), &mut snapshot);
        }
        for (name, runs) in &self.calls {
            runs.snapshot(&CALLS, name, CallOutcome::ALL.iter().map(|outcome| outcome.as_str()), &mut snapshot);
        }
        snapshot
    }
}

impl<const RESULTS: usize> Runs<RESULTS> {
    fn new() -> Self {
        Self { by_result: [const { AtomicU64::new(0) }; RESULTS], times: Histogram::default() }
    }

    fn add(&self, result: usize, took: Duration) {
        self.by_result[result].fetch_add(1, Ordering::Relaxed);
        self.times.record(took);
    }

    /// Adds the counts of the results that occurred. A name without any run adds nothing.
    fn snapshot<'a>(&self, shown: &Shown, name: &str, results: impl Iterator<Item = &'a str>, snapshot: &mut Snapshot) {
        let counts = self.by_result.iter().map(|count| count.load(Ordering::Relaxed));
        let mut has_run = false;
        for (result, count) in results.zip(counts).filter(|(_, count)| *count > 0) {
            has_run = true;
            snapshot.add(shown.counter, &[(shown.name, name), (shown.result, result)], count as f64);
        }
        if has_run {
            snapshot.add_histogram(shown.times, &[(shown.name, name)], &self.times);
        }
    }
}

/// Counts of events, of requests that the host answered from its own cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered(Vec<(String, u64)>);

impl Remembered {
    /// Reads `{name of an event: count}`. Members whose value is no count are left out.
    #[must_use]
    pub fn from_json(counts: &Value) -> Self {
        let counts = counts.as_object().into_iter().flatten();
        Self(counts.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect())
    }

    fn count(&self, event: EventName) -> u64 {
        self.0.iter().filter(|(name, _)| name == event.as_str()).map(|(_, count)| count).sum()
    }
}

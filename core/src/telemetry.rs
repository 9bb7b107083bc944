//! Telemetry: counts that are always kept, with or without a logger; an event's fields are built only for a logger.
//!
//! [`METRICS`] is the one table of names, kinds and help texts. A snapshot is plain data, and [`to_prometheus`] writes
//! it in the text format 0.0.4 of Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::event::{Event, EventName};

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bounds, with a sum and a total.
    Histogram,
}

impl MetricKind {
    /// `counter`, `gauge` or `histogram`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($($variant:ident = $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        /// A metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum MetricName {
            $(#[doc = concat!("`", $name, "`: ", $help)] $variant,)*
        }

        impl MetricName {
            /// The name in the output.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        /// Every metric: name, kind, names of its labels, help text.
        pub const METRICS: &[(&str, MetricKind, &[&str], &str)] =
            &[$(($name, MetricKind::$kind, &[$($label),*], $help),)*];
    };
}

metrics! {
    Events = "sentri_events_total", Counter, ["event"], "Auth events by name, logged or not.";
    Requests = "sentri_requests_total", Counter, ["endpoint", "status"], "Answers of sentri's endpoints.";
    RequestSeconds = "sentri_request_duration_seconds", Histogram, ["endpoint"],
        "Time that an endpoint took for its answer.";
    Verifications = "sentri_password_verifications_total", Counter, [],
        "Password verifications, those for unknown users included.";
    Hashing = "sentri_password_hashes", Gauge, ["state"],
        "Password hashes being computed (running) or queued (waiting).";
    Connections = "sentri_database_connections", Gauge, ["state"],
        "Connections to the database: open, in use, and the most that the pool may hold (max).";
    Waiting = "sentri_database_waiting", Gauge, [], "Operations that wait for a connection to the database.";
    Ready = "sentri_ready", Gauge, [], "1 once the tables and keys were found, 0 before.";
    Redis = "sentri_redis_up", Gauge, [], "1 while Redis answers, 0 while it is away. Absent without redisUrl.";
    Keys = "sentri_signing_keys", Gauge, [], "Public keys that are published. 0 with a shared secret.";
    Info = "sentri_build_info", Gauge, ["version", "mode"], "Always 1; the labels tell the version and the mode.";
}

/// Upper bounds of the histogram, in microseconds: from an answer out of memory to an answer that waited for a full
/// queue.
const BOUNDS: [u64; 12] =
    [1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000];

/// Statuses that are counted by themselves; the last place is for any other.
const STATUSES: [u16; 14] = [200, 201, 204, 304, 400, 401, 403, 404, 409, 413, 415, 429, 500, 503];

/// The answers of an endpoint.
#[derive(Debug, Default)]
struct Answers {
    by_status: [AtomicU64; STATUSES.len() + 1],
    by_time: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// The counts of a server or client. Cheap to count in; read rarely.
#[derive(Debug)]
pub struct Telemetry {
    logging: bool,
    events: [AtomicU64; EventName::ALL.len()],
    endpoints: Vec<Answers>,
}

impl Telemetry {
    /// Counts that all are zero, for `endpoints` endpoints. Events are built only for a logger.
    #[must_use]
    pub fn new(logging: bool, endpoints: usize) -> Self {
        let endpoints = std::iter::repeat_with(Answers::default).take(endpoints).collect();
        Self { logging, events: [const { AtomicU64::new(0) }; EventName::ALL.len()], endpoints }
    }

    /// Whether there is a logger.
    #[must_use]
    pub const fn is_logging(&self) -> bool {
        self.logging
    }

    /// Counts an event, and builds it for a logger.
    pub fn event(&self, name: EventName, fill: impl FnOnce(Event) -> Event) -> Option<Event> {
        self.count(name);
        self.logging.then(|| fill(Event::new(name)))
    }

    /// Counts an event that was built elsewhere; it is dropped without a logger.
    pub fn counted(&self, event: Event) -> Option<Event> {
        self.count(event.name);
        self.logging.then_some(event)
    }

    /// Counts an event alone.
    pub fn count(&self, name: EventName) {
        self.events[name as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an answer of the endpoint with this number.
    pub fn answered(&self, endpoint: usize, status: u16, took: Duration) {
        let Some(answers) = self.endpoints.get(endpoint) else { return };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len());
        answers.by_status[place].fetch_add(1, Ordering::Relaxed);
        answers.by_time[BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len())]
            .fetch_add(1, Ordering::Relaxed);
        answers.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The present counts. `remembered` counts the answers from the host's own memory, which the core did not see.
    /// `names` are those of the endpoints, in their order.
    #[must_use]
    pub fn snapshot(&self, remembered: &Remembered, names: &[String]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for event in EventName::ALL {
            let count = self.events[*event as usize].load(Ordering::Relaxed) + remembered.count(*event);
            snapshot.add(MetricName::Events, &[("event", event.as_str())], count as f64);
        }
        for (answers, name) in self.endpoints.iter().zip(names) {
            answers.snapshot(name, &mut snapshot);
        }
        snapshot
    }
}

impl Answers {
    fn snapshot(&self, endpoint: &str, snapshot: &mut Snapshot) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let statuses = STATUSES.iter().map(u16::to_string).chain(["other".to_owned()]);
        for (status, count) in statuses.zip(self.by_status.iter().map(load)).filter(|(_, count)| *count > 0) {
            snapshot.add(MetricName::Requests, &[("endpoint", endpoint), ("status", &status)], count as f64);
        }
        let times: Vec<u64> = self.by_time.iter().map(load).collect();
        let total: u64 = times.iter().sum();
        if total == 0 {
            return;
        }
        let mut below = 0;
        let bounds = BOUNDS.iter().map(|bound| seconds(*bound).to_string()).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(times) {
            below += count;
            let labels = [("endpoint", endpoint), ("le", bound.as_str())];
            snapshot.add_as(MetricName::RequestSeconds, "_bucket", &labels, below as f64);
        }
        let labels = [("endpoint", endpoint)];
        snapshot.add_as(MetricName::RequestSeconds, "_sum", &labels, seconds(load(&self.micros)));
        snapshot.add_as(MetricName::RequestSeconds, "_count", &labels, total as f64);
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// Counts of a host that answers some requests from its own memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered(Vec<(String, u64)>);

impl Remembered {
    /// Reads `{name of an event: count}`; other members are left out.
    #[must_use]
    pub fn from_json(counts: &Value) -> Self {
        let counts = counts.as_object().into_iter().flatten();
        Self(counts.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect())
    }

    fn count(&self, event: EventName) -> u64 {
        self.0.iter().filter(|(name, _)| name == event.as_str()).map(|(_, count)| count).sum()
    }
}

/// One number of a metric.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    metric: MetricName,
    suffix: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

/// The numbers of a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot(Vec<Sample>);

impl Snapshot {
    /// Adds a number.
    pub fn add(&mut self, metric: MetricName, labels: &[(&'static str, &str)], value: f64) {
        self.add_as(metric, "", labels, value);
    }

    fn add_as(&mut self, metric: MetricName, suffix: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.0.push(Sample { metric, suffix, labels, value });
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter(move |sample| sample.metric.as_str() == name)
    }

    /// `[{name, type, help, samples: [{name, labels, value}]}]`, in the order of [`METRICS`]; metrics without a number
    /// are left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut metrics = Vec::new();
        for (name, kind, _, help) in METRICS {
            let samples: Vec<Value> = self
                .of(name)
                .map(|sample| {
                    let labels: serde_json::Map<String, Value> =
                        sample.labels.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
                    let name = format!("{name}{}", sample.suffix);
                    json!({ "name": name, "labels": labels, "value": number(sample.value) })
                })
                .collect();
            if !samples.is_empty() {
                metrics.push(json!({ "name": name, "type": kind.as_str(), "help": help, "samples": samples }));
            }
        }
        metrics.into()
    }
}

/// A whole number as an integer, so that every language reads it alike.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { (value as i64).into() } else { value.into() }
}

/// A snapshot in the text format of `prometheus`, or else as JSON.
#[must_use]
pub fn spell(snapshot: &Snapshot, format: &str) -> String {
    if format == "prometheus" { to_prometheus(snapshot) } else { snapshot.to_json().to_string() }
}

/// The content type of [`to_prometheus`].
pub const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text format of Prometheus (exposition format 0.0.4).
#[must_use]
pub fn to_prometheus(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    for (name, kind, _, help) in METRICS {
        let mut samples = snapshot.of(name).peekable();
        if samples.peek().is_none() {
            continue;
        }
        let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {}", help.replace('\\', "\\\\"), kind.as_str());
        for sample in samples {
            let labels: Vec<String> =
                sample.labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(out, "{name}{}{labels} {}", sample.suffix, number(sample.value));
        }
    }
    out
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

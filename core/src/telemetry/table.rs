//! The table of all metrics, with names, kinds, labels and help texts.

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that only grows while the process lives.
    Counter,
    /// A number that goes up and down.
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

        /// Every metric, with its name, its kind, the names of its labels and its help text.
        pub const METRICS: &[(&str, MetricKind, &[&str], &str)] =
            &[$(($name, MetricKind::$kind, &[$($label),*], $help),)*];
    };
}

metrics! {
    Events = "sentri_events_total", Counter, ["event"], "Auth events by name, logged or not.";
    Requests = "sentri_requests_total", Counter, ["endpoint", "status"], "Answers of sentri's endpoints.";
    RequestTimes = "sentri_request_duration_seconds", Histogram, ["endpoint"],
        "Time that an endpoint took for its answer.";
    Calls = "sentri_calls_total", Counter, ["call", "outcome"],
        "Calls by the application's code: success, refused (for a reason that the caller can act on) or failed.";
    CallTimes = "sentri_call_duration_seconds", Histogram, ["call"], "Time that a call by the application's code took.";
    Verifications = "sentri_password_verifications_total", Counter, [],
        "Password verifications, those for unknown users included.";
    HashWaits = "sentri_password_hash_wait_seconds", Histogram, [],
        "Time that a password hash waited for a processor before it was computed.";
    HashTimes = "sentri_password_hash_duration_seconds", Histogram, [],
        "Time that a password hash took to compute, without its wait.";
    Hashing = "sentri_password_hashes", Gauge, ["state"],
        "Password hashes being computed (running) or queued (waiting).";
    Connections = "sentri_database_connections", Gauge, ["state"],
        "Connections to the database: open, in use, and the most that the pool may hold (max).";
    Waiting = "sentri_database_waiting", Gauge, [], "Operations that wait for a connection to the database.";
    Ready = "sentri_ready", Gauge, [], "1 once the tables and keys were found, 0 before.";
    Redis = "sentri_redis_up", Gauge, [], "1 while Redis answers, 0 while it is away. Absent without redisUrl.";
    Keys = "sentri_signing_keys", Gauge, [], "Public keys that are published. 0 with a shared secret.";
    KeyAge = "sentri_signing_key_age_seconds", Gauge, [],
        "Time since the signing key in use began to sign. Absent with the option secret.";
    Info = "sentri_build_info", Gauge, ["version", "mode"], "Always 1; the labels tell the version and the mode.";
}

//! Telemetry: what is counted, and the text that Prometheus scrapes.

use std::collections::BTreeSet;
use std::time::Duration;

use sentri_core::event::EventName;
use sentri_core::histogram::{BOUNDS, Histogram};
use sentri_core::telemetry::{
    CallOutcome, METRICS, MetricKind, MetricName, Remembered, Snapshot, Telemetry, spell, to_prometheus,
};
use serde_json::{Value, json};

fn value(metrics: &Value, sample: &str, labels: &Value) -> Option<f64> {
    let samples = metrics.as_array().unwrap().iter().flat_map(|metric| metric["samples"].as_array().unwrap());
    samples.clone().find(|one| one["name"] == sample && &one["labels"] == labels).and_then(|one| one["value"].as_f64())
}

#[test]
fn events_count_whether_or_not_somebody_logs() {
    for logging in [false, true] {
        let telemetry = Telemetry::new(logging, Vec::new(), &[]);
        let event = telemetry.event(EventName::LoginSuccess, |event| event.with("userId", "u"));
        assert_eq!(event.is_some(), logging);
        telemetry.count(EventName::LoginSuccess);
        let remembered = Remembered::from_json(&json!({ "auth.protect.success": 7, "nonsense": 9, "auth.logout": -1 }));
        let metrics = telemetry.snapshot(&remembered).to_json();
        let count = |event: &str| value(&metrics, "sentri_events_total", &json!({ "event": event }));
        assert_eq!(count("auth.login.success"), Some(2.0));
        assert_eq!(count("auth.protect.success"), Some(7.0));
        assert_eq!(count("auth.logout"), Some(0.0));
        assert_eq!(count("nonsense"), None);
    }
}

#[test]
fn fields_are_not_filled_in_for_nobody() {
    let telemetry = Telemetry::new(false, Vec::new(), &[]);
    assert!(telemetry.event(EventName::Logout, |_| panic!("nobody logs")).is_none());
}

#[test]
fn a_histogram_is_cumulative_and_statuses_are_told_apart() {
    let telemetry = Telemetry::new(false, vec!["GET /me".to_owned(), "POST /login".to_owned()], &[]);
    for (status, micros) in [(200, 1_000), (200, 1_001), (401, 60_000), (418, 99_000_000)] {
        telemetry.answered(1, status, Duration::from_micros(micros));
    }
    telemetry.answered(2, 200, Duration::ZERO); // No such endpoint.
    let metrics = telemetry.snapshot(&Remembered::default()).to_json();
    let of =
        |sample: &str, label: &str, of: &str| value(&metrics, sample, &json!({ "endpoint": "POST /login", label: of }));
    assert_eq!(of("sentri_requests_total", "status", "200"), Some(2.0));
    assert_eq!(of("sentri_requests_total", "status", "401"), Some(1.0));
    assert_eq!(of("sentri_requests_total", "status", "other"), Some(1.0));
    let bucket = |bound: &str| of("sentri_request_duration_seconds_bucket", "le", bound);
    assert_eq!([bucket("0.001"), bucket("0.0025"), bucket("0.1")], [Some(1.0), Some(2.0), Some(3.0)]);
    assert_eq!([bucket("10"), bucket("+Inf")], [Some(3.0), Some(4.0)]);
    let login = json!({ "endpoint": "POST /login" });
    assert_eq!(value(&metrics, "sentri_request_duration_seconds_count", &login), Some(4.0));
    assert_eq!(value(&metrics, "sentri_request_duration_seconds_sum", &login), Some(99.062_001));
    assert!(!metrics.to_string().contains("GET /me"), "an endpoint that nobody asked takes no room");
}

#[test]
fn calls_count_by_outcome() {
    let telemetry = Telemetry::new(false, Vec::new(), &["getUser", "setPassword"]);
    for (outcome, millis) in [(CallOutcome::Success, 2), (CallOutcome::Success, 3), (CallOutcome::Failed, 5_000)] {
        telemetry.called(1, outcome, Duration::from_millis(millis));
    }
    telemetry.called(2, CallOutcome::Success, Duration::ZERO); // No such call.
    let metrics = telemetry.snapshot(&Remembered::default()).to_json();
    let of =
        |sample: &str, label: &str, of: &str| value(&metrics, sample, &json!({ "call": "setPassword", label: of }));
    assert_eq!(of("sentri_calls_total", "outcome", "success"), Some(2.0));
    assert_eq!(of("sentri_calls_total", "outcome", "failed"), Some(1.0));
    assert_eq!(of("sentri_calls_total", "outcome", "refused"), None);
    let bucket = |bound: &str| of("sentri_call_duration_seconds_bucket", "le", bound);
    assert_eq!([bucket("0.0025"), bucket("0.005"), bucket("+Inf")], [Some(1.0), Some(2.0), Some(3.0)]);
    assert!(!metrics.to_string().contains("getUser"), "a call that nobody made takes no room");
}

#[test]
fn a_histogram_counts_to_both_ends() {
    let histogram = Histogram::default();
    for took in [Duration::ZERO, Duration::from_millis(1), Duration::from_nanos(1_001_000), Duration::MAX] {
        histogram.record(took);
    }
    let counts = histogram.counts();
    assert_eq!([counts[0], counts[1], counts[BOUNDS.len()]], [2, 1, 1]);
    assert_eq!(counts.iter().sum::<u64>(), 4);
    assert!(BOUNDS.is_sorted());
}

#[test]
fn the_text_is_that_of_prometheus() {
    let mut snapshot = Snapshot::default();
    snapshot.add(MetricName::Ready, &[], 1.0);
    snapshot.add(MetricName::Info, &[("version", "6\"\\\n"), ("mode", "server")], 1.0);
    assert_eq!(
        to_prometheus(&snapshot),
        "# HELP sentri_ready 1 once the tables and keys were found, 0 before.\n\
         # TYPE sentri_ready gauge\n\
         sentri_ready 1\n\
         # HELP sentri_build_info Always 1; the labels tell the version and the mode.\n\
         # TYPE sentri_build_info gauge\n\
         sentri_build_info{version=\"6\\\"\\\\\\n\",mode=\"server\"} 1\n"
    );
    assert_eq!(spell(&snapshot, "json"), snapshot.to_json().to_string());
}

#[test]
fn names_follow_the_conventions_of_prometheus() {
    for (name, kind, labels, help) in METRICS {
        assert!(name.starts_with("sentri_") && help.ends_with('.') && !help.contains('\n'), "{name}");
        assert_eq!(name.ends_with("_total"), kind.as_str() == "counter", "{name}");
        assert!(labels.iter().all(|label| label.chars().all(|c| c.is_ascii_lowercase())), "{name}");
    }
}

/// The names of metrics in a text, without what a histogram adds to its own.
fn names_in(text: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = text.split(|c| !is_of_name(c)).filter(|word| word.starts_with("sentri_"));
    let of_histogram = |word: &str| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix))?;
        METRICS.iter().any(|(name, kind, ..)| *name == base && *kind == MetricKind::Histogram).then(|| base.to_owned())
    };
    words.map(|word| of_histogram(word).unwrap_or_else(|| word.to_owned())).collect()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The queries of the dashboard, a line each.
fn queries() -> String {
    let dashboard: Value = serde_json::from_str(&page("guide/grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    panels.iter().map(|panel| panel["targets"][0]["expr"].as_str().unwrap().to_owned() + "\n").collect()
}

#[test]
fn the_dashboard_and_the_reference_have_every_metric_and_no_other() {
    let all: BTreeSet<String> = METRICS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(names_in(&queries()), all, "grafana.json");
    let reference = page("reference/metrics.md");
    let rows: Vec<&str> = reference.lines().filter(|line| line.starts_with("| `sentri_")).collect();
    assert_eq!(names_in(&rows.join("\n")), all, "reference/metrics.md");
    let guide = names_in(&page("guide/metrics.md"));
    assert!(guide.is_subset(&all) && guide.len() > 4, "guide/metrics.md: {guide:?}");
}

#[test]
fn queries_ask_for_events_that_there_are() {
    let text = queries() + &page("guide/metrics.md");
    let words = |query: &'_ str| query.split('"').nth(1).unwrap_or_default().split('|').map(str::to_owned).collect();
    let asked: Vec<String> = text.split("event=").skip(1).flat_map::<Vec<String>, _>(words).collect();
    assert!(asked.len() > 8, "{asked:?}");
    for word in asked {
        let is_there = |event: &EventName| match word.strip_suffix(".*") {
            Some(start) => event.as_str().starts_with(start),
            None => event.as_str() == word,
        };
        assert!(EventName::ALL.iter().any(is_there), "{word}");
    }
}

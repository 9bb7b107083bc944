//! Telemetry: what is counted, and the text that Prometheus scrapes.

use std::time::Duration;

use sentri_core::event::EventName;
use sentri_core::telemetry::{METRICS, MetricName, Remembered, Snapshot, Telemetry, spell, to_prometheus};
use serde_json::{Value, json};

fn value(metrics: &Value, sample: &str, labels: &Value) -> Option<f64> {
    let samples = metrics.as_array().unwrap().iter().flat_map(|metric| metric["samples"].as_array().unwrap());
    samples.clone().find(|one| one["name"] == sample && &one["labels"] == labels).and_then(|one| one["value"].as_f64())
}

#[test]
fn events_count_whether_or_not_somebody_logs() {
    for logging in [false, true] {
        let telemetry = Telemetry::new(logging, 0);
        let event = telemetry.event(EventName::LoginSuccess, |event| event.with("userId", "u"));
        assert_eq!(event.is_some(), logging);
        telemetry.count(EventName::LoginSuccess);
        let remembered = Remembered::from_json(&json!({ "auth.protect.success": 7, "nonsense": 9, "auth.logout": -1 }));
        let metrics = telemetry.snapshot(&remembered, &[]).to_json();
        let count = |event: &str| value(&metrics, "sentri_events_total", &json!({ "event": event }));
        assert_eq!(count("auth.login.success"), Some(2.0));
        assert_eq!(count("auth.protect.success"), Some(7.0));
        assert_eq!(count("auth.logout"), Some(0.0));
        assert_eq!(count("nonsense"), None);
    }
}

#[test]
fn fields_are_not_filled_in_for_nobody() {
    let telemetry = Telemetry::new(false, 0);
    assert!(telemetry.event(EventName::Logout, |_| panic!("nobody logs")).is_none());
}

#[test]
fn a_histogram_is_cumulative_and_statuses_are_told_apart() {
    let telemetry = Telemetry::new(false, 2);
    for (status, micros) in [(200, 1_000), (200, 1_001), (401, 60_000), (418, 99_000_000)] {
        telemetry.answered(1, status, Duration::from_micros(micros));
    }
    telemetry.answered(2, 200, Duration::ZERO); // No such endpoint.
    let names = ["GET /me".to_owned(), "POST /login".to_owned()];
    let metrics = telemetry.snapshot(&Remembered::default(), &names).to_json();
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

//! A snapshot of the metrics, as plain data and in the text format of Prometheus.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::table::{METRICS, MetricName};
use crate::histogram::{BOUNDS, Histogram};

/// A sample of a metric.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    metric: MetricName,
    suffix: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

/// The samples of all metrics at an instant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot(Vec<Sample>);

impl Snapshot {
    /// Adds a sample.
    pub fn add(&mut self, metric: MetricName, labels: &[(&'static str, &str)], value: f64) {
        self.add_as(metric, "", labels, value);
    }

    /// Adds the buckets, the sum and the total of a histogram.
    pub fn add_histogram(&mut self, metric: MetricName, labels: &[(&'static str, &str)], histogram: &Histogram) {
        let (mut below, counts) = (0, histogram.counts());
        let bounds = BOUNDS.iter().map(|bound| seconds(*bound).to_string()).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(counts) {
            below += count;
            let labels: Vec<(&'static str, &str)> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            self.add_as(metric, "_bucket", &labels, below as f64);
        }
        self.add_as(metric, "_sum", labels, seconds(histogram.micros()));
        self.add_as(metric, "_count", labels, below as f64);
    }

    fn add_as(&mut self, metric: MetricName, suffix: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.0.push(Sample { metric, suffix, labels, value });
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter(move |sample| sample.metric.as_str() == name)
    }

    /// Returns `[{name, type, help, samples: [{name, labels, value}]}]`, in the order of [`METRICS`]. Metrics without a
    /// sample are left out.
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

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// Writes a whole number as an integer, so that every language reads it as the same number.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { (value as i64).into() } else { value.into() }
}

/// Writes a snapshot in the text format of Prometheus if `format` is `prometheus`, and as JSON otherwise.
#[must_use]
pub fn spell(snapshot: &Snapshot, format: &str) -> String {
    if format == "prometheus" { to_prometheus(snapshot) } else { snapshot.to_json().to_string() }
}

/// The content type of [`to_prometheus`].
pub const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes a snapshot in the text format of Prometheus (exposition format 0.0.4).
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

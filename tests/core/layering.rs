//! The layering rules of core/ARCHITECTURE.md, read off the `use crate::` lines.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

/// What a module may use, beside what everybody may.
const RULES: &[(&str, &[&str])] = &[
    // Pure decisions: each other, no port, no service, no HTTP.
    ("token", &["token", "json", "store::model"]),
    ("password", &["password"]),
    ("session", &["store::model"]),
    ("identifier", &["identifier"]),
    ("access", &["access"]),
    ("limit", &["limit"]),
    ("idempotency", &["idempotency", "duration", "http::authorization", "http::client_ip"]),
    ("duration", &[]),
    ("generations", &[]),
    ("json", &[]),
    // Ports and drivers know the pure modules that they run.
    ("cache", &["cache", "limit"]),
    ("redis", &["cache", "generations", "idempotency", "limit"]),
    ("store", &["store", "identifier", "config::reader"]),
    ("key_source", &["key_source", "token"]),
    ("hook", &[]),
    ("event", &[]),
    ("telemetry", &["event"]),
    ("failure", &[]),
    // Use cases know no HTTP.
    (
        "service",
        &[
            "service",
            "access",
            "cache",
            "config",
            "epoch",
            "event",
            "generations",
            "hook",
            "identifier",
            "key_source",
            "limit",
            "password",
            "session",
            "store",
            "telemetry",
            "token",
        ],
    ),
    // Options become rules of the modules that follow them.
    (
        "config",
        &[
            "config",
            "access",
            "duration",
            "hook",
            "http::client_ip",
            "http::cookie",
            "http::origin",
            "identifier",
            "key_source::uri",
            "limit",
            "password",
            "session",
            "store::dialect",
            "token",
        ],
    ),
    (
        "http",
        &[
            "http",
            "access",
            "config",
            "event",
            "hook",
            "json",
            "limit",
            "service",
            "session",
            "store::model",
            "telemetry",
            "token",
        ],
    ),
];

/// What everybody may use.
const COMMON: &[&str] = &["clock", "crypto", "error", "failure", "tls", "url"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn core_sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let name = |path: &Path| path.strip_prefix(&root).unwrap().with_extension("").to_str().unwrap().replace('/', "::");
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn modules_use_what_their_layer_may() {
    let mut broken = Vec::new();
    let mut looked_at = 0;
    for (module, text) in core_sources() {
        let top = module.split("::").next().unwrap();
        let Some((_, allowed)) = RULES.iter().find(|(layer, _)| *layer == top) else { continue };
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("use crate::")) {
            looked_at += 1;
            let path = line.trim_end_matches(';');
            let fits = |prefix: &str| path == prefix || path.starts_with(&format!("{prefix}::"));
            if !COMMON.iter().chain(*allowed).any(|prefix| fits(prefix)) {
                broken.push(format!("{module} uses {path}"));
            }
        }
    }
    assert!(looked_at > 100, "the sources were found");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn pure_modules_wait_for_nothing() {
    for (module, text) in core_sources() {
        let top = module.split("::").next().unwrap();
        if ["token", "session", "identifier", "access", "limit", "duration", "generations"].contains(&top) {
            assert!(!text.contains("async fn") && !text.contains(".await"), "{module} waits");
        }
    }
}

/// Drivers are named where a server or a client is built, and nowhere else; the counters in memory also where they stand in
/// for Redis.
#[test]
fn drivers_are_named_where_they_are_chosen() {
    for (module, text) in core_sources() {
        for (driver, chosen_in) in [("HttpsKeySource", &["client"][..]), ("MemoryCache", &["server", "redis::limits"])]
        {
            let own = text.contains(&format!("pub struct {driver}"));
            assert!(own || chosen_in.contains(&module.as_str()) || !text.contains(driver), "{module} names {driver}");
        }
    }
}

#[test]
fn the_core_knows_no_binding_and_is_safe() {
    let sources = core_sources();
    for (module, text) in &sources {
        let text = text.replace("openapi", "");
        for word in ["napi", "uniffi", "pyo3", "println!", "eprintln!"] {
            assert!(!text.contains(word), "{module} has {word}");
        }
    }
    let (_, root) = sources.iter().find(|(module, _)| module == "lib").unwrap();
    assert!(root.contains("#![forbid(unsafe_code)]"));
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("[features]"));
}

#[test]
fn sql_is_written_in_the_store_alone() {
    for (module, text) in core_sources() {
        if !module.starts_with("store") {
            assert!(!text.contains("SELECT ") && !text.contains("INSERT INTO"), "{module} has SQL");
        }
    }
}

/// P48: a panic in any export is an exception in the host. Synchronous exports must say so themselves, promises reject,
/// and nothing may turn a panic into an abort.
#[test]
fn every_export_of_the_node_binding_catches_panics() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    sources(&root.join("bindings-node/src"), &mut paths);
    let mut exports = 0;
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("#[napi") {
            let attribute = &text[at..at + text[at..].find(']').unwrap()];
            let item = text[at..].lines().find(|line| !line.trim().starts_with('#')).unwrap();
            if !item.contains("fn ") {
                continue;
            }
            exports += 1;
            let promise = attribute.contains("Promise<");
            assert!(promise || attribute.contains("catch_unwind"), "{}: {item}", path.display());
        }
    }
    assert!(exports > 30, "the exports were found");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("panic = \"abort\""));
}

/// The tables of promises and of faults in tests/README.md name files and tests that exist.
#[test]
fn every_promise_names_tests_that_exist() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let readme = std::fs::read_to_string(tests.join("README.md")).unwrap();
    let mut promises = 0;
    let is_row = |line: &&str| line.starts_with("| ") && line.as_bytes()[2].is_ascii_uppercase();
    let has_number = |line: &&str| line.as_bytes().get(3).is_some_and(u8::is_ascii_digit);
    for row in readme.lines().filter(is_row).filter(has_number) {
        promises += usize::from(row.starts_with("| P"));
        for cell in row.rsplit(" | ").next().unwrap().split("; ") {
            let mut quoted = cell.split('`').skip(1).step_by(2);
            let file = quoted.next().unwrap_or_else(|| panic!("{row} names no file"));
            let text = std::fs::read_to_string(tests.join(file)).unwrap_or_else(|_| panic!("{file} is not there"));
            let names: Vec<&str> = quoted.collect();
            assert!(!names.is_empty(), "{row} names no test of {file}");
            for name in names {
                assert!(text.contains(name), "{file} has no {name}");
            }
        }
    }
    assert!(promises > 30, "{promises} promises");
}

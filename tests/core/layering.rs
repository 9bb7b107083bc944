//! The layering rules of core/ARCHITECTURE.md, read off every path to another file of the core.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "layering/references.rs"]
mod references;

use std::path::Path;

use references::{Files, core_sources, plain, sources, sources_of};

/// What a module may use, beside what everybody may.
const RULES: &[(&str, &[&str])] = &[
    // Everybody may use these, so each says what it uses of the others.
    ("clock", &[]),
    ("crypto", &[]),
    ("error", &[]),
    ("failure", &["error"]),
    ("tls", &["crypto", "error"]),
    ("url", &["error"]),
    // Pure decisions: each other, no port, no service, no HTTP.
    ("token", &["token", "assurance", "audit", "json", "flow", "store::model"]),
    ("password", &["password", "histogram"]),
    ("session", &["store::model"]),
    ("identifier", &["identifier"]),
    ("access", &["access", "assurance"]),
    ("limit", &["limit"]),
    ("idempotency", &["idempotency", "duration", "web::authorization", "web::client_ip"]),
    ("duration", &[]),
    ("epoch", &[]),
    ("generations", &[]),
    ("histogram", &[]),
    ("sync", &[]),
    ("json", &[]),
    ("web", &["web"]),
    ("flow", &[]),
    ("audit", &["event"]),
    ("factor", &["factor"]),
    ("import", &["import", "factor", "identifier", "json", "password"]),
    ("message", &["hook"]),
    ("assurance", &["duration"]),
    ("authentication", &["assurance", "factor", "password", "store::model"]),
    // The way through every use case: the host's override, the built-in, the event and the notice.
    ("use_case", &["hook", "service"]),
    // Ports and drivers know the pure modules that they run.
    ("cache", &["cache", "limit"]),
    ("redis", &["cache", "generations", "idempotency", "limit"]),
    ("store", &["store", "assurance", "audit", "factor", "identifier", "config::reader"]),
    ("key_source", &["key_source", "token"]),
    ("hook", &[]),
    ("event", &[]),
    ("telemetry", &["event", "histogram"]),
    // Use cases know no HTTP.
    (
        "service",
        &[
            "service",
            "access",
            "assurance",
            "audit",
            "authentication",
            "cache",
            "config",
            "epoch",
            "event",
            "factor",
            "flow",
            "generations",
            "hook",
            "identifier",
            "import",
            "key_source",
            "limit",
            "message",
            "password",
            "session",
            "store",
            "telemetry",
            "token",
            "use_case",
            "web::cookie",
        ],
    ),
    // Options become rules of the modules that follow them.
    (
        "config",
        &[
            "config",
            "access",
            "assurance",
            "audit",
            "duration",
            "factor",
            "hook",
            "web::client_ip",
            "web::cookie",
            "web::origin",
            "identifier",
            "key_source::uri",
            "limit",
            "password",
            "session",
            "store::dialect",
            "token",
            "web",
        ],
    ),
    ("settings", &["settings", "config", "duration", "identifier", "message", "wire"]),
    (
        "http",
        &[
            "http",
            "access",
            "assurance",
            "audit",
            "config",
            "event",
            "hook",
            "json",
            "limit",
            "message",
            "service",
            "session",
            "store::model",
            "telemetry",
            "token",
            "use_case",
            "web",
        ],
    ),
    // The surface that bindings see.
    ("numbered", &[]),
    ("host", &["http", "idempotency", "import"]),
    (
        "server",
        &[
            "server",
            "access",
            "assurance",
            "cache",
            "config",
            "duration",
            "epoch",
            "event",
            "hook",
            "http",
            "idempotency",
            "limit",
            "message",
            "password",
            "programmatic::CALLS",
            "redis",
            "service",
            "store",
            "telemetry",
            "token",
            "web",
        ],
    ),
    (
        "client",
        &[
            "access",
            "assurance",
            "config",
            "epoch",
            "event",
            "hook",
            "http",
            "key_source",
            "server::VerifiedAccess",
            "service::remote_keys",
            "telemetry",
        ],
    ),
    (
        "programmatic",
        &["programmatic", "audit", "authentication", "event", "server", "service", "telemetry", "use_case"],
    ),
    (
        "standalone",
        &["config::reader", "config::secret", "password", "server::VerifiedAccess", "service::input", "token"],
    ),
    ("protect_host", &["assurance", "client", "epoch", "event", "http", "server", "telemetry"]),
    ("wire", &["wire", "assurance", "event", "hook", "http", "idempotency", "limit", "message", "server", "token"]),
];

/// What everybody may use.
const COMMON: &[&str] = &["clock", "crypto", "error", "failure", "sync", "tls", "url"];

#[test]
fn modules_use_what_their_layer_may() {
    let (mut broken, mut looked_at) = (Vec::new(), 0);
    let sources = core_sources();
    let files = Files::read(&sources);
    for (module, _) in &sources {
        let top = module.split("::").next().unwrap();
        if top == "lib" {
            continue;
        }
        let (_, allowed) = RULES.iter().find(|(layer, _)| *layer == top).unwrap_or_else(|| panic!("no row for {top}"));
        for path in files.references(plain(module)) {
            looked_at += 1;
            let fits = |prefix: &str| path == prefix || path.starts_with(&format!("{prefix}::"));
            let is_common = || COMMON.iter().any(|prefix| fits(prefix)) && !COMMON.contains(&top);
            if !fits(top) && !is_common() && !allowed.iter().any(|prefix| fits(prefix)) {
                broken.push(format!("{module} uses {path}"));
            }
        }
    }
    assert!(looked_at > 2500, "only {looked_at} paths were found");
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Reading one file must not need another that needs the first.
#[test]
fn no_files_go_in_a_circle() {
    let files = Files::read(&core_sources());
    let mut needs = files.needs();
    let count = needs.values().map(|needed| needed.len()).sum::<usize>();
    assert!(count > 1500, "only {count} needs were found");
    // What needs nothing that is left is in no circle; what remains at the end is in one, or leads to one.
    loop {
        let leaves: Vec<&str> = needs.iter().filter(|(_, needed)| needed.is_empty()).map(|(name, _)| *name).collect();
        if leaves.is_empty() {
            break;
        }
        for leaf in leaves {
            needs.remove(leaf);
            needs.values_mut().for_each(|needed| {
                needed.remove(leaf);
            });
        }
    }
    assert!(needs.is_empty(), "{needs:#?}");
}

#[test]
fn paths_are_read_in_every_form() {
    let of = |module: &str, text: &str| (module.to_owned(), text.to_owned());
    let sources = [
        of("one::mod", "pub mod two;\nmod leaf;\npub use leaf::Leaf;\npub use star::*;\nuse leaf::inner;\n"),
        of("one::leaf", "pub struct Leaf;\npub(super) fn inner() {}\nfn own() {\n    let one = inner();\n}\n"),
        of("one::star", "pub enum Star { Of }\n"),
        of("one::two::mod", "use crate::a::{b, c::{d as x, e}};\npub use super::f;\n// crate::g\nmod three;\n"),
        of("one::two::three", "pub fn j() { super::super::i::j(crate::k::L) }\npub(in crate::one) struct H;\n"),
        of("up", "use crate::one::{self, two};\n\nfn q() {\n    two::three::j(one::Star::Of, one::Leaf);\n}\n"),
        of("down", "\nmod tests {\n    use super::{M, n::O};\n    fn p() { super::super::up::q() }\n}\n"),
        of("child", "mod bare;\n\nfn f(bare: u8) { bare::g(bare) }\n"),
        of("child::bare", "pub fn g() { self::h() }\n"),
        of("calls::mod", "mod inner;\npub use inner::*;\nfn f() {\n    taken()\n}\n"),
        of("calls::inner", "pub fn taken() {}\n"),
        of("names::mod", "mod inner;\npub use inner::*;\nenum E {\n    V,\n}\nfn f(s: S) -> u8 {\n    s.taken\n}\n"),
        of("names::inner", "pub fn taken() {}\npub struct V;\npub fn inner() {}\n"),
        of("lib", "pub mod one;\n"),
    ];
    let files = Files::read(&sources);
    let read = |module: &str| {
        let mut found = files.references(module);
        found.sort();
        found
    };
    assert_eq!(read("one::two"), ["a::b", "a::c::d", "a::c::e", "one::f"]);
    assert_eq!(read("one::two::three"), ["k::L", "one::i::j"]);
    assert_eq!(read("down"), ["down::M", "down::n::O", "up::q"]);
    assert_eq!(read("child"), ["child::bare::g"]);
    assert_eq!(files.file_of("one::Leaf::new"), Some("one::leaf"));
    assert_eq!(files.file_of("one::inner"), Some("one::leaf"));
    assert_eq!(files.file_of("one::Star"), Some("one::star"));
    assert_eq!(files.file_of("one::other"), Some("one"));
    let needs = files.needs();
    let of = |module: &str| needs[module].iter().copied().collect::<Vec<_>>();
    assert_eq!(of("up"), ["one::leaf", "one::star", "one::two::three"]);
    assert_eq!(of("one"), ["one::leaf"], "a name that is brought in for children");
    assert_eq!(of("one::two::three"), ["one"]);
    assert_eq!(of("child"), ["child::bare"]);
    assert_eq!(of("calls"), ["calls::inner"]);
    assert!(of("names").is_empty(), "members, variants and modules of the same names");
    assert!(of("child::bare").is_empty() && of("one::leaf").is_empty());
}

#[test]
fn pure_modules_wait_for_nothing() {
    for (module, text) in core_sources() {
        let top = module.split("::").next().unwrap();
        if [
            "token",
            "session",
            "identifier",
            "access",
            "limit",
            "duration",
            "generations",
            "web",
            "assurance",
            "authentication",
            "factor",
            "flow",
            "audit",
            "import",
            "message",
            "json",
        ]
        .contains(&top)
        {
            assert!(!text.contains("async fn") && !text.contains(".await"), "{module} waits");
        }
    }
}

/// A session is opened by proofs alone: the store writes one in `sessions::open`, which takes nothing but an
/// `Authenticated`, the word of the host is taken from programmatic calls, and a factor is proved where its code is
/// verified or spent. The bindings have no door at all.
#[test]
fn a_session_has_one_door() {
    let of_binding = |folder: &'static str| {
        let inside = sources_of(&format!("{folder}/src"));
        assert!(inside.len() > 5, "the files of {folder} were read");
        inside.into_iter().map(move |(module, text)| (format!("{folder}::{module}"), text))
    };
    let bindings = ["bindings-node", "bindings-python"].into_iter().flat_map(of_binding);
    for (module, text) in core_sources().into_iter().chain(bindings) {
        for (call, from) in [
            (".create_session(", &["service::sessions", "store::pooled", "store::sql::port"][..]),
            (".reauthenticate(", &["service::reauthenticate", "store::pooled", "store::sql::port"]),
            ("HostWord::given(", &["programmatic::sessions"]),
            ("PasswordProof(", &["password::mod"]),
            ("by_recovery(", &["authentication", "service::second_factor"]),
            ("EarlierProof::of(", &["service::second_factor"]),
            ("SentCode::of(", &["service::redeem"]),
            ("Ok(Found {", &["service::redeem"]),
            ("Ok(Redeemed {", &["service::redeem"]),
            ("Authenticated {", &["authentication"]),
        ] {
            assert!(!text.contains(call) || from.contains(&module.as_str()), "{module} has {call}");
        }
    }
}

/// Drivers are named where a server or a client is built, and nowhere else; the counters in memory also where they
/// stand in for Redis.
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
    let manifest: toml::Table = manifest.parse().unwrap();
    let features: Vec<_> = manifest["features"].as_table().unwrap().iter().collect();
    assert!(matches!(&features[..], [(name, _)] if *name == "schedules"), "{features:?}");
    for (module, text) in &sources {
        let is_known = module.starts_with("sync") || module == "redis::mod";
        assert!(is_known || !text.contains("feature ="), "{module} differs by a feature");
    }
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

//! The layering rules of core/ARCHITECTURE.md, read off every path that begins with `crate::` or `super::`.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a module may use, beside what everybody may.
const RULES: &[(&str, &[&str])] = &[
    // Pure decisions: each other, no port, no service, no HTTP.
    ("token", &["token", "assurance", "audit", "json", "flow", "store::model"]),
    ("password", &["password"]),
    ("session", &["store::model"]),
    ("identifier", &["identifier"]),
    ("access", &["access", "assurance"]),
    ("limit", &["limit"]),
    ("idempotency", &["idempotency", "duration", "web::authorization", "web::client_ip", "web::token_path"]),
    ("duration", &[]),
    ("generations", &[]),
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
    ("telemetry", &["event"]),
    ("failure", &[]),
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

/// Writes `a::{b, c::{d, e}}` out as `a::b`, `a::c::d` and `a::c::e`.
fn write_out(tree: &str, paths: &mut Vec<String>) {
    let Some((prefix, list)) = tree.split_once('{') else {
        return paths.push(tree.split(" as ").next().unwrap().trim().to_owned());
    };
    let list = list.trim().strip_suffix('}').unwrap();
    let (mut depth, mut from) = (0, 0);
    for (at, letter) in list.char_indices().chain([(list.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let item = list[from..at].trim();
                if !item.is_empty() {
                    write_out(&format!("{}{item}", prefix.trim()), paths);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// The paths from `crate` on to which a module refers, in `use` lines and in the code, without those of comments.
fn references(module: &str, text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap()).collect();
    let (code, mut paths) = (code.join("\n"), Vec::new());
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':') {
                continue;
            }
            let ups = usize::from(root == "super::" && is_in_an_inline_module(&code[..at]));
            let line = &code[code[..at].rfind(['\n', ';']).map_or(0, |end| end + 1)..at];
            let is_use = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
            if is_use.trim_start_matches("pub ").starts_with("use ") {
                write_out(code[at + ups * root.len()..].split(';').next().unwrap(), &mut paths);
            } else {
                let end = |letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':');
                paths.push(code[at + ups * root.len()..].split(end).next().unwrap().trim_end_matches(':').to_owned());
            }
        }
    }
    let absolute = |path: String| {
        if let Some(path) = path.strip_prefix("crate::") {
            return path.to_owned();
        }
        let ups = path.split("::").take_while(|part| *part == "super").count();
        let mut parts: Vec<&str> = module.split("::").collect();
        parts.truncate(parts.len().saturating_sub(ups));
        parts.extend(path.split("::").skip(ups));
        parts.join("::")
    };
    paths.into_iter().map(absolute).collect()
}

/// Whether the code before a place ends inside `mod name { ... }`, where the first `super` is the file itself.
fn is_in_an_inline_module(before: &str) -> bool {
    let opened =
        before.match_indices("\nmod ").filter(|(at, _)| before[*at + 1..].lines().next().unwrap().ends_with('{'));
    opened.last().is_some_and(|(at, _)| !before[at..].contains("\n}"))
}

/// The name of a module without the `mod` of a folder's file.
fn plain(module: &str) -> &str {
    module.strip_suffix("::mod").unwrap_or(module)
}

#[test]
fn modules_use_what_their_layer_may() {
    let mut broken = Vec::new();
    let mut looked_at = 0;
    for (module, text) in core_sources() {
        let top = module.split("::").next().unwrap();
        let Some((_, allowed)) = RULES.iter().find(|(layer, _)| *layer == top) else { continue };
        for path in references(plain(&module), &text) {
            looked_at += 1;
            let fits = |prefix: &str| path == prefix || path.starts_with(&format!("{prefix}::"));
            if !fits(top) && !COMMON.iter().chain(*allowed).any(|prefix| fits(prefix)) {
                broken.push(format!("{module} uses {path}"));
            }
        }
    }
    assert!(looked_at > 700, "only {looked_at} paths were found");
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Reading one file must not need another that needs the first.
#[test]
fn no_files_go_in_a_circle() {
    let sources = core_sources();
    let names: BTreeSet<&str> = sources.iter().map(|(module, _)| plain(module)).filter(|name| *name != "lib").collect();
    let file_of = |path: &str| {
        let mut path = path;
        loop {
            match names.get(path) {
                Some(name) => return Some(*name),
                None => path = path.rsplit_once("::")?.0,
            }
        }
    };
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, text) in &sources {
        let module = plain(module);
        let found = references(module, text).into_iter().filter_map(|path| file_of(&path));
        uses.insert(module, found.filter(|file| *file != module).collect());
    }
    assert!(uses.values().map(BTreeSet::len).sum::<usize>() > 400, "the files were read");
    // What uses nothing that is left is in no circle; what remains at the end is in one, or leads to one.
    loop {
        let leaves: Vec<&str> = uses.iter().filter(|(_, used)| used.is_empty()).map(|(name, _)| *name).collect();
        if leaves.is_empty() {
            break;
        }
        for leaf in leaves {
            uses.remove(leaf);
            uses.values_mut().for_each(|used| {
                used.remove(leaf);
            });
        }
    }
    assert!(uses.is_empty(), "{uses:#?}");
}

#[test]
fn paths_are_read_in_every_form() {
    let text = "use crate::a::{b, c::{d as x, e}};\npub use super::f;\n// crate::g\nfn h() { super::super::i::j(crate::k::L) }";
    let mut found = references("one::two::three", text);
    let inner = "\nmod tests {\n    use super::{M, n::O};\n    fn p() { super::super::q() }\n}\n";
    found.extend(references("one", inner).into_iter().map(|path| format!("inner {path}")));
    found.sort();
    let inner = ["inner one::M", "inner one::n::O", "inner q"];
    let outer = ["a::b", "a::c::d", "a::c::e", "k::L", "one::i::j", "one::two::f"];
    assert_eq!(found, [&outer[..3], &inner, &outer[3..]].concat());
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
        ]
        .contains(&top)
        {
            assert!(!text.contains("async fn") && !text.contains(".await"), "{module} waits");
        }
    }
}

/// A session is opened by proofs alone: the store writes one in `sessions::open`, which takes nothing but an
/// `Authenticated`, and the word of the host is taken from programmatic calls.
#[test]
fn a_session_has_one_door() {
    for (module, text) in core_sources() {
        for (call, from) in [
            (".create_session(", &["service::sessions", "store::pooled", "store::sql::port"][..]),
            (".reauthenticate(", &["service::reauthenticate", "store::pooled", "store::sql::port"]),
            ("HostWord::given(", &["programmatic"]),
            ("PasswordProof(", &["password::mod"]),
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

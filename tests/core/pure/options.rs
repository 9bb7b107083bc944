//! No option of the library is missing in the types of a language or in the reference.

use std::path::Path;

use sentri_core::config::table::{Group, OPTIONS, Row};
use sentri_core::programmatic::CALLS;

/// In TypeScript the environment says it, and a wheel has no Kysely.
const ABSENT: &[(&str, &str)] =
    &[("production", "ts"), ("dialect", "py"), ("dialectKind", "py"), ("production", "md"), ("mode", "py")];

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

fn missing(kind: &str, texts: &[&str], form: impl Fn(&str) -> String) -> Vec<&'static str> {
    let all = texts.iter().map(|path| text(path)).collect::<String>();
    let is_of_the_library = |row: &&Row| row.group != Group::Serve && !row.name.contains('.');
    let names = OPTIONS.iter().filter(is_of_the_library).map(|row| row.name);
    names.filter(|name| !ABSENT.contains(&(name, kind)) && !all.contains(&form(name))).collect()
}

fn snake(name: &str) -> String {
    name.chars()
        .flat_map(|c| if c.is_ascii_uppercase() { vec!['_', c.to_ascii_lowercase()] } else { vec![c] })
        .collect()
}

#[test]
fn every_option_has_its_type_and_its_line_in_the_reference() {
    let none: Vec<&str> = Vec::new();
    let typescript =
        missing("ts", &["npm/src/types.ts", "npm/src/generated/option-types.ts"], |name| format!("\n  {name}"));
    assert_eq!(typescript, none, "npm/src/types.ts");
    let files = ["bindings-python/python/sentri/types.py", "bindings-python/python/sentri/option_types.py"];
    assert_eq!(missing("py", &files, |name| format!("\n    {}: ", snake(name))), none, "types.py");
    let pages = ["docs/reference/options.md", "docs/guide/client-mode.md"];
    assert_eq!(missing("md", &pages, |name| format!("`{name}`")), none, "docs/reference/options.md");
}

#[test]
fn every_call_is_in_both_languages() {
    let texts =
        |folder: &str, files: &[&str]| files.iter().map(|file| text(&format!("{folder}/{file}"))).collect::<String>();
    let typescript = texts("npm/src", &["calls.ts", "server.ts", "cli/command.ts"]);
    let python = texts("bindings-python/python/sentri", &["server_calls.py", "administration.py", "cli/command.py"]);
    for (language, text) in [("TypeScript", typescript), ("Python", python)] {
        let missing: Vec<_> = CALLS.iter().filter(|name| !text.contains(&format!("\"{name}\""))).collect();
        assert!(missing.is_empty(), "{language} has no call for {missing:?}");
    }
}

//! No option is missing in the types of a language, in the command `sentri serve` or in the reference.

use std::path::Path;

use sentri_core::config::table::{Group, OPTIONS, OptionRow};
use sentri_core::programmatic::CALLS;
use sentri_core::{AuthServer, Error, Host};
use serde_json::json;

/// In TypeScript the environment says it, and a wheel has no Kysely.
const ABSENT: &[(&str, &str)] =
    &[("production", "ts"), ("dialect", "py"), ("dialectKind", "py"), ("production", "md"), ("mode", "py")];

/// The types whose members are the options.
const ROOTS: &str =
    "ServerOptions ServerSettings _ServerNeeds ClientOptions ClientSettings _ClientNeeds _CommonOptions";

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

fn texts(folder: &str, files: &[&str]) -> String {
    files.iter().map(|file| text(&format!("{folder}/{file}"))).collect()
}

/// Declarations without the lines of comments, whose examples look like members.
fn declarations(folder: &str, files: &[&str]) -> String {
    let all = texts(folder, files);
    let is_code = |line: &&str| !["*", "/*", "//", "#"].iter().any(|mark| line.trim_start().starts_with(mark));
    all.lines().filter(is_code).flat_map(|line| [line, "\n"]).collect()
}

/// The options of a kind of place that `is_there` does not find, but for those that are absent there.
fn missing(rows: impl Fn(&OptionRow) -> bool, kind: &str, is_there: impl Fn(&OptionRow) -> bool) -> Vec<&'static str> {
    let wanted = |row: &&OptionRow| rows(row) && !ABSENT.contains(&(row.name, kind));
    let names: Vec<_> = OPTIONS.iter().filter(wanted).map(|row| (row.name, is_there(row))).collect();
    assert!(names.len() > 15, "only {} options of {kind}", names.len());
    names.into_iter().filter(|(_, is_there)| !is_there).map(|(name, _)| name).collect()
}

fn of_the_library(row: &OptionRow) -> bool {
    row.group != Group::Serve
}

fn snake(name: &str) -> String {
    name.chars()
        .flat_map(|c| if c.is_ascii_uppercase() { vec!['_', c.to_ascii_lowercase()] } else { vec![c] })
        .collect()
}

fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The declarations of a language: `interface X` or `class X`, each up to the next one.
struct Types<'a> {
    text: &'a str,
    opening: &'static str,
}

impl<'a> Types<'a> {
    /// The text of an option's members, by its dotted name.
    fn option(&self, name: &str) -> Option<&'a str> {
        name.split('.').try_fold(ROOTS, |scope, member| self.member(scope, member))
    }

    /// The type of a member: in `scope` itself, in the types that it names, or in those that these extend.
    fn member(&self, scope: &'a str, name: &str) -> Option<&'a str> {
        let named: Vec<&str> = self.named(scope).collect();
        let extended = named.iter().filter_map(|text| text.lines().next()).flat_map(|head| self.named(head));
        [scope].into_iter().chain(named.iter().copied()).chain(extended).find_map(|text| typed(text, name))
    }

    /// The declarations of the types whose names stand in a text.
    fn named(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let words =
            text.split(|c| !is_of_a_word(c)).filter(|word| word.starts_with(|c: char| c == '_' || c.is_uppercase()));
        words.filter_map(|word| self.declaration(word))
    }

    fn declaration(&self, name: &str) -> Option<&'a str> {
        let opening = format!("{}{name}", self.opening);
        let whole = |(at, _): &(usize, &str)| !self.text[at + opening.len()..].starts_with(is_of_a_word);
        let (start, _) = self.text.match_indices(&opening).find(whole)?;
        let length = self.text[start + 1..].find(self.opening).map_or(self.text.len() - start, |length| length + 1);
        Some(&self.text[start..start + length])
    }
}

/// The text behind the name of a member, up to the end of its line or, if braces open there, of what they hold.
fn typed<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let begins = |(at, _): &(usize, &str)| {
        let (before, after) = (&text[..*at], &text[at + name.len()..]);
        // A member, or one of the names in `Record<"a" | "b", …>`.
        let is_member = before.ends_with([' ', '\n']) && (after.starts_with(": ") || after.starts_with("?:"));
        is_member || (before.ends_with('"') && after.starts_with('"'))
    };
    let (start, _) = text.match_indices(name).find(begins)?;
    let (mut depth, mut end) = (0, text.len());
    for (at, c) in text[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            '\n' if depth <= 0 && !text[start + at..].trim_start().starts_with(['|', '{']) => {
                end = start + at;
                break;
            }
            _ => {}
        }
    }
    Some(&text[start..end])
}

#[test]
fn every_option_has_its_type() {
    let none: Vec<&str> = Vec::new();
    let files = ["types.ts", "types-database.ts", "types-messages.ts", "generated/option-types.ts"];
    let all = declarations("npm/src", &files);
    let typescript = Types { text: &all, opening: "interface " };
    assert_eq!(missing(of_the_library, "ts", |row| typescript.option(row.name).is_some()), none, "npm/src/types.ts");
    let all = declarations("bindings-python/python/sentri", &["types.py", "option_types.py"]);
    let python = Types { text: &all, opening: "class " };
    assert_eq!(missing(of_the_library, "py", |row| python.option(&snake(row.name)).is_some()), none, "types.py");
}

/// The treatment of an option of the command itself: the core works it out, or the command of each language reads it.
#[test]
fn every_option_of_the_command_is_read() {
    let core: String = ["mod.rs", "delivery.rs"]
        .iter()
        .map(|file| text(&format!("core/src/settings/{file}")).split("#[cfg(test)]").next().unwrap().to_owned())
        .collect();
    let typescript = text("npm/src/cli/settle.ts");
    let python = texts("bindings-python/python/sentri/cli", &["serve.py", "options.py"]);
    let is_read = |row: &OptionRow| {
        let name = row.name;
        let by_python = [format!("[\"{name}\"]"), format!(".get(\"{name}\"")];
        let by_both = typescript.contains(&format!("\n  {name}: ")) || typescript.contains(&format!("\n  {name}?: "));
        let by_both = by_both && by_python.iter().any(|form| python.contains(form));
        by_both || core.contains(&format!("\"{name}\""))
    };
    let none: Vec<&str> = Vec::new();
    assert_eq!(missing(|row| row.group == Group::Serve, "serve", is_read), none);
}

#[test]
fn every_option_stands_in_the_reference() {
    let none: Vec<&str> = Vec::new();
    let options = text("docs/reference/options.md") + &text("docs/guide/client-mode.md");
    let row_of = |name: &str| options.lines().find(|line| line.starts_with(&format!("| `{name}`"))).unwrap_or_default();
    let is_there = |row: &OptionRow| match row.name.split_once('.') {
        None => options.contains(&format!("`{}`", row.name)),
        Some((object, _)) => {
            let leaf = row.name.rsplit('.').next().unwrap();
            let own = row_of(object);
            let other = own.split("as of `").nth(1).and_then(|rest| rest.split('`').next()).map_or("", row_of);
            let names = |line: &str| line.split(|c| !is_of_a_word(c)).any(|word| word == leaf);
            names(own) || names(other) || names(row_of(row.name))
        }
    };
    assert_eq!(missing(of_the_library, "md", is_there), none, "docs/reference/options.md");
    let settings = text("docs/reference/settings.md");
    let is_set = |row: &OptionRow| {
        let cells = row.flag().map(|flag| format!("| `{}` | `--{flag}`<br>`{}`", row.key(), row.variables()[0]));
        cells.is_none_or(|cells| settings.contains(&cells))
    };
    assert_eq!(missing(|_| true, "settings", is_set), none, "docs/reference/settings.md");
}

/// The table of calls is what runs them: a name is there once, and what is not there does not exist.
#[tokio::test]
async fn the_table_of_calls_is_their_dispatch() {
    assert!(CALLS.is_sorted_by(|one, next| one < next), "by name, each once: {CALLS:?}");
    let (db, secret) = ("sqlite::memory:", "s".repeat(64));
    let options = json!({ "mode": "server", "db": db, "validRoles": ["user"], "secret": secret });
    let server = AuthServer::new(&options, Host::default()).unwrap();
    let is_unknown = |error: Error| error.message.contains("does not exist");
    for name in CALLS.iter().filter(|name| !matches!(**name, "close" | "serveCommandLine")) {
        let error = server.call(name, json!([])).await.err();
        assert!(!error.is_some_and(is_unknown), "{name}() is in the table");
    }
    for name in ["", "Register", "registerUser", "constructor", "get_user"] {
        let error = server.call(name, json!([])).await.err();
        assert!(error.is_some_and(is_unknown), "{name}() is not in the table");
    }
}

#[test]
fn every_call_is_in_both_languages() {
    let typescript = texts("npm/src", &["calls.ts", "server.ts", "cli/command.ts"]);
    let python = texts("bindings-python/python/sentri", &["server_calls.py", "administration.py", "cli/command.py"]);
    for (language, text) in [("TypeScript", typescript), ("Python", python)] {
        let missing: Vec<_> = CALLS.iter().filter(|name| !text.contains(&format!("\"{name}\""))).collect();
        assert!(missing.is_empty(), "{language} has no call for {missing:?}");
    }
}

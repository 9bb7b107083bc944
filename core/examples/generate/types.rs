//! The types of the options in TypeScript and Python, from the table of options. An option that only code can give, a
//! database and what depends on the application's roles are written by hand beside them.

use std::fmt::Write as _;

use sentri_core::config::table::{Group, OPTIONS, OptionKind, OptionRow};
use sentri_core::hook::Operation;

/// The language of a type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    TypeScript,
    Python,
}
use Language::{Python, TypeScript};

/// Options whose types stand in `types.ts` and `types.py`: required ones, and those that are no plain data.
const BY_HAND: &[&str] = &["mode", "db", "validRoles", "messages", "verification", "administration"];

/// Types that say more than the kind of the option does: name, in TypeScript, in Python.
const EXACT: &[(&str, &str, &str)] = &[
    ("apiKey", "string | readonly string[]", "Union[str, Sequence[str]]"),
    ("encryptionKey", "string | readonly string[]", "Union[str, Sequence[str]]"),
    ("secret", "string", "Union[str, bytes]"),
    ("algorithm", "Algorithm", "Algorithm"),
    ("algorithms", "readonly AsymmetricAlgorithm[]", "Sequence[Algorithm]"),
    ("password", "PasswordOptions", "PasswordOptions"),
    (
        "rateLimit.messages",
        "Partial<Record<\"perMinute\" | \"perHour\" | \"perAddress\", number | undefined>>",
        "MessageLimitOptions",
    ),
    ("cookie.prefix", "\"__Host-\" | \"__Secure-\" | \"\"", "Literal[\"__Host-\", \"__Secure-\", \"\"]"),
    ("cookie.sameSite", "\"lax\" | \"strict\" | \"none\"", "Union[Literal[\"lax\", \"strict\", \"none\"], bool]"),
];

fn top_level(group: Group, language: Language) -> impl Iterator<Item = &'static OptionRow> {
    OPTIONS.iter().filter(move |row| {
        let is_here = row.group == group || row.group == Group::Both;
        // Another default in client mode, which its own sentence tells.
        let is_other = group == Group::Client && (row.name == "accessCookie" || row.name == "keyUri");
        let is_roles = language == TypeScript && row.name.ends_with("Roles");
        let is_by_hand = row.kind == OptionKind::Code || BY_HAND.contains(&row.name) || is_roles || is_other;
        is_here && !is_by_hand && !row.name.contains('.')
    })
}

fn members(of: &str) -> impl Iterator<Item = &'static OptionRow> {
    OPTIONS.iter().filter(move |row| row.name.rsplit_once('.').is_some_and(|(object, _)| object == of))
}

/// The objects that have a type of their own. Both cookies have one, that of the access cookie, which has every
/// attribute.
fn objects() -> impl Iterator<Item = &'static OptionRow> {
    OPTIONS.iter().filter(|row| {
        let is_by_hand = row.kind == OptionKind::Code || BY_HAND.contains(&row.name);
        row.name != "cookie" && !row.name.contains('.') && !is_by_hand && members(row.name).next().is_some()
    })
}

fn object_name(of: &str) -> String {
    if of == "cookie" || of == "accessCookie" {
        return "CookieOptions".to_owned();
    }
    let (first, rest) = of.split_at(1);
    format!("{}{rest}Options", first.to_uppercase())
}

/// The names of the options that take this object.
fn options_of(object: &OptionRow, spell: impl Fn(&str) -> String) -> String {
    let own = format!("`{}`", spell(object.name));
    if object.name == "accessCookie" { format!("`{}` or {own}", spell("cookie")) } else { own }
}

fn written(row: &OptionRow, language: Language) -> String {
    let name = row.name.replace("accessCookie.", "cookie.");
    if let Some((_, typescript, python)) = EXACT.iter().find(|(exact, ..)| *exact == name) {
        return if language == TypeScript { (*typescript).to_owned() } else { (*python).to_owned() };
    }
    let words = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>();
    match (row.kind, language) {
        (OptionKind::Text | OptionKind::Table | OptionKind::Code, TypeScript) => "string".to_owned(),
        (OptionKind::Text | OptionKind::Table | OptionKind::Code, Python) => "str".to_owned(),
        (OptionKind::Number(..), TypeScript) => "number".to_owned(),
        (OptionKind::Number(..), Python) => "int".to_owned(),
        (OptionKind::Switch, TypeScript) => "boolean".to_owned(),
        (OptionKind::Switch, Python) => "bool".to_owned(),
        (OptionKind::Members, TypeScript) => format!("boolean | {}", object_name(row.name)),
        (OptionKind::Members, Python) => format!("Union[bool, {}]", object_name(row.name)),
        (OptionKind::List, TypeScript) => "readonly string[]".to_owned(),
        (OptionKind::List, Python) => "Sequence[str]".to_owned(),
        (OptionKind::Duration, _) => "Duration".to_owned(),
        (OptionKind::Proxies, TypeScript) => "false | number | string | readonly string[]".to_owned(),
        (OptionKind::Proxies, Python) => "Union[bool, int, str, Sequence[str]]".to_owned(),
        (OptionKind::Choice(choice), TypeScript) => {
            let mut all = words(choice);
            if members(row.name).next().is_some() {
                all.push(object_name(row.name));
            }
            all.join(" | ")
        }
        (OptionKind::Choice(choice), Python) => {
            let literal = format!("Literal[{}]", words(choice).join(", "));
            if members(row.name).next().is_some() {
                format!("Union[{literal}, {}]", object_name(row.name))
            } else {
                literal
            }
        }
    }
}

/// The sentence of the row as prose, with its default. Advice that is for a command line alone is left out.
fn sentence(row: &OptionRow) -> String {
    let text = row.sentence.split("; ps shows").next().unwrap_or_default();
    let (first, rest) = text.split_at(1);
    // A value of the option stands first, as in `nist: at least 15 characters`.
    let is_value = text.split(' ').next().is_some_and(|word| word.ends_with(':'));
    let text = if is_value { text.to_owned() } else { format!("{}{rest}", first.to_uppercase()) };
    let default = if row.default.is_empty() { String::new() } else { format!(" Default: {}.", row.default) };
    format!("{text}.{default}")
}

/// Breaks `text` into lines of at most `width` characters.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("one line at least");
        if line.is_empty() {
            word.clone_into(line);
        } else if line.len() + 1 + word.len() <= width {
            *line = format!("{line} {word}");
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn snake(name: &str) -> String {
    let own = name.rsplit('.').next().unwrap_or(name);
    own.chars().fold(String::new(), |mut out, character| {
        if character.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
        out
    })
}

/// `full_path` as `fullPath`.
pub fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |out, word| {
        let (initial, rest) = word.split_at(word.len().min(1));
        out + &initial.to_uppercase() + rest
    })
}

fn typescript_member(row: &OptionRow) -> String {
    let own = row.name.rsplit('.').next().unwrap_or(row.name);
    let text = sentence(row);
    let comment = if text.len() <= 110 {
        format!("  /** {text} */\n")
    } else {
        let lines: String = wrap(&text, 115).iter().map(|line| format!("   * {line}\n")).collect();
        format!("  /**\n{lines}   */\n")
    };
    format!("{comment}  {own}?: {} | undefined;\n", written(row, TypeScript))
}

pub fn typescript() -> String {
    let mut out = super::HEAD.to_owned();
    out += "import type { Algorithm, AsymmetricAlgorithm, Duration } from \"../types-common.js\";\n";
    for object in objects() {
        let _ = writeln!(out, "\n/** Members of the option {}. */", options_of(object, str::to_owned));
        let _ = writeln!(out, "export interface {} {{", object_name(object.name));
        out.extend(members(object.name).map(typescript_member));
        out += "}\n";
    }
    for (name, mode, group) in
        [("ServerSettings", "server", Group::Server), ("ClientSettings", "client", Group::Client)]
    {
        let _ = writeln!(out, "\n/** Options of {mode} mode that are plain data. */\nexport interface {name} {{");
        out.extend(top_level(group, TypeScript).map(typescript_member));
        out += "}\n";
    }
    out
}

/// The type of the option `router`.
pub fn overrides() -> String {
    let mut out = super::HEAD.to_owned();
    for (names, file) in [
        ("AuthUser, Identifier, IdentifierInput, IdentifierUpdate, IssuedTokens", "common"),
        ("Override, RegisterInput, User", "common"),
        ("Asked, ResetInput", "messages"),
    ] {
        let _ = writeln!(out, "import type {{ {names} }} from \"../types-{file}.js\";");
    }
    out.push('\n');
    out +=
        "/** Use cases that may be overridden. */\nexport interface RouterOverrides<Role extends string = string> {\n";
    for operation in Operation::ALL {
        let (sentence, input, result) = operation.types();
        let _ =
            writeln!(out, "  /** {sentence} */\n  {}?: Override<{input}, {result}> | undefined;", operation.as_str());
    }
    out + "}\n"
}

fn overrides_in_python() -> String {
    let mut out =
        "\n\n#: An override: ``(input, context, next)``. ``next()`` runs the built-in, with other input if given; \
                   in an\n#: asynchronous function it is awaited.\nOverride = Callable[[Any, Any, Any], Any]\n"
            .to_owned();
    out += "\n\nclass RouterOverrides(TypedDict, total=False):\n    \"\"\"Use cases of your own.\"\"\"\n\n";
    for operation in Operation::ALL {
        let _ = writeln!(
            out,
            "    #: {}\n    {}: Override",
            operation.types().0.replace('`', "``"),
            snake(operation.as_str())
        );
    }
    out
}

fn python_member(row: &OptionRow) -> String {
    let mut out = String::new();
    for line in wrap(&sentence(row), 112) {
        let _ = writeln!(out, "    #: {line}");
    }
    let _ = writeln!(out, "    {}: {}", snake(row.name), written(row, Python));
    out
}

pub fn python() -> String {
    let mut out = super::PYTHON_HEAD.to_owned();
    out += "from collections.abc import Callable, Sequence\nfrom datetime import timedelta\n";
    out += "from typing import Any, Literal, TypedDict, Union\n\n";
    out += "#: A length of time: ``\"15m\"``, ``\"1.5h\"``, ``\"7 days\"``, a timedelta, or a number of seconds.\n";
    out += "Duration = Union[str, int, float, timedelta]\n\n#: Signature algorithms.\nAlgorithm = Literal[\n    ";
    let algorithms = OPTIONS.iter().find(|row| row.name == "algorithm").map(|row| row.kind);
    if let Some(OptionKind::Choice(names)) = algorithms {
        out += &names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    }
    out += "\n]\n";
    out += "\n\nclass MessageLimitOptions(TypedDict, total=False):\n";
    out += "    \"\"\"Members of ``rate_limit[\"messages\"]``.\"\"\"\n\n";
    out += "    per_minute: int\n    per_hour: int\n    per_address: int\n";
    for object in objects() {
        let _ = writeln!(out, "\n\nclass {}(TypedDict, total=False):", object_name(object.name));
        let _ = writeln!(out, "    \"\"\"Members of the option {}.\"\"\"\n", options_of(object, snake));
        out.extend(members(object.name).map(python_member));
    }
    for (name, mode, group) in
        [("ServerSettings", "server", Group::Server), ("ClientSettings", "client", Group::Client)]
    {
        let _ = writeln!(out, "\n\nclass {name}(TypedDict, total=False):");
        let _ = writeln!(out, "    \"\"\"Options of {mode} mode that are plain data.\"\"\"\n");
        out.extend(top_level(group, Python).map(python_member));
    }
    out + &overrides_in_python()
}

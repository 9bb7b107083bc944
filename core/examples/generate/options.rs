//! Writes the table of options as flags of both command lines and as pages of the reference.

use std::fmt::Write as _;

use sentri_core::config::table::{Group, OPTIONS, OptionKind, OptionRow};

/// The word that a flag alone stands for.
fn implied(row: &OptionRow) -> Option<&'static str> {
    match row.kind {
        OptionKind::Switch | OptionKind::Members => Some("on"),
        _ if row.name == "log" => Some("json"),
        _ => None,
    }
}

/// `default`, as a help text has it: one that the command has, or the library.
fn default(row: &OptionRow) -> &'static str {
    match row.name {
        "db" => "",
        "validRoles" => "user,admin",
        "knownDevices" => "on",
        _ => row.default,
    }
}

fn flags() -> impl Iterator<Item = (String, &'static OptionRow)> {
    OPTIONS.iter().filter_map(|row| Some((row.flag()?, row)))
}

pub fn typescript() -> String {
    let mut out = super::HEAD.to_owned();
    out += "import type { Flag } from \"../cli/arguments.js\";\n\n";
    out += "/** The flags of `sentri serve`: one for each option. */\n";
    out += "export const SERVE_FLAGS: Record<string, Flag> = {\n";
    for (flag, row) in flags() {
        let _ = writeln!(out, "  \"{flag}\": {{");
        let _ = writeln!(out, "    value: \"{}\",\n    help: \"{}\",", row.value_name(), row.sentence);
        let _ = writeln!(out, "    env: \"{}\",", row.variables()[0]);
        if !default(row).is_empty() {
            let _ = writeln!(out, "    default: \"{}\",", default(row));
        }
        if let Some(word) = implied(row) {
            let _ = writeln!(out, "    implied: \"{word}\",");
        }
        out += "    settled: true,\n  },\n";
    }
    out + "};\n"
}

pub fn python() -> String {
    let mut out = super::PYTHON_HEAD.to_owned();
    out += "from .cli.arguments import Flag\n\n";
    out += "#: The flags of ``sentri serve``: one for each option.\nSERVE_FLAGS: dict[str, Flag] = {\n";
    for (flag, row) in flags() {
        let text = |name: &str, text: &str| format!("        {name}=\"{text}\",\n");
        let _ = writeln!(out, "    \"{flag}\": Flag(");
        out += &format!("        \"{}\",\n", row.sentence);
        out += &text("value", &row.value_name());
        out += &text("env", &row.variables()[0]);
        if !default(row).is_empty() {
            out += &text("default", default(row));
        }
        if let Some(word) = implied(row) {
            out += &text("implied", word);
        }
        out += "        settled=True,\n    ),\n";
    }
    out + "}\n"
}

/// Every option with its flag, variable and key in a file.
pub fn page() -> String {
    let mut out =
        "<!-- Written by `make generate` from the table of options. Do not edit. -->\n\n# Settings\n\n".to_owned();
    out += "Every option of `sentri serve` by its flag, its variable and its key in a file: see \
            [Configuration](../guide/configuration.md). `NAME_FILE` names a file that holds the value of the \
            variable `NAME`. A dot in a key stands for a table: `rateLimit.maxLoginAttempts` is `maxLoginAttempts` in \
            `[rateLimit]`. What is marked \"reload\" changes while the server runs, by SIGHUP.\n\n";
    out += "The options of the library have the same names and meanings: see [Server options](options.md).\n\n";
    for (title, group) in [("Of the command", Group::Serve), ("Of the auth server", Group::Server)] {
        let _ = writeln!(out, "## {title}\n");
        out += "| Key | Flag, variable | Default | Meaning and example |\n| --- | --- | --- | --- |\n";
        for (flag, row) in flags().filter(|(_, row)| (row.group == Group::Serve) == (group == Group::Serve)) {
            let hot = if row.hot { "; reload" } else { "" };
            let variables: Vec<String> = row.variables().iter().map(|name| format!("`{name}`")).collect();
            let _ = writeln!(
                out,
                "| `{}` | `--{flag}`<br>{} | {} | {}{hot}<br>`{}` |",
                row.key(),
                variables.join(", "),
                default(row),
                row.sentence,
                row.example
            );
        }
        out += "\n";
    }
    out.trim_end().to_owned() + "\n"
}

/// The page of the options of server mode.
pub fn options_page(page: &str) -> String {
    let mut table = format!("{BEGIN}| Option | Default | Meaning |\n|---|---|---|\n");
    for row in OPTIONS.iter().filter(|row| matches!(row.group, Group::Server | Group::Both)) {
        let (default, meaning) = match row.page {
            Some((default, meaning)) => (default.to_owned(), meaning),
            // The environment says it.
            None if row.name.contains('.') || row.name == "production" => continue,
            None if row.default.is_empty() => ("none".to_owned(), row.sentence),
            None => (format!("`{}`", row.default), row.sentence),
        };
        let _ = writeln!(table, "| `{}` | {default} | {meaning} |", row.name);
    }
    filled(page, &table)
}

pub const BEGIN: &str = "<!-- written by `make generate` -->\n";
const END: &str = "<!-- end -->";

/// The page of the command line with the flags of `serve` in the places for them.
pub fn command_line(page: &str) -> String {
    let names = |of: fn(&OptionRow) -> Vec<String>| {
        let all: Vec<String> = flags().flat_map(|(_, row)| of(row)).map(|name| format!("`{name}`")).collect();
        wrapped(&all)
    };
    let flags = names(|row| vec![format!("--{}", row.flag().unwrap_or_default())]);
    let variables = names(OptionRow::variables);
    let text = format!("{BEGIN}Flags: {flags}.\n\nVariables: {variables}.\n");
    filled(page, &text)
}

/// A page with `text`, which begins with the mark, between the marks.
pub fn filled(page: &str, text: &str) -> String {
    page.split(BEGIN)
        .enumerate()
        .map(|(place, part)| match (place, part.split_once(END)) {
            (0, _) | (_, None) => part.to_owned(),
            (_, Some((_, rest))) => format!("{text}{END}{rest}"),
        })
        .collect()
}

/// Words with commas between them, in lines of at most 140 characters.
fn wrapped(words: &[String]) -> String {
    let (mut out, mut width) = (String::new(), 12);
    for (place, word) in words.iter().enumerate() {
        if width + word.len() > 138 {
            out.push('\n');
            width = 0;
        } else if place > 0 {
            out.push(' ');
        }
        out += word;
        if place + 1 < words.len() {
            out.push(',');
        }
        width += word.len() + 2;
    }
    out
}

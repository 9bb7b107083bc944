//! The sources of the packages keep to their measure: 300 lines a file, 120 columns a line, 60 lines a function, and
//! comments that say what a thing does. Tables may be longer.

use std::path::{Path, PathBuf};

const FOLDERS: &[&str] = &[
    "core/src",
    "core/examples",
    "bindings-node/src",
    "bindings-python/src",
    "bindings-python/bindgen",
    "bindings-python/python",
    "bindings-python/scripts",
    "npm/src",
    "npm/scripts",
    "platforms",
];
/// Tables, and what `make generate` and the build write.
const TABLES: &[&str] =
    &["rows.rs", "generated", "native.py", "option_types.py", "serve_flags.py", "tables.py", "wire.py", "_native"];
const LINES: usize = 300;
const COLUMNS: usize = 120;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if TABLES.contains(&name) {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| ["rs", "ts", "mjs", "py"].iter().any(|known| kind == *known)) {
            found.push(path);
        }
    }
}

#[test]
fn files_and_lines_are_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    for folder in FOLDERS {
        sources(&root.join(folder), &mut paths);
    }
    assert!(paths.len() > 300, "{} files", paths.len());
    let mut long = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if lines > LINES {
            long.push(format!("{}: {lines} lines", path.display()));
        }
        let wide = text.lines().enumerate().filter(|(_, line)| line.chars().count() > COLUMNS);
        long.extend(wide.map(|(at, _)| format!("{}:{}", path.display(), at + 1)));
    }
    assert!(long.is_empty(), "longer than {LINES} lines or {COLUMNS} columns:\n{}", long.join("\n"));
}

/// Openings of a comment that ask instead of saying what a thing does.
const ASKING: &[&str] = &["What", "Who", "Whom", "Whose", "How", "Where", "When"];
/// Opens a comment of Rust, TypeScript or Python.
const MARKS: &[&str] = &["///", "//!", "/**", "\"\"\"", "#:"];

/// The first words of the doc comments of a file.
fn openings(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut before = None;
    let mut lines = text.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let mark = MARKS.iter().find(|mark| line.starts_with(**mark));
        if let Some(mark) = mark.filter(|mark| before != Some(**mark)) {
            let rest = line[mark.len()..].trim();
            let next = lines.peek().map(|line| line.trim_start_matches('*').trim());
            let opening = if rest.is_empty() { next.unwrap_or_default() } else { rest };
            found.extend(opening.split(|c: char| !c.is_alphanumeric()).next());
        }
        before = mark.copied();
    }
    found
}

#[test]
fn doc_comments_say_what_a_thing_does_first() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    for folder in FOLDERS {
        sources(&root.join(folder), &mut paths);
    }
    let (mut all, mut asking) = (0, Vec::new());
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let words = openings(&text);
        all += words.len();
        asking.extend(
            words.iter().filter(|word| ASKING.contains(word)).map(|word| format!("{}: {word}", path.display())),
        );
    }
    assert!(all > 5_000, "{all} comments");
    assert!(asking.len() * 100 < all * 2, "{} of {all} doc comments ask:\n{}", asking.len(), asking.join("\n"));
}

/// The functions of a Python file that are longer than `most` lines.
fn long_functions(text: &str, most: usize) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_function = |line: &str| ["def ", "async def "].iter().any(|word| line.trim_start().starts_with(word));
    let length = |at: usize| {
        let is_within =
            |line: &&str| line.trim().is_empty() || indent(line) > indent(lines[at]) || line.trim().starts_with(')');
        let rest: Vec<&&str> = lines[at + 1..].iter().take_while(|line| is_within(line)).collect();
        1 + rest.len() - rest.iter().rev().take_while(|line| line.trim().is_empty()).count()
    };
    let functions = (0..lines.len()).filter(|at| is_function(lines[*at]) && length(*at) > most);
    functions.map(|at| format!("{} {}", at + 1, lines[at].trim())).collect()
}

/// Clippy and Biome hold Rust and TypeScript to the same.
#[test]
fn functions_of_python_fit_a_screen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings-python");
    let mut paths = Vec::new();
    sources(&root.join("python"), &mut paths);
    sources(&root.join("scripts"), &mut paths);
    let long: Vec<String> = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "py"))
        .flat_map(|path| long_functions(&std::fs::read_to_string(path).unwrap(), 60))
        .collect();
    assert!(long.is_empty(), "functions of more than 60 lines:\n{}", long.join("\n"));
    let example = format!("def f(\n    a,\n):\n{}\n\nx = 1\n", ["    pass"; 58].join("\n"));
    assert_eq!(long_functions(&example, 60), ["1 def f("]);
}

//! The sources of the packages keep to their measure: 300 lines a file, 120 columns a line. Tables may be longer.

use std::path::{Path, PathBuf};

const FOLDERS: &[&str] = &[
    "core/src",
    "core/examples",
    "bindings-node/src",
    "bindings-python/src",
    "bindings-python/bindgen",
    "bindings-python/python",
    "npm/src",
    "npm/scripts",
    "platforms",
];
/// Tables, and what `make generate` and the build write.
const TABLES: &[&str] = &["rows.rs", "generated", "serve_flags.py", "option_types.py", "tables.py", "_native"];
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

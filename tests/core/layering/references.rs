//! The paths by which files of the core refer to each other, and the file that each of them ends in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// All Rust files in a folder and below.
pub fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The files below a folder of the repository: module and text of each.
pub fn sources_of(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let name = |path: &Path| path.strip_prefix(&root).unwrap().with_extension("").to_str().unwrap().replace('/', "::");
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The files of the core.
pub fn core_sources() -> Vec<(String, String)> {
    sources_of("core/src")
}

/// The name of a module without the `mod` of a folder's file.
pub fn plain(module: &str) -> &str {
    module.strip_suffix("::mod").unwrap_or(module)
}

/// A name that a `use` line brings in, and the path from `crate` on that it stands for.
#[derive(Debug)]
struct Import {
    name: String,
    path: String,
    is_public: bool,
}

/// A file: the names that it brings in, the paths in its code, and the code without comments and `use` lines.
#[derive(Debug)]
struct File {
    imports: Vec<Import>,
    paths: Vec<String>,
    body: String,
}

/// Writes `a::{b, c::{d as x, e}}` out as `a::b` named `b`, `a::c::d` named `x` and `a::c::e` named `e`.
fn write_out(tree: &str, found: &mut Vec<(String, String)>) {
    let Some((prefix, list)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, tree.rsplit("::").next().unwrap()));
        let path = path.trim();
        let Some(of_module) = path.strip_suffix("::self") else {
            return found.push((path.to_owned(), name.trim().to_owned()));
        };
        let name = if name.trim() == "self" { of_module.rsplit("::").next().unwrap() } else { name.trim() };
        return found.push((of_module.to_owned(), name.to_owned()));
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
                    write_out(&format!("{}{item}", prefix.trim()), found);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// Whether the code before a place ends inside `mod name { ... }`, where the first `super` is the file itself.
fn is_in_an_inline_module(before: &str) -> bool {
    let opened =
        before.match_indices("\nmod ").filter(|(at, _)| before[*at + 1..].lines().next().unwrap().ends_with('{'));
    opened.last().is_some_and(|(at, _)| !before[at..].contains("\n}"))
}

/// The path from `crate` on. `None`: it begins with the name of another crate, or of what a `use` line brings in.
fn absolute(module: &str, path: &str, is_inner: bool, modules: &BTreeSet<String>) -> Option<String> {
    let own = (module != "lib").then_some(module);
    let join = |base: &str, rest: &str| match (base, rest) {
        ("", one) | (one, "") => one.to_owned(),
        (base, rest) => format!("{base}::{rest}"),
    };
    if let Some(path) = path.strip_prefix("crate::") {
        return Some(path.to_owned());
    }
    if let Some(path) = path.strip_prefix("self::") {
        return Some(join(own.unwrap_or_default(), path));
    }
    let ups = path.split("::").take_while(|part| *part == "super").count();
    let mut parts: Vec<&str> = own.map_or_else(Vec::new, |module| module.split("::").collect());
    let rest = path.split("::").skip(ups).collect::<Vec<_>>().join("::");
    if ups > 0 {
        parts.truncate(parts.len().saturating_sub(ups - usize::from(is_inner)));
        return Some(join(&parts.join("::"), &rest));
    }
    let child = join(&parts.join("::"), path.split("::").next().unwrap());
    modules.contains(&child).then(|| join(&parts.join("::"), path))
}

/// The places of a word in code, where it begins a path or stands alone.
fn places<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let goes_on = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].trim_end_matches(' ');
        !code[..*at].ends_with(goes_on) && !before.ends_with("::") && !code[*at + word.len()..].starts_with(goes_on)
    })
}

/// Whether code uses an item of this name. Members and unit variants may have the name, too, and so may a module.
fn uses(code: &str, name: &str) -> bool {
    places(code, name).any(|at| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
        let is_member = before.ends_with('.') || after.starts_with(':') && !after.starts_with("::");
        let is_variant = line.trim().is_empty() && after.starts_with(",\n");
        !is_member && !is_variant && !line.ends_with("mod ")
    })
}

/// The paths in code that begin with a word.
fn paths_from<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> + 'a {
    let end = |letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':');
    let path = move |at: usize| (at, code[at..].split(end).next().unwrap().trim_end_matches(':'));
    places(code, word).map(path).filter(|(_, path)| path.contains("::"))
}

impl File {
    fn read(module: &str, text: &str, modules: &BTreeSet<String>) -> Self {
        let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap()).collect();
        let code = format!("\n{}\n", code.join("\n"));
        let (mut body, mut imports, mut paths, mut from) = (String::new(), Vec::new(), Vec::new(), 0);
        for at in places(&code, "use").filter(|at| code[*at..].starts_with("use ")) {
            let line = code[..at].rfind('\n').unwrap() + 1;
            let before = code[line..at].trim();
            if at < from || !(matches!(before, "" | "pub") || before.starts_with("pub(") && before.ends_with(')')) {
                continue;
            }
            let end = at + code[at..].find(';').unwrap();
            let (mut found, is_inner) = (Vec::new(), is_in_an_inline_module(&code[..at]));
            write_out(&code[at + "use ".len()..end], &mut found);
            for (path, name) in found {
                let (Some(path), is_public) = (absolute(module, &path, is_inner, modules), !before.is_empty()) else {
                    continue;
                };
                if is_inner {
                    paths.push(path.trim_end_matches("::*").to_owned());
                } else {
                    imports.push(Import { name, path, is_public });
                }
            }
            body.push_str(&code[from..line]);
            from = end + 1;
        }
        body.push_str(&code[from..]);
        let own = if module == "lib" { String::new() } else { format!("{module}::") };
        let children = modules.iter().filter_map(|child| child.strip_prefix(&own).filter(|name| !name.contains("::")));
        let imported = |name: &str| imports.iter().any(|import: &Import| import.name == name);
        let children = children.filter(|child| !imported(child));
        for first in ["crate", "super", "self"].into_iter().chain(children) {
            for (at, path) in paths_from(&body, first) {
                let is_visibility = body[..at].trim_end().ends_with("pub(in");
                let path = absolute(module, path, is_in_an_inline_module(&body[..at]), modules);
                paths.extend(path.filter(|_| !is_visibility));
            }
        }
        Self { imports, paths, body }
    }

    /// The names of the items that it declares.
    fn declared(&self) -> impl Iterator<Item = &str> {
        const ITEMS: [&str; 7] = ["struct", "enum", "trait", "type", "fn", "const", "static"];
        self.body.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| {
            let mut words =
                line.split(' ').skip_while(|word| !ITEMS.contains(word)).skip_while(|word| ITEMS.contains(word));
            words.next()?.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).next()
        })
    }
}

/// The files of the core by their modules.
pub struct Files(BTreeMap<String, File>);

impl Files {
    /// Reads the files; `(module, text)` of each.
    pub fn read(sources: &[(String, String)]) -> Self {
        let modules: BTreeSet<String> = sources.iter().map(|(module, _)| plain(module).to_owned()).collect();
        let file = |(module, text): &(String, String)| {
            let module = plain(module);
            (module.to_owned(), File::read(module, text, &modules))
        };
        Self(sources.iter().map(file).collect())
    }

    /// The paths from `crate` on to which a module refers, in `use` lines and in the code, as they are written.
    pub fn references(&self, module: &str) -> Vec<String> {
        let File { imports, paths, .. } = &self.0[module];
        imports.iter().map(|import| &import.path).chain(paths).cloned().collect()
    }

    /// The module of the file that declares what a path ends in, through all re-exports. `None`: the root of the crate.
    pub fn file_of(&self, path: &str) -> Option<&str> {
        let mut path = path.to_owned();
        // A name may go through a few hands, but not in a circle.
        for _ in 0..10 {
            let parts: Vec<&str> = path.split("::").collect();
            let of = |count: &usize| self.0.get_key_value(&parts[..*count].join("::"));
            let (count, (module, file)) = (1..=parts.len()).rev().find_map(|count| Some((count, of(&count)?)))?;
            let Some(name) = parts.get(count) else { return Some(module) };
            let named = file.imports.iter().find(|import| import.name == *name).map(|import| import.path.clone());
            let by_star = || {
                let stars = file.imports.iter().filter_map(|import| import.path.strip_suffix("::*"));
                let declares =
                    |star: &&str| self.0.get(*star).is_some_and(|file| file.declared().any(|one| one == *name));
                stars.filter(|star| *star != module).find(declares).map(|star| format!("{star}::{name}"))
            };
            let Some(target) = named.or_else(by_star) else { return Some(module) };
            path = [&[target.as_str()][..], &parts[count + 1..]].concat().join("::");
        }
        panic!("{path} goes in a circle")
    }

    /// The other files that one needs. A name that is brought in only to be handed on is no need, and a module that is
    /// brought in is the need of what is taken from it.
    fn needs_of(&self, module: &str) -> BTreeSet<&str> {
        let File { imports, paths, body } = &self.0[module];
        let mut all = paths.clone();
        for Import { name, path, is_public } in imports {
            let taken: Vec<&str> = paths_from(body, name).map(|(_, path)| path).collect();
            let star = path.strip_suffix("::*").filter(|_| *is_public);
            if let Some((star, file)) = star.and_then(|star| self.0.get_key_value(star)) {
                let used = file.declared().filter(|one| uses(body, one));
                all.extend(used.map(|one| format!("{star}::{one}")));
            } else if self.0.contains_key(path) && !taken.is_empty() {
                all.extend(taken.iter().map(|taken| format!("{path}{}", &taken[name.len()..])));
            } else if !is_public || uses(body, name) {
                all.push(path.trim_end_matches("::*").to_owned());
            }
        }
        all.iter().filter_map(|path| self.file_of(path)).filter(|file| *file != module && *file != "lib").collect()
    }

    /// The files that each needs, without the root of the crate, which declares all.
    pub fn needs(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let modules = self.0.keys().map(String::as_str).filter(|module| *module != "lib");
        modules.map(|module| (module, self.needs_of(module))).collect()
    }
}

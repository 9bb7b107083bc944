//! Reads the file that a URL names.
//!
//! `sqlite:./x`, `sqlite://./x` and `sqlite:///./x` are relative; `sqlite:/x`, `sqlite:///x` and `sqlite:////x` are
//! absolute. `SQLAlchemy` reads three slashes as relative. If only that reading names a file, the URL is refused with
//! an error that names both paths.

use std::path::Path;

use super::SqliteConfig;
use crate::error::Error;
use crate::url::{percent_decode, split_query};

const MEMORY: &str = ":memory:";
/// Parameters of other clients that are ignored, since a single connection writes here.
const WITHOUT_MEANING: [&str; 5] = ["connection_limit", "pool_timeout", "connect_timeout", "socket_timeout", "timeout"];

/// Returns the settings for the file that the URL `scheme:rest` in the option `option` names.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option, the part at fault and the cure.
pub(in crate::store) fn from_url(option: &str, scheme: &str, rest: &str) -> Result<SqliteConfig, Error> {
    let (base, parameters) = split_query(rest);
    let is_uri = scheme.eq_ignore_ascii_case("file");
    let path = path_of(option, base)?;
    let path = if is_uri && !Path::new(&path).exists() { percent_decode(&path) } else { path };
    let mut config = SqliteConfig::at(path);
    for (name, value) in &parameters {
        match (name.as_str(), value.as_str()) {
            ("mode", "rwc") => {}
            ("mode", "rw") => config.creates = false,
            ("mode", "memory") => config.path = MEMORY.into(),
            ("mode", "ro") => return Err(wrong(option, "has mode=ro, but sentri writes: leave it out")),
            ("mode", _) => return Err(wrong(option, "has an unknown mode: use rwc, rw or memory")),
            ("cache", "private") => {}
            ("cache", "shared") if !config.is_memory() => {}
            ("cache", "shared") => {
                return Err(wrong(option, "has cache=shared, but a database in memory is sentri's own: leave it out"));
            }
            ("uri", "true") => {}
            (name, _) if WITHOUT_MEANING.contains(&name) => {}
            _ => return Err(wrong(option, "has an unknown parameter: known are mode and cache; leave out the others")),
        }
    }
    if config.path.as_os_str().is_empty() || config.path.to_string_lossy().contains('\0') {
        return Err(wrong(option, "names no file: use sqlite:./file.db or sqlite::memory:"));
    }
    if !parameters.is_empty() {
        refuse_literal(option, rest)?;
    }
    Ok(config)
}

fn path_of(option: &str, base: &str) -> Result<String, Error> {
    let Some(path) = base.strip_prefix("//") else { return Ok(base.to_owned()) };
    let path = path.strip_prefix("localhost/").map_or_else(|| path.to_owned(), |path| format!("/{path}"));
    if path.starts_with("/./") || path.starts_with("/../") || path == "/:memory:" {
        return Ok(path[1..].to_owned());
    }
    if let Some(absolute) = path.strip_prefix("//") {
        return Ok(format!("/{absolute}"));
    }
    let relative = path.strip_prefix('/').filter(|relative| !relative.is_empty());
    match relative {
        Some(drive) if cfg!(windows) && drive.get(1..2) == Some(":") => Ok(drive.to_owned()),
        Some(relative) if !Path::new(&path).exists() && Path::new(relative).is_file() => Err(wrong(
            option,
            &format!(
                "names the file '{path}', which does not exist, while '{relative}' in this folder does: write \
                 sqlite:./{relative} for that one, or sqlite:///{path} for a new file '{path}'"
            ),
        )),
        _ => Ok(path),
    }
}

/// Refuses a URL with parameters if a file has that text as its name. sentri 6.0.0 took parameters for a part of the
/// name, and its database must not be silently replaced by a new one.
fn refuse_literal(option: &str, rest: &str) -> Result<(), Error> {
    let literal = rest.strip_prefix("//").unwrap_or(rest);
    if !Path::new(literal).is_file() {
        return Ok(());
    }
    let name = literal.split('?').next().unwrap_or_default();
    let cure = format!(
        "has parameters, and there is a file '{literal}' of that very name, made by sentri 6.0.0: rename \
                        it and the files beside it that end in -wal and -shm to '{name}', or open it by {{filename}}"
    );
    Err(wrong(option, &cure))
}

fn wrong(option: &str, what: &str) -> Error {
    Error::configuration(format!("{option} {what}"))
}

#[cfg(test)]
mod tests {
    use super::from_url;

    #[test]
    fn the_file_and_its_mode() {
        for (rest, path, creates) in [
            ("./x.db", "./x.db", true),
            ("//./x.db", "./x.db", true),
            ("///./x.db", "./x.db", true),
            ("///../x.db", "../x.db", true),
            ("///nowhere/x.db", "/nowhere/x.db", true),
            ("////nowhere/x.db", "/nowhere/x.db", true),
            ("/nowhere/x.db", "/nowhere/x.db", true),
            (":memory:", ":memory:", true),
            ("//:memory:", ":memory:", true),
            ("///:memory:", ":memory:", true),
            ("./x.db?mode=rwc", "./x.db", true),
            ("./x.db?cache=shared&mode=rw", "./x.db", false),
            ("./x.db?connection_limit=1", "./x.db", true),
            ("any?mode=memory", ":memory:", true),
        ] {
            for scheme in ["sqlite", "file"] {
                let config = from_url("db", scheme, rest).unwrap();
                assert_eq!((config.path.to_str().unwrap(), config.creates), (path, creates), "{rest}");
            }
        }
        let named = |scheme| from_url("db", scheme, "./a%20b.db").unwrap().path;
        assert_eq!(named("file").to_str(), Some("./a b.db"));
        assert_eq!(named("sqlite").to_str(), Some("./a%20b.db"));
        let local = from_url("db", "file", "//localhost/nowhere/x.db").unwrap().path;
        assert_eq!(local.to_str(), Some("/nowhere/x.db"));
    }

    #[test]
    fn parameters_are_understood_or_refused() {
        for (rest, word) in [
            ("./x.db?mode=ro", "mode=ro"),
            ("./x.db?mode=fast", "unknown mode"),
            ("./x.db?nolock=1", "unknown parameter"),
            ("x?mode=memory&cache=shared", "cache=shared"),
            ("?mode=rwc", "names no file"),
            ("", "names no file"),
        ] {
            let error = from_url("db", "sqlite", rest).unwrap_err();
            assert!(error.message.starts_with("db ") && error.message.contains(word), "{}", error.message);
        }
    }
}

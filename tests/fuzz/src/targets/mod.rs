//! The targets, by name.

use crate::allocation::{BASE, bounded};

mod authorization;
mod body;
mod claims;
mod code;
mod configuration;
mod cookie;
mod database;
mod duration;
mod forwarded;
mod hash;
mod identifier;
mod import;
mod jwks;
mod keys;
mod neighbours;
mod origin;
mod packed;
mod pem;
mod query;
mod token;

/// Words the decision over an input, where it is one that can be worded.
pub type Decide = fn(&[u8]) -> Option<String>;

/// A place where bytes come in.
pub struct Target {
    /// The name, also that of its corpus.
    pub name: &'static str,
    check: fn(&[u8]),
    memory: isize,
    /// The decision over an input as text, where the edge client and Python decide the same.
    pub verdict: Option<Decide>,
}

impl Target {
    const fn new(name: &'static str, check: fn(&[u8])) -> Self {
        Self { name, check, memory: BASE, verdict: None }
    }

    const fn deciding(name: &'static str, check: fn(&[u8]), verdict: Decide) -> Self {
        Self { name, check, memory: BASE, verdict: Some(verdict) }
    }

    /// Holds the properties of the target against an input, and its memory within bounds.
    ///
    /// # Panics
    /// When a property is broken.
    pub fn run(&self, data: &[u8]) {
        bounded(self.memory, data.len(), || (self.check)(data));
    }
}

/// All targets, in order of their names.
pub const TARGETS: &[Target] = &[
    Target::deciding("authorization", authorization::check, authorization::verdict),
    Target::new("body", body::check),
    Target::deciding("claims", claims::check, claims::verdict),
    Target::new("code", code::check),
    // The YAML reader bounds what aliases become, and by more.
    Target { memory: 32 << 20, ..Target::new("configuration", configuration::check) },
    Target::deciding("cookie", cookie::check, cookie::verdict),
    Target::new("database", database::check),
    Target::new("duration", duration::check),
    Target::new("forwarded", forwarded::check),
    Target::new("hash", hash::check),
    Target::new("identifier", identifier::check),
    Target::new("import", import::check),
    Target::deciding("jwks", jwks::check, jwks::verdict),
    Target::new("neighbours", neighbours::check),
    Target::new("origin", origin::check),
    Target::new("packed", packed::check),
    Target::new("pem", pem::check),
    Target::new("query", query::check),
    Target::deciding("token", token::check, token::verdict),
];

/// The target of this name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn find(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"))
}

/// The input as text, where it is any.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// The first line, and what stands behind it.
fn split_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

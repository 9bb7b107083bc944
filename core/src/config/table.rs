//! The table of all options, with the kind, the default, the meaning and an example of each.
//!
//! The table is the source of the reader's check of unknown names, of the flags, variables and file keys of
//! `sentri serve`, of the JSON Schema for editors, and of the reference page.

use std::sync::LazyLock;

pub use super::row::{Group, OptionKind, OptionRow};
pub use super::rows::OPTIONS;

/// The options of server mode that client mode does not have.
pub static SERVER_ONLY: LazyLock<Vec<&'static str>> = LazyLock::new(|| top_level(Group::Server));

/// The options of client mode that server mode does not have.
pub static CLIENT_ONLY: LazyLock<Vec<&'static str>> = LazyLock::new(|| top_level(Group::Client));

fn top_level(group: Group) -> Vec<&'static str> {
    OPTIONS.iter().filter(|row| row.group == group && !row.name.contains('.')).map(|row| row.name).collect()
}

/// Whether the library has an option of this name in the mode of `group`.
pub fn is_option(name: &str, group: Group) -> bool {
    OPTIONS.iter().any(|row| row.name == name && (row.group == Group::Both || row.group == group))
}

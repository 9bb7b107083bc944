//! The settings of an SQLite database.

use std::path::PathBuf;
use std::time::Duration;

/// The time for which a batch waits for the writes of others, here and elsewhere, before it counts as a lost race.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_millis(1500);

/// The place of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteConfig {
    /// A file, made when absent; its folder must exist. `:memory:` is a database of its own that ends with the store.
    pub path: PathBuf,
    /// Whether an absent file is made.
    pub creates: bool,
}

impl SqliteConfig {
    /// The file at `path`, made when absent.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), creates: true }
    }

    pub(super) fn is_memory(&self) -> bool {
        self.path.as_os_str() == ":memory:"
    }
}

//! The settings of an SQLite database.

use std::path::PathBuf;
use std::time::Duration;

/// The longest time for which a batch waits for other writes, of this and other processes, before it is a lost race.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_millis(1500);

/// The settings of an SQLite database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteConfig {
    /// The path of the file, whose folder must exist. `:memory:` is a database in memory that ends with the store.
    pub path: PathBuf,
    /// Whether an absent file is made.
    pub creates: bool,
}

impl SqliteConfig {
    /// Returns the settings for the file at `path`, which is made if it is absent.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), creates: true }
    }

    pub(super) fn is_memory(&self) -> bool {
        self.path.as_os_str() == ":memory:"
    }
}

//! The server of a command line. It does not know whether the application keeps an audit, so it looks for entries.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::audit::AuditLevel;
use crate::failure::StoreError;
use crate::store::Store;
use crate::store::audit::EntryQuery;

const NONE: u8 = 0;
const UNKNOWN: u8 = 1;
const WITHOUT_AUDIT: u8 = 2;
const WITH_AUDIT: u8 = 3;

/// Whether a command line works with this server, and whether the database holds audit entries.
#[derive(Debug, Default)]
pub(crate) struct CommandLine(AtomicU8);

impl CommandLine {
    /// Notes that a command line works with this server.
    pub(crate) fn begin(&self) {
        self.0.store(UNKNOWN, Ordering::Relaxed);
    }

    pub(crate) fn is_here(&self) -> bool {
        self.0.load(Ordering::Relaxed) != NONE
    }

    /// Returns the level of the audit. That is `option`; for a command line at least `Changes`, if the database holds
    /// entries already.
    pub(crate) fn audit_level(&self, option: AuditLevel) -> AuditLevel {
        match self.0.load(Ordering::Relaxed) {
            WITH_AUDIT => option.max(AuditLevel::Changes),
            _ => option,
        }
    }

    /// Looks for audit entries if a command line works with this server and has not looked before.
    ///
    /// # Errors
    /// The store's failures.
    pub(crate) async fn look_for_audit(&self, store: &dyn Store) -> Result<(), StoreError> {
        if self.0.load(Ordering::Relaxed) == UNKNOWN {
            let query = EntryQuery { limit: 1, ..EntryQuery::default() };
            let is_empty = store.list_entries(&query).await?.is_empty();
            self.0.store(if is_empty { WITHOUT_AUDIT } else { WITH_AUDIT }, Ordering::Relaxed);
        }
        Ok(())
    }
}

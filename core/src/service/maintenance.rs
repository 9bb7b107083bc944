//! Deletes expired data at intervals, in small batches: sessions, flows, audit entries, deleted users and keys.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Realm, keys};
use crate::audit::{AuditLevel, KEPT_FOR};
use crate::clock::Millis;
use crate::failure::StoreError;
use crate::flow::DAY;

/// The interval between two rounds of a process, in milliseconds.
const EVERY: Millis = 60_000;

/// The time for which the row of an ended session is kept, so that a reused token can be distinguished from an unknown
/// one.
const KEEP: Millis = 24 * 60 * 60 * 1000;

/// The most rows of a batch, few enough that its locks disturb no request.
const BATCH: u32 = 500;

/// The pause between two batches, for other work.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts a round in the background if the last round is old. Requests call this, so that no timer keeps a process
/// alive.
pub fn start_if_due(realm: &Arc<Realm>) {
    let now = realm.now();
    let last = realm.last_maintenance.load(Ordering::Relaxed);
    if (0..EVERY).contains(&(now - last))
        || realm.last_maintenance.compare_exchange(last, now, Ordering::SeqCst, Ordering::SeqCst).is_err()
    {
        return;
    }
    let realm = Arc::clone(realm);
    tokio::spawn(async move { run(&realm, now).await });
}

/// Runs a round. Failures are left to the next round, since only disk space depends on it.
pub async fn run(realm: &Realm, now: Millis) {
    while is_full(&realm.store.purge_sessions(now - KEEP, BATCH).await) {
        tokio::time::sleep(PAUSE).await;
    }
    // Flows are kept for as long as wrong codes count.
    while is_full(&realm.store.purge_flows(now - DAY, BATCH).await) {
        tokio::time::sleep(PAUSE).await;
    }
    if realm.config.audit > AuditLevel::Off {
        while is_full(&realm.store.purge_entries(now - KEPT_FOR, BATCH).await) {
            tokio::time::sleep(PAUSE).await;
        }
    }
    drop(realm.store.purge_deleted_users(now).await);
    drop(keys::delete_expired(realm).await);
}

/// Whether there may be more to delete.
fn is_full(deleted: &Result<u64, StoreError>) -> bool {
    matches!(deleted, Ok(deleted) if *deleted == u64::from(BATCH))
}

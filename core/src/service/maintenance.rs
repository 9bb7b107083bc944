//! Work without a request: deletes old sessions and keys, in small batches, at intervals.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Realm, keys};
use crate::audit::{AuditLevel, KEPT_FOR};
use crate::clock::Millis;
use crate::failure::StoreError;
use crate::flow::DAY;

/// The interval at which a process looks.
const EVERY: Millis = 60_000;

/// The time for which a session stays after its end, so that reuse of its tokens is distinguished from unknown tokens.
const KEEP: Millis = 24 * 60 * 60 * 1000;

/// Rows per batch: few enough that its locks disturb no other request.
const BATCH: u32 = 500;

/// The time for others between two batches.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts a round in the background when the last round is old. A request triggers it, so no timer of ours keeps a
/// process alive.
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

/// One round. Failures are left to the next one: nothing depends on it but disk space.
pub async fn run(realm: &Realm, now: Millis) {
    while is_full(&realm.store.purge_sessions(now - KEEP, BATCH).await) {
        tokio::time::sleep(PAUSE).await;
    }
    // Flows stay for as long as wrong codes count.
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

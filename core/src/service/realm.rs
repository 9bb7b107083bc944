//! The realm: users, sessions and keys with everything that serves them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use parking_lot::Mutex;

use super::addresses::Warned;
use super::caller::Caller;
use super::command_line::CommandLine;
use super::freshness::Freshness;
use super::keys::Keys;
use super::trail::InFlight;
use crate::cache::{Broadcast, Cache, Revocation};
use crate::clock::{Clock, Millis};
use crate::config::Config;
use crate::error::Error;
use crate::event::Event;
use crate::failure::StoreError;
use crate::hook::{Overrides, RevocationCheck};
use crate::message::Message;
use crate::password::Hasher;
use crate::store::Store;
use crate::telemetry::Telemetry;

/// One set of users, sessions and keys, with everything that serves them.
pub struct Realm {
    /// The checked options.
    pub config: Config,
    /// Users, sessions and stored keys.
    pub store: Arc<dyn Store>,
    /// Rate-limit buckets.
    pub cache: Arc<dyn Cache>,
    /// Word of revocations to and from other processes.
    pub broadcast: Option<Arc<dyn Broadcast>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Passwords.
    pub hasher: Hasher,
    /// Signing keys.
    pub keys: Keys,
    /// Sessions that were read of late.
    pub freshness: Freshness,
    /// The host's use cases.
    pub overrides: Option<Arc<dyn Overrides>>,
    /// The host's word on revocation.
    pub revocation: Option<Arc<dyn RevocationCheck>>,
    /// Overridden calls in flight.
    pub(crate) in_flight: Mutex<HashMap<u64, InFlight>>,
    pub(crate) next_call: AtomicU64,
    /// Events of work that no request asked for; the next request takes them along.
    pub(crate) background_events: Mutex<Vec<Event>>,
    /// Messages of programmatic calls, for the host to take and send.
    pub(crate) outbox: Mutex<Vec<Message>>,
    /// The counts.
    pub telemetry: Arc<Telemetry>,
    /// Users whose surplus sessions a login of this process is ending.
    pub(crate) ending_surplus: Mutex<HashSet<String>>,
    /// Whether a command line works with this realm.
    pub(crate) command_line: CommandLine,
    pub(crate) last_maintenance: AtomicI64,
    /// Which warnings about addresses of clients the host has had.
    pub(crate) warned: Warned,
}

impl Realm {
    /// The present instant.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The store that `caller` works with: this realm's, or the same inside the caller's transaction.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` when the database is not spoken to by the host.
    pub fn store_for(&self, caller: &Caller) -> Result<Arc<dyn Store>, Error> {
        let Some(transaction) = caller.transaction else { return Ok(Arc::clone(&self.store)) };
        self.store.within(transaction).ok_or_else(|| {
            Error::configuration("trx works with the option dialect only: with db, sentri has connections of its own")
        })
    }

    /// Waits for a write that ends or changes something, then forgets it here and has other processes forget it. Also
    /// after a failure: a write that got no answer may have been done, or be done yet.
    pub(crate) async fn revoking<T: Send>(
        &self,
        revocation: Revocation,
        write: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let outcome = write.await;
        self.forget(&revocation);
        if let Some(broadcast) = &self.broadcast {
            broadcast.publish(&revocation).await;
        }
        outcome
    }

    pub(crate) fn forget(&self, revocation: &Revocation) {
        match revocation {
            Revocation::Sessions(ids) => self.freshness.forget_sessions(ids.iter().map(String::as_str)),
            Revocation::User(id) => self.freshness.forget_user(id),
        }
    }

    /// Takes the events of background work.
    pub(crate) fn take_background_events(&self) -> Vec<Event> {
        if self.telemetry.is_logging() { std::mem::take(&mut *self.background_events.lock()) } else { Vec::new() }
    }

    /// Keeps an event of background work for the next request to log.
    pub(crate) fn note_in_background(&self, event: Event) {
        self.log_later(self.telemetry.counted(event));
    }

    /// Keeps events, counted already, for the next request to log.
    pub(crate) fn log_later(&self, events: impl IntoIterator<Item = Event>) {
        let mut kept = self.background_events.lock();
        for event in events {
            if kept.len() < 100 {
                kept.push(event);
            }
        }
    }
}

//! The realm: the options, ports and state that the use cases of a server share.

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

/// The options, ports and state that the use cases of a server share.
pub struct Realm {
    /// The checked options.
    pub config: Config,
    /// Users, sessions and stored keys.
    pub store: Arc<dyn Store>,
    /// Rate-limit buckets.
    pub cache: Arc<dyn Cache>,
    /// The exchange of revocations with other processes.
    pub broadcast: Option<Arc<dyn Broadcast>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The hasher of passwords.
    pub hasher: Hasher,
    /// Signing keys.
    pub keys: Keys,
    /// The cache of sessions that were read recently.
    pub freshness: Freshness,
    /// The functions of the host that stand in for use cases.
    pub overrides: Option<Arc<dyn Overrides>>,
    /// The host's check of revoked sessions.
    pub revocation: Option<Arc<dyn RevocationCheck>>,
    /// The calls of overrides that are in flight.
    pub(crate) in_flight: Mutex<HashMap<u64, InFlight>>,
    pub(crate) next_call: AtomicU64,
    /// Events of background work, which the next request logs.
    pub(crate) background_events: Mutex<Vec<Event>>,
    /// Messages of programmatic calls, which the host takes and sends.
    pub(crate) outbox: Mutex<Vec<Message>>,
    /// The metrics, and the filter of events.
    pub telemetry: Arc<Telemetry>,
    /// Users whose surplus sessions a login of this process is ending.
    pub(crate) ending_surplus: Mutex<HashSet<String>>,
    /// Whether a command line works with this realm.
    pub(crate) command_line: CommandLine,
    pub(crate) last_maintenance: AtomicI64,
    /// The warnings about client addresses that the host has got.
    pub(crate) warned: Warned,
}

impl Realm {
    /// Returns the present time of the clock.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Returns the store that `caller` works with. Inside a transaction of the caller, its statements join that
    /// transaction.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` if the caller has a transaction, but sentri has its own connections to the database.
    pub fn store_for(&self, caller: &Caller) -> Result<Arc<dyn Store>, Error> {
        let Some(transaction) = caller.transaction else { return Ok(Arc::clone(&self.store)) };
        self.store.within(transaction).ok_or_else(|| {
            Error::configuration("trx works with the option dialect only: with db, sentri has connections of its own")
        })
    }

    /// Waits for a write that ends sessions or changes a user, then forgets what caches hold of them, here and in other
    /// processes. It does so after a failure too, since a write without an answer may still take effect.
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

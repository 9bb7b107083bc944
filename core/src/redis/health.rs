//! The state of a server, and the reports of its changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Gets a sentence each time that Redis goes away or comes back.
pub(super) type Listener = Box<dyn Fn(&str) + Send + Sync>;

/// The state of a server, from the first operation that failed to the next that succeeded.
pub(super) struct Health {
    /// Whether `away` holds something, so that operations that succeed need no lock.
    is_away: AtomicBool,
    away: Mutex<Option<(Instant, String)>>,
    listener: Arc<OnceLock<Listener>>,
}

impl Health {
    pub(super) fn new(listener: Arc<OnceLock<Listener>>) -> Self {
        Self { is_away: AtomicBool::new(false), away: Mutex::new(None), listener }
    }

    /// Returns how long the server has been away, or `None` if it is not.
    pub(super) fn away_for(&self) -> Option<Duration> {
        self.away.lock().as_ref().map(|(since, _)| since.elapsed())
    }

    /// Returns the reason why the server is away, or `None` if it is not.
    pub(super) fn cause(&self) -> Option<String> {
        self.away.lock().as_ref().map(|(_, cause)| cause.clone())
    }

    /// Notes that the server has been away since `since`. The first caller to notice reports it to the listener.
    pub(super) fn stumble(&self, since: Instant, cause: &str) {
        let mut away = self.away.lock();
        if away.is_none() {
            *away = Some((since, cause.to_owned()));
            self.is_away.store(true, Ordering::Release);
            drop(away);
            self.tell(&format!("Redis is away, this process goes on by itself: {cause}"));
        }
    }

    /// Notes that an operation succeeded.
    pub(super) fn recover(&self) {
        if !self.is_away.load(Ordering::Acquire) {
            return;
        }
        let mut away = self.away.lock();
        if away.take().is_some() {
            self.is_away.store(false, Ordering::Release);
            drop(away);
            self.tell("Redis is back");
        }
    }

    fn tell(&self, message: &str) {
        if let Some(listener) = self.listener.get() {
            listener(message);
        }
    }
}

//! The connection that all operations of a process share.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisError, ScriptInvocation};
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, timeout};

use super::config::NAMES;
use crate::tls;

/// How long an operation waits for its answer while Redis answers nothing at all.
pub const OPERATION_LIMIT: Duration = Duration::from_millis(100);
/// How long one waits at most, in a queue that Redis works off.
const QUEUE_LIMIT: Duration = Duration::from_secs(1);
/// The limit is waited for in so many parts. A process that gets no time to run, or a machine under load, makes each of
/// them longer: that is not Redis's fault, and no reason to go on without it.
const PARTS: u32 = 10;
/// How long one waits for the connection.
const CONNECT_LIMIT: Duration = Duration::from_millis(500);
/// How often a link that is down is tried.
const TRIED_EVERY: Duration = Duration::from_millis(500);

/// Redis did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Away;

/// Hears that Redis went away, or came back.
type Told = Box<dyn Fn(&str) + Send + Sync>;

pub(super) struct Link {
    client: Client,
    state: Mutex<State>,
    /// Held by the one who connects.
    connecting: AsyncMutex<()>,
    /// Counts connections.
    connections: AtomicU64,
    /// Counts answers, so that one who waits sees whether others are served.
    answers: AtomicU64,
    told: OnceLock<Told>,
}

/// A connection, and its number, from 1: another number means that Redis was away since, and may have forgotten.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) number: u64,
    connection: MultiplexedConnection,
}

enum State {
    /// Nobody has asked yet.
    Unopened,
    Up(Live),
    Down {
        tried_at: Instant,
    },
    Closed,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            state: Mutex::new(State::Unopened),
            connecting: AsyncMutex::new(()),
            connections: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            told: OnceLock::new(),
        }
    }

    pub(super) fn on_change(&self, told: Told) {
        // Whoever comes second finds it taken: one listener is all there is room for.
        drop(self.told.set(told));
    }

    pub(super) fn close(&self) {
        *self.state.lock() = State::Closed;
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(*self.state.lock(), State::Closed)
    }

    /// Runs a script.
    pub(super) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Away> {
        let live = self.connection().await?;
        self.run_on(live, script).await
    }

    /// Runs a script on a connection of [`Link::connection`].
    pub(super) async fn run_on<T: FromRedisValue>(
        &self,
        mut live: Live,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Away> {
        self.answer(script.invoke_async(&mut live.connection)).await
    }

    /// Runs a command.
    pub(super) async fn command<T: FromRedisValue>(&self, command: &::redis::Cmd) -> Result<T, Away> {
        let Live { mut connection, .. } = self.connection().await?;
        self.answer(command.query_async(&mut connection)).await
    }

    async fn answer<T>(&self, operation: impl Future<Output = Result<T, RedisError>>) -> Result<T, Away> {
        let mut operation = std::pin::pin!(operation);
        let started = Instant::now();
        let (mut seen, mut waited) = (self.answers.load(Ordering::Relaxed), 0);
        while waited < PARTS && started.elapsed() < QUEUE_LIMIT {
            match timeout(OPERATION_LIMIT / PARTS, &mut operation).await {
                Ok(Ok(value)) => {
                    self.answers.fetch_add(1, Ordering::Relaxed);
                    return Ok(value);
                }
                Ok(Err(error)) => return Err(self.fail(&error.to_string())),
                Err(_) => {
                    let now = self.answers.load(Ordering::Relaxed);
                    waited = if now == seen { waited + 1 } else { 0 };
                    seen = now;
                }
            }
        }
        Err(self.fail("no answer in time"))
    }

    /// Takes the link down; the first to notice tells of it.
    fn fail(&self, cause: &str) -> Away {
        let mut state = self.state.lock();
        let was_up = !matches!(*state, State::Down { .. } | State::Closed);
        if !matches!(*state, State::Closed) {
            *state = State::Down { tried_at: Instant::now() };
        }
        drop(state);
        if was_up {
            self.tell(&format!("Redis is away, this process goes on by itself: {cause}"));
        }
        Away
    }

    fn tell(&self, what: &str) {
        if let Some(told) = self.told.get() {
            told(what);
        }
    }

    /// The connection, made when there is none and it is time.
    pub(super) async fn connection(&self) -> Result<Live, Away> {
        if let Some(known) = self.known() {
            return known;
        }
        // One connects; the first callers of all wait for it, those who find the link down do not.
        let is_first = matches!(*self.state.lock(), State::Unopened);
        let _held = match self.connecting.try_lock() {
            Ok(held) => held,
            Err(_) if is_first => self.connecting.lock().await,
            Err(_) => return Err(Away),
        };
        match self.known() {
            Some(known) => known,
            None => self.connect().await,
        }
    }

    /// The connection, or why there is none; `None`: it is time to connect.
    fn known(&self) -> Option<Result<Live, Away>> {
        match &*self.state.lock() {
            State::Up(live) => Some(Ok(live.clone())),
            State::Closed => Some(Err(Away)),
            State::Down { tried_at } if tried_at.elapsed() < TRIED_EVERY => Some(Err(Away)),
            State::Down { .. } | State::Unopened => None,
        }
    }

    async fn connect(&self) -> Result<Live, Away> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(Some(QUEUE_LIMIT));
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = match timeout(CONNECT_LIMIT, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(self.fail(&(error.to_string() + &tls::cure(&error, &NAMES)))),
            Err(_) => return Err(self.fail("no connection in time")),
        };
        let mut state = self.state.lock();
        if matches!(*state, State::Closed) {
            return Err(Away);
        }
        let live = Live { number: self.connections.fetch_add(1, Ordering::SeqCst) + 1, connection };
        *state = State::Up(live.clone());
        drop(state);
        if live.number > 1 {
            self.tell("Redis is back");
        }
        Ok(live)
    }
}

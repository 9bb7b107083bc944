//! The connection to one server that all operations of a process share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, RedisError, ServerErrorKind};
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::health::{Health, Listener};
use super::patience::patiently;
use super::slots::{Address, redirection};
use super::target::Target;

/// The interval at which a link that is down is tried.
pub(super) const TRIED_EVERY: Duration = Duration::from_millis(250);

/// The most tries to open a connection, one right after the other.
const OPENED_AT_MOST: u32 = 3;

/// Numbers the connections over all links of the process. A new number means that the server may have lost its data.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// Redis did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Away;

/// The reason why an operation has no answer.
#[derive(Debug)]
pub(super) enum LinkFailure {
    /// The server is away or can't work.
    Away,
    /// The connection ended. The next connection shows whether the server is there.
    Lost,
    /// Another server of the cluster has the key.
    Moved(Address),
    /// Another server of the cluster is about to have the key, and answers a request that carries `ASKING`.
    Ask(Address),
    /// The keys are on their way to another server.
    Later,
    /// The server does not know the script.
    NoScript,
}

pub(super) struct Link {
    target: Target,
    state: Mutex<State>,
    /// Locked by the caller that opens a connection.
    connecting: AsyncMutex<()>,
    /// Counts answers, so that a caller that waits sees whether others are served.
    answers: AtomicU64,
    pub(super) health: Health,
}

/// A connection and its number.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) number: u64,
    pub(super) is_in_cluster: bool,
    pub(super) client: Arc<Client>,
    connection: MultiplexedConnection,
}

enum State {
    /// Nobody has asked for a connection yet, or the last one ended. The next caller connects.
    Unopened,
    Up(Live),
    Down {
        tried_at: Instant,
    },
    Closed,
}

impl Link {
    pub(super) fn new(target: Target, listener: Arc<OnceLock<Listener>>) -> Self {
        Self {
            target,
            state: Mutex::new(State::Unopened),
            connecting: AsyncMutex::new(()),
            answers: AtomicU64::new(0),
            health: Health::new(listener),
        }
    }

    pub(super) fn close(&self) {
        *self.state.lock() = State::Closed;
    }

    /// Returns the number of the present connection, or `None` if there is none.
    pub(super) fn number(&self) -> Option<u64> {
        match &*self.state.lock() {
            State::Up(live) => Some(live.number),
            _ => None,
        }
    }

    /// Returns a phrase with the present address of the server.
    pub(super) fn describe(&self) -> String {
        match (&self.target, &*self.state.lock()) {
            (Target::Server(client), _) => client.get_connection_info().addr().to_string(),
            (Target::Master(_), State::Up(live)) => {
                format!("{}, the master that sentinels name", live.client.get_connection_info().addr())
            }
            (Target::Master(_), _) => "a master that sentinels do not name".to_owned(),
        }
    }

    /// Runs a command on a connection that [`Link::connection`] returned.
    pub(super) async fn run<T: FromRedisValue>(&self, live: &Live, command: &Cmd) -> Result<T, LinkFailure> {
        let mut connection = live.connection.clone();
        self.answer(live, command.query_async(&mut connection)).await
    }

    /// Runs a command on a key that this server is about to have.
    pub(super) async fn run_asking<T: FromRedisValue>(&self, live: &Live, command: &Cmd) -> Result<T, LinkFailure> {
        let mut connection = live.connection.clone();
        let mut pipe = ::redis::pipe();
        pipe.cmd("ASKING").ignore().add_command(command.clone());
        let (answer,) = self.answer(live, pipe.query_async(&mut connection)).await?;
        Ok(answer)
    }

    async fn answer<T>(
        &self,
        live: &Live,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, LinkFailure> {
        let started = Instant::now();
        match patiently(work, &self.answers).await {
            Some(Ok(value)) => {
                self.answers.fetch_add(1, Ordering::Relaxed);
                self.health.recover();
                Ok(value)
            }
            Some(Err(error)) => Err(self.judge(live, started, &error)),
            None => {
                self.take_down(Some(live.number), started, "no answer in time");
                Err(LinkFailure::Away)
            }
        }
    }

    fn judge(&self, live: &Live, started: Instant, error: &RedisError) -> LinkFailure {
        let host = || host_of(&live.client);
        match error.kind() {
            ErrorKind::Server(kind) => {
                // An error is an answer too.
                self.answers.fetch_add(1, Ordering::Relaxed);
                match kind {
                    ServerErrorKind::Moved => {
                        return redirection(error, &host()).map_or(LinkFailure::Away, LinkFailure::Moved);
                    }
                    ServerErrorKind::Ask => {
                        return redirection(error, &host()).map_or(LinkFailure::Away, LinkFailure::Ask);
                    }
                    ServerErrorKind::TryAgain => return LinkFailure::Later,
                    ServerErrorKind::NoScript => return LinkFailure::NoScript,
                    // The server is starting up, or is no longer a master. A new connection shows when it works again,
                    // or which other server does.
                    ServerErrorKind::BusyLoading
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::ReadOnly => {
                        self.take_down(Some(live.number), started, &error.to_string());
                    }
                    _ => self.health.stumble(started, &error.to_string()),
                }
                LinkFailure::Away
            }
            ErrorKind::Io => {
                let mut state = self.state.lock();
                if matches!(&*state, State::Up(known) if known.number == live.number) {
                    *state = State::Unopened;
                }
                LinkFailure::Lost
            }
            _ => {
                self.health.stumble(started, &error.to_string());
                LinkFailure::Away
            }
        }
    }

    /// Takes the link down, unless the connection `number` was replaced by another one meanwhile.
    fn take_down(&self, number: Option<u64>, since: Instant, cause: &str) {
        let mut state = self.state.lock();
        match (&*state, number) {
            (State::Closed, _) => return,
            (State::Up(live), Some(number)) if live.number != number => return,
            _ => *state = State::Down { tried_at: Instant::now() },
        }
        drop(state);
        self.health.stumble(since, cause);
    }

    /// Ends the link to a server that the cluster no longer uses.
    pub(super) fn retire(&self) {
        self.close();
        self.health.recover();
    }

    /// Returns the connection. The first callers wait until it is made. While the server is away no caller waits, and a
    /// background task tries to connect.
    pub(super) async fn connection(self: &Arc<Self>) -> Result<Live, Away> {
        match &*self.state.lock() {
            State::Up(live) => return Ok(live.clone()),
            State::Closed => return Err(Away),
            State::Down { tried_at } => {
                if tried_at.elapsed() >= TRIED_EVERY {
                    let link = Arc::clone(self);
                    tokio::spawn(async move {
                        if let Ok(_held) = link.connecting.try_lock() {
                            let _ = link.connect().await;
                        }
                    });
                }
                return Err(Away);
            }
            State::Unopened => {}
        }
        let _held = self.connecting.lock().await;
        match &*self.state.lock() {
            State::Up(live) => return Ok(live.clone()),
            State::Closed | State::Down { .. } => return Err(Away),
            State::Unopened => {}
        }
        self.connect().await
    }

    async fn connect(&self) -> Result<Live, Away> {
        let started = Instant::now();
        // A connection that breaks while it is opened is tried again, as one that breaks later is.
        let open = async {
            let mut opened = self.target.open().await;
            for _ in 1..OPENED_AT_MOST {
                if opened.is_err() {
                    opened = self.target.open().await;
                }
            }
            opened
        };
        let opened = match patiently(open, &self.answers).await {
            Some(Ok(opened)) => opened,
            Some(Err(cause)) => {
                self.take_down(None, started, &cause);
                return Err(Away);
            }
            None => {
                self.take_down(None, started, "no connection in time");
                return Err(Away);
            }
        };
        let mut state = self.state.lock();
        if matches!(*state, State::Closed) {
            return Err(Away);
        }
        let live = Live {
            number: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
            is_in_cluster: opened.is_in_cluster,
            client: Arc::new(opened.client),
            connection: opened.connection,
        };
        *state = State::Up(live.clone());
        Ok(live)
    }
}

/// Returns the host that a client connects to.
pub(super) fn host_of(client: &Client) -> String {
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    }
}

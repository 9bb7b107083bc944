//! Watches a database file that another SQLite library of this process may open.
//!
//! POSIX locks belong to the process. Locks of two libraries in one process do not exclude each other, and a library
//! that closes the file drops the locks of the other library (sqlite.org/howtocorrupt, 2.2.1). The file is destroyed
//! when both write, or when a library takes itself for the last user and deletes the log that the other writes to.
//!
//! So a connection asks its watch before it works, and again before it commits, behind a [`Barrier`]. The watch looks
//! through the open files of the process when the system reports that the file was opened, or every [`LOOK_EVERY`] if
//! the system has no such reports. A library that came and went between two looks has dropped our locks or deleted the
//! log, which shows too. After that our connections are neither used nor closed, since closing them would drop the
//! locks of the other library.

use std::collections::{BTreeSet, HashMap};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;

use super::barrier::{Barrier, Openings, Raised};
use super::descriptors::{Inode, holds_lock, inode_of, open_on};
use crate::failure::StoreError;

/// The interval at which open files are looked through on systems that do not report that the file was opened.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The longest time for which a read that must not wait still waits for a look in progress.
const GLANCE: Duration = Duration::from_micros(50);

const REFUSAL: &str = "db: another SQLite library in this process opened sentri's database file (Python's sqlite3, \
     better-sqlite3, an ORM), and two libraries in one process destroy a file, so sentri no longer uses it. Restart \
     with a file of its own for sentri, with PostgreSQL or MySQL, or in Node with the option dialect over the driver \
     that you have; tools that run as a process of their own may open the file";

/// The watches of this process. All servers over the same file share a watch.
static WATCHES: LazyLock<Mutex<HashMap<Inode, Weak<Watch>>>> = LazyLock::new(Mutex::default);

#[derive(Debug)]
pub(super) struct Watch {
    inode: Inode,
    /// The process whose locks are watched. A forked child has no locks of its parent.
    process: u32,
    path: PathBuf,
    /// The write-ahead log beside the file.
    log: PathBuf,
    is_spoilt: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    openings: Option<Openings>,
    barrier: Option<Arc<Barrier>>,
    looked_at: Instant,
    /// The descriptors that our connections opened. SQLite may close some of them later than the connection.
    own: BTreeSet<u32>,
    connections: usize,
    /// Whether the system shows our locks.
    shows_locks: bool,
    log_inode: Option<Inode>,
}

impl Watch {
    /// Returns the watch over the file at `path`, or `None` if the system does not distinguish files.
    pub(super) fn over(path: &Path) -> Option<Arc<Self>> {
        let inode = inode_of(path)?;
        open_on(inode)?;
        let mut watches = WATCHES.lock();
        let known = watches.get(&inode).and_then(Weak::upgrade);
        let process = std::process::id();
        if let Some(watch) = known.as_ref().filter(|watch| watch.process == process) {
            return Some(Arc::clone(watch));
        }
        let state = State {
            openings: Openings::of(path),
            barrier: None,
            looked_at: Instant::now(),
            own: known.map(|parent| parent.descriptors()).unwrap_or_default(),
            connections: 0,
            shows_locks: false,
            log_inode: None,
        };
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let (path, log, is_spoilt) = (path.into(), log.into(), AtomicBool::new(false));
        let watch = Arc::new(Self { inode, process, path, log, is_spoilt, state: Mutex::new(state) });
        watches.retain(|_, watch| watch.strong_count() > 0);
        watches.insert(inode, Arc::downgrade(&watch));
        Some(watch)
    }

    /// Returns the descriptors of a parent's connections, which a forked child inherits, and neither uses nor closes.
    /// The result is empty if the parent held the state during the fork; the child then refuses the file.
    fn descriptors(&self) -> BTreeSet<u32> {
        self.state.try_lock_for(LOOK_EVERY).map(|state| state.own.clone()).unwrap_or_default()
    }

    /// Fails if our locks may be invalid. This is cheap while nobody opens the file.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.check_in(&mut self.state.lock())
    }

    /// Runs [`Watch::check`] without waiting, or returns `None` if a look is in progress.
    pub(super) fn check_now(&self) -> Option<Result<(), StoreError>> {
        self.state.try_lock_for(GLANCE).map(|mut state| self.check_in(&mut state))
    }

    /// Runs [`Watch::check`] before a commit. Until the result is dropped, a library that opens the file can't read it.
    pub(super) fn guard(&self) -> Result<Option<Raised>, StoreError> {
        let barrier = self.state.lock().barrier.clone();
        let raised = barrier.map(Barrier::raise).transpose()?;
        self.check().map(|()| raised)
    }

    fn check_in(&self, state: &mut State) -> Result<(), StoreError> {
        if !self.is_spoilt.load(Ordering::Acquire) && state.has_news() {
            self.look(state);
        }
        if self.is_spoilt.load(Ordering::Acquire) { Err(refusal()) } else { Ok(()) }
    }

    fn look(&self, state: &mut State) {
        state.looked_at = Instant::now();
        let Some(open) = open_on(self.inode) else { return };
        let is_foreign = open.iter().any(|descriptor| !state.own.contains(descriptor));
        let is_unlocked = state.shows_locks && !state.own.iter().any(|descriptor| holds_lock(*descriptor));
        // No other process deletes the log while a connection of ours holds its lock.
        let is_without_log = state.log_inode.is_some() && inode_of(&self.log) != state.log_inode;
        if is_foreign || is_unlocked || is_without_log {
            self.is_spoilt.store(true, Ordering::Release);
        }
    }

    /// Opens a connection by `make`, unless another library has the file.
    fn open(&self, make: impl FnOnce() -> Result<Connection, StoreError>) -> Result<Connection, StoreError> {
        let mut state = self.state.lock();
        self.look(&mut state);
        if self.is_spoilt.load(Ordering::Acquire) {
            self.forgive(&mut state);
            return Err(refusal());
        }
        if state.barrier.is_none() {
            state.barrier = Barrier::before(&self.path).map(Arc::new);
            let descriptor = state.barrier.as_ref().map(|barrier| barrier.descriptor());
            state.own.extend(descriptor);
        }
        let made = make();
        let open = open_on(self.inode).unwrap_or_default();
        let connection = match made {
            Ok(connection) => connection,
            Err(error) => {
                state.own.retain(|descriptor| open.contains(descriptor));
                return Err(error);
            }
        };
        let new = open.difference(&state.own).copied().collect::<Vec<_>>();
        if new.len() > 1 {
            // Another library opened the file at the same time.
            self.is_spoilt.store(true, Ordering::Release);
            std::mem::forget(connection);
            return Err(refusal());
        }
        state.own.extend(new);
        state.connections += 1;
        state.shows_locks = state.own.iter().any(|descriptor| holds_lock(*descriptor));
        state.log_inode = inode_of(&self.log);
        state.has_news();
        Ok(connection)
    }

    /// Closes a connection. If another library has the file, the connection stays open to the end of the process.
    fn close(&self, connection: Connection) {
        let mut state = self.state.lock();
        self.look(&mut state);
        if self.is_spoilt.load(Ordering::Acquire) {
            std::mem::forget(connection);
            return;
        }
        drop(connection);
        state.connections -= 1;
        if state.connections == 0 {
            (state.shows_locks, state.log_inode, state.barrier) = (false, None, None);
        }
        let open = open_on(self.inode).unwrap_or_default();
        state.own.retain(|descriptor| open.contains(descriptor));
        state.has_news();
    }

    /// Forgets that another library had the file, if there was no connection yet, so that the next attempt may find it
    /// free.
    fn forgive(&self, state: &mut MutexGuard<'_, State>) {
        if state.connections == 0 {
            self.is_spoilt.store(false, Ordering::Release);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.is_spoilt.load(Ordering::Acquire) {
            std::mem::forget(self.state.get_mut().barrier.take());
        }
    }
}

impl State {
    /// Whether the file may have been opened since the last call.
    fn has_news(&self) -> bool {
        match &self.openings {
            Some(openings) => openings.any(),
            None => self.looked_at.elapsed() >= LOOK_EVERY,
        }
    }
}

fn refusal() -> StoreError {
    StoreError::Configuration(REFUSAL.into())
}

/// A connection, and the watch over its file.
#[derive(Debug)]
pub(super) struct Watched {
    connection: Option<Connection>,
    pub(super) watch: Option<Arc<Watch>>,
}

impl Watched {
    /// Opens a connection by `make` under `watch`, which is `None` for a database in memory.
    pub(super) fn open(
        watch: Option<Arc<Watch>>,
        make: impl FnOnce() -> Result<Connection, StoreError>,
    ) -> Result<Self, StoreError> {
        let connection = Some(match &watch {
            Some(watch) => watch.open(make)?,
            None => make()?,
        });
        Ok(Self { connection, watch })
    }
}

impl Deref for Watched {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("only drop takes the connection out")
    }
}

impl DerefMut for Watched {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("only drop takes the connection out")
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let (Some(connection), Some(watch)) = (self.connection.take(), &self.watch) {
            watch.close(connection);
        }
    }
}

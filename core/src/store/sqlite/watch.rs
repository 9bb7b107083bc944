//! The watch over a database file that another SQLite library of this process may open.
//!
//! POSIX locks belong to the process. Locks of two libraries in one process do not exclude each other, and a library
//! that closes the file drops the locks of the other library (sqlite.org/howtocorrupt, 2.2.1). The file is destroyed
//! when both write, or when a library takes itself for the last user and deletes the log that the other writes to.
//!
//! So a connection asks its watch before it works and again before it commits, behind a [`Barrier`]. The watch looks
//! through the open files of the process when the system reports that the file was opened, or every [`LOOK_EVERY`] if
//! the system has no such reports. A library that came and went between two looks has dropped our locks, or has deleted
//! the log. From then on connections are neither used nor closed: closing them would drop the locks of the other
//! library.

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
/// The time for which a read that must not wait waits for a look that is under way.
const GLANCE: Duration = Duration::from_micros(50);

const REFUSAL: &str = "db: another SQLite library in this process opened sentri's database file (Python's sqlite3, \
     better-sqlite3, an ORM), and two libraries in one process destroy a file, so sentri no longer uses it. Restart \
     with a file of its own for sentri, with PostgreSQL or MySQL, or in Node with the option dialect over the driver \
     that you have; tools that run as a process of their own may open the file";

/// Watches of this process. Servers over one file share one.
static WATCHES: LazyLock<Mutex<HashMap<Inode, Weak<Watch>>>> = LazyLock::new(Mutex::default);

#[derive(Debug)]
pub(super) struct Watch {
    inode: Inode,
    /// The process whose locks are watched: a forked child has none of its parent's.
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
    /// Descriptors that connections of ours opened, those included that SQLite closes later than its connection.
    own: BTreeSet<u32>,
    connections: usize,
    /// Whether the system shows our locks.
    shows_locks: bool,
    log_inode: Option<Inode>,
}

impl Watch {
    /// The watch over the file at `path`. `None` if the system does not distinguish files.
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

    /// The descriptors of a parent's connections, which a forked child inherits, neither uses nor closes. Empty when
    /// the parent was in the middle of something: the child then treats the file as foreign.
    fn descriptors(&self) -> BTreeSet<u32> {
        self.state.try_lock_for(LOOK_EVERY).map(|state| state.own.clone()).unwrap_or_default()
    }

    /// Whether our locks are still valid; cheap while the file is not opened.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.check_in(&mut self.state.lock())
    }

    /// [`Watch::check`] without waiting. `None`: a look is under way.
    pub(super) fn check_now(&self) -> Option<Result<(), StoreError>> {
        self.state.try_lock_for(GLANCE).map(|mut state| self.check_in(&mut state))
    }

    /// [`Watch::check`] before a commit: until the result is dropped, newcomers that open the file can't read its
    /// content.
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
        // While a connection of ours holds its lock, no other process deletes the log.
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
            // The other library came while we opened the file.
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

    /// Closes a connection, unless another library has the file: a connection then stays open to the end of the
    /// process.
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

    /// Before the first connection there is nothing to be spoilt: the next attempt may find the file free.
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
    /// Opens a connection by `make` under `watch`; a database in memory needs none.
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

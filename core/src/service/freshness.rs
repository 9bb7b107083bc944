//! The sessions that this process has cached, and the counter that makes it forget them at once.

use std::ops::RangeInclusive;

use crate::clock::Millis;
use crate::epoch::Epoch;
use crate::generations::Generations;
use crate::store::model::SessionState;

/// A session as it was read, with the time of the read.
#[derive(Debug, Clone)]
pub struct SessionRead {
    /// The row of the session and the roles of its user.
    pub state: SessionState,
    /// The time at which it was read.
    pub read_at: Millis,
}

/// Recent reads of sessions, at most 100,000.
///
/// A revocation forgets the entry, so the next check reads the row, which says that the session is revoked. A
/// concurrent reader must not put its older state back. It passes the epoch under which it began, and its state is
/// dropped if the epoch is newer by then. A revocation advances the epoch before it forgets the entry, and the reader
/// compares epochs under the lock of the entries, so no check gets a state that a revocation forgets.
#[derive(Debug)]
pub struct Freshness {
    known: Generations<String, SessionRead>,
    /// The time at which users were last seen in good standing, neither deleted nor disabled, for tokens that belong to
    /// no session.
    standing: Generations<String, Millis>,
    epoch: Epoch,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { known: Generations::new(50_000), standing: Generations::new(50_000), epoch: Epoch::default() }
    }
}

impl Freshness {
    /// Returns the epoch, which grows with every revocation and role change that this process knows of. A value that
    /// was cached under another epoch is stale.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch.now()
    }

    /// Returns the counter of epochs.
    #[must_use]
    pub const fn epochs(&self) -> &Epoch {
        &self.epoch
    }

    /// Returns a session that was read within `read_in`. An entry from the future was read before the clock was put
    /// right, so its age is unknown.
    #[must_use]
    pub fn get(&self, session_id: &str, read_in: RangeInclusive<Millis>) -> Option<SessionRead> {
        self.known.get(session_id).filter(|known| read_in.contains(&known.read_at))
    }

    /// Remembers a read that began under `epoch`.
    pub fn put(&self, state: SessionState, read_at: Millis, epoch: u32) {
        let id = state.session.id.clone();
        self.known.insert_if(id, SessionRead { state, read_at }, || epoch == self.epoch());
    }

    /// Returns the time at which a user was last seen in good standing, if it is within `read_in`. As in
    /// [`Freshness::get`], an entry from the future is not used.
    #[must_use]
    pub fn standing_at(&self, user_id: &str, read_in: RangeInclusive<Millis>) -> Option<Millis> {
        self.standing.get(user_id).filter(|at| read_in.contains(at))
    }

    /// Remembers that a user was in good standing, by a read that began under `epoch`.
    pub fn put_standing(&self, user_id: &str, read_at: Millis, epoch: u32) {
        self.standing.insert_if(user_id.to_owned(), read_at, || epoch == self.epoch());
    }

    /// Forgets sessions.
    pub fn forget_sessions<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        self.epoch.advance();
        for id in ids {
            self.known.remove(id);
        }
    }

    /// Forgets all sessions and users.
    pub fn forget_all(&self) {
        self.epoch.advance();
        self.known.retain(|_| false);
        self.standing.retain(|_| false);
    }

    /// Forgets every session of a user, and the user's standing.
    pub fn forget_user(&self, user_id: &str) {
        self.epoch.advance();
        self.known.retain(|known| known.state.session.user_id != user_id);
        self.standing.remove(user_id);
    }
}

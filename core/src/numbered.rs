//! Objects by number. A host's fastest calls name their object by its number, since entering a method of a class costs
//! more than the verification itself.

use std::sync::Arc;

use parking_lot::RwLock;

/// Live objects by number. A number that was given back is used again.
#[derive(Debug)]
pub struct Numbered<T>(RwLock<Vec<Option<Arc<T>>>>);

impl<T> Numbered<T> {
    /// Makes an empty table, for a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// Stores `one` and returns its number.
    pub fn remember(&self, one: T) -> u32 {
        let mut all = self.0.write();
        let free = all.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            all.push(None);
            all.len() - 1
        });
        all[place] = Some(Arc::new(one));
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// Replaces the object with this number, which must be in use, by `one`.
    pub fn replace(&self, number: u32, one: T) {
        if let Some(place) = self.0.write().get_mut(number as usize) {
            // The former object is not dropped. It belongs to the process that this process was forked from, and
            // dropping it would close that process's connections.
            std::mem::forget(place.replace(Arc::new(one)));
        }
    }

    /// Forgets the object with this number, so that the number can be used again.
    pub fn forget(&self, number: u32) {
        let forgotten = self.0.write().get_mut(number as usize).and_then(Option::take);
        // The object is dropped after the lock is released, since it may be the last reference to a server.
        drop(forgotten);
    }

    /// Runs `run` on the object with this number. `None`: there is no such object.
    ///
    /// The lock is released before `run` begins. A process that is forked while another thread runs would otherwise
    /// inherit a lock that nobody releases.
    pub fn with<R>(&self, number: u32, run: impl FnOnce(&T) -> R) -> Option<R> {
        let one = self.0.read().get(number as usize)?.clone()?;
        Some(run(&one))
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self::new()
    }
}

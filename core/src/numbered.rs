//! Objects by number: a host's fastest calls name their object by its number, because entering a method of a class of
//! the host's costs more than a verification's own work.

use parking_lot::RwLock;

/// Live objects by number. A number that was taken back is given again.
#[derive(Debug)]
pub struct Numbered<T>(RwLock<Vec<Option<T>>>);

impl<T> Numbered<T> {
    /// An empty table, for a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// Gives `one` a number.
    pub fn remember(&self, one: T) -> u32 {
        let mut all = self.0.write();
        let free = all.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            all.push(None);
            all.len() - 1
        });
        all[place] = Some(one);
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// Gives a number in use to `one`.
    pub fn replace(&self, number: u32, one: T) {
        if let Some(place) = self.0.write().get_mut(number as usize) {
            // Its former owner belongs to the process that this one was forked from, whose connections it would close.
            std::mem::forget(place.replace(one));
        }
    }

    /// Takes a number back.
    pub fn forget(&self, number: u32) {
        let forgotten = self.0.write().get_mut(number as usize).and_then(Option::take);
        // Dropped without the lock: it may be the last that knows a server.
        drop(forgotten);
    }

    /// Runs `run` on the object with the number; `None` if there is none.
    pub fn with<R>(&self, number: u32, run: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.read().get(number as usize).and_then(Option::as_ref).map(run)
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self::new()
    }
}

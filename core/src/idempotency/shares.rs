//! Chooses the answer that a full memory evicts. The largest holder loses an answer, so that a client with a flood of
//! keys displaces its own answers, and no holder is limited while there is room. Answers of verified callers are
//! evicted last.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::caller::Holder;
use super::{Key, Ticket};
use crate::clock::Millis;

/// The limit that is reached.
#[derive(Debug, Clone, Copy)]
pub enum Measure {
    Entries,
    Bytes,
}

/// The stored answers by holder.
#[derive(Debug, Default)]
pub struct Shares {
    held: HashMap<Holder, Holding>,
    /// The classes of unverified and of verified holders, in this order.
    classes: [Class; 2],
}

#[derive(Debug, Default)]
struct Holding {
    /// The answers in the order in which they expire.
    answers: BTreeMap<(Millis, Ticket), Key>,
    bytes: usize,
}

/// Holders in the order of their size.
#[derive(Debug, Default)]
struct Class {
    by_entries: BTreeSet<(usize, Holder)>,
    by_bytes: BTreeSet<(usize, Holder)>,
    bytes: usize,
}

impl Shares {
    /// Adds a complete answer. `place` is its expiry and its ticket.
    pub fn add(&mut self, holder: Holder, place: (Millis, Ticket), key: Key, bytes: usize) {
        self.change(holder, |held| {
            held.answers.insert(place, key);
            held.bytes += bytes;
        });
    }

    /// Removes an answer.
    pub fn remove(&mut self, holder: Holder, place: (Millis, Ticket), bytes: usize) {
        self.change(holder, |held| {
            held.answers.remove(&place);
            held.bytes -= bytes;
        });
    }

    /// Returns the answer to evict, which is the first to expire of the largest unverified holder. If there is no
    /// unverified holder, it is of the largest verified holder, provided that `may_take_verified` is set.
    #[must_use]
    pub fn victim(&self, measure: Measure, may_take_verified: bool) -> Option<Key> {
        let largest = |class: &Class| match measure {
            Measure::Entries => class.by_entries.last().copied(),
            Measure::Bytes => class.by_bytes.last().copied(),
        };
        let [unverified, verified] = &self.classes;
        let (_, holder) = largest(unverified).or_else(|| largest(verified).filter(|_| may_take_verified))?;
        self.held.get(&holder)?.answers.first_key_value().map(|(_, key)| *key)
    }

    /// Returns the bytes of stored answers of unverified callers.
    #[must_use]
    pub const fn unverified_bytes(&self) -> usize {
        self.classes[0].bytes
    }

    fn change(&mut self, holder: Holder, change: impl FnOnce(&mut Holding)) {
        let held = self.held.entry(holder).or_default();
        let class = &mut self.classes[usize::from(holder.is_verified)];
        class.by_entries.remove(&(held.answers.len(), holder));
        class.by_bytes.remove(&(held.bytes, holder));
        class.bytes -= held.bytes;
        change(held);
        if held.answers.is_empty() {
            self.held.remove(&holder);
            return;
        }
        class.by_entries.insert((held.answers.len(), holder));
        class.by_bytes.insert((held.bytes, holder));
        class.bytes += held.bytes;
    }
}

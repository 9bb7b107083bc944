//! The order of a fair queue, which no single network can fill or block. Pure decisions, without clocks, threads or
//! waits.
//!
//! Entries belong to a [`Requester`]. Requesters form a tree of networks: an IPv6 address is part of its /64, /56 and
//! /48, and an IPv4 address of its /24. At each level the waiting networks take turns, so an entry that is alone in its
//! network is served after at most one entry of every other network that waited before it. A network may use all places
//! as long as no other network needs them. When the queue is full, a new entry of a smaller network takes the place of
//! the newest entry of the largest network.

use std::collections::HashMap;
use std::net::IpAddr;

/// The party for whom a hash is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Requester {
    /// Code of the application, and callers with its API key.
    #[default]
    Host,
    /// A client whose address is not known.
    Unknown,
    /// A client at this address.
    Client(IpAddr),
}

/// A network at one level of the tree.
type Network = (usize, Requester);

const LEVELS: usize = 4;
const IPV4_BITS: [u32; LEVELS] = [24, 24, 24, 32];
const IPV6_BITS: [u32; LEVELS] = [48, 56, 64, 128];

impl Requester {
    /// Returns the networks of this requester, the widest first.
    fn networks(self) -> [Network; LEVELS] {
        std::array::from_fn(|level| (level, self.at(level)))
    }

    fn at(self, level: usize) -> Self {
        match self {
            Self::Client(IpAddr::V4(address)) => {
                let mask = u32::MAX << (32 - IPV4_BITS[level]);
                Self::Client(IpAddr::V4((address.to_bits() & mask).into()))
            }
            Self::Client(IpAddr::V6(address)) => {
                let mask = u128::MAX << (128 - IPV6_BITS[level]);
                Self::Client(IpAddr::V6((address.to_bits() & mask).into()))
            }
            Self::Host | Self::Unknown => self,
        }
    }
}

/// A waiting entry.
#[derive(Debug)]
struct Entry<T> {
    id: u64,
    networks: [Network; LEVELS],
    item: T,
}

/// The result of [`FairQueue::push`].
#[derive(Debug, PartialEq, Eq)]
pub enum Push<T> {
    /// The entry waits under this number.
    Queued(u64),
    /// The entry waits under this number. It took the place of another entry, whose item is handed back.
    Displaced(u64, T),
    /// The queue is full, and no network has more entries than that of the new entry would have.
    Refused(T),
}

/// A queue of at most `most` entries.
#[derive(Debug)]
pub struct FairQueue<T> {
    most: usize,
    /// The entries in the order of their arrival.
    entries: Vec<Entry<T>>,
    /// The turn of every waiting network, of which the lowest is served next. A new network goes to the end, as does a
    /// network that was served.
    turns: HashMap<Network, u64>,
    next_turn: u64,
    next_id: u64,
}

impl<T> FairQueue<T> {
    /// An empty queue.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, entries: Vec::new(), turns: HashMap::new(), next_turn: 0, next_id: 0 }
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the queue is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry. If the queue is full, it displaces an entry of the largest network.
    pub fn push(&mut self, requester: Requester, item: T) -> Push<T> {
        let networks = requester.networks();
        let displaced = if self.entries.len() < self.most {
            None
        } else {
            match self.largest_beside(&networks) {
                Some(id) => self.remove(id),
                None => return Push::Refused(item),
            }
        };
        let id = self.next_id;
        self.next_id += 1;
        for network in networks {
            if !self.turns.contains_key(&network) {
                self.move_to_end(network);
            }
        }
        self.entries.push(Entry { id, networks, item });
        displaced.map_or(Push::Queued(id), |item| Push::Displaced(id, item))
    }

    /// Removes the entry whose turn it is, and returns its item.
    pub fn pop(&mut self) -> Option<T> {
        let mut found: Vec<&Entry<T>> = self.entries.iter().collect();
        for level in 0..LEVELS {
            let next = found.iter().map(|entry| entry.networks[level]).min_by_key(|network| self.turns.get(network))?;
            found.retain(|entry| entry.networks[level] == next);
        }
        let (id, networks) = found.first().map(|entry| (entry.id, entry.networks))?;
        for network in networks {
            self.move_to_end(network);
        }
        self.remove(id)
    }

    /// Removes an entry that waits no longer, and returns its item.
    pub fn remove(&mut self, id: u64) -> Option<T> {
        let at = self.entries.iter().position(|entry| entry.id == id)?;
        let removed = self.entries.remove(at);
        for network in removed.networks {
            if !self.entries.iter().any(|entry| entry.networks[network.0] == network) {
                self.turns.remove(&network);
            }
        }
        Some(removed.item)
    }

    /// Finds the newest entry of the largest network, level by level. `None`: the new entry's own network is the
    /// largest at every level, or would be as large with the new entry.
    fn largest_beside(&self, newcomer: &[Network; LEVELS]) -> Option<u64> {
        let mut found: Vec<&Entry<T>> = self.entries.iter().collect();
        let mut is_elsewhere = false;
        for (level, own) in newcomer.iter().copied().enumerate() {
            let mut sizes: HashMap<Network, usize> = HashMap::new();
            for entry in &found {
                *sizes.entry(entry.networks[level]).or_default() += 1;
            }
            if !is_elsewhere {
                // The new entry counts in its own network, which counts as the largest if sizes are equal.
                *sizes.entry(own).or_default() += 1;
            }
            let largest = sizes.into_iter().max_by_key(|(network, size)| (*size, !is_elsewhere && *network == own))?.0;
            is_elsewhere |= largest != own;
            found.retain(|entry| entry.networks[level] == largest);
        }
        if is_elsewhere { found.last().map(|entry| entry.id) } else { None }
    }

    fn move_to_end(&mut self, network: Network) {
        self.turns.insert(network, self.next_turn);
        self.next_turn += 1;
    }
}

//! A bounded map that forgets entries not used of late: two generations, the older dropped whole when the younger is
//! full. Constant work per operation and no bookkeeping on a hit, as a verified-token cache needs.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use crate::sync::Mutex;

/// At most twice `capacity` entries of the newest or most used keys.
#[derive(Debug)]
pub struct Generations<K, V> {
    capacity: usize,
    maps: Mutex<(HashMap<K, V>, HashMap<K, V>)>,
}

impl<K: Hash + Eq, V: Clone> Generations<K, V> {
    /// An empty map of generations of `capacity` entries.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, maps: Mutex::new((HashMap::new(), HashMap::new())) }
    }

    /// The value of `key`, kept for another generation.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut maps = self.maps.lock();
        if let Some(value) = maps.0.get(key) {
            return Some(value.clone());
        }
        let (key, value) = maps.1.remove_entry(key)?;
        Self::put(&mut maps, self.capacity, key, value.clone());
        Some(value)
    }

    /// Sets the value of `key`.
    pub fn insert(&self, key: K, value: V) {
        self.insert_if(key, value, || true);
    }

    /// Sets the value of `key` if `is_valid` says so while nobody else reads or changes the map.
    pub fn insert_if(&self, key: K, value: V, is_valid: impl FnOnce() -> bool) {
        let mut maps = self.maps.lock();
        if !is_valid() {
            return;
        }
        maps.1.remove(&key);
        Self::put(&mut maps, self.capacity, key, value);
    }

    /// Forgets `key`.
    pub fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let mut maps = self.maps.lock();
        maps.0.remove(key);
        maps.1.remove(key);
    }

    /// Forgets every entry that `keep` is false for.
    pub fn retain(&self, keep: impl Fn(&V) -> bool) {
        let mut maps = self.maps.lock();
        maps.0.retain(|_, value| keep(value));
        maps.1.retain(|_, value| keep(value));
    }

    fn put(maps: &mut (HashMap<K, V>, HashMap<K, V>), capacity: usize, key: K, value: V) {
        if maps.0.len() >= capacity && !maps.0.contains_key(&key) {
            maps.1 = std::mem::take(&mut maps.0);
        }
        maps.0.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::Generations;

    #[test]
    fn keeps_what_is_used_and_stays_bounded() {
        let map = Generations::new(10);
        map.insert("kept".to_owned(), 0);
        for i in 0..1_000 {
            map.insert(i.to_string(), i);
            assert_eq!(map.get("kept"), Some(0), "used at every step, so never forgotten");
        }
        let left = (0..1_000).filter(|i| map.get(&i.to_string()).is_some()).count();
        assert!(left <= 20, "{left} entries of at most two generations of ten");
        map.remove("kept");
        assert_eq!(map.get("kept"), None);
    }
}

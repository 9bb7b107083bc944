//! A bounded map that forgets entries that were not used recently. It has two generations; when the younger is full,
//! the older is dropped as a whole. A look-up takes constant time and a hit in the younger generation no bookkeeping,
//! as a cache of verified tokens needs.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use crate::sync::Mutex;

/// A map of at most twice `capacity` entries, those that were added or used last.
#[derive(Debug)]
pub struct Generations<K, V> {
    capacity: usize,
    maps: Mutex<(HashMap<K, V>, HashMap<K, V>)>,
}

impl<K: Hash + Eq, V: Clone> Generations<K, V> {
    /// Makes an empty map whose generations hold `capacity` entries each.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, maps: Mutex::new((HashMap::new(), HashMap::new())) }
    }

    /// Returns the value of `key`, and moves it to the younger generation.
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

    /// Sets the value of `key` if `is_valid` returns true. No other thread reads or changes the map meanwhile.
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

    /// Forgets every entry for which `keep` is false.
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

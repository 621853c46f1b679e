//! A cache of two generations: what was used lately stays, what was not goes, and its weight is bounded.

use foldhash::fast::RandomState;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// What is put in or used goes into the young half; when that is full it becomes the old half, and what was in the old
/// one is forgotten. No list of uses has to be kept for this, and one look-up in a busy cache is one hash.
pub(super) struct Cache<K, V> {
    young: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
    /// Bytes of the young half.
    weight: usize,
    /// Most bytes of a half.
    limit: usize,
    /// Roughly how many bytes an entry takes.
    weigh: fn(&K, &V) -> usize,
}

impl<K: Eq + Hash, V> Cache<K, V> {
    /// An empty one of at most `bytes`.
    pub(super) fn new(bytes: usize, weigh: fn(&K, &V) -> usize) -> Self {
        Cache { young: HashMap::default(), old: HashMap::default(), weight: 0, limit: bytes / 2, weigh }
    }

    /// What is known of a key.
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        V: Copy,
    {
        if let Some(value) = self.young.get(key) {
            return Some(*value);
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value);
        Some(value)
    }

    /// Takes out what is known of a key: for what is changed and put back.
    pub(super) fn take<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        match self.young.remove_entry(key) {
            Some((key, value)) => {
                self.weight = self.weight.saturating_sub((self.weigh)(&key, &value));
                Some(value)
            }
            None => self.old.remove(key),
        }
    }

    /// Remembers; the least lately used half may be forgotten for it.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.weight += (self.weigh)(&key, &value);
        self.young.insert(key, value);
        if self.weight > self.limit {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cache;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut cache: Cache<u32, u32> = Cache::new(200, |_, _| 10);
        for n in 0..1_000 {
            assert_eq!(cache.get(&0), (n > 0).then_some(0));
            cache.insert(n, n);
            assert!(cache.young.len() + cache.old.len() <= 22);
        }
        assert_eq!(cache.get(&500), None);
        assert_eq!(cache.take(&0), Some(0));
        assert_eq!(cache.get(&0), None);
    }
}

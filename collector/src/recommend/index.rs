//! What sessions looked at, in memory: from a session to its items and from an item to its sessions.

use engine::id::Id;
use engine::time::DAY;
use foldhash::fast::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

/// Sessions kept of an item, the latest ones: what the neighbours of an item are found from.
pub(super) const MAX_POSTINGS: usize = 1_000;
/// Items kept of a session, the latest ones.
const MAX_LENGTH: usize = 50;
/// Sessions kept in all; at twice that the older half goes. Each takes about 150 bytes.
const MAX_SESSIONS: usize = 60_000;
/// After this long a look counts half for what is popular.
const HALF_LIFE: f64 = 14.0 * DAY as f64;

/// A session as far as items go.
struct Basket {
    /// Numbers of items, each once, the latest at the end.
    items: Vec<u32>,
}

/// An item.
pub(super) struct Entry {
    /// The shop's id.
    pub(super) id: String,
    /// Its category, as events last told.
    pub(super) category: Option<String>,
    /// Numbers of sessions, oldest first.
    pub(super) sessions: Vec<u32>,
    /// The binary logarithm of its popularity, moved by the half-lives since 1970: the order of these is that of the
    /// popularities at any time, so ranking needs no exponential.
    pub(super) rank: f64,
}

impl Entry {
    /// How often it was looked at, with older looks counting less: n looks of one half-life ago count n / 2.
    pub(super) fn popularity(&self, now: i64) -> f64 {
        (self.rank - half_lives(now)).exp2()
    }

    fn look(&mut self, time: i64) {
        let at = half_lives(time);
        // log2(2^a + 2^b) without leaving the range of a double.
        let (low, high) = if self.rank < at { (self.rank, at) } else { (at, self.rank) };
        self.rank = high + (low - high).exp2().ln_1p() / std::f64::consts::LN_2;
    }
}

fn half_lives(time: i64) -> f64 {
    time as f64 / HALF_LIFE
}

/// The index of one site.
#[derive(Default)]
pub(crate) struct Index {
    items: Vec<Entry>,
    by_id: HashMap<String, u32, RandomState>,
    sessions: Vec<Basket>,
    by_session: HashMap<Id, u32, RandomState>,
    /// By a hash of the visitor's id, which would be most of what a session takes.
    latest_of: HashMap<u64, u32, RandomState>,
    hash: RandomState,
}

impl Index {
    /// Takes in that items were looked at, added or bought in a session; `visitor` where their next question should
    /// know of it.
    pub(crate) fn add(&mut self, session: Id, visitor: Option<&str>, time: i64, items: &[(&str, Option<&str>)]) {
        if self.sessions.len() >= 2 * MAX_SESSIONS {
            self.halve();
        }
        let number = *self.by_session.entry(session).or_insert_with(|| {
            self.sessions.push(Basket { items: Vec::new() });
            (self.sessions.len() - 1) as u32
        });
        if let Some(visitor) = visitor {
            self.latest_of.insert(self.hash.hash_one(visitor), number);
        }
        for (id, category) in items {
            let item = self.item(id);
            let Some(entry) = self.items.get_mut(item as usize) else { continue };
            if category.is_some() {
                entry.category = category.map(str::to_owned);
            }
            entry.look(time);
            let Some(basket) = self.sessions.get_mut(number as usize) else { continue };
            match basket.items.iter().position(|have| *have == item) {
                Some(at) => {
                    basket.items.remove(at);
                }
                None => {
                    entry.sessions.push(number);
                    // In halves, so that dropping the oldest costs nothing a time.
                    if entry.sessions.len() >= 2 * MAX_POSTINGS {
                        entry.sessions.drain(..MAX_POSTINGS);
                    }
                }
            }
            basket.items.push(item);
            if basket.items.len() > MAX_LENGTH {
                basket.items.remove(0);
            }
        }
    }

    fn item(&mut self, id: &str) -> u32 {
        if let Some(number) = self.by_id.get(id) {
            return *number;
        }
        let number = self.items.len() as u32;
        self.items.push(Entry { id: id.to_owned(), category: None, sessions: Vec::new(), rank: f64::NEG_INFINITY });
        self.by_id.insert(id.to_owned(), number);
        number
    }

    /// Forgets visitors and what these sessions looked at. An item that no other session looked at is not popular any
    /// more; for the others a look more or less tells nothing of anybody.
    pub(crate) fn forget(&mut self, visitors: &[&str], sessions: &[Id]) {
        for visitor in visitors {
            self.latest_of.remove(&self.hash.hash_one(*visitor));
        }
        let numbers: HashSet<u32> = sessions.iter().filter_map(|session| self.by_session.remove(session)).collect();
        let mut items = HashSet::new();
        for number in &numbers {
            let Some(basket) = self.sessions.get_mut(*number as usize) else { continue };
            // A full basket has lost its first items: then any item may know of it.
            if basket.items.len() == MAX_LENGTH {
                items.extend(0..self.items.len() as u32);
            }
            items.extend(std::mem::take(&mut basket.items));
        }
        for item in items {
            let Some(entry) = self.items.get_mut(item as usize) else { continue };
            let before = entry.sessions.len();
            entry.sessions.retain(|number| !numbers.contains(number));
            if before > 0 && entry.sessions.is_empty() {
                self.by_id.remove(&entry.id);
                // Its number stays, as baskets are made of numbers; it names nothing.
                entry.id.clear();
                entry.category = None;
                entry.rank = f64::NEG_INFINITY;
            }
        }
    }

    /// Forgets the older half of the sessions.
    fn halve(&mut self) {
        let gone = MAX_SESSIONS as u32;
        self.sessions.drain(..MAX_SESSIONS);
        self.by_session.retain(|_, number| *number >= gone);
        self.latest_of.retain(|_, number| *number >= gone);
        self.by_session.values_mut().chain(self.latest_of.values_mut()).for_each(|number| *number -= gone);
        for entry in &mut self.items {
            entry.sessions.retain(|number| *number >= gone);
            entry.sessions.iter_mut().for_each(|number| *number -= gone);
        }
    }

    /// All items.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.items
    }

    /// An item by its number.
    pub(super) fn entry(&self, number: u32) -> Option<&Entry> {
        self.items.get(number as usize)
    }

    /// The number of an item.
    pub(super) fn number(&self, id: &str) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// The items of a session, the latest at the end.
    pub(super) fn basket(&self, session: u32) -> &[u32] {
        self.sessions.get(session as usize).map_or(&[], |basket| &basket.items)
    }

    /// The items of a visitor's latest session.
    pub(super) fn latest(&self, visitor: &str) -> &[u32] {
        self.latest_of.get(&self.hash.hash_one(visitor)).map_or(&[], |session| self.basket(*session))
    }
}

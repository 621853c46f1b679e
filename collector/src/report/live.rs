//! Live: what happened in the last half hour, kept in memory and told to who listens.

use crate::store::{Committed, Stored};
use engine::clean;
use engine::event::{Event, units};
use engine::time::{self, MINUTE};
use foldhash::fast::RandomState;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// How far back it looks.
const SPAN: i64 = 30 * MINUTE;
/// Events shown to who begins to listen.
const RECENT: usize = 50;
/// Visitors told apart; beyond that the count stands still.
const MAX_VISITORS: usize = 100_000;
/// Events that wait for a slow listener before it loses some.
const WAITING: usize = 1_024;

/// An event as the dashboard shows it.
#[derive(Serialize, Clone)]
pub(crate) struct Shown {
    id: String,
    at: String,
    name: String,
    visitor: String,
    path: Option<String>,
    item: Option<String>,
    category: Option<String>,
    value: Option<f64>,
    currency: Option<String>,
}

impl Shown {
    fn of(id: String, visitor: &str, time: i64, event: &Event) -> Shown {
        let item = event.items.first();
        Shown {
            id,
            at: time::text(time),
            name: event.name.clone(),
            // Enough to tell visitors apart on the screen, and not the whole id, which is a bearer secret. The end of it:
            // a UUIDv7 begins with its time.
            visitor: short(visitor).to_owned(),
            path: event.page.url.as_deref().map(|url| clean::path(url).to_owned()),
            item: item.map(|item| item.item_name.clone().unwrap_or_else(|| item.item_id.clone())),
            category: item.and_then(|item| item.item_category.clone()),
            value: event.value.map(units),
            currency: event.currency.clone(),
        }
    }
}

fn short(visitor: &str) -> &str {
    visitor.get(visitor.len().saturating_sub(8)..).unwrap_or_default()
}

/// What one site's last half hour holds.
#[derive(Default)]
struct Half {
    minutes: VecDeque<(i64, u64)>,
    /// By a hash of the visitor's id: when they were last seen.
    visitors: HashMap<u64, i64, RandomState>,
    hash: RandomState,
    recent: VecDeque<Shown>,
}

/// The live view of all sites.
pub(crate) struct Live {
    sites: Mutex<HashMap<i64, Half>>,
    sender: broadcast::Sender<(i64, Arc<Shown>)>,
}

impl Live {
    /// Empty, with nobody listening.
    pub(crate) fn new() -> Self {
        Live { sites: Mutex::default(), sender: broadcast::channel(WAITING).0 }
    }

    fn sites(&self) -> MutexGuard<'_, HashMap<i64, Half>> {
        // What a panicking thread left behind is at worst one event short.
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills in what was stored before the start.
    pub(crate) fn seed(&self, site: i64, events: &[Stored]) {
        let mut sites = self.sites();
        let half = sites.entry(site).or_default();
        for stored in events {
            half.count(&stored.visitor, stored.time);
            half.show(Shown::of(stored.id.text(), &stored.visitor, stored.time, &stored.event));
        }
    }

    /// Takes a commit in and tells the listeners.
    pub(crate) fn publish(&self, committed: &[Committed], now: i64) {
        let mut sites = self.sites();
        let heard = self.sender.receiver_count() > 0;
        let late_enough = |committed: &&Committed| committed.time > now - SPAN;
        // How many of each site are still to come: of a large group only the last ones are ever shown.
        let mut left: HashMap<i64, usize> = HashMap::new();
        committed.iter().filter(late_enough).for_each(|committed| *left.entry(committed.site).or_default() += 1);
        for committed in committed.iter().filter(late_enough) {
            let Committed { site, id, visitor, time, event, .. } = committed;
            let left = left.entry(*site).or_default();
            *left = left.saturating_sub(1);
            let half = sites.entry(*site).or_default();
            half.count(visitor, *time);
            if heard || *left < RECENT {
                let shown = Shown::of(id.text(), visitor, *time, event);
                if heard {
                    // No receiver left in the meantime is no loss.
                    let _ = self.sender.send((*site, Arc::new(shown.clone())));
                }
                half.show(shown);
            }
        }
    }

    /// Forgets visitors and their events; how many there were stays.
    pub(crate) fn forget(&self, site: i64, visitors: &[&str]) {
        let mut sites = self.sites();
        let Some(half) = sites.get_mut(&site) else { return };
        for visitor in visitors {
            half.visitors.remove(&half.hash.hash_one(*visitor));
            half.recent.retain(|shown| shown.visitor != short(visitor));
        }
    }

    /// Listens to what comes from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<(i64, Arc<Shown>)> {
        self.sender.subscribe()
    }

    /// The counts at `now`; with `recent` the latest events too.
    pub(crate) fn totals(&self, site: i64, now: i64, recent: bool) -> Value {
        let mut sites = self.sites();
        let half = sites.entry(site).or_default();
        half.forget(now);
        let minute = now.div_euclid(MINUTE);
        let mut per_minute = vec![0u64; 30];
        for (at, n) in &half.minutes {
            if let Some(slot) = usize::try_from(29 - (minute - at)).ok().and_then(|at| per_minute.get_mut(at)) {
                *slot += n;
            }
        }
        let mut totals = json!({
            "now": time::text(now),
            "visitors_5m": half.visitors.values().filter(|seen| **seen > now - 5 * MINUTE).count(),
            "visitors_30m": half.visitors.len(),
            "events_30m": per_minute.iter().sum::<u64>(),
            "per_minute": per_minute,
        });
        if recent {
            totals["recent"] = json!(half.recent);
        }
        totals
    }
}

impl Half {
    fn count(&mut self, visitor: &str, time: i64) {
        let minute = time.div_euclid(MINUTE);
        match self.minutes.iter_mut().rev().find(|(at, _)| *at == minute) {
            Some((_, n)) => *n += 1,
            None => self.minutes.push_back((minute, 1)),
        }
        let full = self.visitors.len() >= MAX_VISITORS;
        match self.visitors.entry(self.hash.hash_one(visitor)) {
            Entry::Occupied(mut seen) => {
                seen.insert(time.max(*seen.get()));
            }
            Entry::Vacant(place) if !full => {
                place.insert(time);
            }
            Entry::Vacant(_) => {}
        }
    }

    fn show(&mut self, shown: Shown) {
        self.recent.push_front(shown);
        self.recent.truncate(RECENT);
    }

    fn forget(&mut self, now: i64) {
        let oldest = (now - SPAN).div_euclid(MINUTE);
        self.minutes.retain(|(minute, _)| *minute > oldest);
        self.visitors.retain(|_, seen| *seen > now - SPAN);
    }
}

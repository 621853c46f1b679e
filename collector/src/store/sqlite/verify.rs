//! Verifying: everything that was derived, derived again from the raw events and compared.

use super::append::{QUARTER, read_state};
use super::read::{STORED, stored};
use crate::error::Error;
use engine::event::Micro;
use engine::facts::State;
use engine::session::Session;
use rusqlite::Connection;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Differences told in full; more are only counted.
const TOLD: usize = 100;

/// What was looked at and what was found.
#[derive(Default)]
pub(crate) struct Verified {
    /// Raw events.
    pub(crate) events: u64,
    /// Visitors, with their facts.
    pub(crate) visitors: u64,
    /// Sessions.
    pub(crate) sessions: u64,
    /// Sums.
    pub(crate) sums: u64,
    /// How much differs.
    pub(crate) different: u64,
    /// The first of what differs, in words.
    pub(crate) told: Vec<String>,
}

impl Verified {
    fn differs(&mut self, what: impl FnOnce() -> String) {
        self.different += 1;
        if self.told.len() < TOLD {
            self.told.push(what());
        }
    }
}

type Quarters = HashMap<(i64, i64, String), (i64, Micro)>;
type Items = HashMap<(i64, i64, String), [i64; 5]>;

/// Recounts everything, within one read transaction: it may run beside a collector.
pub(super) fn verify(connection: &mut Connection) -> Result<Verified, Error> {
    let transaction = connection.transaction()?;
    let mut verified = Verified::default();
    let integrity: String = transaction.query_row("pragma integrity_check", [], |row| row.get(0))?;
    if integrity != "ok" {
        verified.differs(|| format!("the file: {integrity}"));
    }

    let mut quarters = Quarters::new();
    let mut items = Items::new();
    let mut visitors = transaction.prepare("select id, site, visitor, state from visitors order by id")?;
    let mut events = transaction.prepare(&format!("{STORED} where e.visitor = ? order by e.time, e.id"))?;
    let mut kept_sessions = transaction.prepare(
        "select start, id, end, events, pages, (select text from strings where id = landing), \
         (select text from strings where id = source), (select text from strings where id = medium), \
         (select text from strings where id = campaign) from sessions where visitor = ? order by start, id",
    )?;
    let mut rows = visitors.query([])?;
    while let Some(row) = rows.next()? {
        let (id, site): (i64, i64) = (row.get(0)?, row.get(1)?);
        // A visitor's id is a bearer secret: the number of the row names them as well.
        let name = format!("visitor {id}");
        let mut state = State::default();
        let mut sessions: BTreeMap<(i64, u128), Session> = BTreeMap::new();
        let mut found = events.query([id])?;
        while let Some(row) = found.next()? {
            let stored = stored(row)?;
            state.fold(&stored.event, stored.time, stored.id);
            sessions.insert((state.session.start, state.session.id.0), state.session.clone());
            add_up(site, &stored.event, stored.time, &mut quarters, &mut items);
            verified.events += 1;
        }
        verified.visitors += 1;
        if read_state(row.get_ref(3)?.as_blob()?)? != state {
            verified.differs(|| format!("{name}: the facts are not the fold of the events"));
        }
        let mut kept = kept_sessions.query([id])?;
        while let Some(row) = kept.next()? {
            verified.sessions += 1;
            let key = (row.get(0)?, u128::from_be_bytes(row.get(1)?));
            let same = match sessions.remove(&key) {
                None => false,
                Some(session) => {
                    let campaign = session.campaign.unwrap_or_default();
                    session.end == row.get::<_, i64>(2)?
                        && session.events == row.get::<_, u32>(3)?
                        && session.pages == row.get::<_, u32>(4)?
                        && session.landing_path == row.get::<_, Option<String>>(5)?
                        && campaign.source == row.get::<_, Option<String>>(6)?
                        && campaign.medium == row.get::<_, Option<String>>(7)?
                        && campaign.name == row.get::<_, Option<String>>(8)?
                }
            };
            if !same {
                verified.differs(|| format!("{name}: the session that began at {} is kept otherwise", key.0));
            }
        }
        for (start, _) in sessions.keys() {
            verified.differs(|| format!("{name}: the session that began at {start} is not kept"));
        }
    }

    let mut statement = transaction
        .prepare("select q.site, q.quarter, s.text, q.n, q.value from quarters q join strings s on s.id = q.name")?;
    let kept =
        statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?, row.get(2)?), (row.get(3)?, row.get(4)?))))?;
    compare("events", kept, quarters, &mut verified)?;
    let mut statement = transaction.prepare(
        "select q.site, q.quarter, s.text, q.views, q.carts, q.purchases, q.quantity, q.revenue \
         from item_quarters q join strings s on s.id = q.item",
    )?;
    let kept = statement.query_map([], |row| {
        let key = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((key, [row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?]))
    })?;
    compare("items", kept, items, &mut verified)?;
    Ok(verified)
}

fn add_up(site: i64, event: &engine::event::Event, time: i64, quarters: &mut Quarters, items: &mut Items) {
    let quarter = time.div_euclid(QUARTER);
    let sum = quarters.entry((site, quarter, event.name.clone())).or_default();
    sum.0 += 1;
    sum.1 = sum.1.saturating_add(event.value.unwrap_or(0));
    let kind = match event.name.as_str() {
        "view_item" => 0,
        "add_to_cart" => 1,
        "purchase" => 2,
        _ => return,
    };
    for item in &event.items {
        let sums = items.entry((site, quarter, item.item_id.clone())).or_default();
        sums[kind] += 1;
        if kind == 2 {
            sums[3] = sums[3].saturating_add(item.count());
            sums[4] = sums[4].saturating_add(item.total());
        }
    }
}

fn compare<V: PartialEq>(
    what: &str,
    kept: impl Iterator<Item = rusqlite::Result<((i64, i64, String), V)>>,
    mut counted: HashMap<(i64, i64, String), V>,
    verified: &mut Verified,
) -> Result<(), Error>
where
    (i64, i64, String): Eq + Hash,
{
    for row in kept {
        let (key, value) = row?;
        verified.sums += 1;
        if counted.remove(&key) != Some(value) {
            verified.differs(|| format!("sums of {what}: {:?} of quarter {} is kept otherwise", key.2, key.1));
        }
    }
    for key in counted.keys() {
        verified.differs(|| format!("sums of {what}: {:?} of quarter {} is not kept", key.2, key.1));
    }
    Ok(())
}

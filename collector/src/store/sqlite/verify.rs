//! Verifying: everything that was derived, derived again from the raw events and compared.
//!
//! Memory stays the same however much there is: one visitor at a time, a bit for each string, and sums that are put
//! into temporary tables when there are too many of them.

use super::append::{QUARTER, read_state};
use super::read::{STORED, stored};
use super::sweep::{CLIENTS, Numbers, STRINGS, referred};
use super::{strings, sums};
use crate::error::Error;
use crate::store::channel;
use engine::facts::State;
use engine::id::Id;
use engine::session::Session;
use rusqlite::{Connection, Statement};
use std::collections::{BTreeMap, HashMap};

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
    /// Sums that raw events are there for.
    pub(crate) sums: u64,
    /// How much differs.
    pub(crate) different: u64,
    /// The first of what differs, in words.
    pub(crate) told: Vec<String>,
    /// What is worth knowing and no difference.
    pub(crate) notes: Vec<String>,
}

impl Verified {
    pub(super) fn differs(&mut self, what: impl FnOnce() -> String) {
        self.different += 1;
        if self.told.len() < TOLD {
            self.told.push(what());
        }
    }

    fn notes(&mut self, n: i64, what: &str) {
        if n > 0 {
            self.notes.push(format!("{n} {what}"));
        }
    }
}

/// Recounts everything, within one read transaction: it may run beside a collector.
pub(super) fn verify(connection: &mut Connection) -> Result<Verified, Error> {
    // What does not fit into memory goes into a temporary file of SQLite's own.
    connection.execute_batch(sums::TABLES)?;
    let transaction = connection.transaction()?;
    let mut verified = Verified::default();
    let mut statement = transaction.prepare("pragma integrity_check")?;
    for line in statement.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            verified.differs(|| format!("the file: {line}"));
        }
    }

    let mut statement = transaction.prepare("select id, sealed_before from sites")?;
    let sites = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?)))?;
    let sealed: HashMap<i64, i64> =
        sites.map(|row| row.map(|(site, time)| (site, time.unwrap_or(i64::MIN)))).collect::<Result<_, _>>()?;

    let mut counted = sums::Counted::default();
    let mut erasing = 0;
    let mut visitors = transaction.prepare("select id, site, state from visitors order by id")?;
    let mut look = Look {
        events: transaction.prepare(&format!("{STORED} where e.visitor = ? order by e.time, e.id"))?,
        checkpoints: transaction
            .prepare("select time, id, state from checkpoints where visitor = ? order by time, id")?,
        sessions: transaction.prepare(
            "select start, id, end, events, pages, (select text from strings where id = landing), \
             (select text from strings where id = source), (select text from strings where id = medium), \
             (select text from strings where id = campaign), \
             (select text from strings where id = referrer), channel from sessions where visitor = ? order by start, id",
        )?,
    };
    let mut rows = visitors.query([])?;
    while let Some(row) = rows.next()? {
        let (id, site): (i64, i64) = (row.get(0)?, row.get(1)?);
        let from = sealed.get(&site.abs()).copied().unwrap_or(i64::MIN);
        let mut count = |stored: &crate::store::Stored| -> Result<(), Error> {
            if stored.time.div_euclid(QUARTER).saturating_mul(QUARTER) >= from {
                counted.add(&transaction, site.abs(), stored.time.div_euclid(QUARTER), &stored.event)?;
            }
            Ok(())
        };
        if site < 0 {
            // Being erased: their events are counted until they are gone, and nothing else is true of them any more.
            erasing += 1;
            let mut found = look.events.query([id])?;
            while let Some(row) = found.next()? {
                count(&stored(row)?)?;
                verified.events += 1;
            }
            continue;
        }
        verified.visitors += 1;
        visitor(&mut look, id, &row.get::<_, Vec<u8>>(2)?, &mut count, &mut verified)?;
    }
    verified.notes(erasing, "visitors are being erased");
    counted.compare(&transaction, &mut verified)?;
    references(&transaction, &mut verified)?;
    Ok(verified)
}

/// What is asked of each visitor.
struct Look<'a> {
    events: Statement<'a>,
    checkpoints: Statement<'a>,
    sessions: Statement<'a>,
}

/// One visitor: their facts, checkpoints and sessions.
fn visitor(
    look: &mut Look<'_>,
    id: i64,
    kept: &[u8],
    count: &mut dyn FnMut(&crate::store::Stored) -> Result<(), Error>,
    verified: &mut Verified,
) -> Result<(), Error> {
    // A visitor's id is a bearer secret: the number of the row names them as well.
    let name = format!("visitor {id}");
    let mut state = State::default();
    let mut sessions: BTreeMap<(i64, u128), Session> = BTreeMap::new();
    let mut checkpoints = look.checkpoints.query([id])?;
    let mut next: Option<((i64, Id), State)> = None;
    let mut read_next = |next: &mut Option<((i64, Id), State)>| -> Result<(), Error> {
        *next = match checkpoints.next()? {
            None => None,
            Some(row) => {
                let at = (row.get(0)?, Id(u128::from_be_bytes(row.get(1)?)));
                Some((at, read_state(row.get_ref(2)?.as_blob()?)?))
            }
        };
        Ok(())
    };
    read_next(&mut next)?;
    // Sessions that began before this are those of events that retention took.
    let mut known_from = (i64::MIN, 0);
    let mut first = true;
    let mut found = look.events.query([id])?;
    while let Some(row) = found.next()? {
        let stored = stored(row)?;
        let at = (stored.time, stored.id);
        if first {
            first = false;
            if let Some((_, base)) = next.take_if(|(before, _)| *before < at) {
                known_from = (base.session.start, base.session.id.0);
                state = base;
                read_next(&mut next)?;
            }
        }
        state.fold(&stored.event, stored.time, stored.id);
        sessions.insert((state.session.start, state.session.id.0), state.session.clone());
        count(&stored)?;
        verified.events += 1;
        while let Some((kept_at, kept)) = next.take_if(|(kept_at, _)| *kept_at <= at) {
            if kept_at != at || kept != state {
                verified.differs(|| format!("{name}: the checkpoint at {} is not the fold up to there", kept_at.0));
            }
            read_next(&mut next)?;
        }
    }
    while let Some(((time, _), _)) = next {
        verified.differs(|| format!("{name}: the checkpoint at {time} is of no event"));
        read_next(&mut next)?;
    }
    if read_state(kept)? != state {
        verified.differs(|| format!("{name}: the facts are not the fold of the events"));
    }
    let mut kept = look.sessions.query([id])?;
    while let Some(row) = kept.next()? {
        verified.sessions += 1;
        let key = (row.get(0)?, u128::from_be_bytes(row.get(1)?));
        let same = match sessions.remove(&key) {
            None => key <= known_from,
            Some(session) => {
                let channel = channel::of(&session);
                let campaign = session.campaign.unwrap_or_default();
                session.end == row.get::<_, i64>(2)?
                    && session.events == row.get::<_, u32>(3)?
                    && session.pages == row.get::<_, u32>(4)?
                    && session.landing_path == row.get::<_, Option<String>>(5)?
                    && campaign.source == row.get::<_, Option<String>>(6)?
                    && campaign.medium == row.get::<_, Option<String>>(7)?
                    && campaign.name == row.get::<_, Option<String>>(8)?
                    && session.referrer == row.get::<_, Option<String>>(9)?
                    && Some(channel) == row.get::<_, Option<String>>(10)?.as_deref()
            }
        };
        if !same {
            verified.differs(|| format!("{name}: the session that began at {} is kept otherwise", key.0));
        }
    }
    for (start, _) in sessions.keys() {
        verified.differs(|| format!("{name}: the session that began at {start} is not kept"));
    }
    Ok(())
}

/// Whatever refers to something: is that there?
fn references(connection: &Connection, verified: &mut Verified) -> Result<(), Error> {
    let count = |sql: &str| -> Result<i64, Error> { Ok(connection.query_row(sql, [], |row| row.get(0))?) };
    let events = count("select count(*) from events")?;
    let seen = i64::try_from(verified.events).unwrap_or(i64::MAX);
    if events != seen {
        verified.differs(|| format!("{events} events are stored, {seen} of them of a visitor and with a name"));
    }
    for (n, what) in [
        (
            count(
                "select count(*) from transactions t where event is not null and not exists \
                 (select 1 from events e where e.row = t.event and e.site = t.site)",
            )?,
            "orders are of no event",
        ),
        (
            count(
                "select count(*) from events e join strings n on n.id = e.name where n.text = 'purchase' \
                 and e.transaction_id is not null and not exists (select 1 from transactions t where t.event = e.row)",
            )?,
            "purchases have an order that is not kept",
        ),
        (
            count(
                "select count(*) from (select distinct visitor from checkpoints) c \
                 where not exists (select 1 from visitors v where v.id = c.visitor)",
            )?,
            "visitors of checkpoints are not there",
        ),
        (
            count(
                "select count(*) from (select site, day, code, filtered, n from reject_counts) c where n < \
                 (select count(*) from rejects r where r.site = c.site and r.code = c.code \
                 and r.filtered = c.filtered and r.received >= c.day * 86400000 and r.received < (c.day + 1) * 86400000)",
            )?,
            "counts of rejects are less than the rejects",
        ),
    ] {
        if n > 0 {
            verified.differs(|| format!("{n} {what}"));
        }
    }

    let mut there = Numbers::default();
    let used = referred(connection, &STRINGS)?;
    let (mut wrong, mut unused) = (0, 0);
    let mut statement = connection.prepare("select id, hash, text from strings")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        there.insert(id);
        unused += i64::from(!used.has(id));
        wrong += i64::from(row.get::<_, i64>(1)? != strings::hash(row.get_ref(2)?.as_str()?));
    }
    if wrong > 0 {
        verified.differs(|| format!("{wrong} strings are not found by their hash"));
    }
    let missing = used.without(&there);
    if missing > 0 {
        verified.differs(|| format!("{missing} strings that are referred to are not there"));
    }
    verified.notes(unused, "strings are referred to by nothing");

    let mut there = Numbers::default();
    let used = referred(connection, &CLIENTS)?;
    let mut unused = 0;
    let mut statement = connection.prepare("select id from clients")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        there.insert(id);
        unused += i64::from(!used.has(id));
    }
    let missing = used.without(&there);
    if missing > 0 {
        verified.differs(|| format!("{missing} clients that are referred to are not there"));
    }
    verified.notes(unused, "clients are referred to by nothing");
    Ok(())
}

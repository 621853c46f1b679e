//! Retention: raw events that are older than a site keeps them go, and the buckets before that are sealed.
//!
//! First the site is sealed, so that nothing comes in any more for before then; then the events go, in transactions of a
//! bounded size, visitor by visitor and oldest first. What is left of a visitor's events is a checkpoint, their base:
//! whatever is folded later begins there. So the store is whole after each transaction, and the next run goes on.

use super::append::{QUARTER, read_state, write_state};
use super::read::{ROW, STORED, stored};
use super::{Appender, Sqlite};
use crate::error::Error;
use engine::facts::State;
use engine::id::Id;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// Events that go in one transaction: a few tens of ms, after which those that wait have their turn.
pub(super) const PIECE: usize = 250;
/// Visitors that are looked up at once.
const LOOK: usize = 500;
/// How long rejects are kept, in ms.
const REJECTS: i64 = 14 * engine::time::DAY;

impl Sqlite {
    /// Drops the raw events of a site from before `now` less so many days; returns how many went.
    pub(super) fn purge(&self, site: i64, days: i64, now: i64) -> Result<u64, Error> {
        let cutoff = (now - days * engine::time::DAY).div_euclid(QUARTER) * QUARTER;
        let cutoff = self.writer.run_and_forget(move |connection, appender| {
            let sealed: Option<i64> =
                connection.query_row("select sealed_before from sites where id = ?", [site], |row| row.get(0))?;
            // A longer retention brings nothing back: what is sealed stays so.
            let cutoff = sealed.map_or(cutoff, |sealed| sealed.max(cutoff));
            if sealed != Some(cutoff) {
                connection.execute("update sites set sealed_before = ? where id = ?", params![cutoff, site])?;
                appender.forget_seals();
            }
            Ok(cutoff)
        })?;
        let (mut purged, mut after) = (0, 0);
        loop {
            let mut visitors = self.visitors_before(site, cutoff, after)?;
            let Some(last) = visitors.last() else { return Ok(purged) };
            after = *last;
            visitors.reverse();
            while !visitors.is_empty() {
                let (events, rest) = self
                    .writer
                    .run_and_forget(move |connection, appender| purge_some(connection, appender, visitors, cutoff))?;
                purged += events;
                visitors = rest;
            }
        }
    }

    /// Visitors after this number who have events from before the cutoff.
    fn visitors_before(&self, site: i64, cutoff: i64, after: i64) -> Result<Vec<i64>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "select id from visitors v where id > ? and site = ? \
                 and exists (select 1 from events e where e.visitor = v.id and e.time < ?) order by id limit ?",
            )?;
            let rows = statement.query_map(params![after, site, cutoff, LOOK as i64], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Drops rejects that were received before `now` less 14 days; their counts stay.
    pub(super) fn drop_rejects(&self, now: i64) -> Result<u64, Error> {
        let mut dropped = 0;
        loop {
            let gone = self.writer.run(move |connection| {
                Ok(connection.execute(
                    "delete from rejects where row in \
                     (select row from rejects where site in (select id from sites) and received < ? limit ?)",
                    params![now - REJECTS, PIECE as i64],
                )?)
            })?;
            dropped += gone as u64;
            if gone < PIECE {
                return Ok(dropped);
            }
        }
    }
}

/// Drops events of these visitors, the last of them first, in one transaction; returns how many went and who is left.
fn purge_some(
    connection: &mut Connection,
    appender: &mut Appender,
    mut visitors: Vec<i64>,
    cutoff: i64,
) -> Result<(u64, Vec<i64>), Error> {
    let transaction = connection.transaction()?;
    let (mut purged, mut gone) = (0, Vec::new());
    while let Some(visitor) = visitors.pop() {
        let room = PIECE - purged;
        let events = purge_visitor(&transaction, visitor, cutoff, room, &mut gone)?;
        purged += events;
        if events == room {
            // There may be more of the same visitor.
            visitors.push(visitor);
            break;
        }
    }
    transaction.commit()?;
    for (site, visitor) in gone {
        appender.forget_visitor(site, &visitor);
    }
    Ok((purged as u64, visitors))
}

/// Drops at most so many events of a visitor. Who has none left goes too, noted in `gone`: their sessions stay, as
/// counts, under a number that names nobody any more.
fn purge_visitor(
    transaction: &Transaction<'_>,
    visitor: i64,
    cutoff: i64,
    room: usize,
    gone: &mut Vec<(i64, String)>,
) -> Result<usize, Error> {
    let mut rows = Vec::new();
    let mut state = None;
    let mut statement = transaction
        .prepare_cached(&format!("{STORED} where e.visitor = ? and e.time < ? order by e.time, e.id limit ?"))?;
    let mut found = statement.query(params![visitor, cutoff, room as i64])?;
    while let Some(row) = found.next()? {
        let event = stored(row)?;
        if state.is_none() {
            state = Some(base(transaction, visitor, (event.time, event.id))?.unwrap_or_default());
        }
        if let Some(state) = &mut state {
            state.fold(&event.event, event.time, event.id);
        }
        rows.push(row.get::<_, i64>(ROW)?);
    }
    for row in &rows {
        drop_event(transaction, *row)?;
    }
    let Some(state) = state else { return Ok(0) };
    let left: bool = transaction
        .prepare_cached("select exists (select 1 from events where visitor = ?)")?
        .query_row([visitor], |row| row.get(0))?;
    let Some((time, id)) = state.last.filter(|_| left) else {
        transaction.prepare_cached("delete from checkpoints where visitor = ?")?.execute([visitor])?;
        gone.push(
            transaction
                .prepare_cached("delete from visitors where id = ? returning site, visitor")?
                .query_row([visitor], |row| Ok((row.get(0)?, row.get(1)?)))?,
        );
        return Ok(rows.len());
    };
    let id = id.0.to_be_bytes();
    transaction
        .prepare_cached("delete from checkpoints where visitor = ? and (time, id) <= (?, ?)")?
        .execute(params![visitor, time, id])?;
    transaction
        .prepare_cached("insert into checkpoints (visitor, time, id, state) values (?, ?, ?, ?)")?
        .execute(params![visitor, time, id, write_state(&state)?])?;
    Ok(rows.len())
}

/// What a visitor's events begin from, the first of which is given: the checkpoint before it, if there is one.
pub(super) fn base(connection: &Connection, visitor: i64, first: (i64, Id)) -> Result<Option<State>, Error> {
    let state: Option<Vec<u8>> = connection
        .prepare_cached(
            "select state from checkpoints where visitor = ? and (time, id) < (?, ?) order by time, id limit 1",
        )?
        .query_row(params![visitor, first.0, first.1.0.to_be_bytes()], |row| row.get(0))
        .optional()?;
    state.as_deref().map(read_state).transpose()
}

/// Drops an event. The hash of its order stays: told of again, it is still the same order.
pub(super) fn drop_event(transaction: &Transaction<'_>, row: i64) -> Result<(), Error> {
    transaction.prepare_cached("update transactions set event = null where event = ?")?.execute([row])?;
    transaction.prepare_cached("delete from events where row = ?")?.execute([row])?;
    Ok(())
}

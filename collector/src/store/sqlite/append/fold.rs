//! The fold of a visitor's events, kept up: facts and sessions, on top of what is known or again from a checkpoint.

use super::{Appender, ENTRY, Fresh, Known};
use crate::error::Error;
use crate::store::channel;
use crate::store::sqlite::read::{STORED, stored};
use engine::event::Event;
use engine::facts::State;
use engine::id::Id;
use engine::session::Session;
use rusqlite::{OptionalExtension, Transaction, params};

/// Events of a visitor between two checkpoints: the most that a late event makes the writer fold again, but for those
/// that came after it.
const CHECKPOINT: u32 = 256;
/// Checkpoints of a visitor beyond which the older ones are thinned out: every second of them goes, but never the first,
/// which may be all that is left of what came before it. So there are many of lately and few of long ago, and a visitor
/// of millions of events has no more of them than one of thousands.
const MOST_CHECKPOINTS: i64 = 64;
/// Of those, the latest ones that stay as they are.
const LATEST_CHECKPOINTS: i64 = 16;

impl Appender {
    /// Folds a visitor's new events in: on top of what is known where they come in order, else again from the last
    /// checkpoint before the first of them.
    pub(super) fn fold(
        &mut self,
        transaction: &Transaction<'_>,
        site: i64,
        visitor: &str,
        known: &mut Known,
        mut fresh: Vec<Fresh<'_>>,
        placed: &mut Vec<(usize, usize, Id)>,
    ) -> Result<(), Error> {
        fresh.sort_unstable_by_key(|fresh| (fresh.incoming.time, fresh.incoming.id));
        let Some(first) = fresh.first().map(|first| (first.incoming.time, first.incoming.id)) else { return Ok(()) };
        let in_order = known.state.last.is_none_or(|last| last < first);
        let mut sessions = Vec::new();
        if in_order {
            for Fresh { batch, index, incoming, client, own } in &fresh {
                sessions.extend(known.state.fold(&incoming.event, incoming.time, incoming.id));
                placed.push((*batch, *index, known.state.session.id));
                known.client = if *own { *client } else { known.client.or(*client) };
                checkpoint(transaction, known)?;
            }
        } else {
            let mut waiting = fresh.iter().peekable();
            refold(transaction, known, first, |known, event, time, id| {
                sessions.extend(known.state.fold(event, time, id));
                // Both are in the order of the fold.
                while let Some(fresh) = waiting.next_if(|fresh| (fresh.incoming.time, fresh.incoming.id) <= (time, id))
                {
                    placed.push((fresh.batch, fresh.index, known.state.session.id));
                }
            })?;
        }
        sessions.push(known.state.session.clone());
        let joined = fresh.iter().rev().filter(|fresh| fresh.incoming.joins).find_map(|fresh| fresh.incoming.user);
        known.user = joined.or(known.user);
        self.write_visitor(transaction, site, visitor, known, &sessions)
    }

    /// Writes down what a fold led to.
    fn write_visitor(
        &mut self,
        transaction: &Transaction<'_>,
        site: i64,
        visitor: &str,
        known: &mut Known,
        sessions: &[Session],
    ) -> Result<(), Error> {
        let state = write_state(&known.state)?;
        known.weight = weight(&state);
        if known.new {
            transaction
                .prepare_cached(
                    "insert into visitors (state, user, client, since, id, site, visitor) values (?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![state, known.user, known.client, known.since, known.row, site, visitor])?;
            known.new = false;
        } else {
            transaction
                .prepare_cached("update visitors set state = ?, user = ?, client = ?, since = ? where id = ?")?
                .execute(params![state, known.user, known.client, known.since, known.row])?;
        }
        for session in sessions {
            self.write_session(transaction, site, known.row, session)?;
        }
        Ok(())
    }

    /// Folds a visitor again from the last checkpoint before `from` on: an event from then is gone.
    pub(in crate::store::sqlite) fn refold(
        &mut self,
        transaction: &Transaction<'_>,
        site: i64,
        visitor: &str,
        from: (i64, Id),
    ) -> Result<(), Error> {
        let mut known = self.visitor(transaction, site, visitor)?;
        let mut sessions = Vec::new();
        refold(transaction, &mut known, from, |known, event, time, id| {
            sessions.extend(known.state.fold(event, time, id));
        })?;
        sessions.push(known.state.session.clone());
        self.write_visitor(transaction, site, visitor, &mut known, &sessions)?;
        self.visitors.insert((site, visitor.to_owned()), known);
        Ok(())
    }

    fn write_session(
        &mut self,
        transaction: &Transaction<'_>,
        site: i64,
        visitor: i64,
        session: &Session,
    ) -> Result<(), Error> {
        let landing = self.string(transaction, session.landing_path.as_ref())?;
        let referrer = self.string(transaction, session.referrer.as_ref())?;
        let campaign = session.campaign.clone().unwrap_or_default();
        let source = self.string(transaction, campaign.source.as_ref())?;
        let medium = self.string(transaction, campaign.medium.as_ref())?;
        let name = self.string(transaction, campaign.name.as_ref())?;
        transaction
            .prepare_cached(
                "insert into sessions (visitor, start, id, site, end, events, pages, landing, source, medium, campaign, \
                 referrer, channel) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set \
                 end = excluded.end, events = excluded.events, pages = excluded.pages, landing = excluded.landing, \
                 referrer = excluded.referrer, channel = excluded.channel",
            )?
            .execute(params![
                visitor,
                session.start,
                session.id.0.to_be_bytes(),
                site,
                session.end,
                session.events,
                session.pages,
                landing,
                source,
                medium,
                name,
                referrer,
                channel::of(session),
            ])?;
        Ok(())
    }
}

/// Folds a visitor's stored events again, from the last checkpoint before `from` on. Sessions and checkpoints that are
/// not true any more go; those that are come again.
fn refold(
    transaction: &Transaction<'_>,
    known: &mut Known,
    from: (i64, Id),
    mut each: impl FnMut(&mut Known, &Event, i64, Id),
) -> Result<(), Error> {
    let (time, id) = (from.0, from.1.0.to_be_bytes());
    let base = transaction
        .prepare_cached(
            "select state from checkpoints where visitor = ?1 and (time, id) < (?2, ?3) \
             order by time desc, id desc limit 1",
        )?
        .query_row(params![known.row, time, id], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    known.state = base.as_deref().map(read_state).transpose()?.unwrap_or_default();
    known.since = 0;
    transaction
        .prepare_cached("delete from checkpoints where visitor = ? and (time, id) >= (?, ?)")?
        .execute(params![known.row, time, id])?;
    let (session, last) = match known.state.last {
        Some(last) => ((known.state.session.start, known.state.session.id), last),
        None => ((i64::MIN, Id(0)), (i64::MIN, Id(0))),
    };
    transaction.prepare_cached("delete from sessions where visitor = ? and (start, id) > (?, ?)")?.execute(params![
        known.row,
        session.0,
        session.1.0.to_be_bytes()
    ])?;
    let mut statement =
        transaction.prepare_cached(&format!("{STORED} where e.visitor = ? and e.time >= ? order by e.time, e.id"))?;
    let mut rows = statement.query(params![known.row, last.0])?;
    while let Some(row) = rows.next()? {
        let stored = stored(row)?;
        if (stored.time, stored.id) > last || last.0 == i64::MIN {
            each(known, &stored.event, stored.time, stored.id);
            checkpoint(transaction, known)?;
        }
    }
    Ok(())
}

/// Keeps the state now and then, for events that arrive late.
fn checkpoint(transaction: &Transaction<'_>, known: &mut Known) -> Result<(), Error> {
    known.since += 1;
    let Some((time, id)) = known.state.last.filter(|_| known.since >= CHECKPOINT) else { return Ok(()) };
    known.since = 0;
    transaction
        .prepare_cached("insert or replace into checkpoints (visitor, time, id, state) values (?, ?, ?, ?)")?
        .execute(params![known.row, time, id.0.to_be_bytes(), write_state(&known.state)?])?;
    let count: i64 = transaction
        .prepare_cached("select count(*) from checkpoints where visitor = ?")?
        .query_row([known.row], |row| row.get(0))?;
    if count > MOST_CHECKPOINTS {
        transaction
            .prepare_cached(
                "delete from checkpoints where visitor = ?1 and (time, id) in ( \
                   select time, id from ( \
                     select time, id, row_number() over (order by time, id) as place from checkpoints where visitor = ?1 \
                   ) where place % 2 = 0 and place <= ?2)",
            )?
            .execute(params![known.row, count - LATEST_CHECKPOINTS])?;
    }
    Ok(())
}

/// Bytes of a visitor in memory, roughly: many small pieces, each with the allocator's share, are ten times what they are
/// packed.
pub(super) fn weight(packed: &[u8]) -> usize {
    ENTRY * 8 + 10 * packed.len()
}

/// A state as it is kept: MessagePack, whose arrays of small numbers take a third of JSON's room and time.
pub(in crate::store::sqlite) fn write_state(state: &State) -> Result<Vec<u8>, Error> {
    rmp_serde::to_vec(state).map_err(|error| Error::Internal(error.into()))
}

/// What [`write_state`] wrote.
pub(in crate::store::sqlite) fn read_state(bytes: &[u8]) -> Result<State, Error> {
    rmp_serde::from_slice(bytes)
        .map_err(|error| Error::Internal(anyhow::Error::new(error).context("the kept state of a visitor")))
}

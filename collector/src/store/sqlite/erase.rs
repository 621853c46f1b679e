//! Erasing a visitor, or all that belongs to a user.
//!
//! In one short transaction the visitor loses their name and their site: nothing finds them any more, and who sends
//! under that name again begins as new. Then their events go, in transactions of a bounded size that take each event out
//! of the sums it was counted in. An erasure that broke off is seen by the missing site, and is gone on with.

use super::append::{MOST, QUARTER, write_state};
use super::read::{ROW, STORED, stored};
use super::retention::{PIECE, base, drop_event};
use super::{Appender, Sqlite, strings};
use crate::error::Error;
use crate::store::{Erased, Erasure};
use engine::event::{Item, Micro};
use engine::facts::State;
use engine::id::Id;
use engine::value::{Map, Value};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// Rows that one statement looks at beside the writer.
const ROWS: i64 = 100_000;
/// Up to this many items an event is looked through as text before it is read.
const NEEDLES: usize = 16;
/// A database up to this many bytes is written anew at once.
const SMALL: i64 = 64 << 20;

/// How often the log is tried to be folded into the database at once, and how long after each other.
const FOLDS: usize = 10;
/// See [`FOLDS`].
const FOLD: Duration = Duration::from_millis(50);

/// An item of a site: the number of its id, and the id.
type Items = HashMap<(i64, i64), String>;

impl Sqlite {
    /// See [`crate::store::Write::erase`].
    pub(super) fn erase_all(&self, erasure: &Erasure) -> Result<Erased, Error> {
        let mut erased = Erased::default();
        let mut items = Items::new();
        // Before anything goes, so that it is known to be due whatever happens from here on.
        self.writer.run(|connection| {
            connection.execute("insert or replace into meta (key, value) values ('scrub', 'due')", [])?;
            Ok(())
        })?;
        self.detach(erasure, &mut erased)?;
        if let Some(user) = erasure.user {
            self.erase_noted(erasure.site, user, &mut erased, &mut items)?;
        }
        self.erase_detached(&mut erased, &mut items)?;
        self.erase_rejects(erasure, &mut erased)?;
        self.relearn(items, &mut erased)?;
        let swept = self.sweep()?;
        erased.strings = swept.strings;
        erased.clients = swept.clients;
        let (folded, scrubbed) = self.scrub(erasure.vacuum)?;
        (erased.log_folded, erased.scrubbed) = (folded, scrubbed);
        erased.copies = self.copies();
        Ok(erased)
    }

    /// Goes on with erasures that broke off; returns whether there were any.
    pub(super) fn erase_rest(&self) -> Result<bool, Error> {
        let mut erased = Erased::default();
        let mut items = Items::new();
        self.erase_detached(&mut erased, &mut items)?;
        if erased.visitors == 0 {
            return Ok(false);
        }
        self.relearn(items, &mut erased)?;
        self.sweep()?;
        Ok(true)
    }

    /// Takes name, user and site from the visitors that are meant.
    fn detach(&self, erasure: &Erasure, erased: &mut Erased) -> Result<(), Error> {
        let (site, visitor, user) = (erasure.site, erasure.visitor.clone(), erasure.user);
        let found = self.read(|connection| {
            let mut statement = connection.prepare_cached("select id from visitors where site = ? and visitor = ?")?;
            let named =
                statement.query_map(params![site, visitor], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
            let mut statement = connection.prepare_cached("select id from visitors where site = ? and user = ?")?;
            let joined =
                statement.query_map(params![site, user], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
            Ok([named, joined].concat())
        })?;
        for piece in found.chunks(PIECE) {
            let piece = piece.to_vec();
            let names = self.writer.run_and_forget(move |connection, appender| {
                let transaction = connection.transaction()?;
                let empty = write_state(&State::default())?;
                let mut names: Vec<String> = Vec::new();
                for id in &piece {
                    let name: Option<String> = transaction
                        .prepare_cached("select visitor from visitors where id = ? and site > 0")?
                        .query_row([id], |row| row.get(0))
                        .optional()?;
                    let Some(name) = name else { continue };
                    transaction
                        .prepare_cached(
                            "update visitors set site = -site, visitor = lower(hex(randomblob(16))), user = null, \
                             client = null, state = ?, since = 0 where id = ?",
                        )?
                        .execute(params![empty, id])?;
                    names.push(name);
                }
                transaction.commit()?;
                for name in &names {
                    appender.forget_visitor(site, name);
                }
                Ok(names)
            })?;
            erased.names.extend(names);
        }
        Ok(())
    }

    /// Erases what was detached.
    fn erase_detached(&self, erased: &mut Erased, items: &mut Items) -> Result<(), Error> {
        let detached: Vec<i64> = self.read(|connection| {
            let mut statement = connection.prepare_cached("select id from visitors where site < 0")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        for visitor in detached {
            loop {
                let piece = self.writer.run(move |connection| {
                    let transaction = connection.transaction()?;
                    let piece = erase_piece(&transaction, visitor)?;
                    transaction.commit()?;
                    Ok(piece)
                })?;
                erased.events += piece.events;
                erased.sessions += piece.sessions.len() as u64;
                erased.checkpoints += piece.checkpoints;
                erased.session_ids.extend(piece.sessions);
                items.extend(piece.items);
                if piece.last {
                    erased.visitors += 1;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Erases events that a user id was noted on, of visitors that it was never joined to; those stay.
    fn erase_noted(&self, site: i64, user: [u8; 16], erased: &mut Erased, items: &mut Items) -> Result<(), Error> {
        let mut noted: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        self.rows("events", &mut |connection, from, to| {
            let mut statement = connection.prepare_cached(
                "select e.visitor, e.row from events e join visitors v on v.id = e.visitor \
                 where e.row > ? and e.row <= ? and e.site = ? and e.user = ? and v.site > 0",
            )?;
            let mut rows = statement.query(params![from, to, site, user])?;
            while let Some(row) = rows.next()? {
                noted.entry(row.get(0)?).or_default().push(row.get(1)?);
            }
            Ok(())
        })?;
        for (visitor, rows) in noted {
            for rows in rows.chunks(PIECE) {
                let rows = rows.to_vec();
                let piece = self.writer.run_and_forget(move |connection, appender| {
                    let transaction = connection.transaction()?;
                    let piece = erase_some(&transaction, appender, visitor, &rows)?;
                    // What the appender knows of the visitor now is on its way to the disk.
                    let committed = transaction.commit();
                    if committed.is_err() {
                        *appender = Appender::default();
                    }
                    committed?;
                    Ok(piece)
                })?;
                erased.events += piece.events;
                erased.session_ids.extend(piece.sessions);
                items.extend(piece.items);
            }
        }
        Ok(())
    }

    /// Erases rejects of these visitors, and those that name them.
    fn erase_rejects(&self, erasure: &Erasure, erased: &mut Erased) -> Result<(), Error> {
        let names: HashSet<&String> = erasure.visitor.iter().chain(&erased.names).collect();
        let hashes: HashSet<[u8; 16]> = names.iter().map(|name| (erasure.hash)(name)).collect();
        // As it stands in a text of JSON, without the quotes around it.
        let quoted = |name: &&String| serde_json::to_string(name).map(|text| text.trim_matches('"').to_owned());
        let texts: Vec<String> = names.iter().filter_map(|name| quoted(name).ok()).collect();
        let (site, mut found) = (erasure.site, Vec::new());
        self.rows("rejects", &mut |connection, from, to| {
            let mut statement = connection.prepare_cached(
                "select row, visitor, path, detail, body from rejects where row > ? and row <= ? and site = ?",
            )?;
            let mut rows = statement.query(params![from, to, site])?;
            while let Some(row) = rows.next()? {
                let theirs = row.get::<_, Option<[u8; 16]>>(1)?.is_some_and(|hash| hashes.contains(&hash));
                let named = |column| -> Result<bool, Error> {
                    let text = row.get_ref(column)?.as_str()?;
                    Ok(texts.iter().any(|name| text.contains(name.as_str())))
                };
                if theirs || named(2)? || named(3)? || named(4)? {
                    found.push(row.get::<_, i64>(0)?);
                }
            }
            Ok(())
        })?;
        for piece in found.chunks(PIECE) {
            let piece = piece.to_vec();
            erased.rejects += self.writer.run(move |connection| {
                let transaction = connection.transaction()?;
                let mut gone = 0;
                for row in piece {
                    gone += transaction.prepare_cached("delete from rejects where row = ?")?.execute([row])?;
                }
                transaction.commit()?;
                Ok(gone as u64)
            })?;
        }
        Ok(())
    }

    /// Learns again, from the events that are left, what items are called that the erased events were about; what no
    /// event is about any more goes. What the shop put itself stays.
    fn relearn(&self, items: Items, erased: &mut Erased) -> Result<(), Error> {
        if items.is_empty() {
            return Ok(());
        }
        let mut learned: HashMap<(i64, String), Item> = HashMap::new();
        let mut wanted: HashSet<(i64, String)> = items.iter().map(|((site, _), id)| (*site, id.clone())).collect();
        let last: i64 = self.read(|connection| last_row(connection, "events"))?;
        let mut to = last;
        while to > 0 && !wanted.is_empty() {
            let from = to - ROWS;
            self.read(|connection| latest(connection, from, to, &mut wanted, &mut learned))?;
            to = from;
        }
        erased.items += self.writer.run_and_forget(move |connection, appender| {
            let transaction = connection.transaction()?;
            // Events that came meanwhile know better.
            let mut newer: HashSet<(i64, String)> = items.iter().map(|((site, _), id)| (*site, id.clone())).collect();
            let end = last_row(&transaction, "events")?;
            latest(&transaction, last, end, &mut newer, &mut learned)?;
            let mut gone = 0;
            for ((site, number), id) in items {
                match learned.get(&(site, id)) {
                    Some(item) => transaction
                        .prepare_cached(
                            "update items set name = ?, category = ?, price = ? where site = ? and item = ? and put = 0",
                        )?
                        .execute(params![item.item_name, item.item_category, item.price, site, number])?,
                    None => {
                        let one = transaction
                            .prepare_cached("delete from items where site = ? and item = ? and put = 0")?
                            .execute(params![site, number])?;
                        gone += one as u64;
                        one
                    }
                };
                appender.forget_item(site, number);
            }
            transaction.commit()?;
            Ok(gone)
        })?;
        Ok(())
    }

    /// Folds the log into the database, so that nothing old is left in it, and where `vacuum` asks for it or the
    /// database is small, writes the database anew, so that nothing old is left in its pages. Returns what was done.
    pub(super) fn scrub(&self, vacuum: bool) -> Result<(bool, bool), Error> {
        let scrubbed = self.writer.run(move |connection| {
            let bytes: i64 = connection.query_row(
                "select page_count * page_size from pragma_page_count(), pragma_page_size()",
                [],
                |row| row.get(0),
            )?;
            let mut scrubbed = vacuum || bytes <= SMALL;
            if scrubbed && let Err(error) = connection.execute_batch("vacuum") {
                // No room for a second copy of it, most likely.
                tracing::error!(%error, "the database could not be written anew");
                scrubbed = false;
            }
            Ok(scrubbed)
        })?;
        for attempt in 0..FOLDS {
            if attempt > 0 {
                // A copy of the log is under way beside the writer, which SQLite does not wait for; here nobody waits.
                std::thread::sleep(FOLD);
            }
            let folded = self.writer.fold_log();
            if let Ok(true) = folded {
                self.writer.run(|connection| {
                    connection.execute("delete from meta where key = 'scrub'", [])?;
                    Ok(())
                })?;
            }
            match folded {
                Ok(true) => return Ok((true, scrubbed)),
                Ok(false) | Err(Error::Busy) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((false, scrubbed))
    }

    /// The copies in the folder that were made before the schema changed.
    fn copies(&self) -> Vec<String> {
        let files =
            self.file.parent().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        let copies = files.filter(|file| file.path().extension().is_some_and(|end| end == "bak"));
        copies.filter_map(|file| file.file_name().into_string().ok()).collect()
    }

    /// Whether something was erased and the log could not be folded since.
    pub(super) fn scrub_is_due(&self) -> Result<bool, Error> {
        self.read(|connection| {
            Ok(connection.query_row("select exists (select 1 from meta where key = 'scrub')", [], |row| row.get(0))?)
        })
    }

    /// Looks at all rows of a table as of now, piece by piece.
    fn rows(&self, table: &str, look: &mut dyn FnMut(&Connection, i64, i64) -> Result<(), Error>) -> Result<(), Error> {
        let last = self.read(|connection| last_row(connection, table))?;
        let mut from = 0;
        while from < last {
            self.read(|connection| look(connection, from, from + ROWS))?;
            from += ROWS;
        }
        Ok(())
    }
}

fn last_row(connection: &Connection, table: &str) -> Result<i64, Error> {
    let last = format!("select coalesce(max(row), 0) from {table}");
    Ok(connection.query_row(&last, [], |row| row.get(0))?)
}

/// The latest events about wanted items among these rows; what was found is wanted no more.
fn latest(
    connection: &Connection,
    from: i64,
    to: i64,
    wanted: &mut HashSet<(i64, String)>,
    learned: &mut HashMap<(i64, String), Item>,
) -> Result<(), Error> {
    let needles: Vec<String> = match wanted.len() {
        0..=NEEDLES => wanted.iter().filter_map(|(_, id)| serde_json::to_string(id).ok()).collect(),
        _ => Vec::new(),
    };
    let mut statement = connection.prepare_cached(
        "select e.site, coalesce((select text from strings where id = e.items), e.items) from events e \
         join visitors v on v.id = e.visitor \
         where e.row > ? and e.row <= ? and e.items is not null and v.site > 0 order by e.row desc",
    )?;
    let mut rows = statement.query(params![from, to])?;
    while let Some(row) = rows.next()? {
        let (site, text): (i64, &str) = (row.get(0)?, row.get_ref(1)?.as_str()?);
        if !needles.is_empty() && !needles.iter().any(|id| text.contains(id.as_str())) {
            continue;
        }
        let items: Vec<Map> = serde_json::from_str(text).map_err(|error| Error::Internal(error.into()))?;
        for map in items {
            let key = (site, map.get("item_id").and_then(Value::as_str).unwrap_or_default().to_owned());
            if wanted.remove(&key) {
                learned.insert(key, Item::from_value(&map));
            }
        }
        if wanted.is_empty() {
            break;
        }
    }
    Ok(())
}

/// What one transaction erased of a visitor.
#[derive(Default)]
struct Piece {
    events: u64,
    sessions: Vec<Id>,
    checkpoints: u64,
    items: Items,
    /// Whether nothing is left.
    last: bool,
}

/// Erases the next events of a detached visitor, or when there are none any more their sessions, or when there are none
/// of those either the visitor.
fn erase_piece(transaction: &Transaction<'_>, visitor: i64) -> Result<Piece, Error> {
    let mut piece = Piece::default();
    take_out(transaction, "e.visitor = ?1 limit ?2", params![visitor, PIECE as i64], &mut piece)?;
    if piece.events == PIECE as u64 {
        return Ok(piece);
    }
    let mut statement = transaction.prepare_cached(
        "delete from sessions where visitor = ?1 and (start, id) in \
         (select start, id from sessions where visitor = ?1 limit ?2) returning id",
    )?;
    let mut rows = statement.query(params![visitor, PIECE as i64])?;
    while let Some(row) = rows.next()? {
        piece.sessions.push(Id(u128::from_be_bytes(row.get(0)?)));
    }
    if piece.sessions.len() == PIECE {
        return Ok(piece);
    }
    let checkpoints = transaction.prepare_cached("delete from checkpoints where visitor = ?")?.execute([visitor])?;
    piece.checkpoints = checkpoints as u64;
    transaction.prepare_cached("delete from visitors where id = ?")?.execute([visitor])?;
    piece.last = true;
    Ok(piece)
}

/// Erases some events of a visitor who stays, and folds the others again.
fn erase_some(
    transaction: &Transaction<'_>,
    appender: &mut Appender,
    visitor: i64,
    rows: &[i64],
) -> Result<Piece, Error> {
    let mut piece = Piece::default();
    let mut first: Option<(i64, Id)> = None;
    for row in rows {
        let found = take_out(transaction, "e.row = ?1", params![row], &mut piece)?;
        first = [first, found].into_iter().flatten().min();
    }
    let Some(first) = first else { return Ok(piece) };
    let (site, name): (i64, String) = transaction
        .prepare_cached("select site, visitor from visitors where id = ?")?
        .query_row([visitor], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut statement = transaction.prepare_cached("select id from sessions where visitor = ? and end >= ?")?;
    let mut sessions = statement.query(params![visitor, first.0])?;
    while let Some(row) = sessions.next()? {
        piece.sessions.push(Id(u128::from_be_bytes(row.get(0)?)));
    }
    let left: bool = transaction
        .prepare_cached("select exists (select 1 from events where visitor = ?)")?
        .query_row([visitor], |row| row.get(0))?;
    if left {
        // What sent the latest of their events may have been known by one of these alone.
        transaction
            .prepare_cached(
                "update visitors set client = (select client from events where visitor = ?1 and client is not null \
                 order by time desc, id desc limit 1) where id = ?1",
            )?
            .execute([visitor])?;
        appender.forget_visitor(site, &name);
        appender.refold(transaction, site, &name, first)?;
        return Ok(piece);
    }
    // Nothing of theirs is left but what retention left: sessions that were counted.
    let sealed = base(transaction, visitor, first)?.map(|state| state.session);
    let (start, id) = sealed.map_or((i64::MIN, Id(0)), |session| (session.start, session.id));
    transaction.prepare_cached("delete from sessions where visitor = ? and (start, id) > (?, ?)")?.execute(params![
        visitor,
        start,
        id.0.to_be_bytes()
    ])?;
    transaction.prepare_cached("delete from checkpoints where visitor = ?")?.execute([visitor])?;
    transaction.prepare_cached("delete from visitors where id = ?")?.execute([visitor])?;
    appender.forget_visitor(site, &name);
    Ok(piece)
}

/// Takes events out: of the table, and of the sums that are not sealed. Returns the time and id of the earliest.
fn take_out(
    transaction: &Transaction<'_>,
    condition: &str,
    parameters: impl rusqlite::Params,
    piece: &mut Piece,
) -> Result<Option<(i64, Id)>, Error> {
    let mut first = None;
    let mut sums = Sums::default();
    let mut gone = Vec::new();
    let mut statement = transaction.prepare_cached(&format!("{STORED} where {condition}"))?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        let event = stored(row)?;
        let row: i64 = row.get(ROW)?;
        first = [first, Some((event.time, event.id))].into_iter().flatten().min();
        let site: i64 =
            transaction.prepare_cached("select site from events where row = ?")?.query_row([row], |row| row.get(0))?;
        let event_time = event.time;
        let quarter = event_time.div_euclid(QUARTER);
        for item in &event.event.items {
            if let Some(number) = strings::find(transaction, &item.item_id)? {
                piece.items.insert((site, number), item.item_id.clone());
            }
        }
        let sealed: Option<i64> = transaction
            .prepare_cached("select sealed_before from sites where id = ?")?
            .query_row([site], |row| row.get(0))
            .optional()?
            .flatten();
        if sealed.is_none_or(|sealed| event_time >= sealed) {
            sums.count(transaction, site, quarter, &event.event)?;
        }
        gone.push(row);
    }
    for row in &gone {
        drop_event(transaction, *row)?;
    }
    sums.take_off(transaction)?;
    piece.events += gone.len() as u64;
    Ok(first)
}

/// What is to be taken off the sums.
#[derive(Default)]
struct Sums {
    quarters: HashMap<(i64, i64, i64), (i64, Micro)>,
    items: HashMap<(i64, i64, i64), [i64; 5]>,
}

impl Sums {
    fn count(
        &mut self,
        transaction: &Transaction<'_>,
        site: i64,
        quarter: i64,
        event: &engine::event::Event,
    ) -> Result<(), Error> {
        if let Some(name) = strings::find(transaction, &event.name)? {
            let sum = self.quarters.entry((site, quarter, name)).or_default();
            sum.0 += 1;
            sum.1 = sum.1.saturating_add(event.value.unwrap_or(0));
        }
        let kind = match event.name.as_str() {
            "view_item" => 0,
            "add_to_cart" => 1,
            "purchase" => 2,
            _ => return Ok(()),
        };
        for item in &event.items {
            let Some(number) = strings::find(transaction, &item.item_id)? else { continue };
            let sum = self.items.entry((site, quarter, number)).or_default();
            sum[kind] += 1;
            if kind == 2 {
                sum[3] = sum[3].saturating_add(item.count());
                sum[4] = sum[4].saturating_add(item.total());
            }
        }
        Ok(())
    }

    fn take_off(self, transaction: &Transaction<'_>) -> Result<(), Error> {
        // What reached the end of the scale does not say how far beyond it the sum is.
        let mut full = HashSet::new();
        for (site, quarter, name) in self.quarters.keys() {
            let mut statement = transaction
                .prepare_cached("select 1 from quarters where site = ? and quarter = ? and name = ? and value >= ?")?;
            if statement.exists(params![site, quarter, name, MOST])? {
                full.insert((*site, *quarter));
            }
        }
        for (site, quarter, item) in self.items.keys() {
            let mut statement = transaction.prepare_cached(
                "select 1 from item_quarters where site = ? and quarter = ? and item = ? and max(quantity, revenue) >= ?",
            )?;
            if statement.exists(params![site, quarter, item, MOST])? {
                full.insert((*site, *quarter));
            }
        }
        for ((site, quarter, name), (n, value)) in self.quarters {
            transaction
                .prepare_cached(
                    "update quarters set n = n - ?4, value = value - ?5 where site = ?1 and quarter = ?2 and name = ?3",
                )?
                .execute(params![site, quarter, name, n, value])?;
            transaction
                .prepare_cached("delete from quarters where site = ? and quarter = ? and name = ? and n <= 0")?
                .execute(params![site, quarter, name])?;
        }
        for ((site, quarter, item), [views, carts, purchases, quantity, revenue]) in self.items {
            transaction
                .prepare_cached(
                    "update item_quarters set views = views - ?4, carts = carts - ?5, purchases = purchases - ?6, \
                     quantity = quantity - ?7, revenue = revenue - ?8 where site = ?1 and quarter = ?2 and item = ?3",
                )?
                .execute(params![site, quarter, item, views, carts, purchases, quantity, revenue])?;
            transaction
                .prepare_cached(
                    "delete from item_quarters where site = ? and quarter = ? and item = ? \
                     and views <= 0 and carts <= 0 and purchases <= 0",
                )?
                .execute(params![site, quarter, item])?;
        }
        for (site, quarter) in full {
            recount(transaction, site, quarter)?;
        }
        Ok(())
    }
}

/// Counts the amounts of a quarter again from its events. There is no index by time, so this looks at all of them; it is
/// only for amounts that no shop has.
fn recount(transaction: &Transaction<'_>, site: i64, quarter: i64) -> Result<(), Error> {
    let mut sums = Sums::default();
    let mut statement =
        transaction.prepare_cached(&format!("{STORED} where e.site = ? and e.time >= ? and e.time < ?"))?;
    let mut rows = statement.query(params![site, quarter * QUARTER, (quarter + 1) * QUARTER])?;
    while let Some(row) = rows.next()? {
        sums.count(transaction, site, quarter, &stored(row)?.event)?;
    }
    for ((site, quarter, name), (_, value)) in sums.quarters {
        transaction
            .prepare_cached("update quarters set value = ? where site = ? and quarter = ? and name = ?")?
            .execute(params![value.min(MOST), site, quarter, name])?;
    }
    for ((site, quarter, item), [_, _, _, quantity, revenue]) in sums.items {
        transaction
            .prepare_cached(
                "update item_quarters set quantity = ?, revenue = ? where site = ? and quarter = ? and item = ?",
            )?
            .execute(params![quantity.min(MOST), revenue.min(MOST), site, quarter, item])?;
    }
    Ok(())
}

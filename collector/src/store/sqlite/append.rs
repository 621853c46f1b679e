//! The transaction of a group: raw events, sessions, facts, sums and rejects, all or nothing.

mod fold;
mod forget;
mod totals;

pub(super) use fold::{read_state, write_state};
pub(super) use totals::MOST;

use self::fold::weight;
use self::totals::Sums;
use super::cache::Cache;
use super::strings;
use crate::error::Error;
use crate::store::{Batch, Client, Incoming, MAX_KEPT, MOST_LATER, Rejected, Verdict};
use engine::event::{Item, Reject, shorten};
use engine::facts::State;
use engine::id::Id;
use engine::time::{DAY, MINUTE};
use foldhash::fast::RandomState;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

/// A quarter of an hour, in ms.
pub(super) const QUARTER: i64 = 15 * MINUTE;
/// Bytes of each cache.
const STRINGS: usize = 8 << 20;
/// See [`STRINGS`].
const VISITORS: usize = 16 << 20;
/// See [`STRINGS`].
const ITEMS: usize = 4 << 20;
/// See [`STRINGS`].
const CLIENTS: usize = 1 << 20;
/// What an entry of a map takes beside its contents, with the allocator's share.
const ENTRY: usize = 64;

/// What writing remembers from group to group, so as not to ask the database again.
pub(in crate::store) struct Appender {
    strings: Cache<String, i64>,
    visitors: Cache<(i64, String), Known>,
    /// A hash of the name and category of an item, as last seen.
    items: Cache<(i64, i64), u64>,
    hash: RandomState,
    clients: Cache<Client, i64>,
    /// The number of the next new visitor, once it was looked up.
    next_visitor: Option<i64>,
    /// From when on sites take events.
    sealed: Map<i64, i64>,
    room: Room,
    /// What was referred to since somebody wants to know.
    used: Option<forget::Used>,
}

impl Default for Appender {
    fn default() -> Self {
        Appender {
            strings: Cache::new(STRINGS, |key, _| ENTRY + key.len()),
            visitors: Cache::new(VISITORS, |(_, key), known| ENTRY + key.len() + known.weight),
            items: Cache::new(ITEMS, |_, _| ENTRY),
            hash: RandomState::default(),
            clients: Cache::new(CLIENTS, |client, _| 4 * ENTRY + client.context.len()),
            next_visitor: None,
            sealed: Map::default(),
            room: Room::default(),
            used: None,
        }
    }
}

/// A visitor's row.
struct Known {
    row: i64,
    /// Whether the row has still to be made.
    new: bool,
    state: State,
    /// Keyed hash of the user that is them.
    user: Option<[u8; 16]>,
    /// What sent their latest event.
    client: Option<i64>,
    /// Events folded in since the last checkpoint.
    since: u32,
    /// Bytes that it takes, roughly.
    weight: usize,
}

type Map<K, V> = HashMap<K, V, RandomState>;

/// A batch, with what needs no database already done: on the sender's thread, not on the one that writes.
pub(in crate::store) struct Prepared {
    pub(in crate::store) batch: Batch,
    /// The JSON of each event's items and of its props.
    texts: Vec<(Items, Option<String>)>,
}

/// The items of an event as they are kept.
enum Items {
    None,
    /// That of a single one repeats from event to event: it stands once, among the strings.
    One(String),
    Many(String),
}

/// Does what needs no database.
pub(in crate::store) fn prepare(batch: Batch) -> Result<Prepared, Error> {
    let text = |incoming: &Incoming| -> Result<_, Error> {
        let event = &incoming.event;
        let list = |items: &[Item]| json(&items.iter().map(Item::to_value).collect::<Vec<_>>());
        let items = match event.items.as_slice() {
            [] => Items::None,
            one @ [_] => Items::One(list(one)?),
            many => Items::Many(list(many)?),
        };
        Ok((items, if event.props.is_empty() { None } else { Some(json(&event.props)?) }))
    };
    let texts = batch.events.iter().map(text).collect::<Result<_, _>>()?;
    Ok(Prepared { batch, texts })
}

/// The verdicts of every batch, and which of their events began to be there: batch, event, and the session it fell into.
pub(in crate::store) type Applied = (Vec<Vec<Verdict>>, Vec<(usize, usize, Id)>);

/// An event that is new, and where in the group it stands.
struct Fresh<'a> {
    batch: usize,
    index: usize,
    incoming: &'a Incoming,
    client: Option<i64>,
    /// Whether that is the visitor's own program, and not only the shop's server telling a language.
    own: bool,
}

/// What a group brings of one visitor.
struct Visit<'a> {
    known: Known,
    /// The time before which events are too late, once it was looked up; the beginning of time for none.
    buried: Option<i64>,
    fresh: Vec<Fresh<'a>>,
}

impl Visit<'_> {
    /// Since when events of the visitor are taken, where this one is before that.
    fn buried(&mut self, transaction: &Transaction<'_>, incoming: &Incoming) -> Result<Option<i64>, Error> {
        if self.known.state.last.is_none_or(|last| (incoming.time, incoming.id) > last) {
            return Ok(None);
        }
        let before = match self.buried {
            Some(before) => before,
            None => transaction
                .prepare_cached("select time from events where visitor = ? order by time desc limit 1 offset ?")?
                .query_row(params![self.known.row, MOST_LATER as i64], |row| row.get(0))
                .optional()?
                .unwrap_or(i64::MIN),
        };
        self.buried = Some(before);
        Ok((incoming.time < before).then_some(before))
    }
}

impl Appender {
    /// Applies a group; nothing of it holds before the caller commits. After an error the caches may know what was
    /// rolled back: they must be made anew.
    pub(in crate::store) fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        group: &[Prepared],
    ) -> Result<Applied, Error> {
        let mut verdicts = Vec::with_capacity(group.len());
        let mut visits: Map<(i64, &str), Visit<'_>> = Map::default();
        let mut sums = Sums::default();
        for (number, Prepared { batch, texts }) in group.iter().enumerate() {
            let mut answers = Vec::with_capacity(batch.events.len());
            let client = self.client(transaction, &batch.client)?;
            let own = batch.client.is_visitors();
            let site = batch.site;
            let sealed = self.sealed_before(transaction, site)?;
            for (index, (incoming, texts)) in batch.events.iter().zip(texts).enumerate() {
                let visit = match visits.entry((site, &incoming.visitor)) {
                    Entry::Occupied(visit) => visit.into_mut(),
                    Entry::Vacant(place) => {
                        let known = self.visitor(transaction, site, &incoming.visitor)?;
                        place.insert(Visit { known, buried: None, fresh: Vec::new() })
                    }
                };
                let gone = match batch.replayed {
                    Some(row) => !is_kept(transaction, site, row)?,
                    None => false,
                };
                let verdict = if gone {
                    Verdict::Gone
                } else if incoming.time < sealed {
                    seen(transaction, site, incoming)?.unwrap_or(Verdict::Sealed(sealed))
                } else if !batch.trusted
                    && let Some(before) = visit.buried(transaction, incoming)?
                {
                    seen(transaction, site, incoming)?.unwrap_or(Verdict::Buried(before))
                } else {
                    self.insert(transaction, batch, visit.known.row, client, incoming, texts)?
                };
                answers.push(verdict);
                match verdict {
                    Verdict::Stored => {
                        self.add_up(transaction, site, incoming, &mut sums)?;
                        visit.fresh.push(Fresh { batch: number, index, incoming, client, own });
                    }
                    Verdict::Duplicate | Verdict::SameTransaction | Verdict::Gone => {}
                    // What is tried again is noted already.
                    Verdict::Conflict | Verdict::Sealed(_) | Verdict::Buried(_) if batch.replayed.is_some() => continue,
                    Verdict::Conflict | Verdict::Sealed(_) | Verdict::Buried(_) => {
                        if let Some(reject) = verdict.reject() {
                            note(transaction, &mut self.room, batch, &refused(incoming, reject)?)?;
                        }
                    }
                }
                if let Some(row) = batch.replayed {
                    // It stands among the events now.
                    transaction
                        .prepare_cached("delete from rejects where row = ? and site = ?")?
                        .execute([row, site])?;
                }
            }
            for rejected in &batch.rejected {
                note(transaction, &mut self.room, batch, rejected)?;
            }
            verdicts.push(answers);
        }
        let mut placed = Vec::new();
        for ((site, visitor), Visit { mut known, fresh, .. }) in visits {
            if !fresh.is_empty() {
                self.fold(transaction, site, visitor, &mut known, fresh, &mut placed)?;
            }
            if !known.new {
                self.visitors.insert((site, visitor.to_owned()), known);
            }
        }
        sums.write(transaction)?;
        Ok((verdicts, placed))
    }

    /// Inserts an event unless it is there.
    fn insert(
        &mut self,
        transaction: &Transaction<'_>,
        batch: &Batch,
        visitor: i64,
        client: Option<i64>,
        incoming: &Incoming,
        (items, props): &(Items, Option<String>),
    ) -> Result<Verdict, Error> {
        let (site, event) = (batch.site, &incoming.event);
        let id = incoming.id.0.to_be_bytes();
        // An order is looked up before its event is inserted; any other event by being inserted.
        if let Some(hash) = &incoming.transaction {
            if let Some(verdict) = seen(transaction, site, incoming)? {
                return Ok(verdict);
            }
            if ordered(transaction, batch, hash, incoming)? {
                return Ok(Verdict::SameTransaction);
            }
        }
        let name = self.string(transaction, Some(&event.name))?;
        let url = self.string(transaction, event.page.url.as_ref())?;
        let referrer = self.string(transaction, event.page.referrer.as_ref())?;
        let title = self.string(transaction, event.page.title.as_ref())?;
        let currency = self.string(transaction, event.currency.as_ref())?;
        let (item, many) = match items {
            Items::None => (None, None),
            Items::One(text) => (self.string(transaction, Some(text))?, None),
            Items::Many(text) => (None, Some(text)),
        };
        let inserted = transaction
            .prepare_cached(
                "insert into events (id, site, visitor, name, time, at, delay, hash, url, referrer, title, value, \
                 currency, transaction_id, user, client, items, props, sealed) \
                 values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, ?), ?, ?) on conflict (id) do nothing",
            )?
            .execute(params![
                id,
                site,
                visitor,
                name,
                incoming.time,
                (event.at != incoming.time).then_some(event.at),
                batch.received.saturating_sub(incoming.time),
                incoming.hash,
                url,
                referrer,
                title,
                event.value,
                currency,
                event.transaction_id,
                incoming.user,
                client,
                item,
                many,
                props,
                incoming.sealed,
            ])?;
        if inserted == 0 {
            return match seen(transaction, site, incoming)? {
                Some(verdict) => Ok(verdict),
                None => Err(Error::Internal(anyhow::anyhow!("an event is neither new nor there"))),
            };
        }
        if let Some(hash) = &incoming.transaction {
            transaction
                .prepare_cached("insert into transactions (site, hash, event, confirmed) values (?, ?, ?, ?)")?
                .execute(params![site, hash, transaction.last_insert_rowid(), batch.trusted.then(|| event.worth())])?;
        }
        Ok(Verdict::Stored)
    }

    /// The number of a string, given to it where it is new.
    fn string(&mut self, transaction: &Transaction<'_>, text: Option<&String>) -> Result<Option<i64>, Error> {
        let Some(text) = text else { return Ok(None) };
        let id = match self.strings.get(text) {
            Some(id) => id,
            None => {
                let id = strings::number(transaction, text)?;
                self.strings.insert(text.clone(), id);
                id
            }
        };
        if let Some(used) = &mut self.used {
            used.strings.insert(id);
        }
        Ok(Some(id))
    }

    /// The number of a client, given to it where it is new.
    fn client(&mut self, transaction: &Transaction<'_>, client: &Client) -> Result<Option<i64>, Error> {
        if *client == Client::default() {
            return Ok(None);
        }
        if let Some(id) = self.clients.get(client) {
            if let Some(used) = &mut self.used {
                used.clients.insert(id);
            }
            return Ok(Some(id));
        }
        let text = json(&[
            Some(&client.context),
            client.device.as_ref(),
            client.os.as_ref(),
            client.browser.as_ref(),
            client.language.as_ref(),
        ])?;
        let hash = strings::hash(&text);
        let found = transaction
            .prepare_cached("select id from clients where hash = ?")?
            .query_row([hash], |row| row.get(0))
            .optional()?;
        let id =
            match found {
                Some(id) => id,
                None => {
                    transaction
                    .prepare_cached(
                        "insert into clients (hash, context, device, os, browser, language) values (?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![hash, client.context, client.device, client.os, client.browser, client.language])?;
                    transaction.last_insert_rowid()
                }
            };
        self.clients.insert(client.clone(), id);
        if let Some(used) = &mut self.used {
            used.clients.insert(id);
        }
        Ok(Some(id))
    }

    /// A visitor, out of the cache if they are there: whoever takes them puts them back.
    fn visitor(&mut self, transaction: &Transaction<'_>, site: i64, visitor: &str) -> Result<Known, Error> {
        if let Some(known) = self.visitors.take(&(site, visitor.to_owned())) {
            return Ok(known);
        }
        let found = transaction
            .prepare_cached("select id, state, user, client, since from visitors where site = ? and visitor = ?")?
            .query_row(params![site, visitor], |row| {
                let state = row.get_ref(1)?.as_blob()?.to_owned();
                Ok((row.get(0)?, state, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        if let Some((row, state, user, client, since)) = found {
            let weight = weight(&state);
            return Ok(Known { row, new: false, state: read_state(&state)?, user, client, since, weight });
        }
        let row = match self.next_visitor {
            Some(next) => next,
            // A number is given once: sessions may outlive the visitor they were of.
            None => transaction.query_row(
                "select max(coalesce((select max(id) from visitors), 0), \
                 coalesce((select max(visitor) from sessions), 0)) + 1",
                [],
                |row| row.get(0),
            )?,
        };
        self.next_visitor = Some(row + 1);
        Ok(Known { row, new: true, state: State::default(), user: None, client: None, since: 0, weight: 0 })
    }

    /// Notes name and category of an item; what the shop put itself stays.
    fn learn(&mut self, transaction: &Transaction<'_>, site: i64, id: i64, item: &Item) -> Result<(), Error> {
        let learned = self.hash.hash_one((&item.item_name, &item.item_category));
        if self.items.get(&(site, id)) == Some(learned) {
            return Ok(());
        }
        transaction
            .prepare_cached(
                "insert into items (site, item, name, category, price, put) values (?, ?, ?, ?, ?, 0) \
                 on conflict (site, item) do update set name = coalesce(excluded.name, name), \
                 category = coalesce(excluded.category, category), price = coalesce(excluded.price, price) where put = 0",
            )?
            .execute(params![site, id, item.item_name, item.item_category, item.price])?;
        self.items.insert((site, id), learned);
        Ok(())
    }
}

/// What became of an event that may be there already.
fn seen(transaction: &Transaction<'_>, site: i64, incoming: &Incoming) -> Result<Option<Verdict>, Error> {
    let found: Option<([u8; 16], i64)> = transaction
        .prepare_cached("select hash, site from events where id = ?")?
        .query_row([incoming.id.0.to_be_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    // Ids are the store's: that of an event of another site is taken too.
    let same = |found| found == (incoming.hash, site);
    Ok(found.map(|found| if same(found) { Verdict::Duplicate } else { Verdict::Conflict }))
}

/// Whether an order was told of before; a secret key that tells of it again confirms it.
fn ordered(transaction: &Transaction<'_>, batch: &Batch, hash: &[u8; 16], incoming: &Incoming) -> Result<bool, Error> {
    let found: Option<bool> = transaction
        .prepare_cached("select confirmed is not null from transactions where site = ? and hash = ?")?
        .query_row(params![batch.site, hash], |row| row.get(0))
        .optional()?;
    if found == Some(false) && batch.trusted {
        // Worth what the shop says, not what the page said before: anybody could have taken the id there.
        transaction
            .prepare_cached("update transactions set confirmed = ? where site = ? and hash = ?")?
            .execute(params![incoming.event.worth(), batch.site, hash])?;
    }
    Ok(found.is_some())
}

/// The reject of an event that only the store could refuse.
fn refused(incoming: &Incoming, Reject { code, path, detail }: Reject) -> Result<Rejected, Error> {
    let event = incoming.event.to_value().with("visitor", incoming.visitor.as_str());
    Ok(Rejected {
        hash: Some(incoming.hash),
        filtered: false,
        visitor: Some(incoming.visitor_hash),
        code: code.text(),
        path,
        detail,
        body: shorten(&json(&event)?, MAX_KEPT).to_owned(),
    })
}

/// Whether a reject is there.
fn is_kept(transaction: &Transaction<'_>, site: i64, row: i64) -> Result<bool, Error> {
    Ok(transaction.prepare_cached("select 1 from rejects where row = ? and site = ?")?.exists([row, site])?)
}

/// Most rejects that are kept of a site: by size at most 800 MB, and usually a tenth of that.
const REJECTS: i64 = 100_000;
/// So many rejects after a look at a site that is full, there is another one.
const LOOK_AGAIN: i64 = 1_000;

/// How many more rejects are kept of each site before they are counted anew: never more than there is room for, as
/// those that go in between only make more.
#[derive(Default)]
struct Room(Map<i64, Left>);

/// What is left of a site's room.
enum Left {
    Room(i64),
    /// It was full; so many are not kept before the next look.
    Full(i64),
}

impl Room {
    /// Whether one more reject of the site is kept.
    fn take(&mut self, transaction: &Transaction<'_>, site: i64) -> Result<bool, Error> {
        let left = self.0.entry(site).or_insert(Left::Room(0));
        if matches!(left, Left::Room(..1) | Left::Full(..1)) {
            let kept: i64 = transaction
                .prepare_cached("select count(*) from rejects where site = ?")?
                .query_row([site], |row| row.get(0))?;
            *left = if kept < REJECTS { Left::Room(REJECTS - kept) } else { Left::Full(LOOK_AGAIN) };
        }
        let (Left::Room(n) | Left::Full(n)) = left;
        *n -= 1;
        Ok(matches!(left, Left::Room(_)))
    }
}

/// Notes what was not stored; what came before is noted already. Where there is no room for it, it is only counted.
fn note(transaction: &Transaction<'_>, room: &mut Room, batch: &Batch, rejected: &Rejected) -> Result<(), Error> {
    let known = transaction.prepare_cached("select 1 from rejects where hash = ?")?.exists([rejected.hash])?;
    if known {
        return Ok(());
    }
    if room.take(transaction, batch.site)? {
        transaction
            .prepare_cached(
                "insert into rejects (hash, site, received, sent_at, trusted, filtered, visitor, code, path, detail, \
                 body) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                rejected.hash,
                batch.site,
                batch.received,
                batch.sent_at,
                batch.trusted,
                rejected.filtered,
                rejected.visitor,
                rejected.code,
                rejected.path,
                rejected.detail,
                rejected.body
            ])?;
    }
    transaction
        .prepare_cached(
            "insert into reject_counts (site, day, code, filtered, n) values (?, ?, ?, ?, 1) \
             on conflict do update set n = n + 1",
        )?
        .execute(params![batch.site, batch.received.div_euclid(DAY), rejected.code, rejected.filtered])?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Internal(error.into()))
}

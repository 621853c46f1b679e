//! The transaction of a group: raw events, sessions, facts, sums and rejects, all or nothing.

mod forget;

use super::cache::Cache;
use super::read::{STORED, stored};
use super::strings;
use crate::error::Error;
use crate::store::{Batch, Client, Incoming, Rejected, Verdict, channel};
use engine::event::{Event, Item, Micro, Reject};
use engine::facts::State;
use engine::id::Id;
use engine::session::Session;
use engine::time::{DAY, MINUTE};
use foldhash::fast::RandomState;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

/// A quarter of an hour, in ms.
pub(super) const QUARTER: i64 = 15 * MINUTE;
/// Events of a visitor between two checkpoints: the most that a late event makes the writer fold again, but for those
/// that came after it.
const CHECKPOINT: u32 = 256;
/// Checkpoints of a visitor beyond which the older ones are thinned out: every second of them goes, but never the first,
/// which may be all that is left of what came before it. So there are many of lately and few of long ago, and a visitor
/// of millions of events has no more of them than one of thousands.
const MOST_CHECKPOINTS: i64 = 64;
/// Of those, the latest ones that stay as they are.
const LATEST_CHECKPOINTS: i64 = 16;
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

#[derive(Default)]
struct Sum {
    n: i64,
    value: Micro,
}

#[derive(Default)]
struct ItemSum {
    views: i64,
    carts: i64,
    purchases: i64,
    quantity: Micro,
    revenue: Micro,
}

/// What a group adds up to before it touches the tables of sums.
#[derive(Default)]
struct Sums {
    quarters: Map<(i64, i64, i64), Sum>,
    items: Map<(i64, i64, i64), ItemSum>,
}

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

/// Bytes of a visitor in memory, roughly: many small pieces, each with the allocator's share, are ten times what they are
/// packed.
fn weight(packed: &[u8]) -> usize {
    ENTRY * 8 + 10 * packed.len()
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
    fresh: Vec<Fresh<'a>>,
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
                        place.insert(Visit { known, fresh: Vec::new() })
                    }
                };
                let gone = match batch.replayed {
                    Some(row) => !is_kept(transaction, site, row)?,
                    None => false,
                };
                let verdict = if gone {
                    Verdict::Gone
                } else if incoming.time < sealed {
                    seen(transaction, incoming)?.unwrap_or(Verdict::Sealed(sealed))
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
                    Verdict::Conflict | Verdict::Sealed(_) if batch.replayed.is_some() => continue,
                    Verdict::Conflict | Verdict::Sealed(_) => {
                        if let Some(reject) = verdict.reject() {
                            note(transaction, batch, &refused(incoming, reject)?)?;
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
                note(transaction, batch, rejected)?;
            }
            verdicts.push(answers);
        }
        let mut placed = Vec::new();
        for ((site, visitor), Visit { mut known, fresh }) in visits {
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
            if let Some(verdict) = seen(transaction, incoming)? {
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
            return match seen(transaction, incoming)? {
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

    fn add_up(
        &mut self,
        transaction: &Transaction<'_>,
        site: i64,
        incoming: &Incoming,
        sums: &mut Sums,
    ) -> Result<(), Error> {
        let event = &incoming.event;
        let quarter = incoming.time.div_euclid(QUARTER);
        if let Some(name) = self.string(transaction, Some(&event.name))? {
            let sum = sums.quarters.entry((site, quarter, name)).or_default();
            sum.n += 1;
            sum.value = sum.value.saturating_add(event.value.unwrap_or(0));
        }
        for item in &event.items {
            let Some(id) = self.string(transaction, Some(&item.item_id))? else { continue };
            self.learn(transaction, site, id, item)?;
            let sum = match event.name.as_str() {
                "view_item" | "add_to_cart" | "purchase" => sums.items.entry((site, quarter, id)).or_default(),
                _ => continue,
            };
            match event.name.as_str() {
                "view_item" => sum.views += 1,
                "add_to_cart" => sum.carts += 1,
                _ => {
                    sum.purchases += 1;
                    sum.quantity = sum.quantity.saturating_add(item.count());
                    sum.revenue = sum.revenue.saturating_add(item.total());
                }
            }
        }
        Ok(())
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

    /// Folds a visitor's new events in: on top of what is known where they come in order, else again from the last
    /// checkpoint before the first of them.
    fn fold(
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
    pub(super) fn refold(
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

/// What became of an event that may be there already.
fn seen(transaction: &Transaction<'_>, incoming: &Incoming) -> Result<Option<Verdict>, Error> {
    let found: Option<[u8; 16]> = transaction
        .prepare_cached("select hash from events where id = ?")?
        .query_row([incoming.id.0.to_be_bytes()], |row| row.get(0))
        .optional()?;
    Ok(found.map(|hash| if hash == incoming.hash { Verdict::Duplicate } else { Verdict::Conflict }))
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
        body: json(&event)?,
    })
}

/// Whether a reject is there.
fn is_kept(transaction: &Transaction<'_>, site: i64, row: i64) -> Result<bool, Error> {
    Ok(transaction.prepare_cached("select 1 from rejects where row = ? and site = ?")?.exists([row, site])?)
}

/// Notes what was not stored; what came before is noted already.
fn note(transaction: &Transaction<'_>, batch: &Batch, rejected: &Rejected) -> Result<(), Error> {
    let new = transaction
        .prepare_cached(
            "insert into rejects (hash, site, received, sent_at, trusted, filtered, visitor, code, path, detail, body) \
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
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
    if new > 0 {
        transaction
            .prepare_cached(
                "insert into reject_counts (site, day, code, filtered, n) values (?, ?, ?, ?, 1) \
                 on conflict do update set n = n + 1",
            )?
            .execute(params![batch.site, batch.received.div_euclid(DAY), rejected.code, rejected.filtered])?;
    }
    Ok(())
}

/// No sum goes beyond half of what 64 bits hold: past all of it SQLite would turn to doubles, which the table refuses.
pub(super) const MOST: i64 = i64::MAX / 2;

impl Sums {
    fn write(self, transaction: &Transaction<'_>) -> Result<(), Error> {
        let mut statement = transaction.prepare_cached(
            "insert into quarters (site, quarter, name, n, value) values (?1, ?2, ?3, ?4, ?5) \
             on conflict do update set n = n + excluded.n, value = min(value + excluded.value, ?6)",
        )?;
        for ((site, quarter, name), sum) in self.quarters {
            statement.execute(params![site, quarter, name, sum.n, sum.value.min(MOST), MOST])?;
        }
        let mut statement = transaction.prepare_cached(
            "insert into item_quarters (site, quarter, item, views, carts, purchases, quantity, revenue) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict do update set views = views + excluded.views, \
             carts = carts + excluded.carts, purchases = purchases + excluded.purchases, \
             quantity = min(quantity + excluded.quantity, ?9), revenue = min(revenue + excluded.revenue, ?9)",
        )?;
        for ((site, quarter, item), sum) in self.items {
            let (quantity, revenue) = (sum.quantity.min(MOST), sum.revenue.min(MOST));
            statement.execute(params![
                site,
                quarter,
                item,
                sum.views,
                sum.carts,
                sum.purchases,
                quantity,
                revenue,
                MOST
            ])?;
        }
        Ok(())
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Internal(error.into()))
}

/// A state as it is kept: MessagePack, whose arrays of small numbers take a third of JSON's room and time.
pub(super) fn write_state(state: &State) -> Result<Vec<u8>, Error> {
    rmp_serde::to_vec(state).map_err(|error| Error::Internal(error.into()))
}

/// What [`write_state`] wrote.
pub(super) fn read_state(bytes: &[u8]) -> Result<State, Error> {
    rmp_serde::from_slice(bytes)
        .map_err(|error| Error::Internal(anyhow::Error::new(error).context("the kept state of a visitor")))
}

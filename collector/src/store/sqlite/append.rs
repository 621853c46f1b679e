//! The transaction of a group: raw events, sessions, facts, sums and rejects, all or nothing.

use super::read::{STORED, stored};
use super::strings;
use crate::error::Error;
use crate::store::{Batch, Client, Incoming, Rejected, Verdict};
use engine::event::{Item, Micro, Reject};
use engine::facts::State;
use engine::id::Id;
use engine::session::Session;
use engine::time::{DAY, MINUTE};
use rusqlite::types::Value as Sql;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::{HashMap, HashSet};

/// A quarter of an hour, in ms.
pub(super) const QUARTER: i64 = 15 * MINUTE;
/// Most entries of each cache; a full one is emptied.
const MAX_CACHED: usize = 50_000;

/// What writing remembers from group to group, so as not to ask the database again.
#[derive(Default)]
pub(in crate::store) struct Appender {
    strings: HashMap<String, i64>,
    visitors: HashMap<(i64, String), Known>,
    items: HashMap<(i64, i64), Learned>,
    clients: HashMap<Client, i64>,
}

/// A visitor's row.
struct Known {
    row: i64,
    state: State,
    user: Option<Vec<u8>>,
}

/// Name and category of an item, as last seen.
type Learned = (Option<String>, Option<String>);

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
    quarters: HashMap<(i64, i64, i64), Sum>,
    items: HashMap<(i64, i64, i64), ItemSum>,
}

/// The verdicts of every batch, and which of their events began to be there: batch, event, and the session it fell into.
pub(in crate::store) type Applied = (Vec<Vec<Verdict>>, Vec<(usize, usize, Id)>);

/// An event that is new, and where in the group it stands.
struct Fresh<'a> {
    batch: usize,
    index: usize,
    incoming: &'a Incoming,
}

impl Appender {
    /// Applies a group; nothing of it holds before the caller commits.
    pub(in crate::store) fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        batches: &[Batch],
    ) -> Result<Applied, Error> {
        let mut verdicts = Vec::with_capacity(batches.len());
        let mut fresh: HashMap<(i64, String), Vec<Fresh<'_>>> = HashMap::new();
        let mut sums = Sums::default();
        for (number, batch) in batches.iter().enumerate() {
            let mut answers = Vec::with_capacity(batch.events.len());
            let client = self.client(transaction, &batch.client)?;
            for (index, incoming) in batch.events.iter().enumerate() {
                let site = batch.site;
                let verdict = verdict(transaction, site, batch.trusted, incoming)?;
                answers.push(verdict);
                match verdict {
                    Verdict::Stored => {
                        let key = (site, incoming.visitor.clone());
                        let visitor = self.visitor(transaction, &key)?;
                        self.insert(transaction, batch, visitor, client, incoming)?;
                        self.add_up(transaction, site, incoming, &mut sums)?;
                        fresh.entry(key).or_default().push(Fresh { batch: number, index, incoming });
                    }
                    Verdict::Conflict => note(transaction, batch, &conflict(incoming)?)?,
                    Verdict::Duplicate | Verdict::SameTransaction => {}
                }
            }
            for rejected in &batch.rejected {
                note(transaction, batch, rejected)?;
            }
            verdicts.push(answers);
        }
        let mut placed = Vec::new();
        for (key, fresh) in fresh {
            self.fold(transaction, &key, fresh, &mut placed)?;
        }
        sums.write(transaction)?;
        self.trim();
        Ok((verdicts, placed))
    }

    fn insert(
        &mut self,
        transaction: &Transaction<'_>,
        batch: &Batch,
        visitor: i64,
        client: Option<i64>,
        incoming: &Incoming,
    ) -> Result<(), Error> {
        let (site, event) = (batch.site, &incoming.event);
        let name = self.string(transaction, Some(&event.name))?;
        let url = self.string(transaction, event.page.url.as_ref())?;
        let referrer = self.string(transaction, event.page.referrer.as_ref())?;
        let title = self.string(transaction, event.page.title.as_ref())?;
        let currency = self.string(transaction, event.currency.as_ref())?;
        let items = match event.items.as_slice() {
            [] => Sql::Null,
            [item] => self.string(transaction, Some(&json(&[item.to_value()])?))?.map_or(Sql::Null, Sql::Integer),
            items => Sql::Text(json(&items.iter().map(Item::to_value).collect::<Vec<_>>())?),
        };
        let props = if event.props.is_empty() { None } else { Some(json(&event.props)?) };
        transaction
            .prepare_cached(
                "insert into events (id, site, visitor, name, time, at, received, hash, url, referrer, title, value, \
                 currency, transaction_id, user, client, items, props, sealed) \
                 values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                incoming.id.0.to_be_bytes(),
                site,
                visitor,
                name,
                incoming.time,
                (event.at != incoming.time).then_some(event.at),
                batch.received,
                incoming.hash,
                url,
                referrer,
                title,
                event.value,
                currency,
                event.transaction_id,
                incoming.user,
                client,
                items,
                props,
                incoming.sealed,
            ])?;
        if let Some(hash) = &incoming.transaction {
            transaction
                .prepare_cached("insert into transactions (site, hash, event, confirmed) values (?, ?, ?, ?)")?
                .execute(params![site, hash, transaction.last_insert_rowid(), batch.trusted.then(|| event.worth())])?;
        }
        Ok(())
    }

    /// The number of a string, given to it where it is new.
    fn string(&mut self, transaction: &Transaction<'_>, text: Option<&String>) -> Result<Option<i64>, Error> {
        let Some(text) = text else { return Ok(None) };
        if let Some(id) = self.strings.get(text) {
            return Ok(Some(*id));
        }
        let id = strings::number(transaction, text)?;
        self.strings.insert(text.clone(), id);
        Ok(Some(id))
    }

    /// The number of a client, given to it where it is new.
    fn client(&mut self, transaction: &Transaction<'_>, client: &Client) -> Result<Option<i64>, Error> {
        if *client == Client::default() {
            return Ok(None);
        }
        if let Some(id) = self.clients.get(client) {
            return Ok(Some(*id));
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
        Ok(Some(id))
    }

    /// The row of a visitor, made where they are new; afterwards they are in the cache.
    fn visitor(&mut self, transaction: &Transaction<'_>, key: &(i64, String)) -> Result<i64, Error> {
        if let Some(known) = self.visitors.get(key) {
            return Ok(known.row);
        }
        let found = transaction
            .prepare_cached("select id, state, user from visitors where site = ? and visitor = ?")?
            .query_row(params![key.0, key.1], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)))
            .optional()?;
        let known = match found {
            Some((row, state, user)) => Known { row, state: read_state(&state)?, user },
            None => {
                transaction
                    .prepare_cached("insert into visitors (site, visitor) values (?, ?)")?
                    .execute(params![key.0, key.1])?;
                Known { row: transaction.last_insert_rowid(), state: State::default(), user: None }
            }
        };
        let row = known.row;
        self.visitors.insert(key.clone(), known);
        Ok(row)
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
        let learned = (item.item_name.clone(), item.item_category.clone());
        if self.items.get(&(site, id)) == Some(&learned) {
            return Ok(());
        }
        transaction
            .prepare_cached(
                "insert into items (site, item, name, category, price, put) values (?, ?, ?, ?, ?, 0) \
                 on conflict (site, item) do update set name = coalesce(excluded.name, name), \
                 category = coalesce(excluded.category, category), price = coalesce(excluded.price, price) where put = 0",
            )?
            .execute(params![site, id, learned.0, learned.1, item.price])?;
        self.items.insert((site, id), learned);
        Ok(())
    }

    /// Folds a visitor's new events in: on top of what is known where they come in order, else from the beginning.
    fn fold(
        &mut self,
        transaction: &Transaction<'_>,
        key: &(i64, String),
        mut fresh: Vec<Fresh<'_>>,
        placed: &mut Vec<(usize, usize, Id)>,
    ) -> Result<(), Error> {
        self.visitor(transaction, key)?;
        let Some(known) = self.visitors.get_mut(key) else { return Ok(()) };
        fresh.sort_by_key(|fresh| (fresh.incoming.time, fresh.incoming.id));
        let in_order = match (known.state.last, fresh.first()) {
            (Some(last), Some(first)) => last < (first.incoming.time, first.incoming.id),
            _ => true,
        };
        let mut sessions = Vec::new();
        let mut session_of: HashMap<Id, Id> = HashMap::new();
        if in_order {
            for Fresh { incoming, .. } in &fresh {
                step(&mut known.state, &mut sessions, &incoming.event, incoming.time, incoming.id);
                session_of.insert(incoming.id, known.state.session.id);
            }
        } else {
            let new: HashSet<Id> = fresh.iter().map(|fresh| fresh.incoming.id).collect();
            known.state = State::default();
            transaction.prepare_cached("delete from sessions where visitor = ?")?.execute([known.row])?;
            let mut statement =
                transaction.prepare_cached(&format!("{STORED} where e.visitor = ? order by e.time, e.id"))?;
            let mut rows = statement.query([known.row])?;
            while let Some(row) = rows.next()? {
                let stored = stored(row)?;
                step(&mut known.state, &mut sessions, &stored.event, stored.time, stored.id);
                if new.contains(&stored.id) {
                    session_of.insert(stored.id, known.state.session.id);
                }
            }
        }
        sessions.push(known.state.session.clone());
        let joined = fresh.iter().rev().filter(|fresh| fresh.incoming.joins).find_map(|fresh| fresh.incoming.user);
        if let Some(user) = joined {
            known.user = Some(user.to_vec());
        }
        transaction.prepare_cached("update visitors set state = ?, user = ? where id = ?")?.execute(params![
            json(&known.state.to_value())?,
            known.user,
            known.row
        ])?;
        let row = known.row;
        for session in sessions {
            self.write_session(transaction, key.0, row, &session)?;
        }
        placed.extend(fresh.iter().map(|fresh| {
            let id = fresh.incoming.id;
            (fresh.batch, fresh.index, session_of.get(&id).copied().unwrap_or(id))
        }));
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
        let campaign = session.campaign.clone().unwrap_or_default();
        let source = self.string(transaction, campaign.source.as_ref())?;
        let medium = self.string(transaction, campaign.medium.as_ref())?;
        let name = self.string(transaction, campaign.name.as_ref())?;
        transaction
            .prepare_cached(
                "insert into sessions (visitor, start, id, site, end, events, pages, landing, source, medium, campaign) \
                 values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set end = excluded.end, \
                 events = excluded.events, pages = excluded.pages, landing = excluded.landing",
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
            ])?;
        Ok(())
    }

    /// Keeps the caches within their bounds.
    fn trim(&mut self) {
        if self.strings.len() > MAX_CACHED {
            self.strings.clear();
        }
        if self.visitors.len() > MAX_CACHED {
            self.visitors.clear();
        }
        if self.items.len() > MAX_CACHED {
            self.items.clear();
        }
        if self.clients.len() > MAX_CACHED {
            self.clients.clear();
        }
    }
}

/// Whether an event is new, and takes its transaction id where it is.
fn verdict(transaction: &Transaction<'_>, site: i64, trusted: bool, incoming: &Incoming) -> Result<Verdict, Error> {
    let id = incoming.id.0.to_be_bytes();
    let found: Option<[u8; 16]> = transaction
        .prepare_cached("select hash from events where id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    if let Some(hash) = found {
        return Ok(if hash == incoming.hash { Verdict::Duplicate } else { Verdict::Conflict });
    }
    let Some(hash) = &incoming.transaction else { return Ok(Verdict::Stored) };
    let found: Option<bool> = transaction
        .prepare_cached("select confirmed is not null from transactions where site = ? and hash = ?")?
        .query_row(params![site, hash], |row| row.get(0))
        .optional()?;
    let Some(confirmed) = found else { return Ok(Verdict::Stored) };
    if trusted && !confirmed {
        // Worth what the shop says, not what the page said before: anybody could have taken the id there.
        transaction
            .prepare_cached("update transactions set confirmed = ? where site = ? and hash = ?")?
            .execute(params![incoming.event.worth(), site, hash])?;
    }
    Ok(Verdict::SameTransaction)
}

/// The reject of an event whose id is taken by another payload.
fn conflict(incoming: &Incoming) -> Result<Rejected, Error> {
    let Reject { code, path, detail } = Reject::conflict();
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

/// Folds one event, keeping the session that it ended.
fn step(state: &mut State, ended: &mut Vec<Session>, event: &engine::event::Event, time: i64, id: Id) {
    let before = state.last.map(|_| state.session.clone());
    if state.fold(event, time, id)
        && let Some(before) = before
    {
        ended.push(before);
    }
}

/// No sum goes beyond half of what 64 bits hold: past all of it SQLite would turn to doubles, which the table refuses.
const MOST: i64 = i64::MAX / 2;

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

/// A state as it was kept.
pub(super) fn read_state(text: &str) -> Result<State, Error> {
    let map: engine::value::Map = serde_json::from_str(text).map_err(|error| Error::Internal(error.into()))?;
    State::from_value(&map)
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("the kept state of a visitor cannot be read")))
}

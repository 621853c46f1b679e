//! Reading: each verb of the boundary that only looks.

use super::Sqlite;
use super::append::{QUARTER, read_state};
use super::keys;
use super::strings;
use crate::error::Error;
use crate::store::{
    CatalogueItem, Client, Document, Exported, Extent, Figures, ItemTotals, Kept, KeptFilter, Key, KeyId, Kind, Listed,
    Order, Profile, Quarter, Read, RejectCount, Scopes, Site, Stored,
};
use engine::event::{Event, Item, Page};
use engine::id::Id;
use engine::session::{Campaign, Session};
use engine::value::{Map, Value};
use rusqlite::{OptionalExtension, Row, params};
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::path::Path;

/// Everything that [`stored`] reads, to be followed by a condition.
pub(super) const STORED: &str = "select v.visitor, e.id, e.time, e.at, e.time + e.delay, n.text, \
    (select text from strings where id = e.url), (select text from strings where id = e.referrer), \
    (select text from strings where id = e.title), e.value, (select text from strings where id = e.currency), \
    e.transaction_id, coalesce((select text from strings where id = e.items), e.items), e.props, \
    e.sealed, e.row from events e join visitors v on v.id = e.visitor join strings n on n.id = e.name";

/// The column of [`STORED`] that holds the number of the row.
pub(super) const ROW: usize = 15;

/// An event out of a row of [`STORED`]. What was checked on its way in is not checked again: whatever is stored can be
/// read.
pub(super) fn stored(row: &Row<'_>) -> Result<Stored, Error> {
    let time: i64 = row.get(2)?;
    let id = Id(u128::from_be_bytes(row.get(1)?));
    let json = |column: usize| -> Result<Value, Error> {
        match row.get_ref(column)?.as_str_or_null()? {
            None => Ok(Value::Null),
            Some(text) => serde_json::from_str(text).map_err(|error| Error::Internal(error.into())),
        }
    };
    let items = match json(12)? {
        Value::List(list) => list.iter().filter_map(Value::as_map).map(Item::from_value).collect(),
        _ => Vec::new(),
    };
    let props = match json(13)? {
        Value::Map(props) => props,
        _ => Map::new(),
    };
    let event = Event {
        id: Some(id),
        name: row.get(5)?,
        at: row.get::<_, Option<i64>>(3)?.unwrap_or(time),
        page: Page { url: row.get(6)?, referrer: row.get(7)?, title: row.get(8)? },
        value: row.get(9)?,
        currency: row.get(10)?,
        transaction_id: row.get(11)?,
        items,
        props,
        ..Event::default()
    };
    Ok(Stored { visitor: row.get(0)?, id, time, received: row.get(4)?, event, sealed: row.get(14)? })
}

/// What is kept of an event that was not stored.
const KEPT: &str = "select row, received, sent_at, trusted, filtered, code, path, detail, body from rejects";

fn kept(row: &rusqlite::Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        id: row.get(0)?,
        received: row.get(1)?,
        sent_at: row.get(2)?,
        trusted: row.get(3)?,
        filtered: row.get(4)?,
        code: row.get(5)?,
        path: row.get(6)?,
        detail: row.get(7)?,
        body: row.get(8)?,
    })
}

/// What an export tells beside [`STORED`].
const BESIDE: &str = ", e.hash, e.user, v.user is not null and v.user is e.user, c.device, c.os, c.browser, c.language";
/// Rows of an export that are read at once: at 32 KiB an event, at most some 8 MiB.
const PAGE: i64 = 256;

fn exported(row: &Row<'_>) -> Result<Exported, Error> {
    Ok(Exported {
        stored: stored(row)?,
        hash: row.get(ROW + 1)?,
        user: row.get(ROW + 2)?,
        joined: row.get(ROW + 3)?,
        device: row.get(ROW + 4)?,
        os: row.get(ROW + 5)?,
        browser: row.get(ROW + 6)?,
        language: row.get(ROW + 7)?,
    })
}

impl Read for Sqlite {
    fn figures(&self) -> Figures {
        let size = |file: &Path| file.metadata().map_or(0, |file| file.len());
        let mut log = self.file.clone().into_os_string();
        log.push("-wal");
        Figures { database_bytes: size(&self.file), log_bytes: size(Path::new(&log)), ..self.gauges.read() }
    }

    fn key(&self, hash: &[u8; 32]) -> Result<Option<Key>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "select site, scopes, text, name, coalesce(made, 0) from keys where hash = ? and revoked is null",
            )?;
            let key = statement.query_row([hash], |row| {
                Ok(Key {
                    site: row.get(0)?,
                    scopes: Scopes(row.get(1)?),
                    text: row.get(2)?,
                    name: row.get(3)?,
                    made: row.get(4)?,
                })
            });
            Ok(key.optional()?)
        })
    }

    fn keys(&self, site: i64) -> Result<Vec<Listed>, Error> {
        self.read(|connection| keys::list(connection, site))
    }

    fn holds_key(&self, site: i64, id: KeyId) -> Result<bool, Error> {
        self.read(|connection| keys::holds(connection, site, id))
    }

    fn sites(&self) -> Result<Vec<Site>, Error> {
        self.read(keys::sites)
    }

    fn public_keys(&self, site: i64) -> Result<Vec<String>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "select text from keys where site = ? and text is not null and revoked is null order by made, text",
            )?;
            let keys = statement.query_map([site], |row| row.get(0))?;
            Ok(keys.collect::<Result<_, _>>()?)
        })
    }

    fn site(&self, site: i64) -> Result<Option<Site>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!("{} where id = ?", keys::SITE))?;
            let mut rows = statement.query([site])?;
            rows.next()?.map(keys::site).transpose()
        })
    }

    fn documents(&self, site: i64, kind: Kind) -> Result<Vec<Document>, Error> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("select id, body from documents where site = ? and kind = ? order by id")?;
            let rows = statement
                .query_map(params![site, kind.plural()], |row| Ok(Document { id: row.get(0)?, body: row.get(1)? }))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn items(&self, site: i64, ids: &[String]) -> Result<HashMap<String, CatalogueItem>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "select i.name, i.category, i.price, i.stock, i.url, i.image from items i \
                 where i.site = ? and i.item = ?",
            )?;
            let mut items = HashMap::with_capacity(ids.len());
            for id in ids {
                let Some(number) = strings::find(connection, id)? else { continue };
                let item = statement.query_row(params![site, number], |row| {
                    Ok(CatalogueItem {
                        item_id: id.clone(),
                        item_name: row.get(0)?,
                        item_category: row.get(1)?,
                        price: row.get(2)?,
                        stock: row.get(3)?,
                        url: row.get(4)?,
                        image: row.get(5)?,
                    })
                });
                if let Some(item) = item.optional()? {
                    items.insert(id.clone(), item);
                }
            }
            Ok(items)
        })
    }

    fn profile(&self, site: i64, visitor: &str) -> Result<Option<Profile>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "select v.state, v.user is not null, c.device, c.os, c.browser, c.language \
                 from visitors v left join clients c on c.id = v.client where v.site = ? and v.visitor = ?",
            )?;
            let row = statement.query_row(params![site, visitor], |row| {
                let (device, os, browser, language) = (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
                let client = Client { context: String::new(), device, os, browser, language };
                Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?, client))
            });
            match row.optional()? {
                Some((state, user_known, client)) => {
                    Ok(Some(Profile { state: read_state(&state)?, user_known, client }))
                }
                None => Ok(None),
            }
        })
    }

    fn timeline(&self, site: i64, visitor: &str, limit: usize) -> Result<Vec<Stored>, Error> {
        self.collect(
            "where e.visitor = (select id from visitors where site = ?1 and visitor = ?2) \
             order by e.time desc, e.id desc limit ?3",
            params![site, visitor, limit as i64],
        )
    }

    fn last_upkeep(&self) -> Result<Option<i64>, Error> {
        self.read(|connection| {
            let last = "select value from meta where key = 'looked_after'";
            let newest = "select time + delay from events order by row desc limit 1";
            Ok(connection.query_row(&format!("select coalesce(({last}), ({newest}))"), [], |row| row.get(0))?)
        })
    }

    fn since(&self, site: i64, time: i64, limit: usize) -> Result<Vec<Stored>, Error> {
        // The latest rows by number, then those of them that are late enough: row numbers go with arrival.
        let mut latest = self.collect(
            "where e.row > (select coalesce(max(row), 0) from events) - ?3 and e.site = ?1 and e.time >= ?2 \
             order by e.row",
            params![site, time, limit as i64],
        )?;
        latest.sort_by_key(|stored| stored.time);
        Ok(latest)
    }

    fn quarters(&self, site: i64, range: &Range<i64>) -> Result<Vec<Quarter>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "select q.quarter, s.text, q.n from quarters q join strings s on s.id = q.name \
                 where q.site = ? and q.quarter >= ? and q.quarter < ?",
            )?;
            let rows = statement.query_map(params![site, floor(range.start), ceil(range.end)], |row| {
                Ok(Quarter { start: row.get::<_, i64>(0)? * QUARTER, name: row.get(1)?, n: row.get(2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn orders(&self, site: i64, range: &Range<i64>) -> Result<Vec<Order>, Error> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("select event, confirmed from transactions where site = ? and confirmed is not null")?;
            let confirmed: HashMap<i64, i64> = statement
                .query_map([site], |row| Ok((row.get::<_, Option<i64>>(0)?.unwrap_or_default(), row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            let mut statement = connection.prepare_cached(&format!(
                "{STORED} where e.row in (select event from transactions where site = ?1) and e.time >= ?2 and e.time < ?3"
            ))?;
            let mut rows = statement.query(params![site, range.start, range.end])?;
            let mut orders = Vec::new();
            while let Some(row) = rows.next()? {
                let confirmed = confirmed.get(&row.get(ROW)?).copied();
                orders.push(Order { told: stored(row)?.event.worth(), confirmed });
            }
            Ok(orders)
        })
    }

    fn item_totals(&self, site: i64, range: &Range<i64>) -> Result<Vec<ItemTotals>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "select s.text, i.name, i.category, sum(q.views), sum(q.carts), sum(q.purchases), total(q.quantity), \
                 total(q.revenue) from item_quarters q join strings s on s.id = q.item \
                 left join items i on i.site = q.site and i.item = q.item \
                 where q.site = ? and q.quarter >= ? and q.quarter < ? group by q.item",
            )?;
            let rows = statement.query_map(params![site, floor(range.start), ceil(range.end)], |row| {
                Ok(ItemTotals {
                    item_id: row.get(0)?,
                    item_name: row.get(1)?,
                    item_category: row.get(2)?,
                    views: row.get(3)?,
                    carts: row.get(4)?,
                    purchases: row.get(5)?,
                    // `sum` fails where it overflows; `total` is a double, exact up to nine billion units.
                    quantity: row.get::<_, f64>(6)? as i64,
                    revenue: row.get::<_, f64>(7)? as i64,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn sessions(&self, site: i64, range: &Range<i64>, each: &mut dyn FnMut(i64, Session)) -> Result<(), Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "select visitor, id, start, end, events, pages, (select text from strings where id = landing), \
                 (select text from strings where id = source), (select text from strings where id = medium), \
                 (select text from strings where id = campaign), (select text from strings where id = referrer) \
                 from sessions where site = ? and start < ? and end >= ?",
            )?;
            let mut rows = statement.query(params![site, range.end, range.start])?;
            while let Some(row) = rows.next()? {
                let campaign = Campaign { source: row.get(7)?, medium: row.get(8)?, name: row.get(9)? };
                let session = Session {
                    id: Id(u128::from_be_bytes(row.get(1)?)),
                    start: row.get(2)?,
                    end: row.get(3)?,
                    events: row.get(4)?,
                    pages: row.get(5)?,
                    landing_path: row.get(6)?,
                    referrer: row.get(10)?,
                    campaign: (campaign != Campaign::default()).then_some(campaign),
                    counts: Vec::new(),
                };
                each(row.get(0)?, session);
            }
            Ok(())
        })
    }

    fn journeys(
        &self,
        site: i64,
        range: &Range<i64>,
        names: &[String],
        each: &mut dyn FnMut(i64, usize, i64),
    ) -> Result<(), Error> {
        self.read(|connection| {
            let mut ids = HashMap::new();
            for (index, name) in names.iter().enumerate() {
                if let Some(id) = strings::find(connection, name)? {
                    ids.entry(id).or_insert_with(Vec::new).push(index);
                }
            }
            let mut statement = connection.prepare_cached(
                "select visitor, name, time from events where site = ? and time >= ? and time < ? order by visitor, time",
            )?;
            let mut rows = statement.query(params![site, range.start, range.end])?;
            while let Some(row) = rows.next()? {
                for index in ids.get(&row.get::<_, i64>(1)?).into_iter().flatten() {
                    each(row.get(0)?, *index, row.get(2)?);
                }
            }
            Ok(())
        })
    }

    fn baskets(
        &self,
        site: i64,
        each: &mut dyn FnMut(Id, &str, i64, Vec<(String, Option<String>)>),
    ) -> Result<(), Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "select (select s.id from sessions s where s.visitor = e.visitor and s.start <= e.time \
                 order by s.start desc limit 1), v.visitor, e.time, \
                 coalesce((select text from strings where id = e.items), e.items) \
                 from events e join strings n on n.id = e.name join visitors v on v.id = e.visitor \
                 where e.site = ? and e.items is not null and n.text in ('view_item', 'add_to_cart', 'purchase') \
                 order by e.time",
            )?;
            let mut rows = statement.query([site])?;
            while let Some(row) = rows.next()? {
                let Some(session) = row.get::<_, Option<[u8; 16]>>(0)? else { continue };
                let items: Vec<Map> =
                    serde_json::from_str(row.get_ref(3)?.as_str()?).map_err(|error| Error::Internal(error.into()))?;
                let text = |item: &Map, key: &str| item.str(key).map(str::to_owned);
                let items = items.iter().filter_map(|item| Some((text(item, "item_id")?, text(item, "item_category"))));
                each(Id(u128::from_be_bytes(session)), row.get_ref(1)?.as_str()?, row.get(2)?, items.collect());
            }
            Ok(())
        })
    }

    fn export(
        &self,
        site: i64,
        range: &Range<i64>,
        each: &mut dyn FnMut(Exported) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        // Page by page: a reader that lasts as long as somebody's download would keep the log from being folded in.
        let sql = STORED.replacen(
            " from events e join",
            &format!("{BESIDE} from events e left join clients c on c.id = e.client join"),
            1,
        );
        let sql = format!(
            "{sql} where e.row > ? and e.row <= ? and e.site = ? and e.time >= ? and e.time < ? order by e.row"
        );
        let (mut after, last): (i64, i64) = self.read(|connection| {
            let rows = "select coalesce(min(row), 0) - 1, coalesce(max(row), -1) from events";
            Ok(connection.prepare_cached(rows)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
        })?;
        while after < last {
            let until = last.min(after + PAGE);
            let page = self.read(|connection| {
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query(params![after, until, site, range.start, range.end])?;
                let mut page = Vec::new();
                while let Some(row) = rows.next()? {
                    page.push(exported(row)?);
                }
                Ok(page)
            })?;
            for exported in page {
                if each(exported).is_break() {
                    return Ok(());
                }
            }
            after = until;
        }
        Ok(())
    }

    fn extent(&self, site: i64) -> Result<Extent, Error> {
        self.read(|connection| {
            let events = connection
                .prepare_cached("select coalesce(sum(n), 0) from quarters where site = ?")?
                .query_row([site], |row| row.get(0))?;
            let (first, last) = connection
                .prepare_cached("select min(start), max(end) from sessions where site = ?")?
                .query_row([site], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(Extent { events, first, last })
        })
    }

    fn rejected(&self, site: i64, filter: &KeptFilter) -> Result<Vec<Kept>, Error> {
        self.read(|connection| {
            let (time, row) = filter.before.unwrap_or((i64::MAX, i64::MAX));
            let mut statement = connection.prepare_cached(&format!(
                "{KEPT} where site = ?1 and received >= ?2 and received < ?3 and received <= ?4 \
                 and (received < ?4 or row < ?5) and (?6 is null or code = ?6) \
                 order by received desc, row desc limit ?7"
            ))?;
            let (from, to) = (filter.range.start, filter.range.end);
            let rows =
                statement.query_map(params![site, from, to, time, row, filter.code, filter.limit as i64], kept)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn rejected_by_id(&self, site: i64, ids: &[i64]) -> Result<Vec<Kept>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!("{KEPT} where site = ? and row = ?"))?;
            let found = ids.iter().map(|id| statement.query_row(params![site, id], kept).optional());
            Ok(found.filter_map(Result::transpose).collect::<Result<_, _>>()?)
        })
    }

    fn reject_counts(&self, site: i64) -> Result<Vec<RejectCount>, Error> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("select code, sum(n) from reject_counts where site = ? group by code order by code")?;
            let rows = statement.query_map([site], |row| Ok(RejectCount { code: row.get(0)?, n: row.get(1)? }))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Sqlite {
    fn collect(&self, condition: &str, parameters: impl rusqlite::Params) -> Result<Vec<Stored>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!("{STORED} {condition}"))?;
            let mut rows = statement.query(parameters)?;
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                events.push(stored(row)?);
            }
            Ok(events)
        })
    }
}

fn floor(time: i64) -> i64 {
    time.div_euclid(QUARTER)
}

fn ceil(time: i64) -> i64 {
    time.saturating_add(QUARTER - 1).div_euclid(QUARTER)
}

//! Sums counted again from raw events, beside those that are kept: in memory as far as there is room, in temporary
//! tables beyond.

use super::append::{MOST, QUARTER};
use super::strings;
use super::verify::Verified;
use crate::error::Error;
use engine::event::{Event, Micro};
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// Sums in memory; more are put away.
const ROOM: usize = 100_000;

/// Where sums are put away: tables of this connection alone, which go with it.
pub(super) const TABLES: &str = "
    create temporary table if not exists counted_quarters (
      site integer, quarter integer, name integer, n integer, value integer, primary key (site, quarter, name)
    ) without rowid;
    create temporary table if not exists counted_items (
      site integer, quarter integer, item integer, views integer, carts integer, purchases integer, quantity integer,
      revenue integer, primary key (site, quarter, item)
    ) without rowid;
    delete from counted_quarters;
    delete from counted_items;
";

/// Of a site, a quarter of an hour, and the number of a name or of an item's id.
type Key = (i64, i64, i64);

/// What was counted so far.
#[derive(Default)]
pub(super) struct Counted {
    quarters: HashMap<Key, (i64, Micro)>,
    items: HashMap<Key, [i64; 5]>,
    numbers: HashMap<String, i64>,
}

impl Counted {
    /// The number of a string; what has none is found nowhere.
    fn number(&mut self, connection: &Connection, text: &str) -> Result<i64, Error> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        let number = strings::find(connection, text)?.unwrap_or(-1);
        if self.numbers.len() >= ROOM {
            self.numbers.clear();
        }
        self.numbers.insert(text.to_owned(), number);
        Ok(number)
    }

    /// Counts an event.
    pub(super) fn add(&mut self, connection: &Connection, site: i64, quarter: i64, event: &Event) -> Result<(), Error> {
        let name = self.number(connection, &event.name)?;
        let sum = self.quarters.entry((site, quarter, name)).or_default();
        sum.0 += 1;
        sum.1 = sum.1.saturating_add(event.value.unwrap_or(0));
        let kind = match event.name.as_str() {
            "view_item" => 0,
            "add_to_cart" => 1,
            "purchase" => 2,
            _ => return Ok(()),
        };
        for item in &event.items {
            let number = self.number(connection, &item.item_id)?;
            let sums = self.items.entry((site, quarter, number)).or_default();
            sums[kind] += 1;
            if kind == 2 {
                sums[3] = sums[3].saturating_add(item.count());
                sums[4] = sums[4].saturating_add(item.total());
            }
        }
        if self.quarters.len() + self.items.len() > ROOM { self.put_away(connection) } else { Ok(()) }
    }

    fn put_away(&mut self, connection: &Connection) -> Result<(), Error> {
        let mut statement = connection.prepare_cached(
            "insert into counted_quarters (site, quarter, name, n, value) values (?1, ?2, ?3, ?4, ?5) \
             on conflict do update set n = n + excluded.n, value = min(value + excluded.value, ?6)",
        )?;
        for ((site, quarter, name), (n, value)) in self.quarters.drain() {
            statement.execute(params![site, quarter, name, n, value.min(MOST), MOST])?;
        }
        let mut statement = connection.prepare_cached(
            "insert into counted_items (site, quarter, item, views, carts, purchases, quantity, revenue) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict do update set views = views + excluded.views, \
             carts = carts + excluded.carts, purchases = purchases + excluded.purchases, \
             quantity = min(quantity + excluded.quantity, ?9), revenue = min(revenue + excluded.revenue, ?9)",
        )?;
        for ((site, quarter, name), [views, carts, purchases, quantity, revenue]) in self.items.drain() {
            let (quantity, revenue) = (quantity.min(MOST), revenue.min(MOST));
            statement.execute(params![site, quarter, name, views, carts, purchases, quantity, revenue, MOST])?;
        }
        Ok(())
    }

    /// Compares with what is kept, but for what is sealed.
    pub(super) fn compare(mut self, connection: &Connection, verified: &mut Verified) -> Result<(), Error> {
        self.put_away(connection)?;
        for (what, kept, counted, key, columns) in [
            ("events", "quarters", "counted_quarters", "name", &["n", "value"][..]),
            (
                "items",
                "item_quarters",
                "counted_items",
                "item",
                &["views", "carts", "purchases", "quantity", "revenue"],
            ),
        ] {
            let differ: Vec<String> = columns.iter().map(|column| format!("k.{column} is not c.{column}")).collect();
            let open = format!(
                "(k.quarter * {QUARTER} >= coalesce((select sealed_before from sites where id = k.site), {}))",
                i64::MIN + 1
            );
            let n: i64 =
                connection.query_row(&format!("select count(*) from {kept} k where {open}"), [], |row| row.get(0))?;
            verified.sums += n as u64;
            let mut statement = connection.prepare(&format!(
                "select (select text from strings where id = k.{key}), k.quarter from {kept} k \
                 left join {counted} c on c.site = k.site and c.quarter = k.quarter and c.{key} = k.{key} where {open} and ({})",
                differ.join(" or ")
            ))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (name, quarter): (Option<String>, i64) = (row.get(0)?, row.get(1)?);
                verified.differs(|| format!("sums of {what}: {name:?} of quarter {quarter} is kept otherwise"));
            }
            let mut statement = connection.prepare(&format!(
                "select (select text from strings where id = c.{key}), c.quarter from {counted} c where not exists \
                 (select 1 from {kept} k where k.site = c.site and k.quarter = c.quarter and k.{key} = c.{key})",
            ))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (name, quarter): (Option<String>, i64) = (row.get(0)?, row.get(1)?);
                verified.differs(|| format!("sums of {what}: {name:?} of quarter {quarter} is not kept"));
            }
        }
        Ok(())
    }
}

//! Sums counted again from raw events, beside those that are kept: in memory as far as there is room, in temporary
//! tables beyond.

use super::append::{MOST, QUARTER};
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
      site integer, quarter integer, name text, n integer, value integer, primary key (site, quarter, name)
    ) without rowid;
    create temporary table if not exists counted_items (
      site integer, quarter integer, name text, views integer, carts integer, purchases integer, quantity integer,
      revenue integer, primary key (site, quarter, name)
    ) without rowid;
    delete from counted_quarters;
    delete from counted_items;
";

/// Of a site, a quarter of an hour, and a name or the id of an item.
type Key = (i64, i64, String);

/// What was counted so far.
#[derive(Default)]
pub(super) struct Counted {
    quarters: HashMap<Key, (i64, Micro)>,
    items: HashMap<Key, [i64; 5]>,
}

impl Counted {
    /// Counts an event.
    pub(super) fn add(&mut self, site: i64, quarter: i64, event: &Event) {
        let sum = self.quarters.entry((site, quarter, event.name.clone())).or_default();
        sum.0 += 1;
        sum.1 = sum.1.saturating_add(event.value.unwrap_or(0));
        let kind = match event.name.as_str() {
            "view_item" => 0,
            "add_to_cart" => 1,
            "purchase" => 2,
            _ => return,
        };
        for item in &event.items {
            let sums = self.items.entry((site, quarter, item.item_id.clone())).or_default();
            sums[kind] += 1;
            if kind == 2 {
                sums[3] = sums[3].saturating_add(item.count());
                sums[4] = sums[4].saturating_add(item.total());
            }
        }
    }

    /// Puts sums away where there are too many.
    pub(super) fn make_room(&mut self, connection: &Connection) -> Result<(), Error> {
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
            "insert into counted_items (site, quarter, name, views, carts, purchases, quantity, revenue) \
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
                "select s.text, k.quarter from {kept} k left join strings s on s.id = k.{key} \
                 left join {counted} c on c.site = k.site and c.quarter = k.quarter and c.name = s.text \
                 where {open} and ({})",
                differ.join(" or ")
            ))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (name, quarter): (Option<String>, i64) = (row.get(0)?, row.get(1)?);
                verified.differs(|| format!("sums of {what}: {name:?} of quarter {quarter} is kept otherwise"));
            }
            let mut statement = connection.prepare(&format!(
                "select c.name, c.quarter from {counted} c where not exists (select 1 from {kept} k \
                 join strings s on s.id = k.{key} and s.text = c.name where k.site = c.site and k.quarter = c.quarter)",
            ))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (name, quarter): (String, i64) = (row.get(0)?, row.get(1)?);
                verified.differs(|| format!("sums of {what}: {name:?} of quarter {quarter} is not kept"));
            }
        }
        Ok(())
    }
}

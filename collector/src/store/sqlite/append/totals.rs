//! What a group adds up to: summed in memory before it touches the tables.

use super::{Appender, Map, QUARTER};
use crate::error::Error;
use crate::store::Incoming;
use engine::event::Micro;
use rusqlite::{Transaction, params};

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
pub(super) struct Sums {
    quarters: Map<(i64, i64, i64), Sum>,
    items: Map<(i64, i64, i64), ItemSum>,
}

impl Appender {
    /// Counts an event that is new.
    pub(super) fn add_up(
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
}

/// No sum goes beyond half of what 64 bits hold: past all of it SQLite would turn to doubles, which the table refuses.
pub(in crate::store::sqlite) const MOST: i64 = i64::MAX / 2;

impl Sums {
    pub(super) fn write(self, transaction: &Transaction<'_>) -> Result<(), Error> {
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

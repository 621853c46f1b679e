//! Orders: how many, their revenue, and how much of it a secret key confirmed.

use super::{Query, Report, Table, column};
use crate::error::Error;
use crate::store::Store;
use engine::event::units;
use serde_json::Value;

pub(super) const REPORT: Report = Report {
    name: "orders",
    title: "Orders and revenue, as told by the page and as confirmed by the shop",
    parameters: &[],
    run,
};

fn run(store: &dyn Store, query: &Query) -> Result<Table, Error> {
    let (mut told, mut confirmed) = ((0i64, 0i64), (0i64, 0i64));
    for order in store.orders(query.site, &query.range)? {
        told = (told.0 + 1, told.1.saturating_add(order.told));
        if let Some(worth) = order.confirmed {
            confirmed = (confirmed.0 + 1, confirmed.1.saturating_add(worth));
        }
    }
    Ok(Table {
        columns: vec![
            column("orders", "integer", Some("orders")),
            column("revenue", "number", Some("currency")),
            column("orders_confirmed", "integer", Some("orders")),
            column("revenue_confirmed", "number", Some("currency")),
        ],
        rows: vec![vec![
            Value::from(told.0),
            Value::from(units(told.1)),
            Value::from(confirmed.0),
            Value::from(units(confirmed.1)),
        ]],
        notes: vec![
            "An order is a purchase with a transaction id; revenue is what the first event about it said.".to_owned(),
            "Confirmed is what a secret key said that it was worth, which may be another amount.".to_owned(),
            "Orders whose raw events are gone are not counted.".to_owned(),
        ],
    })
}

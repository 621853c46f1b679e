//! Top: items or categories by how often they were looked at.

use super::{Column, Query, Report, Table, bad, column};
use crate::error::Error;
use crate::store::{ItemTotals, Store};
use engine::event::units;
use serde_json::Value;
use std::collections::HashMap;

pub(super) const REPORT: Report = Report {
    name: "top",
    title: "Items or categories by views, adds to cart and purchases",
    parameters: &[("dimension", "item (default) or category"), ("limit", "1 to 1000; default 10")],
    run,
};

const SUMS: [Column; 5] = [
    column("views", "integer", Some("events")),
    column("carts", "integer", Some("events")),
    column("purchases", "integer", Some("events")),
    column("quantity", "number", Some("pieces")),
    column("revenue", "number", Some("currency")),
];

fn run(store: &dyn Store, query: &Query) -> Result<Table, Error> {
    let by_item = query.choice("dimension", &["item", "category"])? == "item";
    let limit = match query.parameters.get("limit") {
        None => 10,
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|limit| (1..=1_000).contains(limit))
            .ok_or_else(|| bad("limit", "expected a whole number from 1 to 1000"))?,
    };
    let mut totals = store.item_totals(query.site, &query.range)?;
    if !by_item {
        let mut categories: HashMap<Option<String>, ItemTotals> = HashMap::new();
        for item in totals {
            let sum = categories.entry(item.item_category).or_default();
            sum.views += item.views;
            sum.carts += item.carts;
            sum.purchases += item.purchases;
            sum.quantity += item.quantity;
            sum.revenue += item.revenue;
        }
        totals = categories.into_iter().map(|(item_category, sum)| ItemTotals { item_category, ..sum }).collect();
    }
    let name = |totals: &ItemTotals| if by_item { Some(totals.item_id.clone()) } else { totals.item_category.clone() };
    totals.sort_by(|a, b| b.views.cmp(&a.views).then_with(|| name(a).cmp(&name(b))));
    totals.truncate(limit);
    let rows = totals.into_iter().map(|totals| {
        let mut row = Vec::new();
        if by_item {
            row.push(Value::from(totals.item_id));
            row.push(Value::from(totals.item_name));
        }
        row.push(Value::from(totals.item_category));
        row.extend([totals.views, totals.carts, totals.purchases].map(Value::from));
        row.extend([totals.quantity, totals.revenue].map(|micro| Value::from(units(micro))));
        row
    });
    let mut columns =
        if by_item { vec![column("item_id", "text", None), column("item_name", "text", None)] } else { Vec::new() };
    columns.push(column("item_category", "text", None));
    columns.extend(SUMS);
    Ok(Table {
        columns,
        rows: rows.collect(),
        notes: vec![
            "Revenue is price times quantity of purchased items, in the currency they were sent in.".to_owned(),
            "An item counts for the category it was last seen in or put into.".to_owned(),
        ],
    })
}

//! Raw inserts of the same rows with the same indexes and `synchronous=FULL`: what the disk and SQLite alone allow.

use crate::events::{Shoppers, now};
use crate::{Failure, Options};
use rusqlite::{Connection, params};
use serde_json::json;
use std::time::Instant;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let file = options.text("file")?;
    let group = options.number("group", 500)?.max(1);
    let rows = options.number("rows", 200_000)?;
    let mut connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch(
        "create table events (row integer primary key, id blob not null unique, site integer not null,
           visitor integer not null, name integer not null, time integer not null, at integer, received integer not null,
           hash blob not null, url integer, referrer integer, title integer, value integer, currency integer,
           transaction_id text, user blob, context integer, items text, props text) strict;
         create index events_by_visitor on events (visitor, time, id);",
    )?;
    let mut shoppers = Shoppers::new(7);
    let started = Instant::now();
    let mut done = 0;
    while done < rows {
        let transaction = connection.transaction()?;
        {
            let mut statement = transaction.prepare_cached(
                "insert into events (id, site, visitor, name, time, at, received, hash, url, referrer, title, value, currency, \
                 transaction_id, user, context, items, props) values (?, 1, ?, ?, ?, null, ?, ?, ?, ?, ?, ?, 4, null, null, 5, ?, ?)",
            )?;
            for _ in 0..group {
                let made = shoppers.next(now());
                let items = format!(
                    "[{{\"item_category\":\"c{}\",\"item_id\":\"sku{}\",\"item_name\":\"Item {}\",\"price\":{},\"quantity\":1}}]",
                    made.item % 12,
                    made.item,
                    made.item,
                    made.price
                );
                statement.execute(params![
                    made.id.to_be_bytes(),
                    (made.visitor >> 8) as i64 & 0xf_ffff,
                    made.name.len() as i64,
                    made.at as i64,
                    made.at as i64,
                    made.visitor.to_be_bytes(),
                    made.item as i64,
                    made.item as i64 % 12,
                    made.item as i64,
                    made.price as i64 * 1_000_000,
                    items,
                    "{\"color\":\"red\",\"position\":3}",
                ])?;
            }
        }
        transaction.commit()?;
        done += group;
    }
    let took = started.elapsed().as_secs_f64();
    println!("{}", json!({"group": group, "rows": done, "per_second": done as f64 / took}));
    Ok(())
}

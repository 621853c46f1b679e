//! Raw inserts with `synchronous=FULL`: what the disk and SQLite alone allow. Either of the rows of a collector's own
//! database into the same table with the same indexes, or of plain rows: each event as it comes, in 12 typed columns, what
//! is left as JSON, under a row number with an index on the id.

use crate::events::{Shoppers, now, uuid_text};
use crate::{Failure, Options};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use serde_json::json;
use std::time::Instant;

/// A table and what goes into it.
struct Rows {
    schema: String,
    columns: Vec<String>,
    values: Vec<Vec<Value>>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let group = options.number("group", 500)?.max(1) as usize;
    let count = options.number("rows", 100_000)? as i64;
    let Rows { schema, columns, values: rows } = match options.text("from") {
        Ok(from) => stored(from, count)?,
        Err(_) => plain(count),
    };
    let mut connection = Connection::open(options.text("file")?)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -32 * 1024)?;
    connection.execute_batch(&schema)?;
    let marks = vec!["?"; columns.len()].join(", ");
    let insert = format!("insert into events ({}) values ({marks})", columns.join(", "));
    let started = Instant::now();
    for rows in rows.chunks(group) {
        let transaction = connection.transaction()?;
        {
            let mut statement = transaction.prepare_cached(&insert)?;
            for row in rows {
                statement.execute(params_from_iter(row))?;
            }
        }
        transaction.commit()?;
    }
    let took = started.elapsed().as_secs_f64();
    println!("{}", json!({"group": group, "rows": rows.len(), "per_second": rows.len() as f64 / took}));
    Ok(())
}

fn stored(from: &str, count: i64) -> Result<Rows, Failure> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let schema: Vec<String> = source
        .prepare("select sql from sqlite_master where tbl_name = 'events' and sql is not null order by type desc")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut statement = source.prepare("select * from events order by row limit ?")?;
    let columns: Vec<String> = statement.column_names().skip(1).map(str::to_owned).collect();
    let width = columns.len();
    let rows = statement
        .query_map([count], |row| (1..=width).map(|column| row.get(column)).collect())?
        .collect::<Result<_, _>>()?;
    Ok(Rows { schema: schema.join(";"), columns, values: rows })
}

fn plain(count: i64) -> Rows {
    let mut shoppers = Shoppers::new(7);
    let rows = (0..count).map(|_| {
        let made = shoppers.next(now());
        let (item, price) = (made.item, made.price);
        let mut session = String::new();
        uuid_text(made.visitor, &mut session);
        let props = json!({
            "title": format!("Item {item} at the shop"), "session": session, "color": "red", "position": 3,
            "items": [{"item_id": format!("sku{item}"), "item_name": format!("Item {item}"),
                       "item_category": format!("c{}", item % 12), "price": price, "quantity": 1}],
        });
        vec![
            Value::Blob(made.id.to_be_bytes().to_vec()),
            Value::Integer(1),
            Value::Blob(made.visitor.to_be_bytes().to_vec()),
            Value::Text(made.name.to_owned()),
            Value::Integer(made.at as i64),
            Value::Integer(made.at as i64),
            Value::Text(format!("https://shop.example/p/{item}?utm_source=mail")),
            Value::Text(format!("https://shop.example/c/{}", item % 12)),
            Value::Text("EUR".to_owned()),
            Value::Integer(price as i64 * 1_000_000),
            Value::Null,
            Value::Text(props.to_string()),
        ]
    });
    let columns = "id, site, visitor, name, at, received, url, referrer, currency, value, transaction_id, props";
    Rows {
        schema: format!(
            "create table events (row integer primary key, {columns}); create unique index by_id on events (id)"
        ),
        columns: columns.split(", ").map(str::to_owned).collect(),
        values: rows.collect(),
    }
}

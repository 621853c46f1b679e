//! Raw inserts of the same rows into the same table with the same indexes and `synchronous=FULL`: what the disk and SQLite
//! alone allow. Table, indexes and rows are those of a collector's own database.

use crate::{Failure, Options};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use serde_json::json;
use std::time::Instant;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (from, file) = (options.text("from")?, options.text("file")?);
    let group = options.number("group", 500)?.max(1) as usize;
    let rows = options.number("rows", 100_000)?;
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let schema: Vec<String> = source
        .prepare("select sql from sqlite_master where tbl_name = 'events' and sql is not null order by type desc")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut statement = source.prepare("select * from events order by row limit ?")?;
    let columns = statement.column_count();
    let rows: Vec<Vec<Value>> = statement
        .query_map([rows as i64], |row| (1..columns).map(|column| row.get(column)).collect())?
        .collect::<Result<_, _>>()?;

    let mut connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -32 * 1024)?;
    connection.execute_batch(&schema.join(";"))?;
    let names: Vec<String> = statement.column_names().skip(1).map(str::to_owned).collect();
    let marks = vec!["?"; names.len()].join(", ");
    let insert = format!("insert into events ({}) values ({marks})", names.join(", "));
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

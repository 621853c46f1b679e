//! Sweeping: strings and clients that nothing refers to any more go.
//!
//! What refers to what is read beside the writer, as that takes a look at every event. The writer meanwhile notes every
//! number that it gives out, so that what was unused when it was looked at and is used again stays.

use super::retention::PIECE;
use super::{Appender, Sqlite};
use crate::error::Error;
use rusqlite::Connection;

/// What refers to strings: a table, and the columns of it.
pub(super) const STRINGS: [(&str, &str); 5] = [
    ("events", "name, url, referrer, title, currency, iif(typeof(items) = 'integer', items, null)"),
    ("sessions", "landing, source, medium, campaign, referrer"),
    ("quarters", "name"),
    ("item_quarters", "item"),
    ("items", "item"),
];
/// What refers to clients.
pub(super) const CLIENTS: [(&str, &str); 2] = [("events", "client"), ("visitors", "client")];
/// Events that one statement looks at: a longer one would keep the log from being started anew.
const ROWS: i64 = 100_000;

/// A set of numbers of rows: a bit each.
#[derive(Default)]
pub(super) struct Numbers(Vec<u64>);

impl Numbers {
    /// Puts a number in.
    pub(super) fn insert(&mut self, number: i64) {
        let Ok(number) = usize::try_from(number) else { return };
        if number / 64 >= self.0.len() {
            self.0.resize(number / 64 + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(number / 64) {
            *bits |= 1 << (number % 64);
        }
    }

    /// How many are in it and not in another.
    pub(super) fn without(&self, other: &Numbers) -> u64 {
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        self.0.iter().zip(others).map(|(own, other)| u64::from((own & !other).count_ones())).sum()
    }

    /// Whether a number is in it.
    pub(super) fn has(&self, number: i64) -> bool {
        let Ok(number) = usize::try_from(number) else { return false };
        self.0.get(number / 64).is_some_and(|bits| bits & (1 << (number % 64)) != 0)
    }
}

/// All numbers that these tables refer to.
pub(super) fn referred(connection: &Connection, tables: &[(&str, &str)]) -> Result<Numbers, Error> {
    let mut numbers = Numbers::default();
    let mut read = |condition: &str, table: &str, columns: &str, from: i64| -> Result<(), Error> {
        let mut statement = connection.prepare(&format!("select {columns} from {table}{condition}"))?;
        let count = statement.column_count();
        let parameters = if condition.is_empty() { vec![] } else { vec![from, from + ROWS] };
        let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
        while let Some(row) = rows.next()? {
            for column in 0..count {
                if let Some(number) = row.get::<_, Option<i64>>(column)? {
                    numbers.insert(number);
                }
            }
        }
        Ok(())
    };
    for (table, columns) in tables {
        if *table == "events" {
            let last: i64 = connection.query_row("select coalesce(max(row), 0) from events", [], |row| row.get(0))?;
            let mut from = 0;
            while from < last {
                read(" where row > ? and row <= ?", table, columns, from)?;
                from += ROWS;
            }
        } else {
            read("", table, columns, 0)?;
        }
    }
    Ok(numbers)
}

/// How much went.
#[derive(Default, Clone, Copy)]
pub(super) struct Swept {
    pub(super) strings: u64,
    pub(super) clients: u64,
}

impl Sqlite {
    /// Drops every string and client that nothing refers to.
    pub(super) fn sweep(&self) -> Result<Swept, Error> {
        self.writer.run_and_forget(|_, appender| {
            appender.watch();
            Ok(())
        })?;
        let swept = self.sweep_watched();
        self.writer.run_and_forget(|_, appender| {
            appender.unwatch();
            Ok(())
        })?;
        swept
    }

    fn sweep_watched(&self) -> Result<Swept, Error> {
        let (strings, clients) = self.read(|connection| {
            let unused = |table: &str, used: &Numbers| -> Result<Vec<i64>, Error> {
                let mut statement = connection.prepare(&format!("select id from {table}"))?;
                let rows = statement.query_map([], |row| row.get::<_, i64>(0))?;
                rows.filter(|id| !matches!(id, Ok(id) if used.has(*id))).map(|id| Ok(id?)).collect()
            };
            let strings = unused("strings", &referred(connection, &STRINGS)?)?;
            Ok((strings, unused("clients", &referred(connection, &CLIENTS)?)?))
        })?;
        let mut swept = Swept::default();
        for piece in strings.chunks(PIECE) {
            let piece = piece.to_vec();
            swept.strings +=
                self.writer.run_and_forget(move |connection, appender| drop_strings(connection, appender, &piece))?;
        }
        for piece in clients.chunks(PIECE) {
            let piece = piece.to_vec();
            swept.clients +=
                self.writer.run_and_forget(move |connection, appender| drop_clients(connection, appender, &piece))?;
        }
        Ok(swept)
    }
}

fn drop_strings(connection: &mut Connection, appender: &mut Appender, ids: &[i64]) -> Result<u64, Error> {
    // A group that failed meanwhile made the writer forget what it noted: the next sweep finds these again.
    let Some(used) = appender.used() else { return Ok(0) };
    let transaction = connection.transaction()?;
    let mut gone: Vec<String> = Vec::new();
    for id in ids.iter().filter(|id| !used.strings.contains(id)) {
        // Items are also put by the shop, which the appender does not see.
        let mut statement = transaction.prepare_cached(
            "delete from strings where id = ?1 \
             and not exists (select 1 from sites s join items i on i.site = s.id and i.item = ?1) returning text",
        )?;
        let mut rows = statement.query([id])?;
        if let Some(row) = rows.next()? {
            gone.push(row.get(0)?);
        }
    }
    transaction.commit()?;
    for text in &gone {
        appender.forget_string(text);
    }
    Ok(gone.len() as u64)
}

fn drop_clients(connection: &mut Connection, appender: &mut Appender, ids: &[i64]) -> Result<u64, Error> {
    let Some(used) = appender.used() else { return Ok(0) };
    let transaction = connection.transaction()?;
    let mut gone = 0;
    for id in ids.iter().filter(|id| !used.clients.contains(id)) {
        gone += transaction.prepare_cached("delete from clients where id = ?")?.execute([id])?;
    }
    transaction.commit()?;
    if gone > 0 {
        appender.forget_clients();
    }
    Ok(gone as u64)
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn numbers_are_there_once_put_in() {
        let mut numbers = Numbers::default();
        for number in [0, 1, 63, 64, 1_000_000] {
            assert!(!numbers.has(number));
            numbers.insert(number);
            assert!(numbers.has(number));
        }
        let mut others = Numbers::default();
        others.insert(63);
        assert_eq!((numbers.without(&others), others.without(&numbers)), (4, 0));
        assert!(!numbers.has(2) && !numbers.has(65) && !numbers.has(-1) && !numbers.has(i64::MAX));
    }
}

//! Sealed properties as rows: for sealing them anew.

use super::Sqlite;
use crate::error::Error;
use engine::id::Id;
use rusqlite::params;

/// The sealed properties of an event.
pub(crate) struct SealedRow {
    /// The event's row.
    pub(crate) row: i64,
    /// Of which site.
    pub(crate) site: i64,
    /// The event's id.
    pub(crate) id: Id,
    /// What was sealed.
    pub(crate) blob: Vec<u8>,
}

impl Sqlite {
    /// The next events with sealed properties after a row, at most so many.
    pub(crate) fn sealed_after(&self, row: i64, limit: usize) -> Result<Vec<SealedRow>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "select row, site, id, sealed from events where row > ? and sealed is not null order by row limit ?",
            )?;
            let rows = statement.query_map(params![row, limit as i64], |row| {
                let id = Id(u128::from_be_bytes(row.get(2)?));
                Ok(SealedRow { row: row.get(0)?, site: row.get(1)?, id, blob: row.get(3)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Puts what was sealed anew in the place of what was there, all of it or nothing; it is on disk when this returns.
    pub(crate) fn put_sealed(&self, rows: Vec<SealedRow>) -> Result<(), Error> {
        self.writer.run(move |connection| {
            let transaction = connection.transaction()?;
            for SealedRow { row, blob, .. } in &rows {
                transaction
                    .prepare_cached("update events set sealed = ? where row = ?")?
                    .execute(params![blob, row])?;
            }
            transaction.commit()?;
            Ok(())
        })
    }
}

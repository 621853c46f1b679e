//! Looking after what goes with time.

use super::Sqlite;
use crate::error::Error;
use crate::store::Upkeep;
use engine::time::{DAY, HOUR};
use rusqlite::{OptionalExtension, params};

impl Sqlite {
    /// See [`crate::store::Write::upkeep`].
    pub(super) fn look_after(&self, now: Option<i64>, thorough: bool) -> Result<Upkeep, Error> {
        self.erase_rest()?;
        let done = match now {
            Some(now) => self.drop_by_time(now, thorough)?,
            None => {
                // Events that this clock dates must not make it look right after a restart.
                self.writer.run(|connection| {
                    let newest = "select 'looked_after', time + delay from events order by row desc limit 1";
                    connection.execute(&format!("insert or ignore into meta (key, value) {newest}"), [])?;
                    Ok(())
                })?;
                Upkeep::default()
            }
        };
        if self.scrub_is_due()? && !self.scrub(false)?.0 {
            tracing::warn!("what was erased is still in the log, as a reader holds it: it is tried again");
        }
        Ok(done)
    }

    /// Drops what has had its time by `now`, and notes that this was done.
    fn drop_by_time(&self, now: i64, thorough: bool) -> Result<Upkeep, Error> {
        let mut done = Upkeep { rejects: self.drop_rejects(now)?, ..Upkeep::default() };
        let sites: Vec<(i64, i64)> = self.read(|connection| {
            let mut statement =
                connection.prepare_cached("select id, retention from sites where retention is not null")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        for (site, days) in sites {
            done.events += self.purge(site, days, now)?;
        }
        // A look at every event, so once a day is enough: until then it is texts that nothing says anything of.
        let due = self.read(|connection| {
            let swept: Option<i64> =
                connection.query_row("select value from meta where key = 'swept'", [], |row| row.get(0)).optional()?;
            let sealed: bool = connection.query_row(
                "select exists (select 1 from sites where sealed_before is not null)",
                [],
                |row| row.get(0),
            )?;
            Ok(sealed && swept.is_none_or(|swept| now - swept >= DAY))
        })?;
        if due || thorough {
            let swept = self.sweep()?;
            (done.strings, done.clients) = (swept.strings, swept.clients);
            self.writer.run(move |connection| {
                connection.execute("insert or replace into meta (key, value) values ('swept', ?)", params![now])?;
                Ok(())
            })?;
        }
        self.writer.run(move |connection| {
            // A start soon after the last one need not write.
            connection.execute(
                "insert into meta (key, value) values ('looked_after', ?1) \
                 on conflict do update set value = ?1 where abs(value - ?1) >= ?2",
                params![now, HOUR / 2],
            )?;
            Ok(())
        })?;
        Ok(done)
    }
}

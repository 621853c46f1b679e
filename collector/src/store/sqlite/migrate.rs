//! From one schema to the next: a list of steps, each a transaction; before the first of them the file is copied.

use super::append::{Appender, write_state};
use super::{FILE, SCHEMA, sync_folder};
use anyhow::{Context, bail};
use engine::facts::State;
use engine::id::Id;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction};
use std::fs::{self, File};
use std::path::Path;

/// Says in the file whose it is: "Beck".
const APPLICATION: i64 = 0x4265_636b;

/// A step from a schema to the one after it.
type Step = fn(&Transaction<'_>) -> anyhow::Result<()>;

/// Every step, by the schema that it starts from.
const STEPS: &[(i64, Step)] = &[(3, from_3)];

/// The schema of a file; 0 where there is nothing in it yet.
///
/// # Errors
/// In words for the operator: it is no database of ours, or one that this program does not know yet or any more.
pub(super) fn version(connection: &Connection) -> anyhow::Result<i64> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let version = match pragma("user_version") {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            bail!("{FILE} is not a database: it is damaged, or another file of that name")
        }
        version => version?,
    };
    if version > SCHEMA {
        bail!("the data was written by a newer beckon (schema {version}, this one knows {SCHEMA}): use that one");
    }
    let is_ours = match (pragma("application_id")?, version) {
        (APPLICATION, _) => true,
        (0, 0) => connection.query_row("select count(*) = 0 from sqlite_schema", [], |row| row.get(0))?,
        (0, _) => connection.query_row(
            "select count(*) = 3 from sqlite_schema where type = 'table' and name in ('meta', 'events', 'visitors')",
            [],
            |row| row.get(0),
        )?,
        _ => false,
    };
    if !is_ours {
        bail!("{FILE} is the database of another program: give another folder by --data");
    }
    if version > 0 && version < STEPS.first().map_or(SCHEMA, |(from, _)| *from) {
        bail!("the data was written before the first release (schema {version}): start with an empty folder");
    }
    Ok(version)
}

/// Brings a file to the schema of this version; `now` (ms) names the copy that is made of it before.
pub(super) fn migrate(connection: &mut Connection, folder: &Path, key_id: &str, now: i64) -> anyhow::Result<()> {
    let version = version(connection)?;
    if version == 0 {
        let transaction = connection.transaction()?;
        transaction.execute_batch(include_str!("../schema.sql"))?;
        transaction
            .execute("insert into sites (id, name, holdout) values (1, 'default', ?)", [engine::offer::HOLDOUT])?;
        transaction.execute("insert into meta (key, value) values ('key_id', ?)", [key_id])?;
        // There is nothing yet that could have had its time.
        transaction.execute("insert into meta (key, value) values ('looked_after', ?)", [now])?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        transaction.commit()?;
    }
    let kept: String = connection.query_row("select value from meta where key = 'key_id'", [], |row| row.get(0))?;
    if kept != key_id {
        bail!("the key file is not the one that this data was written with: give that one by --key-file");
    }
    if (1..SCHEMA).contains(&version) {
        let copy = copy(connection, folder, version, now).context("cannot copy the data before its schema changes")?;
        tracing::info!(copy, version, to = SCHEMA, "the schema of the data changes; this is a copy from before");
        for (from, step) in STEPS.iter().filter(|(from, _)| *from >= version) {
            let transaction = connection.transaction()?;
            step(&transaction).with_context(|| {
                format!("the data could not be brought from schema {from} to {}: it is as it was", from + 1)
            })?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", from + 1)?;
            transaction.commit()?;
        }
        tracing::info!("the schema of the data is changed");
    }
    Ok(())
}

/// Copies the file as it is, checks the copy, and gives it its name only then; returns that.
fn copy(connection: &Connection, folder: &Path, version: i64, now: i64) -> anyhow::Result<String> {
    let time = engine::time::text(now).replace(['-', ':'], "");
    let name = format!("{FILE}.schema{version}-{time}.bak");
    let (file, beside) = (folder.join(&name), folder.join(format!("{name}.new")));
    // What an earlier start left that was ended meanwhile.
    for left in fs::read_dir(folder)?.flatten().map(|file| file.path()) {
        if left.to_str().is_some_and(|path| path.ends_with(".bak.new")) {
            fs::remove_file(left)?;
        }
    }
    // Made here, so that only its owner can read it; an empty file is taken.
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&beside)?;
    connection.execute("vacuum into ?", [beside.to_str().context("expected a folder name in UTF-8")?])?;
    let made = Connection::open_with_flags(&beside, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found: String = made.query_row("pragma integrity_check", [], |row| row.get(0))?;
    let of: i64 = made.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found != "ok" || of != version {
        bail!("the copy is not sound: {found}");
    }
    drop(made);
    File::open(&beside)?.sync_all()?;
    fs::rename(&beside, &file)?;
    sync_folder(folder)?;
    Ok(name)
}

/// States become packed, and receipts delays: tables are made anew, and every visitor is folded from the first event on.
fn from_3(transaction: &Transaction<'_>) -> anyhow::Result<()> {
    transaction.execute_batch(include_str!("migrate/from_3.sql"))?;
    transaction.execute("update visitors set state = ?", [write_state(&State::default())?])?;
    let mut appender = Appender::default();
    let mut statement =
        transaction.prepare("select id, site, visitor from visitors where id > ? order by id limit 1")?;
    let mut last = 0;
    loop {
        let mut rows = statement.query([last])?;
        let Some(row) = rows.next()? else { return Ok(()) };
        last = row.get(0)?;
        let (site, visitor): (i64, String) = (row.get(1)?, row.get(2)?);
        appender.refold(transaction, site, &visitor, (i64::MIN, Id(0)))?;
    }
}

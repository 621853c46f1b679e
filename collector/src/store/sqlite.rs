//! The embedded engine: one SQLite file in WAL mode, one writer, a few readers.

pub(super) mod append;
mod cache;
mod erase;
mod keys;
mod migrate;
mod read;
mod retention;
mod sealed;
mod strings;
mod sums;
mod sweep;
mod upkeep;
mod verify;

pub(crate) use verify::Verified;

use super::writer::{BUSY, Writer};
use super::{
    Batch, CatalogueItem, Document, Erased, Erasure, Gauges, Key, KeyId, Kind, OnCommit, Receipt, Site, Upkeep, Write,
};
use crate::error::Error;
use anyhow::{Context, bail};
use append::Appender;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The name of the database in its folder.
const FILE: &str = "beckon.db";
/// Grows with every change of the schema.
const SCHEMA: i64 = 4;
/// Readers kept open between uses.
const READERS: usize = 4;

/// Another process writes there.
#[derive(Debug, thiserror::Error)]
#[error("the folder {folder} is in use by another beckon{}: stop that one first", why(error), folder = .folder.display())]
pub(crate) struct InUse {
    folder: PathBuf,
    error: TryLockError,
}

/// Why a lock could not be had, where it is not that another process has it.
fn why(error: &TryLockError) -> String {
    match error {
        TryLockError::WouldBlock => String::new(),
        TryLockError::Error(error) => format!(", or cannot be locked ({error})"),
    }
}

/// A store in a folder.
pub(crate) struct Sqlite {
    file: PathBuf,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    gauges: Arc<Gauges>,
    /// Held by who takes rows away in many transactions.
    chores: Mutex<()>,
    /// Held as long as the store is open: two processes with caches of their own must not write one file.
    _lock: Option<File>,
}

impl Sqlite {
    /// Whether there is a store in a folder.
    pub(crate) fn is_in(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// Opens the store in a folder, or makes it, and brings it to the schema of today; `now` is in ms. `key_id` names the key file that its hashes were made with;
    /// `gauges` count what goes on.
    pub(crate) fn open(
        folder: &Path,
        key_id: &str,
        now: i64,
        on_commit: OnCommit,
        gauges: Gauges,
    ) -> anyhow::Result<Sqlite> {
        make_private(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let lock =
            File::create(folder.join("lock")).with_context(|| format!("cannot write in {}", folder.display()))?;
        if let Err(error) = lock.try_lock() {
            return Err(InUse { folder: folder.to_owned(), error }.into());
        }
        let file = folder.join(FILE);
        // In a folder that was there before, others may look: the file is its owner's alone, and SQLite makes the log alike.
        let mut options = File::options();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&file).with_context(|| format!("cannot open {}", file.display()))?;
        let mut connection = Connection::open(&file).with_context(|| format!("cannot open {}", file.display()))?;
        // Before anything is changed in what may be another's.
        migrate::version(&connection)?;
        settle(&connection)?;
        // FULL: a commit is on disk when it returns, which is what an acknowledgement says.
        connection.pragma_update(None, "synchronous", "full")?;
        // Otherwise a file the size of the largest burst stays.
        connection.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
        migrate::migrate(&mut connection, folder, key_id, now)?;
        let beside = Connection::open(&file).with_context(|| format!("cannot open {}", file.display()))?;
        settle(&beside)?;
        let gauges = Arc::new(gauges);
        let writer = Writer::start(connection, beside, on_commit, Arc::clone(&gauges));
        let writer = writer.context("cannot start the writing thread")?;
        Ok(Sqlite {
            file,
            writer,
            readers: Mutex::new(Vec::new()),
            gauges,
            chores: Mutex::default(),
            _lock: Some(lock),
        })
    }

    /// The store in a folder, to read only: beside a running collector or without one. What would write is refused.
    pub(crate) fn look(folder: &Path, gauges: Gauges) -> anyhow::Result<Sqlite> {
        let readers = Mutex::new(vec![look_into(folder)?]);
        let gauges = Arc::new(gauges);
        Ok(Sqlite {
            file: folder.join(FILE),
            writer: Writer::none(Arc::clone(&gauges)),
            readers,
            gauges,
            chores: Mutex::default(),
            _lock: None,
        })
    }

    /// Runs a reading job on a connection of its own; readers never wait for the writer.
    fn read<T>(&self, job: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let pooled = self.readers.lock().ok().and_then(|mut readers| readers.pop());
        let connection = match pooled {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.file, flags)?;
                connection.set_prepared_statement_cache_capacity(64);
                connection.busy_timeout(Duration::from_secs(5))?;
                connection
            }
        };
        self.gauges.reading.fetch_add(1, Ordering::Relaxed);
        let answer = job(&connection);
        self.gauges.reading.fetch_sub(1, Ordering::Relaxed);
        if let Ok(mut readers) = self.readers.lock()
            && readers.len() < READERS
        {
            readers.push(connection);
        }
        answer
    }
}

/// Recounts everything in a folder from its raw events; beside a running collector or without one.
pub(crate) fn verify_in(folder: &Path) -> anyhow::Result<Verified> {
    verify::verify(&mut look_into(folder)?).context("the data could not be read")
}

/// Copies the data of a folder as of now into a file of which there is none yet, and checks the copy; returns its size in
/// bytes. The file is there whole or not at all: until then it is called `FILE.part`.
pub(crate) fn backup(folder: &Path, file: &Path) -> anyhow::Result<u64> {
    let mut part = file.to_owned().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let done = copy(folder, &part).and_then(|bytes| {
        // Unlike a rename this never replaces what somebody put there meanwhile. Some file systems have no second names:
        // there it is looked before.
        match std::fs::hard_link(&part, file) {
            Ok(()) => std::fs::remove_file(&part)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists || file.exists() => {
                return Err(error).with_context(|| format!("cannot write {}", file.display()));
            }
            Err(_) => {
                std::fs::rename(&part, file).with_context(|| format!("cannot write {}", file.display()))?;
            }
        }
        let beside = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(beside)?.sync_all()?;
        Ok(bytes)
    });
    if done.is_err() {
        // There may be none, and the error that is told is the first one.
        let _ = std::fs::remove_file(&part);
    }
    done
}

fn copy(folder: &Path, file: &Path) -> anyhow::Result<u64> {
    let source = look_into(folder)?;
    let target = file.to_str().context("expected a file name in UTF-8")?;
    // What a run that was killed left behind is of no use.
    let _ = std::fs::remove_file(file);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(file).with_context(|| format!("cannot write {target}"))?;
    source.execute("vacuum into ?", [target]).with_context(|| format!("cannot write {target}"))?;
    made.sync_all()?;
    let copy = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found: String = copy.query_row("pragma integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        bail!("the copy is not whole ({found}): it was taken away again");
    }
    Ok(made.metadata()?.len())
}

/// A connection that only reads, for commands that may run beside a collector.
fn look_into(folder: &Path) -> anyhow::Result<Connection> {
    let file = folder.join(FILE);
    if !file.try_exists().with_context(|| format!("cannot look into {}", folder.display()))? {
        bail!("there is no data in {}", folder.display());
    }
    let connection = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("cannot open {}", file.display()))?;
    connection.busy_timeout(Duration::from_secs(5))?;
    let version = migrate::version(&connection)?;
    if version != SCHEMA {
        bail!(
            "the data has schema {version}, this beckon works with {SCHEMA}: start `beckon serve` once, which copies it and \
             then changes it"
        );
    }
    Ok(connection)
}

/// Sees to it that the names in a folder are on disk.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder that only its owner can look into.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn settle(connection: &Connection) -> anyhow::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    // Nobody else should write here; who does must not keep the senders waiting for long.
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    // What does not fit is in the system's cache, which costs a copy.
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    // What is deleted is overwritten.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    Ok(())
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly, SystemIoFailure};
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => {
                tracing::error!(%error, "another program holds the database");
                Error::Busy
            }
            Some(DiskFull | ReadOnly | SystemIoFailure | CannotOpen) => {
                tracing::error!(%error, "the store cannot be used");
                Error::ReadOnly
            }
            _ => Error::Internal(error.into()),
        }
    }
}

impl From<rusqlite::types::FromSqlError> for Error {
    fn from(error: rusqlite::types::FromSqlError) -> Self {
        Error::Internal(error.into())
    }
}

/// A change of documents or of the site: pages and caches see it by the version.
fn changed(connection: &Connection, site: i64) -> Result<(), Error> {
    connection.execute("update sites set version = version + 1 where id = ?", [site])?;
    Ok(())
}

impl Write for Sqlite {
    fn append(&self, batch: Batch) -> Result<Receipt, Error> {
        self.writer.append(batch)
    }

    fn has_room(&self) -> bool {
        self.writer.has_room()
    }

    fn probe(&self) -> Result<(), Error> {
        self.writer.run(|connection| {
            // A new value each time: what does not change need not be written.
            connection.execute("insert or replace into meta (key, value) values ('probe', hex(randomblob(8)))", [])?;
            Ok(())
        })
    }

    fn close(&self) {
        // The last connection to go folds the log into the file; readers that linger would prevent it.
        if let Ok(mut readers) = self.readers.lock() {
            readers.clear();
        }
        self.writer.close();
    }

    fn put_keys(&self, keys: Vec<([u8; 32], Key)>) -> Result<(), Error> {
        self.writer.run(move |connection| {
            let transaction = connection.transaction()?;
            keys::put(&transaction, &keys)?;
            transaction.commit()?;
            Ok(())
        })
    }

    fn revoke_key(&self, site: i64, id: KeyId, now: i64) -> Result<bool, Error> {
        self.writer.run(move |connection| keys::revoke(connection, site, id, now))
    }

    fn add_site(
        &self,
        name: &str,
        origins: &[String],
        holdout: f64,
        keys: Vec<([u8; 32], Key)>,
    ) -> Result<Option<i64>, Error> {
        let origins = serde_json::to_string(origins).map_err(|error| Error::Internal(error.into()))?;
        let name = name.to_owned();
        self.writer.run(move |connection| keys::add_site(connection, &name, &origins, holdout, keys))
    }

    fn put_site(&self, site: Site) -> Result<(), Error> {
        let list = |list: &[String]| serde_json::to_string(list).map_err(|error| Error::Internal(error.into()));
        let (origins, sensitive) = (list(&site.origins)?, list(&site.sensitive)?);
        self.writer.run(move |connection| {
            connection.execute(
                "update sites set origins = ?, holdout = ?, sensitive = ?, retention = ?, version = version + 1 where id = ?",
                params![origins, site.holdout, sensitive, site.retention, site.id],
            )?;
            Ok(())
        })
    }

    fn put_document(&self, site: i64, kind: Kind, document: Document) -> Result<bool, Error> {
        self.writer.run(move |connection| {
            let transaction = connection.transaction()?;
            let key = params![site, kind.plural(), document.id];
            let had: Option<i64> = transaction
                .query_row("select 1 from documents where site = ? and kind = ? and id = ?", key, |row| row.get(0))
                .optional()?;
            transaction.execute(
                "insert or replace into documents (site, kind, id, body) values (?, ?, ?, ?)",
                params![site, kind.plural(), document.id, document.body],
            )?;
            changed(&transaction, site)?;
            transaction.commit()?;
            Ok(had.is_none())
        })
    }

    fn delete_document(&self, site: i64, kind: Kind, id: &str) -> Result<bool, Error> {
        let id = id.to_owned();
        self.writer.run(move |connection| {
            let transaction = connection.transaction()?;
            let gone = transaction.execute(
                "delete from documents where site = ? and kind = ? and id = ?",
                params![site, kind.plural(), id],
            )?;
            if gone > 0 {
                changed(&transaction, site)?;
            }
            transaction.commit()?;
            Ok(gone > 0)
        })
    }

    fn put_items(&self, site: i64, items: Vec<CatalogueItem>) -> Result<(), Error> {
        self.writer.run(move |connection| {
            let transaction = connection.transaction()?;
            for item in &items {
                let number = strings::number(&transaction, &item.item_id)?;
                transaction
                    .prepare_cached(
                        "insert or replace into items (site, item, name, category, price, stock, url, image, put) \
                         values (?, ?, ?, ?, ?, ?, ?, ?, 1)",
                    )?
                    .execute(params![
                        site,
                        number,
                        item.item_name,
                        item.item_category,
                        item.price,
                        item.stock,
                        item.url,
                        item.image,
                    ])?;
            }
            changed(&transaction, site)?;
            transaction.commit()?;
            Ok(())
        })
    }

    fn erase(&self, erasure: &Erasure) -> Result<Erased, Error> {
        let _turn = self.chores.lock().unwrap_or_else(PoisonError::into_inner);
        self.erase_all(erasure)
    }

    fn upkeep(&self, now: Option<i64>, thorough: bool) -> Result<Upkeep, Error> {
        let _turn = self.chores.lock().unwrap_or_else(PoisonError::into_inner);
        self.look_after(now, thorough)
    }
}

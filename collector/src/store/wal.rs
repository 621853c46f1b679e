//! The write-ahead log, kept small: most of a checkpoint's work is done beside the writer, and the writer restarts the
//! log where nobody needs the old part of it any more.

use super::writer::BUSY;
use rusqlite::Connection;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pages (4 KiB) in the log from which on it is copied into the database, beside the writer.
const COPY: usize = 1_000;
/// Pages from which on the writer starts the log anew: 16 MiB. While it is written to without a pause, a copy beside
/// the writer never catches up with it, so the log would grow for ever.
const RESTART: usize = 4_000;
/// Pages from which on readers are waited for: 40 MiB.
const PATIENT: usize = 10_000;
/// How long the writer waits for readers of the old part of the log: what takes longer is tried again later.
const SHORT: Duration = Duration::from_millis(5);
/// See [`SHORT`], from [`PATIENT`] on.
const LONG: Duration = Duration::from_millis(500);

/// Where the index of the log, a file that all who use it map into their memory, says how many of the log's pages are in
/// the database (<https://sqlite.org/walformat.html>, `nBackfill`), and in how many bytes.
const COPIED: (u64, usize) = (96, 4);

/// The log of one database, as its writer sees it.
pub(super) struct Wal {
    /// Pages in the log as of the last commit.
    pages: Arc<AtomicUsize>,
    /// Pages at which the next restart is tried.
    next: usize,
    /// Pages at which it waits for readers.
    patient: usize,
    /// Held by whoever checkpoints: the index of the log.
    turn: Arc<Mutex<&'static File>>,
    copy: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Wal {
    /// Looks after the log of `writer`; `beside` is another connection to the same file, `index` the file of its index.
    pub(super) fn keep(writer: &mut Connection, beside: Connection, index: &Path) -> anyhow::Result<Wal> {
        // Never closed: with the first of its descriptors a process loses all the locks that SQLite has on a file.
        let index: &'static File = Box::leak(Box::new(File::options().write(true).open(index)?));
        let pages = Arc::new(AtomicUsize::new(0));
        // In place of SQLite's own checkpoint, which would run inside the commit that reaches its limit.
        writer.wal_hook({
            let pages = Arc::clone(&pages);
            Some(move |_: &mut rusqlite::hooks::Wal, n: std::ffi::c_int| {
                pages.store(usize::try_from(n).unwrap_or(0), Ordering::Relaxed);
                Ok(())
            })
        })?;
        let turn = Arc::new(Mutex::new(index));
        let (copy, due) = sync_channel::<()>(1);
        let thread = std::thread::Builder::new().name("checkpoint".to_owned()).spawn({
            let turn = Arc::clone(&turn);
            move || {
                for () in due {
                    let index = turn.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Err(error) = checkpoint(&beside, "passive", &index) {
                        tracing::warn!(%error, "the log could not be copied into the database");
                    }
                }
            }
        })?;
        Ok(Wal { pages, next: RESTART, patient: PATIENT, turn, copy: Some(copy), thread: Some(thread) })
    }

    /// To be called between two transactions of the writer.
    pub(super) fn after_commit(&mut self, writer: &Connection) -> rusqlite::Result<()> {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < COPY {
            (self.next, self.patient) = (RESTART, PATIENT);
            return Ok(());
        }
        if let Some(Err(TrySendError::Disconnected(()))) = self.copy.as_ref().map(|copy| copy.try_send(())) {
            tracing::error!("nobody copies the log into the database any more");
        }
        if pages < self.next {
            return Ok(());
        }
        let index = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let patient = pages >= self.patient;
        if wait(writer, if patient { LONG } else { SHORT }, || checkpoint(writer, "restart", &index))? {
            self.pages.store(0, Ordering::Relaxed);
            (self.next, self.patient) = (RESTART, PATIENT);
            return Ok(());
        }
        // A reader needs what is in the log. One that stays for minutes, such as a copy of all, must not make every
        // sender wait again and again.
        self.next = pages + RESTART / 4;
        if patient {
            self.patient = pages + pages / 2;
        }
        Ok(())
    }
}

impl Wal {
    /// Copies all of the log into the database and empties it, waiting so long for readers; false where one of them
    /// still needs some of it.
    pub(super) fn empty(&mut self, writer: &Connection, patience: Duration) -> rusqlite::Result<bool> {
        let index = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let emptied = wait(writer, patience, || checkpoint(writer, "truncate", &index))?;
        if emptied {
            self.pages.store(0, Ordering::Relaxed);
        }
        Ok(emptied)
    }
}

/// Does something with another patience than the writer's own.
fn wait<T>(writer: &Connection, patience: Duration, work: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    writer.busy_timeout(patience)?;
    let done = work();
    writer.busy_timeout(BUSY)?;
    done
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.copy = None;
        // It cannot have panicked over anything that matters: what it did is done again.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Whether a checkpoint got to its end. After one that failed the next one copies all of the log again.
///
/// SQLite syncs the database only when a checkpoint reaches the end of the log, and counts what an earlier one copied as
/// done before that. Where the sync fails, the kernel may have dropped any of those pages and call them clean; SQLite
/// would copy only the rest again and then overwrite the log. All of it is still in the log, which was synced commit by
/// commit: so the count goes back to none, as it does when a log is recovered after a crash. Nobody else changes it
/// meanwhile, since only who has the turn checkpoints, and a reader takes a page from the log wherever it is there.
fn checkpoint(connection: &Connection, mode: &str, index: &File) -> rusqlite::Result<bool> {
    let done =
        connection.query_row(&format!("pragma wal_checkpoint({mode})"), [], |row| Ok(row.get::<_, i64>(0)? == 0));
    if done.is_err()
        && let Err(error) = copy_again(index)
    {
        tracing::error!(%error, "a part of the data may not be on disk: the process ends, and the next start reads the log again");
        std::process::exit(74);
    }
    done
}

fn copy_again(index: &File) -> io::Result<()> {
    let (place, width) = COPIED;
    index.write_all_at(&[0; 8][..width], place)
}

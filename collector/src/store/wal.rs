//! The write-ahead log, kept small: most of a checkpoint's work is done beside the writer, and the writer restarts the
//! log where nobody needs the old part of it any more.

use rusqlite::Connection;
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

/// The log of one database, as its writer sees it.
pub(super) struct Wal {
    /// Pages in the log as of the last commit.
    pages: Arc<AtomicUsize>,
    /// Pages at which the next restart is tried.
    next: usize,
    /// Pages at which it waits for readers.
    patient: usize,
    /// Held by whoever checkpoints.
    turn: Arc<Mutex<()>>,
    copy: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Wal {
    /// Looks after the log of `writer`; `beside` is another connection to the same file.
    pub(super) fn keep(writer: &mut Connection, beside: Connection) -> anyhow::Result<Wal> {
        let pages = Arc::new(AtomicUsize::new(0));
        // In place of SQLite's own checkpoint, which would run inside the commit that reaches its limit.
        writer.wal_hook({
            let pages = Arc::clone(&pages);
            Some(move |_: &mut rusqlite::hooks::Wal, n: std::ffi::c_int| {
                pages.store(usize::try_from(n).unwrap_or(0), Ordering::Relaxed);
                Ok(())
            })
        })?;
        let turn = Arc::new(Mutex::new(()));
        let (copy, due) = sync_channel::<()>(1);
        let thread = std::thread::Builder::new().name("checkpoint".to_owned()).spawn({
            let turn = Arc::clone(&turn);
            move || {
                for () in due {
                    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Err(error) = checkpoint(&beside, "passive") {
                        // Nothing is lost: it is all in the log, and the next copy begins where this one stopped.
                        tracing::warn!(%error, "the log could not be copied into the database");
                    }
                }
            }
        })?;
        Ok(Wal { pages, next: RESTART, patient: PATIENT, turn, copy: Some(copy), thread: Some(thread) })
    }

    /// To be called between two transactions of the writer.
    pub(super) fn after_commit(&mut self, writer: &Connection, busy: Duration) -> rusqlite::Result<()> {
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
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let patient = pages >= self.patient;
        writer.busy_timeout(if patient { LONG } else { SHORT })?;
        let restarted = checkpoint(writer, "restart");
        writer.busy_timeout(busy)?;
        if restarted? {
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

impl Drop for Wal {
    fn drop(&mut self) {
        self.copy = None;
        // It cannot have panicked over anything that matters: what it did is done again.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Whether a checkpoint got to its end.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    connection.query_row(&format!("pragma wal_checkpoint({mode})"), [], |row| Ok(row.get::<_, i64>(0)? == 0))
}

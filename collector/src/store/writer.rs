//! The one thread that writes: it takes what is queued as a group and commits the group as one transaction.

use super::sqlite::append::{Appender, Applied, Prepared, prepare};
use super::wal::Wal;
use super::{Batch, Committed, Gauges, Incoming, OnCommit, Receipt, Verdict};
use crate::error::Error;
use rusqlite::{Connection, TransactionBehavior};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Most events that wait; more are answered with 503 at once.
const MAX_QUEUED: usize = 20_000;
/// Most bytes that wait, of JSON as it came: once read they take several times as much.
const MAX_QUEUED_BYTES: usize = 8 << 20;
/// Most events of one transaction: it should take no longer than senders like to wait, and its pages must fit the log.
const MAX_GROUP: usize = 2_000;
/// How long another program that holds the database is waited for.
pub(super) const BUSY: Duration = Duration::from_secs(1);

type Job = Box<dyn FnOnce(&mut Connection, &mut Appender) + Send>;

#[allow(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
enum Command {
    Append(Prepared, oneshot::Sender<Result<Vec<Verdict>, Error>>),
    Run(Job),
    Fold(Sender<Result<bool, Error>>),
    Close,
}

/// What a batch counts in the queue: its events, and one for itself; its bytes.
fn weight(batch: &Batch) -> (usize, usize) {
    (batch.events.len() + batch.rejected.len() + 1, batch.bytes)
}

/// The handle of the thread.
pub(super) struct Writer {
    commands: Sender<Command>,
    gauges: Arc<Gauges>,
    closed: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread over its own connection; `beside` is another one to the same file, for the log.
    pub(super) fn start(
        mut connection: Connection,
        beside: Connection,
        on_commit: OnCommit,
        gauges: Arc<Gauges>,
    ) -> anyhow::Result<Writer> {
        let (commands, receiver) = channel();
        let index = format!("{}-shm", connection.path().unwrap_or_default());
        let wal = Wal::keep(&mut connection, beside, index.as_ref())?;
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn({
            let gauges = Arc::clone(&gauges);
            move || {
                let _end = EndWithThread;
                Work { connection, appender: Appender::default(), wal, on_commit, gauges }.run(&receiver);
            }
        })?;
        Ok(Writer { commands, gauges, closed: AtomicBool::new(false), thread: Mutex::new(Some(thread)) })
    }

    /// One that has ended: everything is refused.
    pub(super) fn none(gauges: Arc<Gauges>) -> Writer {
        Writer { commands: channel().0, gauges, closed: AtomicBool::new(true), thread: Mutex::new(None) }
    }

    /// Whether the queue can take anything.
    pub(super) fn has_room(&self) -> bool {
        self.gauges.waits_less_than((MAX_QUEUED, MAX_QUEUED_BYTES))
    }

    /// Queues a batch.
    pub(super) fn append(&self, batch: Batch) -> Result<Receipt, Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::ShuttingDown);
        }
        let weight = weight(&batch);
        if !self.gauges.enter(weight, (MAX_QUEUED, MAX_QUEUED_BYTES)) {
            return Err(Error::Busy);
        }
        let prepared = prepare(batch).inspect_err(|_| self.gauges.leave(weight))?;
        let (sender, receipt) = oneshot::channel();
        self.commands.send(Command::Append(prepared, sender)).map_err(|_| Error::ShuttingDown)?;
        Ok(receipt)
    }

    /// Runs a job on the writing connection, between two groups, and waits for its answer.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.run_and_forget(|connection, _| job(connection))
    }

    /// [`Writer::run`] for a job that changes what the writer remembers: it says so by making that anew.
    pub(super) fn run_and_forget<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection, &mut Appender) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, answer) = channel();
        let job: Job = Box::new(move |connection, appender| {
            // A caller that has gone needs no answer.
            let _ = sender.send(job(connection, appender));
        });
        self.commands.send(Command::Run(job)).map_err(|_| Error::ShuttingDown)?;
        answer.recv().map_err(|_| Error::ShuttingDown)?
    }

    /// Folds all of the log into the database and empties it; false where a reader needs some of it.
    pub(super) fn fold_log(&self) -> Result<bool, Error> {
        let (sender, answer) = channel();
        self.commands.send(Command::Fold(sender)).map_err(|_| Error::ShuttingDown)?;
        answer.recv().map_err(|_| Error::ShuttingDown)?
    }

    /// Commits what is queued, then ends the thread.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let _ = self.commands.send(Command::Close);
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        // It cannot have panicked: that would have ended the process.
        let _ = thread.map(JoinHandle::join);
    }
}

struct Work {
    connection: Connection,
    appender: Appender,
    wal: Wal,
    on_commit: OnCommit,
    gauges: Arc<Gauges>,
}

impl Work {
    fn run(mut self, commands: &Receiver<Command>) {
        while let Ok(first) = commands.recv() {
            let mut group = Vec::new();
            let mut receipts = Vec::new();
            let (mut events, mut bytes) = (0, 0);
            let mut next = Some(first);
            let mut after = None;
            while let Some(command) = next.take() {
                match command {
                    Command::Append(prepared, receipt) => {
                        let weight = weight(&prepared.batch);
                        events += weight.0;
                        bytes += weight.1;
                        group.push(prepared);
                        receipts.push(receipt);
                        if events < MAX_GROUP {
                            next = commands.try_recv().ok();
                        }
                    }
                    other => after = Some(other),
                }
            }
            if !group.is_empty() {
                self.commit(group, receipts);
                self.gauges.leave((events, bytes));
            }
            match after {
                Some(Command::Run(job)) => job(&mut self.connection, &mut self.appender),
                Some(Command::Fold(sender)) => {
                    // Readers are not waited for: senders would wait too. A caller that has gone needs no answer.
                    let _ = sender.send(self.wal.empty(&self.connection, Duration::ZERO).map_err(Error::from));
                }
                Some(Command::Close) => break,
                _ => {}
            }
            if let Err(error) = self.wal.after_commit(&self.connection) {
                tracing::warn!(%error, "the log could not be started anew");
            }
        }
        // Leaves one tidy file behind; what is in the log would be found at the next start all the same.
        if let Err(error) = self.wal.empty(&self.connection, BUSY) {
            tracing::warn!(%error, "the log could not be folded into the database");
        }
    }

    /// Commits a group; where it cannot be, each of its batches alone, so that one costs no other.
    fn commit(&mut self, group: Vec<Prepared>, receipts: Vec<oneshot::Sender<Result<Vec<Verdict>, Error>>>) {
        match self.apply(&group) {
            Ok(applied) => self.tell(applied, group, receipts),
            Err(error) if matches!(error, Error::ReadOnly | Error::Busy) || group.len() == 1 => {
                tracing::error!(cause = ?error, batches = group.len(), "a group could not be committed");
                for receipt in receipts {
                    let _ = receipt.send(Err(match error {
                        Error::ReadOnly => Error::ReadOnly,
                        Error::Busy => Error::Busy,
                        _ => Error::Internal(anyhow::anyhow!("the batch could not be committed")),
                    }));
                }
            }
            Err(_) => {
                for (prepared, receipt) in group.into_iter().zip(receipts) {
                    self.commit(vec![prepared], vec![receipt]);
                }
            }
        }
    }

    fn apply(&mut self, group: &[Prepared]) -> Result<Applied, Error> {
        let since = self.gauges.now();
        let done = (|| {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let applied = self.appender.apply(&transaction, group)?;
            transaction.commit()?;
            Ok(applied)
        })();
        match &done {
            Ok((verdicts, _)) => self.gauges.committed(since, group.iter().map(|prepared| &prepared.batch), verdicts),
            Err(_) => self.gauges.failed(),
        }
        if done.is_err() {
            // The transaction is rolled back: what the caches learned in it is not true.
            self.appender = Appender::default();
        }
        done
    }

    /// Tells the listeners of what is on disk now, then the senders.
    fn tell(
        &self,
        (verdicts, placed): Applied,
        group: Vec<Prepared>,
        receipts: Vec<oneshot::Sender<Result<Vec<Verdict>, Error>>>,
    ) {
        let mut batches: Vec<(i64, Vec<Option<Incoming>>)> = group
            .into_iter()
            .map(|Prepared { batch, .. }| (batch.site, batch.events.into_iter().map(Some).collect()))
            .collect();
        let committed: Vec<Committed> = placed
            .into_iter()
            .filter_map(|(batch, index, session)| {
                let (site, events) = batches.get_mut(batch)?;
                let Incoming { id, visitor, time, event, .. } = events.get_mut(index)?.take()?;
                Some(Committed { site: *site, id, visitor, session, time, event })
            })
            .collect();
        (self.on_commit)(&committed);
        for (receipt, verdicts) in receipts.into_iter().zip(verdicts) {
            // A sender that has gone will ask again, and be told of duplicates.
            let _ = receipt.send(Ok(verdicts));
        }
    }
}

/// Ends the process when the thread panics: without it nothing can be taken in any more, and a supervisor should see
/// that. What was acknowledged is on disk.
struct EndWithThread;

impl Drop for EndWithThread {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the writing thread panicked: the process ends");
            std::process::exit(70);
        }
    }
}

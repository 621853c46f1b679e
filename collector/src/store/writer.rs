//! The one thread that writes: it takes what is queued as a group and commits the group as one transaction.

use super::sqlite::append::{Appender, Applied};
use super::{Batch, Committed, Gauges, Incoming, OnCommit, Receipt, Verdict};
use crate::error::Error;
use rusqlite::{Connection, TransactionBehavior};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Most events that wait; more are answered with 503 at once.
const MAX_QUEUED: usize = 20_000;
/// Most events of one transaction.
const MAX_GROUP: usize = 5_000;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

enum Command {
    Append(Batch, oneshot::Sender<Result<Vec<Verdict>, Error>>),
    Run(Job),
    Close,
}

/// The handle of the thread.
pub(super) struct Writer {
    commands: Sender<Command>,
    gauges: Arc<Gauges>,
    closed: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread over its own connection.
    pub(super) fn start(connection: Connection, on_commit: OnCommit, gauges: Arc<Gauges>) -> std::io::Result<Writer> {
        let (commands, receiver) = channel();
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn({
            let gauges = Arc::clone(&gauges);
            move || {
                let _end = EndWithThread;
                Work { connection, appender: Appender::default(), on_commit, gauges }.run(&receiver);
            }
        })?;
        Ok(Writer { commands, gauges, closed: AtomicBool::new(false), thread: Mutex::new(Some(thread)) })
    }

    /// Queues a batch.
    pub(super) fn append(&self, batch: Batch) -> Result<Receipt, Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::ShuttingDown);
        }
        let size = weight(&batch);
        let before = self.gauges.queued.fetch_add(size, Ordering::AcqRel);
        if before > 0 && before + size > MAX_QUEUED {
            self.gauges.queued.fetch_sub(size, Ordering::AcqRel);
            return Err(Error::Busy);
        }
        let (sender, receipt) = oneshot::channel();
        self.commands.send(Command::Append(batch, sender)).map_err(|_| Error::ShuttingDown)?;
        Ok(receipt)
    }

    /// Runs a job on the writing connection, between two groups, and waits for its answer.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, answer) = channel();
        let job: Job = Box::new(move |connection| {
            // A caller that has gone needs no answer.
            let _ = sender.send(job(connection));
        });
        self.commands.send(Command::Run(job)).map_err(|_| Error::ShuttingDown)?;
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

/// What a batch counts in the queue: its events, and one for itself.
fn weight(batch: &Batch) -> usize {
    batch.events.len() + batch.rejected.len() + 1
}

struct Work {
    connection: Connection,
    appender: Appender,
    on_commit: OnCommit,
    gauges: Arc<Gauges>,
}

impl Work {
    fn run(mut self, commands: &Receiver<Command>) {
        while let Ok(first) = commands.recv() {
            let mut batches = Vec::new();
            let mut receipts = Vec::new();
            let mut size = 0;
            let mut next = Some(first);
            let mut after = None;
            while let Some(command) = next.take() {
                match command {
                    Command::Append(batch, receipt) => {
                        size += weight(&batch);
                        batches.push(batch);
                        receipts.push(receipt);
                        if size < MAX_GROUP {
                            next = commands.try_recv().ok();
                        }
                    }
                    other => after = Some(other),
                }
            }
            if !batches.is_empty() {
                self.commit(batches, receipts);
                self.gauges.queued.fetch_sub(size, Ordering::AcqRel);
            }
            match after {
                Some(Command::Run(job)) => job(&mut self.connection),
                Some(Command::Close) => break,
                _ => {}
            }
        }
        // Leaves one tidy file behind; what is in the log would be found at the next start all the same.
        if let Err(error) = self.connection.pragma_update(None, "wal_checkpoint", "TRUNCATE") {
            tracing::warn!(%error, "the log could not be folded into the database");
        }
    }

    /// Commits a group; where it cannot be, each of its batches alone, so that one costs no other.
    fn commit(&mut self, batches: Vec<Batch>, receipts: Vec<oneshot::Sender<Result<Vec<Verdict>, Error>>>) {
        match self.apply(&batches) {
            Ok(applied) => self.tell(applied, batches, receipts),
            Err(error) if matches!(error, Error::ReadOnly | Error::Busy) || batches.len() == 1 => {
                tracing::error!(cause = ?error, batches = batches.len(), "a group could not be committed");
                for receipt in receipts {
                    let _ = receipt.send(Err(match error {
                        Error::ReadOnly => Error::ReadOnly,
                        Error::Busy => Error::Busy,
                        _ => Error::Internal(anyhow::anyhow!("the batch could not be committed")),
                    }));
                }
            }
            Err(_) => {
                for (batch, receipt) in batches.into_iter().zip(receipts) {
                    self.commit(vec![batch], vec![receipt]);
                }
            }
        }
    }

    fn apply(&mut self, batches: &[Batch]) -> Result<Applied, Error> {
        let since = self.gauges.now();
        let done = (|| {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let applied = self.appender.apply(&transaction, batches)?;
            transaction.commit()?;
            Ok(applied)
        })();
        match &done {
            Ok((verdicts, _)) => self.gauges.committed(since, batches, verdicts),
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
        batches: Vec<Batch>,
        receipts: Vec<oneshot::Sender<Result<Vec<Verdict>, Error>>>,
    ) {
        let mut batches: Vec<(i64, Vec<Option<Incoming>>)> =
            batches.into_iter().map(|batch| (batch.site, batch.events.into_iter().map(Some).collect())).collect();
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

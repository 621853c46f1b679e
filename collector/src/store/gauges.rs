//! Numbers about the store while it runs: counted as it goes, read by whoever watches.

use super::{Batch, Verdict};
use engine::event::Code;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper ends of the classes of commit times, in µs: from a fast disk to one that hangs.
const TIMES: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];
/// Upper ends of the classes of group sizes, in events.
const SIZES: [u64; 10] = [1, 5, 20, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/// How often something was of which size.
pub(crate) struct Histogram {
    ends: &'static [u64],
    /// One for each end, and one for what is larger.
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
}

impl Histogram {
    fn new(ends: &'static [u64]) -> Histogram {
        Histogram {
            ends,
            counts: std::iter::repeat_with(AtomicU64::default).take(ends.len() + 1).collect(),
            sum: AtomicU64::new(0),
        }
    }

    fn add(&self, value: u64) {
        let class = self.ends.partition_point(|end| *end < value);
        if let Some(count) = self.counts.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    fn read(&self) -> Classes {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Classes { ends: self.ends, counts, sum: self.sum.load(Ordering::Relaxed) }
    }
}

/// A histogram as it was at one moment.
#[derive(Clone)]
pub(crate) struct Classes {
    /// Upper ends of the classes.
    pub(crate) ends: &'static [u64],
    /// How many there were in each class, one more than there are ends.
    pub(crate) counts: Vec<u64>,
    /// All values together.
    pub(crate) sum: u64,
}

/// What the store counts as it goes.
pub(crate) struct Gauges {
    /// The time since some moment before the store was opened.
    clock: fn() -> Duration,
    /// Events that wait to be written, and one for each batch.
    queued: AtomicUsize,
    /// Bytes that these hold.
    queued_bytes: AtomicUsize,
    /// Readers at work.
    pub(super) reading: AtomicUsize,
    commits: Histogram,
    groups: Histogram,
    failed: AtomicU64,
    /// By status and code; the code is empty where there is none.
    results: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    /// When the last commit was, by `clock` in ms; 0 for none yet.
    last: AtomicU64,
}

impl Gauges {
    /// Nothing counted yet. `clock` only goes forward.
    pub(crate) fn new(clock: fn() -> Duration) -> Gauges {
        Gauges {
            clock,
            queued: AtomicUsize::new(0),
            queued_bytes: AtomicUsize::new(0),
            reading: AtomicUsize::new(0),
            commits: Histogram::new(&TIMES),
            groups: Histogram::new(&SIZES),
            failed: AtomicU64::new(0),
            results: Mutex::default(),
            last: AtomicU64::new(0),
        }
    }

    /// Counts a batch of so many events and bytes in, unless that makes more than `most` of either wait. One that is
    /// alone always fits.
    pub(super) fn enter(&self, (events, bytes): (usize, usize), most: (usize, usize)) -> bool {
        let before = self.queued.fetch_add(events, Ordering::AcqRel);
        let bytes_before = self.queued_bytes.fetch_add(bytes, Ordering::AcqRel);
        let fits = before == 0 || (before + events <= most.0 && bytes_before + bytes <= most.1);
        if !fits {
            self.leave((events, bytes));
        }
        fits
    }

    /// Whether fewer events and fewer bytes wait than these.
    pub(super) fn waits_less_than(&self, most: (usize, usize)) -> bool {
        self.queued.load(Ordering::Relaxed) < most.0 && self.queued_bytes.load(Ordering::Relaxed) < most.1
    }

    /// Counts it out again.
    pub(super) fn leave(&self, (events, bytes): (usize, usize)) {
        self.queued.fetch_sub(events, Ordering::AcqRel);
        self.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// The time by which [`Gauges::committed`] measures.
    pub(super) fn now(&self) -> Duration {
        (self.clock)()
    }

    /// A group is on disk, which was begun at `since`.
    pub(super) fn committed<'a>(
        &self,
        since: Duration,
        batches: impl Iterator<Item = &'a Batch>,
        verdicts: &[Vec<Verdict>],
    ) {
        let now = self.now();
        self.commits.add(now.saturating_sub(since).as_micros() as u64);
        self.groups.add(verdicts.iter().map(|verdicts| verdicts.len() as u64).sum());
        self.last.store((now.as_millis() as u64).max(1), Ordering::Relaxed);
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        for verdict in verdicts.iter().flatten() {
            let result = match verdict {
                Verdict::Stored => ("stored", ""),
                Verdict::Duplicate => ("duplicate", ""),
                Verdict::SameTransaction => ("duplicate", "same_transaction"),
                Verdict::Gone => ("gone", ""),
                Verdict::Conflict => ("rejected", Code::IdConflict.text()),
                Verdict::Sealed(_) | Verdict::Buried(_) => ("rejected", Code::TooOld.text()),
            };
            *results.entry(result).or_default() += 1;
        }
        for rejected in batches.flat_map(|batch| &batch.rejected) {
            let status = if rejected.filtered { "filtered" } else { "rejected" };
            *results.entry((status, rejected.code)).or_default() += 1;
        }
    }

    /// A group could not be committed.
    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// All of it as of now; sizes of files are the caller's to fill in.
    pub(super) fn read(&self) -> Figures {
        let last = Some(self.last.load(Ordering::Relaxed)).filter(|last| *last > 0);
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Figures {
            queued: self.queued.load(Ordering::Relaxed),
            queued_bytes: self.queued_bytes.load(Ordering::Relaxed),
            reading: self.reading.load(Ordering::Relaxed),
            commits: self.commits.read(),
            groups: self.groups.read(),
            failed: self.failed.load(Ordering::Relaxed),
            results: results.into_iter().collect(),
            last_commit: last.map(|last| self.now().saturating_sub(Duration::from_millis(last))),
            database_bytes: 0,
            log_bytes: 0,
        }
    }
}

/// The store at one moment. Whatever is counted is counted from the start of the process.
pub(crate) struct Figures {
    /// Events that wait to be written, and one for each batch.
    pub(crate) queued: usize,
    /// Bytes that these hold.
    pub(crate) queued_bytes: usize,
    /// Readers at work.
    pub(crate) reading: usize,
    /// How long commits took, in µs, the work of the transaction included.
    pub(crate) commits: Classes,
    /// How many events a commit held.
    pub(crate) groups: Classes,
    /// Groups that could not be committed.
    pub(crate) failed: u64,
    /// How many events had which status and code.
    pub(crate) results: Vec<((&'static str, &'static str), u64)>,
    /// The time since the last commit, where there was one.
    pub(crate) last_commit: Option<Duration>,
    /// Bytes of the database's file.
    pub(crate) database_bytes: u64,
    /// Bytes of its write-ahead log.
    pub(crate) log_bytes: u64,
}

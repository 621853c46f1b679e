//! `beckon import`.

use crate::clock::{self, Stopwatch};
use crate::config::{Format, Import};
use crate::ingest::{BOT, Intake, Outcome, Sender, Shared, masked, ndjson, status, taobao, wait};
use crate::secrets::Secrets;
use crate::store::sqlite::Sqlite;
use crate::store::{Client, Gauges, Read as _, Receipt, Site, Verdict, Write as _};
use anyhow::{Context, bail};
use engine::event::{Reject, shorten};
use engine::time;
use engine::value::Value;
use flate2::read::MultiGzDecoder;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::{cell::Cell, fmt};

/// Lines of one batch.
const BATCH: usize = 1_000;
/// Batches under way at once: one is written while the next are read.
const AHEAD: usize = 4;
/// Rejected lines shown in full.
const SHOWN: usize = 10;
/// Longest line that is read; more than any format has.
const MAX_LINE: u64 = 64 * 1024;

/// Brings a file in through the same steps as a request; twice is as good as once.
pub(crate) fn run(options: &Import) -> anyhow::Result<ExitCode> {
    let file = File::open(&options.file).with_context(|| format!("cannot open {}", options.file.display()))?;
    let total = file.metadata()?.len();
    let read = Rc::new(Cell::new(0));
    let counted = Counted { file, read: Rc::clone(&read) };
    let is_gzip = options.file.extension().is_some_and(|end| end == "gz");
    let plain: Box<dyn Read> =
        if is_gzip { Box::new(MultiGzDecoder::new(BufReader::new(counted))) } else { Box::new(counted) };
    let mut lines = BufReader::with_capacity(256 * 1024, plain);

    let mut secrets = Secrets::open(&options.data.key_file(), Sqlite::is_in(&options.data.data))?;
    let store =
        Sqlite::open(&options.data.data, secrets.id(), clock::now(), Box::new(|_| ()), Gauges::new(clock::uptime))?;
    secrets.settle()?;
    let site = store.sites()?.into_iter().find(|site| site.name == options.site.site);
    let Site { id: site, sensitive, .. } = site.with_context(|| format!("there is no site `{}`", options.site.site))?;
    if !sensitive.is_empty() && !secrets.can_seal() {
        bail!("the site keeps properties sealed, and the key file has no key for it: let it be written to");
    }
    let (received, secrets) = (clock::now(), &secrets);
    let sender = Sender { site, trusted: true, received, secrets, sensitive: &sensitive };

    let took = Stopwatch::start();
    let mut progress = Progress { total, shown: 0 };
    let mut count = Count::default();
    if let Format::Taobao = options.format {
        count.outside = Some(0);
    }
    let mut under_way: VecDeque<(Receipt, Vec<Outcome>)> = VecDeque::new();
    loop {
        // By client: a batch has one. A click stream tells of none.
        let mut intakes: BTreeMap<[Option<String>; 4], Intake<'_>> = BTreeMap::new();
        let of_client = |client: &[Option<String>; 4]| {
            let [device, os, browser, language] = client.clone();
            let client = Client { device, os, browser, language, ..Client::default() };
            Intake::new(&sender, Shared::default(), client, false)
        };
        let mut line = Vec::new();
        let mut ended = false;
        for _ in 0..BATCH {
            line.clear();
            if lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).context("cannot read the file")? == 0 {
                ended = true;
                break;
            }
            if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
                // The rest of it is no line of its own.
                lines.skip_until(b'\n').context("cannot read the file")?;
            }
            count.lines += 1;
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            let read = match options.format {
                Format::Taobao => taobao::line(text).map(|value| (value, None)),
                Format::Ndjson => ndjson::line(text).map(|(value, beside)| (value, Some(beside))),
            };
            let client = read.as_ref().ok().and_then(|(_, beside)| beside.as_ref());
            let client = client.map_or_else(Default::default, |beside| beside.client.clone());
            let intake = intakes.entry(client).or_insert_with_key(of_client);
            match read {
                Ok((value, None)) => {
                    let at = value.as_map().and_then(|map| map.str("at")).and_then(time::parse);
                    let outside = u64::from(at.is_some_and(taobao::is_outside));
                    count.outside = count.outside.map(|n| n + outside);
                    intake.take(&value, text.len());
                }
                Ok((value, Some(beside))) => intake.restore(&value, &beside, text.len()),
                Err(reject) => {
                    count.show(&reject, text);
                    intake.refuse(&Value::from(text), reject);
                }
            }
        }
        for (batch, outcomes) in intakes.into_values().map(Intake::finish) {
            while under_way.len() > AHEAD {
                let Some((receipt, outcomes)) = under_way.pop_front() else { break };
                count.add(&wait(receipt)?, outcomes);
            }
            // The queue is ours alone and bounded by `AHEAD`.
            under_way.push_back((store.append(batch)?, outcomes));
        }
        while under_way.len() > if ended { 0 } else { AHEAD } {
            let Some((receipt, outcomes)) = under_way.pop_front() else { break };
            count.add(&wait(receipt)?, outcomes);
        }
        progress.show(read.get(), count.lines);
        if ended {
            break;
        }
    }
    let seconds = took.elapsed().as_secs_f64();
    store.close();
    Progress::clear();
    println!("{count}");
    println!("{:>9} events/s, {seconds:.1} s", (count.lines as f64 / seconds) as u64);
    let accounted: u64 = count.results.values().sum();
    let taken = count.results.keys().any(|(status, _)| *status != "rejected");
    Ok(if accounted == count.lines && (taken || count.lines == 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What became of the lines.
#[derive(Default)]
struct Count {
    lines: u64,
    results: BTreeMap<(&'static str, &'static str), u64>,
    /// How many were outside the days of the file, where its form has such.
    outside: Option<u64>,
    shown: Vec<String>,
}

impl Count {
    fn add(&mut self, verdicts: &[Verdict], outcomes: Vec<Outcome>) {
        let mut verdicts = verdicts.iter();
        for outcome in outcomes {
            let key = match outcome {
                Outcome::Rejected { reject, .. } => ("rejected", reject.code.text()),
                Outcome::Filtered { .. } => ("filtered", BOT),
                Outcome::Queued { .. } => match verdicts.next() {
                    Some(verdict) => {
                        let (status, code) = status(*verdict);
                        (status, code.unwrap_or(""))
                    }
                    None => continue,
                },
            };
            *self.results.entry(key).or_default() += 1;
        }
    }

    fn show(&mut self, reject: &Reject, line: &str) {
        if self.shown.len() < SHOWN {
            let line = masked(shorten(line, 80));
            self.shown.push(format!("line {}: {}: {}: {line:?}", self.lines, reject.code.text(), reject.detail));
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.shown {
            writeln!(out, "{line}")?;
        }
        write!(out, "{:>9} lines", self.lines)?;
        for ((status, code), n) in &self.results {
            let colon = if code.is_empty() { "" } else { ": " };
            write!(out, "\n{n:>9} {status}{colon}{code}")?;
        }
        match self.outside {
            Some(outside) => write!(out, "\n{outside:>9} of them outside the file's own days ({})", taobao::DAYS_TEXT),
            None => Ok(()),
        }
    }
}

/// A file that knows how far it was read, packed or not.
struct Counted {
    file: File,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.read.set(self.read.get() + n as u64);
        Ok(n)
    }
}

/// A bar on a terminal; every tenth elsewhere.
struct Progress {
    total: u64,
    shown: u64,
}

impl Progress {
    fn show(&mut self, read: u64, lines: u64) {
        let percent = (read * 100).checked_div(self.total).unwrap_or(100).min(100);
        if io::stderr().is_terminal() {
            let filled = (percent / 4) as usize;
            eprint!("\r[{}{}] {percent:>3} %  {lines} lines ", "=".repeat(filled), " ".repeat(25 - filled));
            // A bar that is not drawn is no reason to stop.
            let _ = io::stderr().flush();
        } else if percent / 10 > self.shown / 10 {
            eprintln!("{percent:>3} %  {lines} lines");
        }
        self.shown = percent;
    }

    fn clear() {
        if io::stderr().is_terminal() {
            eprint!("\r{}\r", " ".repeat(60));
        }
    }
}

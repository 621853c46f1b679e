//! A disk that is full, read-only or broken: nothing is acknowledged, reading goes on, and it recovers by itself.

use super::shim::{Faults, Word};
use super::{DATA, post};
use crate::collector::{Collector, Folder, SECRET, event};
use crate::durability::{Place, check, under_load, verify, wait_for};
use crate::http::{BOUND, Request};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const EIO: i64 = 5;
const ENOSPC: i64 = 28;
const EROFS: i64 = 30;

/// What is switched on, by name.
const FAULTS: &[(&str, &[(Word, i64)])] = &[
    ("the disk is full", &[(Word::WriteRoom, 0), (Word::WriteError, ENOSPC)]),
    ("the disk fills up within a write", &[(Word::WriteRoom, 5_000), (Word::WriteError, ENOSPC)]),
    ("the disk fails to write", &[(Word::WriteRoom, 0), (Word::WriteError, EIO)]),
    ("the disk turned read-only", &[(Word::WriteRoom, 0), (Word::WriteError, EROFS)]),
    ("fsync fails", &[(Word::SyncFailures, -1), (Word::SyncError, EIO)]),
    (
        "fsync fails and loses what it was to sync",
        &[(Word::SyncForgets, 1), (Word::SyncFailures, -1), (Word::SyncError, EIO)],
    ),
    ("fsync finds the disk full", &[(Word::SyncFailures, -1), (Word::SyncError, ENOSPC)]),
];

/// Asks until the answer is the wanted one; `/readyz` tries a write once a second.
#[allow(clippy::disallowed_methods, reason = "a bound, so that a test ends")]
pub(super) fn becomes(collector: &Collector, said: &str) {
    let began = Instant::now();
    loop {
        let answer = collector.send(&Request::get("/readyz"));
        if answer.said() == said {
            return;
        }
        assert!(began.elapsed() < BOUND, "/readyz stays {}", answer.said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// With the fault on: every answer is 503 `read_only` with `Retry-After`, and what is stored can be read.
fn refuses(collector: &Collector, stored: usize, what: &str) {
    // What is left of the room may take one more in.
    let taken = (0..500).take_while(|_| post(collector, &[event("click")]) == "200").count();
    for _ in 0..3 {
        let body = json!({"visitor": "a", "events": [event("click")]});
        let answer = collector.send(&Request::post("/v1/events").key(SECRET).json(&body));
        assert_eq!(answer.said(), "503 read_only", "{what}");
        assert!(answer.header("retry-after").is_some(), "{what}");
    }
    becomes(collector, "503 read_only");
    assert_eq!(collector.export().len(), stored + taken, "{what}");
    assert_eq!(collector.get("/v1/site")["events"], stored + taken, "{what}");
}

#[test]
fn a_disk_that_cannot_be_written_is_told_and_recovered_from() {
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, DATA) else { return };
    faults.set(Word::Track, 1);
    let collector = faults.collector(&folder);
    for (what, fault) in FAULTS {
        assert_eq!(post(&collector, &[event("click")]), "200", "before: {what}");
        let stored = collector.export().len();
        fault.iter().for_each(|(word, value)| faults.set(*word, *value));
        refuses(&collector, stored, what);
        fault.iter().for_each(|(word, _)| faults.set(*word, 0));
        // Who else had the file open is told of its loss once, even now.
        let recovered = (0..3).any(|_| post(&collector, &[event("click")]) == "200");
        assert!(recovered, "after: {what}");
        becomes(&collector, "200");
    }
}

/// A write that is no event.
fn manage(collector: &Collector) -> String {
    let site = json!({"origins": ["https://shop.example"]});
    collector.send(&Request::put("/v1/site").key(SECRET).json(&site)).said()
}

#[test]
fn what_is_acknowledged_around_a_broken_disk_is_there_once() {
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, DATA) else { return };
    faults.set(Word::Track, 1);
    let place = Arc::new(Place::default());
    let sent = under_load(&place, |acknowledged| {
        let collector = faults.collector(&folder);
        for (what, fault) in FAULTS {
            // Senders that were refused come back.
            place.set(collector.address);
            wait_for(acknowledged, 200);
            fault.iter().for_each(|(word, value)| faults.set(*word, *value));
            // What is left of the room may take some in.
            let refused = (0..500).any(|_| manage(&collector) == "503 read_only");
            assert!(refused, "{what}");
            fault.iter().for_each(|(word, _)| faults.set(*word, 0));
            // Who else had the file open is told of its loss once, even now.
            let recovered = (0..3).any(|_| manage(&collector) == "200");
            assert!(recovered, "after: {what}");
        }
        place.set(collector.address);
        wait_for(acknowledged, 200);
        // Not folded into the database at the end: what a crash leaves is what is looked at.
        collector.kill();
    });
    assert!(faults.get(Word::WritesFailed) > 0 && faults.get(Word::SyncsFailed) > 0 && faults.get(Word::Lost) > 0);
    check(&mut Collector::over(&folder, &[]), &sent);
}

/// A file system of its own and of a few megabytes, gone with the test.
struct Small(PathBuf);

impl Small {
    /// `None`, said aloud, where nobody may mount one.
    fn at(path: &Path) -> Option<Small> {
        fs::create_dir_all(path).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "beckon-test"]).arg(path).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Small(path.to_owned()));
        }
        // Past the capture of a test that passes: a skip is to be seen.
        let _ = writeln!(std::io::stderr(), "skipped: a disk that is really full needs the right to mount one");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_really_full_is_told_and_recovered_from() {
    let folder = Folder::new();
    let Some(_disk) = Small::at(&folder.data()) else { return };
    let other = folder.data().join("something else");
    fs::write(&other, vec![1; 10 << 20]).expect("room for it");
    let collector = Collector::over(&folder, &[]);
    let batch = || {
        (0..50)
            .map(|number| {
                let mut event = event("own_event");
                event["props"] = json!({"note": format!("{number}{}", "x".repeat(900))});
                event
            })
            .collect::<Vec<_>>()
    };
    let taken = (0..500).map(|_| post(&collector, &batch())).take_while(|said| said == "200").count();
    assert!((5..500).contains(&taken), "{taken} batches fit");
    assert_eq!(post(&collector, &batch()), "503 read_only");
    assert_eq!(collector.export().len(), taken * 50, "reading goes on, and nothing else was taken");
    fs::remove_file(&other).expect("it goes");
    assert_eq!(post(&collector, &batch()), "200");
    becomes(&collector, "200");
    collector.kill();
    verify(&folder);
    assert_eq!(Collector::over(&folder, &[]).export().len(), (taken + 1) * 50);
}

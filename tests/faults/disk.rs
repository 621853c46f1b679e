//! A disk that is full, read-only or broken: nothing is acknowledged, reading goes on, and it recovers by itself.

use super::shim::{Faults, Word};
use super::{DATA, post};
use crate::collector::{Collector, Folder, SECRET, event};
use crate::durability::{Place, check, under_load, wait_for};
use crate::http::{BOUND, Request};
use serde_json::json;
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
        assert_eq!(post(&collector, &[event("click")]), "200", "after: {what}");
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
            assert_eq!(manage(&collector), "200", "after: {what}");
        }
        place.set(collector.address);
        wait_for(acknowledged, 200);
        // Not folded into the database at the end: what a crash leaves is what is looked at.
        collector.kill();
    });
    assert!(faults.get(Word::WritesFailed) > 0 && faults.get(Word::SyncsFailed) > 0 && faults.get(Word::Lost) > 0);
    check(&mut Collector::over(&folder, &[]), &sent);
}

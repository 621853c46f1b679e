//! Faults of disk and clock under a running collector. `docs/durability.md` says what each of these proves.

mod beside;
mod clock;
mod disk;
mod outside;
mod power;
mod shim;

use crate::collector::{Collector, Folder, SECRET, event, fresh_id};
use crate::http::Request;
use serde_json::{Value, json};
use shim::{Faults, Word};

/// What the database consists of, and what its secrets hang on.
const DATA: &str = ".db,-wal,-journal,.key,.new";

/// Sends events of one visitor with the secret key; says how that was answered.
fn post(collector: &Collector, events: &[Value]) -> String {
    let body = json!({"visitor": fresh_id(), "events": events});
    collector.send(&Request::post("/v1/events").key(SECRET).json(&body)).said()
}

#[test]
fn the_shim_does_what_it_says() {
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, DATA) else { return };
    faults.set(Word::Track, 1);
    let collector = faults.collector(&folder);
    let before = faults.get(Word::Syncs);
    assert!(before > 0, "the start was synced");
    assert_eq!(post(&collector, &[event("click")]), "200");
    assert!(faults.get(Word::Syncs) > before, "an acknowledged event was synced");

    faults.set(Word::KillAfter, 1);
    let events = [event("click")];
    let body = json!({"visitor": fresh_id(), "events": events});
    assert!(Request::post("/v1/events").key(SECRET).json(&body).send(collector.address).is_err());
    collector.died();
    let stored = Collector::over(&folder, &[]).export();
    assert_eq!(stored.len(), 2, "committed before the answer was out");
    assert!(stored.iter().any(|stored| stored["id"] == events[0]["id"]));
}

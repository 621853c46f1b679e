//! A wall clock that jumps: verdicts follow it, and the order of the fold does not.

use super::shim::{Faults, Word};
use crate::collector::{Collector, Folder, PUBLIC, SECRET, fresh_id, now};
use crate::durability::verify;
use crate::http::Request;
use crate::recount::check_facts;
use engine::time::{self, DAY, HOUR, MINUTE};
use serde_json::{Value, json};

/// Sends one event of a visitor whose clock is right, without saying when it was sent; the status and the code.
fn send(collector: &Collector, key: &str, visitor: &str, at: i64) -> (String, String) {
    let event = json!({"id": fresh_id(), "name": "page_view", "at": time::text(at)});
    let body = json!({"visitor": visitor, "events": [event]});
    let answer = collector.send(&Request::post("/v1/events").key(key).json(&body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let result = answer.json()["results"][0].clone();
    let text = |field: &str| result[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("code"))
}

#[test]
fn a_clock_that_jumps_changes_verdicts_and_nothing_else() {
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, "") else { return };
    let collector = faults.collector(&folder);
    let visitor = fresh_id();
    let began = now();
    let mut sent = 0;
    // By how much the collector's clock is wrong, and what becomes of an event of the page's right clock.
    for (number, (wrong, status, code)) in [
        (0, "stored", ""),
        (2 * HOUR, "stored", ""),
        (-30 * MINUTE, "stored", ""),
        // To a collector that is behind, the present lies ahead.
        (-2 * HOUR, "rejected", "in_future"),
        (-400 * DAY, "rejected", "in_future"),
        (6 * DAY, "stored", ""),
        (8 * DAY, "rejected", "too_old"),
        (4_000 * DAY, "rejected", "too_old"),
        // The year 1970.
        (DAY - began, "rejected", "in_future"),
        (0, "stored", ""),
    ]
    .into_iter()
    .enumerate()
    {
        faults.set(Word::ClockMs, wrong);
        let at = began - 40 * MINUTE + number as i64 * MINUTE;
        assert_eq!(send(&collector, PUBLIC, &visitor, at), (status.to_owned(), code.to_owned()), "{wrong} ms");
        sent += usize::from(status == "stored");
        // A server that may backdate is believed whatever the clock says; out of order, so that it is folded anew.
        let late = began - HOUR - number as i64 * MINUTE;
        assert_eq!(send(&collector, SECRET, &visitor, late).0, "stored", "{wrong} ms");
        sent += 1;
        assert_eq!(collector.send(&Request::get("/readyz")).status, 200, "{wrong} ms");
        collector.get("/v1/reports/traffic");
    }

    // Whoever says when it was sent is put right by the collector's clock, whichever that is.
    faults.set(Word::ClockMs, 3 * HOUR);
    let event = json!({"id": fresh_id(), "name": "click", "at": time::text(began)});
    let body = json!({"visitor": fresh_id(), "sent_at": time::text(began), "events": [event]});
    let answer = collector.send(&Request::post("/v1/events").key(PUBLIC).json(&body));
    assert_eq!(answer.json()["results"][0]["status"], "stored", "{}", answer.text());
    faults.set(Word::ClockMs, 0);

    let export = collector.export();
    assert_eq!(export.len(), sent + 1);
    let received = |event: &Value| time::parse(event["received"].as_str().unwrap_or_default()).expect("a time");
    assert!(export.windows(2).any(|pair| received(&pair[1]) < received(&pair[0])), "the clock went backward");
    check_facts(&collector, &export);
    collector.kill();
    verify(&folder);
}

#[test]
fn a_start_with_a_wrong_clock_goes_on_with_what_is_there() {
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, "") else { return };
    let mut stored = 0;
    // The last but one is a machine without a battery for its clock: 1970.
    for wrong in [0, -9 * DAY, 9 * DAY, DAY - now(), 0] {
        faults.set(Word::ClockMs, wrong);
        let collector = faults.collector(&folder);
        let verdict = send(&collector, SECRET, "shopper", now() + wrong - MINUTE).0;
        assert_eq!(verdict, "stored", "{wrong}");
        stored += 1;
        assert_eq!(collector.export().len(), stored, "{wrong}");
        collector.get("/v1/visitors/shopper");
        collector.kill();
        verify(&folder);
    }
}

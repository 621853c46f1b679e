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

#[test]
fn a_start_with_a_clock_that_is_years_ahead_deletes_nothing() {
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, "") else { return };
    let collector = faults.collector(&folder);
    collector.put("/v1/site", &json!({"retention": 30}));
    for day in [1, 20] {
        assert_eq!(send(&collector, SECRET, "shopper", now() - day * DAY).0, "stored");
    }
    assert_eq!(send(&collector, PUBLIC, &fresh_id(), now() - 20 * DAY).0, "rejected");
    let export = collector.export();
    collector.kill();

    faults.set(Word::ClockMs, 3_650 * DAY);
    // An event that is dated by the wrong clock is no witness for it.
    for events in [2, 3] {
        let before = folder.log().len();
        let collector = faults.collector(&folder);
        let said = "nothing goes by it for an hour";
        let doubted = (0..10_000).any(|_| {
            assert_eq!(collector.send(&Request::get("/readyz")).status, 200);
            folder.log()[before..].contains(said)
        });
        assert!(doubted, "{}", folder.log());
        // By the time that this is written, the upkeep has done what it would do first.
        assert_eq!(send(&collector, SECRET, "shopper", now() + 3_650 * DAY).0, "stored");
        let kept = collector.export();
        assert_eq!((kept.len(), &kept[..2]), (events + 1, &export[..]));
        assert_eq!(collector.get("/v1/site")["sealed_before"], Value::Null);
        assert_eq!(collector.get("/v1/rejected")["rejected"].as_array().map(Vec::len), Some(1));
        collector.kill();
    }

    // Who asks for it by hand means it.
    let collector = faults.collector(&folder);
    let done = collector.send(&Request::post("/v1/upkeep").key(SECRET).json(&json!({}))).json();
    assert_eq!((&done["events"], &done["rejects"]), (&json!(2), &json!(1)), "{done}");
    collector.kill();
    verify(&folder);
}

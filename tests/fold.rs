//! One history, one answer: however the events of a visitor arrive.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, fresh_id, now};
use crate::durability::{rounds, verify};
use crate::http::Request;
use crate::recount::{check_facts, check_reports, read};
use crate::visitors::{Dice, history};
use engine::id::Id;
use engine::time::{self, DAY, HOUR};
use serde_json::{Value, json};

const VISITORS: usize = 40;
const PAIRS: usize = 30;
/// Visitors of so many events that late ones are folded in from a checkpoint.
const LONG: usize = 2;
const SEED: u64 = 20_261_122;

/// Sends every event in batches, and a third of the batches twice; several senders at once where there are `lanes`.
fn send(collector: &Collector, mut dice: Dice, events: &[Value], lanes: usize) {
    let mut batches = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let (batch, more) = rest.split_at((1 + dice.below(60)).min(rest.len()));
        let at = batches.len().saturating_sub(dice.below(5));
        if dice.one_in(3) {
            // The resent batch comes before or after its first try: both are tries of the same.
            batches.insert(at, batch);
        }
        batches.push(batch);
        rest = more;
    }
    let address = collector.address;
    std::thread::scope(|scope| {
        for lane in 0..lanes {
            let batches = batches.iter().skip(lane).step_by(lanes);
            scope.spawn(move || {
                for batch in batches {
                    let body = json!({"visitor": "none", "events": batch});
                    let answer = Request::post("/v1/events").key(SECRET).json(&body).send(address).expect("an answer");
                    let json = answer.json();
                    let results = json["results"].as_array().unwrap_or_else(|| panic!("results: {json}"));
                    let fine =
                        |result: &Value| ["stored", "duplicate"].contains(&result["status"].as_str().unwrap_or(""));
                    assert!(results.iter().all(fine), "{json}");
                }
            });
        }
    });
}

/// The export without what is the collector's own and not the sender's, by id.
fn stored(collector: &Collector) -> Vec<Value> {
    let mut export = collector.export();
    for event in &mut export {
        let event = event.as_object_mut().expect("an object");
        event.remove("received");
        // A hash under the collector's own key.
        event.remove("restore");
    }
    export.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
    export
}

#[test]
fn the_order_of_arrival_changes_nothing() {
    let mut dice = Dice(SEED);
    let start = now() - 6 * DAY;
    let mut ordered = Vec::new();
    for number in 0..VISITORS {
        let count = 1 + dice.below(60);
        let begin = start + dice.below(24) as i64 * HOUR;
        ordered.extend(history(&mut dice, &format!("visitor-{number}"), begin, count));
    }
    for number in 0..LONG {
        ordered.extend(history(&mut dice, &format!("long-{number}"), start, 700));
    }
    // At the same time the id decides, in whichever order the two arrive.
    for number in 0..PAIRS {
        let mut pair = history(&mut dice, &format!("pair-{number}"), start, 2);
        pair[1]["at"] = pair[0]["at"].clone();
        ordered.extend(pair);
    }
    let mut turned = ordered.clone();
    dice.shuffle(&mut turned);

    let folder = Folder::new();
    let (straight, mixed) = (Collector::new(), Collector::over(&folder, &[]));
    send(&straight, Dice(1), &ordered, 1);
    send(&mixed, Dice(2), &turned[..turned.len() / 2], 3);
    // What a restart reads back must go on as what was kept in memory.
    drop(mixed);
    let mixed = Collector::over(&folder, &[]);
    send(&mixed, Dice(3), &turned[turned.len() / 2..], 3);

    let export = stored(&straight);
    assert_eq!(export.len(), ordered.len());
    assert_eq!(export, stored(&mixed));
    for collector in [&straight, &mixed] {
        let (visitors, sessions) = check_facts(collector, &export);
        assert_eq!(visitors, VISITORS + LONG + PAIRS);
        assert!(sessions > 2 * VISITORS, "histories of several visits: {sessions}");
        check_reports(collector, &read(&export), "UTC", 0);
        check_reports(collector, &read(&export), "Asia/Kolkata", 5 * HOUR + HOUR / 2);
    }
}

/// Late events before, at and after the places where states are kept on the way (each 256 events), and far behind them.
#[test]
fn late_events_around_checkpoints_change_nothing() {
    const EVENTS: usize = 1_400;
    const EVERY: usize = 256;
    let mut dice = Dice(SEED + 1);
    let start = now() - 6 * DAY;
    let mut ordered = Vec::new();
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for number in 0..3 {
        let mut history = Vec::with_capacity(EVENTS);
        let mut at = start;
        while history.len() < EVENTS {
            // Dense, so that all of it fits into the days that are taken; several share a millisecond now and then.
            let mut event = history_of_one(&mut dice, &format!("checked-{number}"), at);
            event["at"] = json!(time::text(at));
            history.push(event);
            at += [0, 1_000, 20_000, 45 * time::MINUTE][[0, 1, 1, 1, 2, 2, 2, 2, 2, 3][dice.below(10)]];
            if at > start + 5 * DAY {
                at = start + 5 * DAY;
            }
        }
        for (place, event) in history.iter().enumerate() {
            let near = (place + 3) % EVERY <= 6;
            if (near && dice.one_in(2)) || dice.one_in(60) {
                late.push(event.clone());
            } else {
                early.push(event.clone());
            }
        }
        ordered.extend(history);
    }
    dice.shuffle(&mut late);
    let folder = Folder::new();
    let (straight, mixed) = (Collector::new(), Collector::over(&folder, &[]));
    send(&straight, Dice(4), &ordered, 1);
    send(&mixed, Dice(5), &early, 1);
    send(&mixed, Dice(6), &late[..late.len() / 2], 1);
    drop(mixed);
    let mixed = Collector::over(&folder, &[]);
    send(&mixed, Dice(7), &late[late.len() / 2..], 3);
    // And all of it backward.
    let turned = Folder::new();
    let backward = Collector::over(&turned, &[]);
    let mut reversed = ordered.clone();
    reversed.reverse();
    send(&backward, Dice(8), &reversed, 1);

    let export = stored(&straight);
    assert_eq!(export.len(), ordered.len());
    for collector in [&mixed, &backward] {
        assert_eq!(export, stored(collector));
        check_facts(collector, &export);
        check_reports(collector, &read(&export), "UTC", 0);
    }
    drop((mixed, backward));
    verify(&folder);
    verify(&turned);
}

fn history_of_one(dice: &mut Dice, visitor: &str, at: i64) -> Value {
    history(dice, visitor, at, 1).remove(0)
}

/// Small histories in many orders: a few events, so that a difference is easy to look at.
#[test]
fn small_histories_in_any_order() {
    let mut dice = Dice(SEED + 2);
    let folder = Folder::new();
    let collector = Collector::over(&folder, &[]);
    let mut all = Vec::new();
    for round in 0..rounds("BECKON_ORDER_ROUNDS", 60) {
        let start = now() - (1 + dice.below(5) as i64) * DAY;
        let count = 2 + dice.below(8);
        let mut events = history(&mut dice, &format!("small-{round}"), start, count);
        if dice.one_in(3) {
            let at = events[0]["at"].clone();
            for event in &mut events {
                event["at"] = at.clone();
            }
        }
        let times = 1 + dice.below(3);
        all.extend(events.clone());
        // The same ones come again, in another order.
        for _ in 0..times {
            dice.shuffle(&mut events);
            send(&collector, Dice(round as u64), &events, 1 + dice.below(3));
        }
    }
    let export = stored(&collector);
    assert_eq!(export.len(), all.len());
    check_facts(&collector, &export);
    check_reports(&collector, &read(&export), "UTC", 0);
    drop(collector);
    verify(&folder);
}

/// Of several purchases with one transaction id the first to arrive counts. Which one that is depends on the order; that
/// it is one, and everything else about them, does not.
#[test]
fn one_purchase_of_a_transaction_counts_in_any_order() {
    let mut dice = Dice(SEED + 3);
    let mut events = Vec::new();
    for number in 0..40 {
        let at = now() - HOUR;
        for _ in 0..3 {
            events.push(json!({
                "id": dice.id(at), "name": "purchase", "at": time::text(at), "visitor": format!("buyer-{number}"),
                "transaction_id": format!("order-{number}"), "value": 10, "currency": "EUR",
                "items": [{"item_id": "a", "price": 10, "quantity": 1}],
            }));
        }
    }
    let mut told = Vec::new();
    for order in 0..3 {
        dice.shuffle(&mut events);
        let collector = Collector::new();
        send(&collector, Dice(order), &events, 3);
        assert_eq!(collector.export().len(), 40);
        let facts: Vec<Value> = (0..40)
            .map(|number| {
                let profile = collector.get(&format!("/v1/visitors/buyer-{number}"));
                json!([profile["facts"]["n.purchase"], profile["facts"]["sum.purchase"], profile["facts"]["visits"]])
            })
            .collect();
        told.push((facts, collector.get("/v1/reports/top")["rows"].clone()));
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
}

/// However many events a visitor has, there are few checkpoints of them, and a late event finds one before it.
#[test]
fn a_busy_visitor_has_no_more_checkpoints_than_another() {
    const EVENTS: i64 = 20_000;
    let start = now() - 6 * DAY;
    let event = |number: i64| {
        let at = start + number * 10_000;
        json!({"id": Id::v7(at, number as u128).text(), "name": "click", "at": time::text(at), "visitor": "busy"})
    };
    let late = [3, EVENTS / 3, EVENTS - 300];
    let events: Vec<Value> = (0..EVENTS).filter(|number| !late.contains(number)).map(event).collect();
    let folder = Folder::new();
    let collector = Collector::over(&folder, &[]);
    for batch in events.chunks(500) {
        let body = json!({"events": batch});
        let answer = collector.send(&Request::post("/v1/events").key(SECRET).json(&body));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let checkpoints = || {
        let database = rusqlite::Connection::open(folder.database()).expect("the database");
        database.query_row("select count(*) from checkpoints", [], |row| row.get::<_, i64>(0)).expect("a count")
    };
    assert!((16..=64).contains(&checkpoints()), "{}", checkpoints());
    for number in late.into_iter().rev() {
        let body = json!({"events": [event(number)]});
        let answer = collector.send(&Request::post("/v1/events").key(SECRET).json(&body));
        assert_eq!(answer.json()["results"][0]["status"], "stored", "{}", answer.text());
    }
    assert!((16..=64).contains(&checkpoints()), "{}", checkpoints());
    assert_eq!(collector.decide("busy", &json!([]))["facts"]["n.click"], EVENTS);
    drop(collector);
    verify(&folder);
}

/// What a late event of a page costs is bounded: beyond so many later ones it is refused. A shop's own server may.
#[test]
fn a_page_cannot_make_the_writer_fold_without_end() {
    const LATER: i64 = 10_000;
    let (visitor, start) = (fresh_id(), now() - 3 * DAY);
    let event = |number: i64| {
        let at = start + number * 10_000;
        json!({"id": Id::v7(at, number as u128).text(), "name": "click", "at": time::text(at), "visitor": visitor})
    };
    let folder = Folder::new();
    let collector = Collector::over(&folder, &[]);
    let late = [1, 2, LATER / 2];
    let events: Vec<Value> = (0..LATER + 10).filter(|number| !late.contains(number)).map(event).collect();
    let send = |key: &str, events: &[Value]| -> Vec<Value> {
        let answer = collector.send(&Request::post("/v1/events").key(key).json(&json!({"events": events})));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["results"].as_array().expect("results").clone()
    };
    for batch in events.chunks(500) {
        assert!(send(PUBLIC, batch).iter().all(|result| result["status"] == "stored"));
    }
    let told = send(PUBLIC, &[event(1), event(LATER / 2), event(0)]);
    assert_eq!(told[0]["code"], "too_old", "{told:?}");
    assert!(told[0]["detail"].as_str().is_some_and(|detail| detail.contains("10000 events")), "{told:?}");
    assert_eq!((&told[1]["status"], &told[2]["status"]), (&json!("stored"), &json!("duplicate")), "{told:?}");
    assert_eq!(send(SECRET, &[event(2)])[0]["status"], "stored");
    assert_eq!(collector.decide(&visitor, &json!([]))["facts"]["n.click"], LATER + 9);
    drop(collector);
    verify(&folder);
}

//! One history, one answer: however the events of a visitor arrive.

use crate::collector::{Collector, Folder, SECRET, now};
use crate::http::Request;
use crate::recount::{check_facts, check_reports, read};
use crate::visitors::{Dice, history};
use engine::time::{DAY, HOUR};
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

/// The export without when the events arrived, by id.
fn stored(collector: &Collector) -> Vec<Value> {
    let mut export = collector.export();
    for event in &mut export {
        event.as_object_mut().expect("an object").remove("received");
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

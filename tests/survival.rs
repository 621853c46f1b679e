//! Whatever is stored can be read again: exported, folded anew, recounted, and started on.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, beckon, event, fresh_id, now};
use crate::http::Request;
use engine::time::{self, MINUTE};
use serde_json::{Value, json};
use std::process::Output;

fn verify(folder: &Folder) -> Output {
    beckon().arg("verify").arg("--data").arg(folder.data()).output().expect("it runs")
}

/// Fields that are as odd as the limits allow, or whose masks are longer than what they hide.
fn odd() -> Vec<Value> {
    let grown = |n: usize| "a@b.cc ".repeat(n);
    vec![
        json!({"items": [{"item_id": grown(36), "item_name": grown(140), "item_category": grown(36)}]}),
        json!({"items": [{"item_id": "x", "item_category": format!("{}x", "x a@b.cc".repeat(31)), "brand": grown(140)}]}),
        json!({"page": {"url": format!("https://shop.example/?q={}", "a@b.cc,".repeat(290)), "title": grown(140)}}),
        json!({"props": {"a@b.cc": 1, "jo@b.cc": 2, "note": grown(140), "deep": {"a": {"b": {"c": 1}}}}}),
        json!({"name": "purchase", "transaction_id": grown(36), "value": 1e9}),
        json!({"name": "purchase", "items": [{"item_id": "big", "price": 1e9, "quantity": 1}, {"item_id": "big", "price": 1, "quantity": 1e9}]}),
        json!({"name": "purchase", "value": 0.000_001}),
        json!({"name": "view_item", "items": [{"item_id": "\u{0}\u{202e}'; drop table events; --"}]}),
    ]
}

#[test]
fn whatever_is_stored_survives_a_late_event_an_export_a_recount_and_a_start() {
    let folder = Folder::new();
    let collector = Collector::over(&folder, &[]);
    let visitor = fresh_id();
    let mut sent = 0;
    for round in 0..12 {
        let events: Vec<Value> = odd()
            .into_iter()
            .map(|fields| {
                let mut event = event("own_event");
                // Each later round is earlier than the one before it: the visitor is folded again.
                event["at"] = json!(time::text(now() - round * MINUTE));
                for (key, value) in fields.as_object().expect("an object") {
                    event[key] = value.clone();
                }
                if event["transaction_id"].is_string() {
                    event["transaction_id"] =
                        json!(format!("{}{}", round, event["transaction_id"].as_str().expect("text")));
                }
                event
            })
            .collect();
        sent += events.len();
        collector.store(&visitor, &events, &Value::Null);
    }
    assert_eq!(collector.export().len(), sent);
    let facts = collector.get(&format!("/v1/visitors/{visitor}"))["facts"].clone();
    assert_eq!(facts["n.purchase"], json!(36));
    // 12 x (1e9 + 2e9 + a millionth), to the last digit.
    assert_eq!(facts["sum.purchase"], json!(36_000_000_000.000_012_f64));
    collector.kill();
    let verified = verify(&folder);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    assert_eq!(Collector::over(&folder, &[]).export().len(), sent);
}

#[test]
fn times_without_a_text_are_refused() {
    let collector = Collector::new();
    for (at, sent_at) in
        [("0000-01-01T00:00:00+23:59", "0000-01-01T00:00:00+23:59"), ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z")]
    {
        let mut event = event("click");
        event["at"] = json!(at);
        let body = json!({"visitor": fresh_id(), "sent_at": sent_at, "events": [event]});
        let answer = collector.send(&Request::post("/v1/events").key(SECRET).json(&body));
        let code = &answer.json()["results"][0]["code"];
        assert!(answer.status == 400 || code == "bad_time", "{}", answer.text());
    }
    assert_eq!(collector.export().len(), 0);
}

#[test]
fn huge_sums_cost_nobody_else_an_event() {
    let folder = Folder::new();
    let collector = Collector::over(&folder, &[]);
    let purchase = || {
        let mut event = event("purchase");
        let item = json!({"item_id": "big", "price": 1e9, "quantity": 1});
        event["items"] = json!(vec![item; 200]);
        event
    };
    // 250 x 200 x 1e9 units is more than 64 bits of millionths hold.
    for _ in 0..25 {
        let events: Vec<Value> = (0..10).map(|_| purchase()).collect();
        collector.store(&fresh_id(), &events, &Value::Null);
    }
    collector.store(&fresh_id(), &[purchase()], &Value::Null);
    let top = collector.get("/v1/reports/top");
    assert_eq!(top["rows"][0][5], json!(251 * 200));

    let mut over = event("purchase");
    over["items"] = json!([{"item_id": "big", "price": 1e9, "quantity": 1e9}]);
    let body = json!({"key": PUBLIC, "visitor": fresh_id(), "events": [over, event("click")]});
    let results = collector.send(&Request::post("/v1/events").json(&body)).json()["results"].clone();
    assert_eq!((&results[0]["path"], &results[1]["status"]), (&json!("events[0].items[0].quantity"), &json!("stored")));
}

#[test]
fn a_first_start_that_cannot_listen_makes_nothing() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let folder = Folder::new();
    let address = taken.local_addr().expect("an address").to_string();
    let output = beckon().args(["serve", "--listen", &address, "--data"]).arg(folder.data()).output().expect("it runs");
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("cannot listen"));
    assert!(!folder.data().exists());
}

//! Other programs: one that holds the database, and clients that did not hear the answer.

use super::shim::{Faults, Word};
use super::{DATA, post};
use crate::collector::{Collector, Folder, SECRET, event, fresh_id};
use crate::durability::verify;
use crate::http::Request;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

#[test]
fn an_outside_lock_is_told_and_recovered_from() {
    let folder = Folder::new();
    let collector = Collector::over(&folder, &[]);
    assert_eq!(post(&collector, &[event("click")]), "200");
    let outside = rusqlite::Connection::open(folder.database()).expect("the database");
    outside.execute_batch("begin immediate").expect("the lock");
    for _ in 0..2 {
        let body = json!({"visitor": "a", "events": [event("click")]});
        let answer = collector.send(&Request::post("/v1/events").key(SECRET).json(&body));
        assert_eq!(answer.said(), "503 busy");
        assert!(answer.header("retry-after").is_some());
        assert_eq!(collector.export().len(), 1, "reading goes on");
        // The first is told what was tried for it, the second what was found just now: the same.
        for _ in 0..2 {
            assert_eq!(collector.send(&Request::get("/readyz")).said(), "503 busy");
        }
    }
    outside.execute_batch("rollback").expect("the lock is given back");
    assert_eq!(post(&collector, &[event("click")]), "200");
    drop(outside);
    collector.kill();
    verify(&folder);
}

/// The bytes of a request, for a client that hangs up before the answer.
fn bytes(body: &str) -> String {
    format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SECRET}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn who_did_not_hear_the_answer_asks_again_and_is_stored_once() {
    let folder = Folder::new();
    let Some(faults) = Faults::new(&folder, DATA) else { return };
    // The commit takes longer than the client waits.
    faults.set(Word::SyncDelayUs, 20_000);
    let collector = faults.collector(&folder);
    let mut count = 0;
    for round in 0..20 {
        let visitor = fresh_id();
        let events: Vec<_> = (0..5).map(|_| event("click")).collect();
        count += events.len();
        let body = json!({"visitor": visitor, "events": events}).to_string();
        let mut first = TcpStream::connect(collector.address).expect("a connection");
        first.write_all(bytes(&body).as_bytes()).expect("a request");
        if round % 2 == 0 {
            // Gone before the answer, one way or the other.
            let _ = first.shutdown(Shutdown::Both);
        } else {
            // Heard only its beginning.
            let mut heard = [0; 5];
            first.read_exact(&mut heard).expect("an answer");
        }
        drop(first);
        let answer = collector.send(&Request::post("/v1/events").key(SECRET).body("application/json", body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let json = answer.json();
        for (event, result) in events.iter().zip(json["results"].as_array().expect("results")) {
            assert_eq!(event["id"], result["id"]);
            let status = result["status"].as_str().unwrap_or_default();
            // Where the first was not read before it hung up, this is the first.
            assert!(status == "duplicate" || (round % 2 == 0 && status == "stored"), "{result}");
        }
    }
    assert_eq!(collector.export().len(), count);
    collector.kill();
    verify(&folder);
}

#[test]
fn of_the_same_ids_sent_by_many_at_once_each_is_stored_once() {
    let folder = Folder::new();
    let collector = Collector::over(&folder, &[]);
    let address = collector.address;
    for round in 0..30 {
        let visitor = fresh_id();
        let events: Vec<_> = (0..20).map(|_| event("click")).collect();
        let body = json!({"visitor": visitor, "events": events});
        let stored: usize = std::thread::scope(|scope| {
            let senders: Vec<_> = (0..4)
                .map(|_| {
                    let request = Request::post("/v1/events").key(SECRET).json(&body);
                    scope.spawn(move || {
                        let answer = request.send(address).expect("an answer").json();
                        let results = answer["results"].as_array().expect("results");
                        results.iter().filter(|result| result["status"] == "stored").count()
                    })
                })
                .collect();
            senders.into_iter().map(|sender| sender.join().expect("no panic")).sum()
        });
        assert_eq!(stored, events.len(), "each id was told as stored once, in round {round}");
    }
    assert_eq!(collector.export().len(), 30 * 20);
    collector.kill();
    verify(&folder);
}

//! What an operator sees of a running collector.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, event, fresh_id};
use crate::http::Request;
use serde_json::{Value, json};
use std::collections::HashSet;

/// The lines of the log, which is to be JSON.
fn log(collector: &Collector) -> Vec<Value> {
    let text = collector.folder.log();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn a_request_has_one_name_in_the_answer_and_in_the_log() {
    let collector = Collector::over(&Folder::new(), &["--log-format", "json"]);
    let visitor = fresh_id();
    let secret_place = "/v1/segments/not-to-be-logged?key=not-to-be-logged";
    let body = json!({"key": PUBLIC, "visitor": visitor, "events": [event("page_view")]});
    let mut names = HashSet::new();
    let mut expected = Vec::new();
    for (request, method, route, status) in [
        (Request::get("/livez"), "GET", "/livez", 200),
        (Request::post("/v1/events").json(&body), "POST", "/v1/events", 200),
        (Request::new("OPTIONS", "/v1/events"), "OPTIONS", "/v1/events", 204),
        (Request::get(secret_place), "GET", "/v1/segments/{id}", 401),
        (Request::get(secret_place).key(SECRET), "GET", "/v1/segments/{id}", 404),
        (Request::get(&format!("/v1/visitors/{visitor}")).key(SECRET), "GET", "/v1/visitors/{id}", 200),
        (Request::get("/not-to-be-logged"), "GET", "-", 404),
        (Request::new("NOT-TO-BE-LOGGED", "/v1/site"), "-", "/v1/site", 405),
        // What the sender calls itself is not taken over.
        (Request::get("/livez").header("x-request-id", "not-to-be-logged"), "GET", "/livez", 200),
    ] {
        let answer = collector.send(&request);
        assert_eq!(answer.status, status, "{method} {route}");
        let name = answer.header("x-request-id").expect("a name").to_owned();
        assert!(name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        if answer.header("content-type") == Some("application/problem+json") {
            assert_eq!(answer.json()["request_id"], name.as_str(), "{method} {route}");
        }
        assert!(names.insert(name.clone()), "{name} is there twice");
        expected.push((name, method, route, status));
    }
    let lines = log(&collector);
    for (name, method, route, status) in expected {
        let found: Vec<_> = lines.iter().filter(|line| line["request_id"] == name.as_str()).collect();
        let [line] = found.as_slice() else { panic!("{} lines about {route}", found.len()) };
        let said = (&line["level"], &line["method"], &line["route"], &line["status"], line["ms"].is_f64());
        assert_eq!(said, (&json!("DEBUG"), &json!(method), &json!(route), &json!(status), true), "{line}");
    }
    let text = collector.folder.log().to_lowercase();
    for hidden in ["not-to-be-logged", visitor.as_str(), "127.0.0.1", PUBLIC, SECRET] {
        assert!(!text.contains(hidden), "{hidden} is in the log");
    }
}

#[test]
fn what_fails_is_found_in_the_log_by_its_name() {
    for (options, as_json) in [(&["--log-format", "json"][..], true), (&[], false)] {
        let collector = Collector::over(&Folder::new(), options);
        let database = rusqlite::Connection::open(collector.folder.database()).expect("the database");
        database.execute_batch("drop table documents").expect("a table less");
        let answer = collector.send(&Request::get("/v1/segments").key(SECRET));
        assert_eq!(answer.said(), "500 internal");
        assert!(!answer.text().contains("documents"), "the cause is the operator's alone: {}", answer.text());
        let name = answer.json()["request_id"].as_str().expect("a name").to_owned();
        assert_eq!(answer.header("x-request-id"), Some(name.as_str()));
        let text = collector.folder.log();
        let line = text.lines().find(|line| line.contains(&name) && line.contains("ERROR")).expect("a line");
        assert!(line.contains("/v1/segments") && line.contains("no such table"), "{line}");
        assert!(!line.contains('\u{1b}'), "no colours in a file: {line}");
        assert!(!as_json || serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}

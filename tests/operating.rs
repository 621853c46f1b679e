//! What an operator sees of a running collector: its log, its figures.

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

/// The samples of `/metrics`: name with labels, and value.
fn samples(text: &str) -> Vec<(String, f64)> {
    let mut kinds = HashSet::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, _) = kind.split_once(' ').expect("a kind");
            assert!(kinds.insert(name.to_owned()), "{name} is described twice");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            let own = name.split('{').next().unwrap_or_default();
            let own = ["_bucket", "_sum", "_count"].iter().find_map(|end| own.strip_suffix(end)).unwrap_or(own);
            assert!(kinds.contains(own), "{name} is not described");
            found.push((name.to_owned(), value.parse().unwrap_or_else(|_| panic!("a number in {line}"))));
        }
    }
    found
}

#[test]
fn the_figures_count_what_was_sent_and_what_became_of_it() {
    let collector = Collector::new();
    let metrics = || {
        let answer = collector.send(&Request::get("/metrics"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        samples(&answer.text())
    };
    let value = |samples: &[(String, f64)], name: &str| samples.iter().find(|(have, _)| have == name).map(|(_, n)| *n);
    let before = metrics();
    assert_eq!(value(&before, "beckon_commit_seconds_count"), Some(0.0));
    assert_eq!(value(&before, "beckon_last_commit_age_seconds"), None);

    let visitor = fresh_id();
    let (first, second) = (event("page_view"), event("page_view"));
    let mut bad = event("page_view");
    bad["name"] = json!("no name");
    let mut other = first.clone();
    other["name"] = json!("login");
    let send = |events: &[Value]| {
        let body = json!({"key": PUBLIC, "visitor": visitor, "events": events});
        assert_eq!(collector.send(&Request::post("/v1/events").json(&body)).status, 200);
    };
    send(&[first.clone(), second, bad]);
    send(&[first, other]);
    collector.send(&Request::post("/v1/events").body("text/plain", "{"));
    collector.send(&Request::get("/v1/segments/one"));
    collector.send(&Request::get("/v1/segments/two"));

    // An answer may be out a moment before its place in the queue is free.
    let mut after = metrics();
    while value(&after, "beckon_queue_events") != Some(0.0) {
        after = metrics();
    }
    for (name, expected) in [
        ("beckon_events_total{result=\"stored\",reason=\"\"}", 2.0),
        ("beckon_events_total{result=\"duplicate\",reason=\"\"}", 1.0),
        ("beckon_events_total{result=\"rejected\",reason=\"bad_name\"}", 1.0),
        ("beckon_events_total{result=\"rejected\",reason=\"id_conflict\"}", 1.0),
        ("beckon_requests_total{method=\"POST\",route=\"/v1/events\",status=\"200\"}", 2.0),
        ("beckon_requests_total{method=\"POST\",route=\"/v1/events\",status=\"400\"}", 1.0),
        ("beckon_requests_total{method=\"GET\",route=\"/v1/segments/{id}\",status=\"401\"}", 2.0),
        ("beckon_commit_seconds_count", 2.0),
        ("beckon_commit_events_sum", 4.0),
        ("beckon_commit_events_bucket{le=\"1\"}", 0.0),
        ("beckon_commit_events_bucket{le=\"5\"}", 2.0),
        ("beckon_commit_events_bucket{le=\"+Inf\"}", 2.0),
        ("beckon_commits_failed_total", 0.0),
        ("beckon_queue_events", 0.0),
        ("beckon_queue_bytes", 0.0),
        ("beckon_readers", 0.0),
        ("beckon_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(value(&after, name), Some(expected), "{name} in {after:#?}");
    }
    for name in ["beckon_uptime_seconds", "beckon_commit_seconds_sum", "beckon_database_bytes", "beckon_wal_bytes"] {
        assert!(value(&after, name).is_some_and(|value| value > 0.0), "{name} in {after:#?}");
    }
    assert!(value(&after, "beckon_last_commit_age_seconds").is_some());
    assert!(!format!("{after:?}").contains(&visitor));
}

#[test]
fn the_figures_are_for_this_machine_or_for_a_token() {
    const TOKEN: &str = "a-token-of-some-length";
    let open = Collector::new();
    assert_eq!(open.send(&Request::get("/metrics")).status, 200);
    // A proxy on this machine is no reason to tell everybody.
    for name in ["x-forwarded-for", "forwarded", "x-real-ip", "via"] {
        assert_eq!(open.send(&Request::get("/metrics").header(name, "127.0.0.1")).said(), "404 not_found", "{name}");
    }
    let closed = Collector::over(&Folder::new(), &["--metrics-token", TOKEN]);
    for (request, said) in [
        (Request::get("/metrics"), "401 bad_key"),
        (Request::get("/metrics").key("another-token-of-that"), "401 bad_key"),
        (Request::get("/metrics").key(SECRET), "401 bad_key"),
        (Request::get(&format!("/metrics?token={TOKEN}")), "401 bad_key"),
        (Request::get("/metrics").header("authorization", TOKEN), "401 bad_key"),
        (Request::get("/metrics").key(TOKEN), "200"),
        (Request::get("/metrics").key(TOKEN).header("x-forwarded-for", "203.0.113.9"), "200"),
        (Request::get("/v1/site").key(TOKEN), "401 bad_key"),
    ] {
        assert_eq!(closed.send(&request).said(), said);
    }
    assert!(!closed.folder.log().contains(TOKEN));
}

//! The table of bad requests: what is wrong with each, and the exact answer that it gets. Of the limits, one below and
//! one above each.

use crate::collector::{Collector, PUBLIC, SECRET, event, fresh_id, now};
use crate::http::{Answer, BOUND, Request};
use engine::time;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A key that nobody has.
const WRONG: &str = "pk_ffffffffffffffffffff";
/// The one origin of the site.
const SHOP: &str = "https://shop.example";
const KIB: usize = 1024;

/// A collector whose site lists an origin, a secret key of it that may only read, and one that was revoked.
fn stage() -> (Collector, String, String) {
    let collector = Collector::new();
    collector.put("/v1/site", &json!({"origins": [SHOP]}));
    let make = || {
        let body = json!({"name": "k", "kind": "secret", "scopes": ["read"]});
        collector.send(&Request::post("/v1/keys").key(SECRET).json(&body)).json()
    };
    let (reads, revoked) = (make(), make());
    let id = revoked["id"].as_str().expect("an id");
    assert_eq!(collector.send(&Request::delete(&format!("/v1/keys/{id}")).key(SECRET)).status, 204);
    let key = |made: &Value| made["key"].as_str().expect("a key").to_owned();
    let keys = (key(&reads), key(&revoked));
    (collector, keys.0, keys.1)
}

/// A good batch of one event, with other fields; `null` takes one away.
fn batch(more: &Value) -> Value {
    let mut body = json!({"key": PUBLIC, "visitor": fresh_id(), "events": [event("a")]});
    for (field, value) in more.as_object().expect("fields") {
        body[field] = value.clone();
    }
    body
}

fn events(body: impl Into<Vec<u8>>) -> Request {
    Request::post("/v1/events").body("text/plain", body)
}

/// The same without a key in the body.
fn keyless() -> String {
    batch(&json!({"key": null})).to_string()
}

fn with(more: &Value) -> Request {
    events(batch(more).to_string())
}

fn decide(more: &Value) -> Request {
    let mut body = json!({"key": PUBLIC, "visitor": fresh_id(), "slots": []});
    for (field, value) in more.as_object().expect("fields") {
        body[field] = value.clone();
    }
    Request::post("/v1/decide").body("text/plain", body.to_string())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("it packs");
    encoder.finish().expect("it packs")
}

/// 2 MiB of spaces.
const BROTLI_BOMB: &[u8] = &[155, 255, 255, 31, 248, 37, 64, 226, 177, 64, 32, 247, 254, 3];

/// 17 blocks of 128 KiB of one byte each.
fn zstd_bomb() -> Vec<u8> {
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    for block in 0..17_u32 {
        let head = u32::from(block == 16) | (1 << 1) | ((128 * 1024) << 3);
        bytes.extend_from_slice(&head.to_le_bytes()[..3]);
        bytes.push(b' ');
    }
    bytes
}

fn packed(encoding: &str, body: impl Into<Vec<u8>>) -> Request {
    events(body).header("content-encoding", encoding)
}

/// What is wrong, the request, and the answer: status and code, then line and column, or the path.
#[allow(clippy::too_many_lines, reason = "a table")]
fn table(reads: &str, revoked: &str) -> Vec<(&'static str, Request, &'static str)> {
    let in_query = |key: &str| format!("/v1/events?key={key}");
    let post = |path: &str, body: String| Request::post(path).body("text/plain", body);
    let text = |body: &str| events(body);
    vec![
        // Keys.
        ("no key", events(keyless()), "401 bad_key"),
        ("a wrong key in the header", events(keyless()).key(WRONG), "401 bad_key"),
        ("a wrong key in the query", post(&in_query(WRONG), keyless()), "401 bad_key"),
        ("a wrong key in the body", with(&json!({"key": WRONG})), "401 bad_key"),
        ("an empty key", with(&json!({"key": ""})), "401 bad_key"),
        ("a key that is a number", with(&json!({"key": 7})), "401 bad_key"),
        ("a revoked key", events(keyless()).key(revoked), "401 bad_key"),
        ("a secret key in the body", with(&json!({"key": SECRET})), "401 bad_key"),
        ("a secret key in the query", post(&in_query(SECRET), keyless()), "401 bad_key"),
        ("basic authorization", events(keyless()).header("authorization", &format!("Basic {PUBLIC}")), "401 bad_key"),
        ("a bare key in the header", events(keyless()).header("authorization", PUBLIC), "401 bad_key"),
        ("an empty header", events(keyless()).header("authorization", ""), "401 bad_key"),
        ("a header with nothing behind it", events(keyless()).header("authorization", "Bearer "), "401 bad_key"),
        ("a good key in the body behind a wrong header", with(&json!({})).key(WRONG), "401 bad_key"),
        ("another key in header and query", post(&in_query(WRONG), keyless()).key(PUBLIC), "400 bad_key"),
        ("another key in header and body", with(&json!({})).key(SECRET), "400 bad_key"),
        (
            "another key in query and body",
            post(&in_query(PUBLIC), batch(&json!({"key": WRONG})).to_string()),
            "400 bad_key",
        ),
        (
            "two keys in the body",
            text(&keyless().replacen('{', &format!("{{\"key\":\"{WRONG}\",\"key\":\"{PUBLIC}\","), 1)),
            "400 bad_key",
        ),
        ("two headers that differ", events(keyless()).key(PUBLIC).key(WRONG), "400 bad_key"),
        ("two keys in the query", post(&format!("/v1/events?key={PUBLIC}&key={WRONG}"), keyless()), "400 bad_key"),
        ("a key that may only read", events(keyless()).key(reads), "403 no_scope"),
        ("a public key where it opens nothing", Request::get("/v1/site").key(PUBLIC), "403 no_scope"),
        ("no key where a secret one is needed", Request::get("/v1/site"), "401 bad_key"),
        ("a secret key in the query of a report", Request::get(&format!("/v1/reports?key={SECRET}")), "401 bad_key"),
        ("a revoked key at the reports", Request::get("/v1/reports").key(revoked), "401 bad_key"),
        ("a wrong key at the bundle", Request::get(&format!("/v1/bundle?key={WRONG}")), "401 bad_key"),
        ("no key at the bundle", Request::get("/v1/bundle"), "401 bad_key"),
        ("a wrong key at the decision", decide(&json!({"key": WRONG})), "401 bad_key"),
        // Origins.
        ("another origin", with(&json!({})).header("origin", "https://a.example"), "403 bad_origin"),
        ("the origin null", with(&json!({})).header("origin", "null"), "403 bad_origin"),
        ("another scheme", with(&json!({})).header("origin", "http://shop.example"), "403 bad_origin"),
        ("another port", with(&json!({})).header("origin", "https://shop.example:444"), "403 bad_origin"),
        ("an empty origin", with(&json!({})).header("origin", ""), "403 bad_origin"),
        (
            "two origins",
            with(&json!({})).header("origin", SHOP).header("origin", "https://a.example"),
            "403 bad_origin",
        ),
        (
            "another origin at the bundle",
            Request::get(&format!("/v1/bundle?key={PUBLIC}")).header("origin", "null"),
            "403 bad_origin",
        ),
        ("another origin at the decision", decide(&json!({})).header("origin", "null"), "403 bad_origin"),
        // Content types.
        ("no content type", Request::post("/v1/events").bytes(keyless()).key(PUBLIC), "415 bad_type"),
        ("a form", Request::post("/v1/events").body("application/x-www-form-urlencoded", "a=1"), "415 bad_type"),
        ("several parts", Request::post("/v1/events").body("multipart/form-data; boundary=x", "--x"), "415 bad_type"),
        ("nearly JSON", Request::post("/v1/events").body("application/jsonp", keyless()), "415 bad_type"),
        ("a decision from a form", Request::post("/v1/decide").body("text/html", "{}"), "415 bad_type"),
        ("text for a site", Request::put("/v1/site").key(SECRET).body("text/plain", "{}"), "415 bad_type"),
        ("text for a segment", Request::put("/v1/segments/a").key(SECRET).body("text/plain", "{}"), "415 bad_type"),
        ("text for items", Request::put("/v1/items").key(SECRET).body("text/plain", "[]"), "415 bad_type"),
        (
            "text for a replay",
            Request::post("/v1/rejected/replay").key(SECRET).body("text/plain", "{}"),
            "415 bad_type",
        ),
        ("text for an erasure", Request::post("/v1/erase").key(SECRET).body("text/plain", "{}"), "415 bad_type"),
        // Encodings.
        ("an unknown encoding", packed("deflate", keyless()), "400 bad_encoding"),
        ("two encodings", packed("gzip, br", gzip(keyless().as_bytes())), "400 bad_encoding"),
        (
            "two headers of encodings",
            packed("gzip", gzip(b"{}")).header("content-encoding", "gzip"),
            "400 bad_encoding",
        ),
        ("gzip that is none", packed("gzip", keyless()), "400 bad_encoding"),
        ("br that is none", packed("br", keyless()), "400 bad_encoding"),
        ("zstd that is none", packed("zstd", keyless()), "400 bad_encoding"),
        ("gzip that ends too early", packed("gzip", &gzip(keyless().as_bytes())[..20]), "400 bad_encoding"),
        ("gzip with nothing in it", packed("gzip", ""), "400 bad_encoding"),
        ("a bomb of gzip", packed("gzip", gzip(&vec![b' '; 64 * KIB * KIB])), "413 too_large"),
        ("a bomb of br", packed("br", BROTLI_BOMB), "413 too_large"),
        ("a bomb of zstd", packed("zstd", zstd_bomb()), "413 too_large"),
        // Sizes.
        ("over 256 KiB", text(&" ".repeat(256 * KIB + 1)), "413 too_large"),
        ("over 256 KiB, said before", text("").header("content-length", "262145"), "413 too_large"),
        ("over 256 KiB in packed form", packed("gzip", vec![0; 256 * KIB + 1]), "413 too_large"),
        ("501 events", with(&json!({"events": vec![json!({}); 501]})), "413 too_large"),
        ("a decision over 256 KiB", decide(&json!({"note": "x".repeat(256 * KIB)})), "413 too_large"),
        // JSON.
        ("nothing", text(""), "400 bad_json 1:0"),
        ("half an object", text("{\"events\":["), "400 bad_json 1:11"),
        ("a comma too many", text("{\"events\":[1,]}"), "400 bad_json 1:14"),
        ("a fault in the third line", text("{\n \"events\":\n  [nope]}"), "400 bad_json 3:5"),
        ("single quotes", text("{'events':[]}"), "400 bad_json 1:2"),
        ("more behind the end", text("{\"events\":[]} x"), "400 bad_json 1:15"),
        ("no number", text("{\"events\":[{\"value\":NaN}]}"), "400 bad_json 1:21"),
        ("no UTF-8", events(b"{\"a\":\"\xff\"}".to_vec()), "400 bad_json 1:7"),
        ("a byte order mark", text("\u{feff}{}"), "400 bad_json 1:1"),
        ("broken JSON, packed", packed("gzip", gzip(b"{")), "400 bad_json 1:1"),
        ("broken JSON for a decision", Request::post("/v1/decide").body("text/plain", "{"), "400 bad_json 1:1"),
        (
            "broken JSON for a segment",
            Request::put("/v1/segments/a").key(SECRET).body("application/json", "{"),
            "400 bad_json 1:1",
        ),
        // Batches.
        ("a list", events("[]").key(PUBLIC), "400 bad_batch"),
        ("a text", events("\"events\"").key(PUBLIC), "400 bad_batch"),
        ("null", events("null").key(PUBLIC), "400 bad_batch"),
        (
            "two lists of events",
            text(&batch(&json!({})).to_string().replacen('{', "{\"events\":[],", 1)).key(PUBLIC),
            "400 bad_batch",
        ),
        ("no events", with(&json!({"events": null})), "400 bad_batch"),
        ("empty events", with(&json!({"events": []})), "400 bad_batch"),
        ("an event without a list", with(&json!({"events": {"0": {}}})), "400 bad_batch"),
        ("events as text", with(&json!({"events": "[]"})), "400 bad_batch"),
        // The envelope.
        ("a visitor that can be guessed", with(&json!({"visitor": "42"})), "400 bad_value visitor"),
        ("a visitor that is a number", with(&json!({"visitor": 42})), "400 bad_value visitor"),
        ("an empty visitor", with(&json!({"visitor": ""})), "400 bad_value visitor"),
        ("a session that can be guessed", with(&json!({"session": "42"})), "400 bad_value session"),
        ("a user that is a list", with(&json!({"user": [42]})), "400 bad_value user"),
        ("a user over 256 bytes", with(&json!({"user": "x".repeat(257)})), "400 bad_value user"),
        ("a signature that is none", with(&json!({"user": "42", "user_sig": 1})), "400 bad_value user_sig"),
        ("a sending time in words", with(&json!({"sent_at": "now"})), "400 bad_value sent_at"),
        ("a sending time without offset", with(&json!({"sent_at": "2026-11-22T08:00:00"})), "400 bad_value sent_at"),
        ("a sending time as a number", with(&json!({"sent_at": 1_763_800_000})), "400 bad_value sent_at"),
        ("a context in words", with(&json!({"context": "page"})), "400 bad_value context"),
        ("a context too deep", with(&json!({"context": {"a": {"b": {"c": {}}}}})), "400 bad_value context"),
        // Decisions.
        ("a decision for a list", Request::post("/v1/decide").key(PUBLIC).body("text/plain", "[]"), "400 bad_value"),
        ("a decision for nobody", decide(&json!({"visitor": null})), "400 bad_value visitor"),
        ("a decision without slots", decide(&json!({"slots": null})), "400 bad_value slots"),
        ("17 slots", decide(&json!({"slots": vec![json!({"id": "a"}); 17]})), "400 bad_value slots"),
        ("a slot of no kind", decide(&json!({"slots": [{"id": "a", "kind": "x"}]})), "400 bad_value slots[0].kind"),
        ("51 items", decide(&json!({"slots": [{"id": "a", "kind": "items", "n": 51}]})), "400 bad_value slots[0].n"),
        // Methods and addresses.
        ("a read of events", Request::get("/v1/events"), "405 bad_method"),
        ("a look at events", Request::new("HEAD", "/v1/events"), "405"),
        ("a put of events", Request::put("/v1/events").json(&batch(&json!({}))), "405 bad_method"),
        ("a method that is none", Request::new("BREW", "/v1/events"), "405 bad_method"),
        ("a post to the bundle", Request::post("/v1/bundle").json(&json!({})), "405 bad_method"),
        ("a delete of the site", Request::delete("/v1/site").key(SECRET), "405 bad_method"),
        ("options of the site", Request::new("OPTIONS", "/v1/site"), "405 bad_method"),
        ("an unknown address", Request::get("/v1/nothing").key(SECRET), "404 not_found"),
        ("an unknown address below a known one", Request::get("/v1/events/7"), "404 not_found"),
        ("a way out of the folder", Request::get("/../../etc/passwd"), "404 not_found"),
        ("a post to nowhere", Request::post("/v2/events").json(&batch(&json!({}))), "404 not_found"),
    ]
}

#[test]
fn each_gets_the_answer_that_is_specified_and_stores_nothing() {
    let (collector, reads, revoked) = stage();
    let table = table(&reads, &revoked);
    assert!(table.len() >= 60, "{}", table.len());
    let mut wrong = Vec::new();
    for (what, request, expected) in table {
        let public = request.is_about("/v1/events") || request.is_about("/v1/decide") || request.is_about("/v1/bundle");
        let request = if request.has("origin") { request } else { request.header("origin", SHOP) };
        let answer = collector.send(&request);
        if answer.body.is_empty() {
            // The answer to a HEAD has none.
            assert_eq!(answer.status.to_string(), expected, "{what}");
            continue;
        }
        let mut said = answer.said();
        let json = answer.json();
        if let (Some(line), Some(column)) = (json["line"].as_u64(), json["column"].as_u64()) {
            said = format!("{said} {line}:{column}");
        } else if let Some(path) = json["path"].as_str().filter(|path| !path.is_empty()) {
            said = format!("{said} {path}");
        }
        if said != expected {
            wrong.push(format!("{what}: {said} in place of {expected}"));
        }
        headers(&answer, what);
        // What a page of the shop sends it can read the answer to; a foreign one learns nothing.
        let allowed = answer.header("access-control-allow-origin");
        let echoed = (public && answer.said() != "403 bad_origin" && !request.is_about("/v1/events/7")).then_some(SHOP);
        assert_eq!(allowed, echoed, "{what}");
        if public && !request.is_about("/v1/events/7") {
            assert_eq!(answer.header("vary"), Some("Origin"), "{what}");
            assert_eq!(answer.header("access-control-allow-credentials"), None, "{what}");
        }
        let told = answer.text();
        for secret in ["src/", "panicked", "sqlite", "select ", WRONG, SECRET, PUBLIC] {
            assert!(!told.contains(secret), "{what}: {secret} in {told}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(collector.export(), [Value::Null; 0]);
    assert_eq!(collector.get("/v1/site")["rejected"], json!({}), "not even as a reject");
}

/// What a problem of each status has in its head.
fn headers(answer: &Answer, what: &str) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    assert_eq!(answer.header("www-authenticate"), (answer.status == 401).then_some("Bearer"), "{what}");
    assert_eq!(answer.header("retry-after").is_some(), [429, 503].contains(&answer.status), "{what}");
    assert_eq!(answer.header("allow").is_some(), answer.status == 405, "{what}: {answer:?}");
    assert_eq!(answer.header("x-request-id"), answer.json()["request_id"].as_str(), "{what}");
}

/// The limit, a request on it and what is said to that, and one beyond it.
fn edges() -> Vec<(&'static str, Request, Request, &'static str)> {
    // A body of so many bytes, by a field that nobody reads.
    let sized = |bytes: usize| {
        let empty = batch(&json!({"note": ""})).to_string().len();
        batch(&json!({"note": "x".repeat(bytes - empty)})).to_string()
    };
    // An event of so many bytes.
    let large = |bytes: usize| {
        let mut event = event("a");
        event["props"] = json!({"a": ""});
        let empty = event.to_string().len();
        event["props"]["a"] = json!("x".repeat(bytes - empty));
        with(&json!({"events": [event]}))
    };
    let props = |n: usize| {
        let mut event = event("a");
        event["props"] = (0..n).map(|n| (format!("p{n}"), json!(n))).collect();
        with(&json!({"events": [event]}))
    };
    let deep = |props: Value| {
        let mut event = event("a");
        event["props"] = props;
        with(&json!({"events": [event]}))
    };
    let many = |n: usize| with(&json!({"events": (0..n).map(|_| event("a")).collect::<Vec<_>>()}));
    let items = |n: usize| {
        let mut event = event("view_item_list");
        event["items"] = vec![json!({"item_id": "a"}); n].into();
        with(&json!({"events": [event]}))
    };
    let named = |length: usize| with(&json!({"events": [event(&"n".repeat(length))]}));
    let ago = |ms: i64| {
        let mut event = event("a");
        event["at"] = json!(time::text(now() + ms));
        with(&json!({"events": [event]}))
    };
    let minute = time::MINUTE;
    vec![
        ("256 KiB on the wire", events(sized(256 * KIB)), events(sized(256 * KIB + 1)), "413 too_large"),
        (
            "1 MiB once unpacked",
            packed("gzip", gzip(sized(1024 * KIB).as_bytes())),
            packed("gzip", gzip(sized(1024 * KIB + 1).as_bytes())),
            "413 too_large",
        ),
        ("500 events", many(500), many(501), "413 too_large"),
        ("32 KiB an event", large(32 * KIB), large(32 * KIB + 1), "rejected event_too_large"),
        ("64 props", props(64), props(65), "rejected too_many_props"),
        (
            "4 levels",
            deep(json!({"a": {"b": {"c": {"d": 1}}}})),
            deep(json!({"a": {"b": {"c": {"d": {"e": 1}}}}})),
            "rejected too_deep",
        ),
        ("200 items", items(200), items(201), "rejected bad_value"),
        ("64 letters", named(64), named(65), "rejected bad_name"),
        ("7 days back", ago(-7 * time::DAY + minute), ago(-7 * time::DAY - minute), "rejected too_old"),
        ("1 hour ahead", ago(time::HOUR - minute), ago(time::HOUR + minute), "rejected in_future"),
        (
            "128 bytes of a context's text is no limit, 32 entries are",
            with(&json!({"context": (0..32).map(|n| (format!("c{n}"), json!(n))).collect::<serde_json::Map<_, _>>()})),
            with(&json!({"context": (0..33).map(|n| (format!("c{n}"), json!(n))).collect::<serde_json::Map<_, _>>()})),
            "400 bad_value",
        ),
    ]
}

#[test]
fn what_is_on_a_limit_is_stored_and_what_is_beyond_it_is_not() {
    let (collector, ..) = stage();
    let said = |request: &Request| {
        let answer = collector.send(request);
        if answer.status != 200 {
            return answer.said();
        }
        let first = answer.json()["results"][0].clone();
        let part = |name: &str| first[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", part("status"), part("code")).trim_end().to_owned()
    };
    for (what, on, beyond, expected) in edges() {
        assert_eq!(said(&on), "stored", "{what}");
        assert_eq!(said(&beyond), expected, "beyond {what}");
    }
}

/// Bytes as they stand on the wire, and the beginning of the answer.
#[test]
fn what_is_wrong_with_the_framing_is_answered_or_the_connection_ends() {
    let (collector, ..) = stage();
    let body = batch(&json!({})).to_string();
    let head = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n";
    let chunk = format!("{:x}\r\n{}\r\n", 64 * KIB, " ".repeat(64 * KIB));
    for (what, bytes, expected) in [
        (
            "a body in chunks",
            format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
            "200",
        ),
        ("chunks over the limit", format!("{head}transfer-encoding: chunked\r\n\r\n{}", chunk.repeat(5)), "413"),
        ("a chunk without its size", format!("{head}transfer-encoding: chunked\r\n\r\nnope\r\n"), "4"),
        ("two lengths that differ", format!("{head}content-length: 3\r\ncontent-length: 4\r\n\r\n{{}} "), "400"),
        ("a length that is none", format!("{head}content-length: many\r\n\r\n{{}}"), "400"),
        ("a length below zero", format!("{head}content-length: -1\r\n\r\n{{}}"), "400"),
        ("no HTTP", "EHLO beckon\r\n\r\n".to_owned(), "400"),
        ("a header without a name", format!("{head}: x\r\n\r\n"), "400"),
        ("an expectation", format!("{head}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", body.len()), "100"),
    ] {
        let mut socket = TcpStream::connect(collector.address).expect("a connection");
        socket.set_read_timeout(Some(BOUND)).expect("a bound");
        // The other side may have ended it before all was written.
        let _ = socket.write_all(bytes.as_bytes());
        let mut line = String::new();
        let read = BufReader::new(&socket).read_line(&mut line);
        let status = line.split(' ').nth(1).unwrap_or_default();
        assert!(read.is_ok() && status.starts_with(expected), "{what}: {line:?}");
    }

    // Several requests at once are answered one after the other; what comes behind a broken one is not read as a request.
    let mut socket = TcpStream::connect(collector.address).expect("a connection");
    socket.set_read_timeout(Some(BOUND)).expect("a bound");
    let body = batch(&json!({})).to_string();
    let one = format!("{head}content-length: {}\r\n\r\n{}", body.len(), body);
    let wrong = format!("{head}connection: close\r\ncontent-length: 1\r\n\r\n{{");
    socket.write_all(format!("{one}{one}{wrong}{one}").as_bytes()).expect("it is written");
    let mut all = String::new();
    socket.read_to_string(&mut all).expect("answers");
    let statuses: Vec<&str> = all.match_indices("HTTP/1.1 ").map(|(at, _)| &all[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "200", "400"], "{all}");
    assert!(all.contains("\"stored\"") && all.contains("\"duplicate\""), "the same event twice: {all}");
}

#[test]
fn while_it_goes_down_new_connections_are_told_to_come_again() {
    let mut collector = Collector::new();
    let body = batch(&json!({})).to_string();
    // A request that is under way holds the collector until it is whole.
    let mut under_way = TcpStream::connect(collector.address).expect("a connection");
    under_way.set_read_timeout(Some(BOUND)).expect("a bound");
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let (first, rest) = body.split_at(10);
    under_way.write_all(format!("{head}{first}").as_bytes()).expect("a part of it");
    // It has been read that far: the answer to another request comes after it was accepted.
    assert_eq!(collector.send(&Request::get("/livez")).status, 200);
    collector.ask_to_go();
    let late = loop {
        // A connection that came just before and has said nothing yet is closed; its sender comes again.
        let Ok(answer) = with(&json!({})).header("origin", SHOP).send(collector.address) else { continue };
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(late.said(), "503 shutting_down");
    assert_eq!(late.header("retry-after"), Some("1"));
    assert_eq!(late.header("access-control-allow-origin"), Some(SHOP));
    assert_eq!(collector.send(&Request::get("/v1/site").key(SECRET)).said(), "503 shutting_down");
    assert_eq!(collector.send(&Request::get("/livez")).status, 200);
    under_way.write_all(rest.as_bytes()).expect("the rest of it");
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"stored\""), "{answer}");
    assert!(collector.ended().success());
}

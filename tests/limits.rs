//! How many requests a client and a key may make, and who counts as the client.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, event, fresh_id};
use crate::http::{Answer, BOUND, Request};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The burst of every collector here; a token comes back in a second.
const BURST: usize = 5;
/// More requests than any of these limits lets through, however slow the machine is.
const MANY: usize = 400;

/// A collector with a limit, over a fresh folder.
fn limited(options: &[&str]) -> Collector {
    Collector::over(&Folder::new(), options)
}

const BY_CLIENT: &[&str] = &["--limits-client-rate", "1", "--limits-client-burst", "5"];

fn events() -> Request {
    let body = json!({"visitor": fresh_id(), "events": [event("a")]});
    Request::post("/v1/events").header("origin", "https://shop.example").body("text/plain", body.to_string())
}

/// Sends a request until it is answered with 429: how often it was not, and that answer.
fn until_refused(collector: &Collector, request: impl Fn() -> Request) -> (usize, Answer) {
    for n in 0..MANY {
        let answer = collector.send(&request());
        if answer.status == 429 {
            return (n, answer);
        }
    }
    panic!("{MANY} requests and no limit");
}

#[test]
fn a_client_is_limited_and_told_when_to_come_again() {
    let collector = limited(BY_CLIENT);
    let (taken, answer) = until_refused(&collector, || events().key(PUBLIC));
    assert!(taken >= BURST, "{taken}");
    assert_eq!(answer.said(), "429 rate_limited");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("Retry-After"));
    assert_eq!(answer.header("vary"), Some("Origin"));
    assert_eq!(collector.export().len(), taken, "what was refused stored nothing");
    // A header of the client's own invention changes nothing: it goes on from the empty bucket.
    let forged = std::cell::Cell::new(0);
    let (taken, _) = until_refused(&collector, || {
        forged.set(forged.get() + 1);
        events().key(PUBLIC).header("x-forwarded-for", &format!("198.51.100.{}", forged.get() % 250))
    });
    assert!(taken < MANY / 2, "{taken}");
    // A shop's own server sends for all its visitors.
    for _ in 0..3 * BURST {
        assert_eq!(collector.send(&events().key(SECRET)).status, 200);
    }
    assert!(collector.folder.log().contains("trusted_proxies"), "the operator is told why");
}

#[test]
fn bodies_that_do_not_end_take_a_bounded_room() {
    use std::io::{Read as _, Write as _};
    let collector = limited(&[]);
    let head = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 262144\r\n\r\n";
    let most = [head.to_owned().into_bytes(), vec![b' '; 256 * 1024 - 1]].concat();
    // 64 MiB of them are held at a time, and nobody was asked for a key yet; whoever is one too many is told at once.
    let mut waiting = Vec::new();
    let said = loop {
        let mut socket = std::net::TcpStream::connect(collector.address).expect("a connection");
        // It may be answered and closed before all of it is written.
        let _ = socket.write_all(&most);
        // All bytes but the last were read when the next request is answered, or it was told off.
        assert_eq!(collector.send(&Request::get("/livez")).status, 200);
        waiting.push(socket);
        let told = waiting.iter_mut().find_map(|socket| {
            let mut beginning = [0; 12];
            socket.set_nonblocking(true).expect("it is set");
            socket.read_exact(&mut beginning).ok().map(|()| String::from_utf8_lossy(&beginning).into_owned())
        });
        match told {
            Some(told) => break told,
            None => assert!(waiting.len() < MANY, "{MANY} bodies are held"),
        }
    };
    assert_eq!(said, "HTTP/1.1 503");
    assert!(waiting.len() > 200, "{}", waiting.len());
    drop(waiting);
    while collector.send(&events().key(PUBLIC)).status == 503 {}
    assert_eq!(collector.send(&events().key(PUBLIC)).status, 200, "there is room again");
}

#[test]
fn every_route_of_the_public_key_has_the_same_limit() {
    for request in [
        || Request::post("/v1/decide").key(PUBLIC).json(&json!({"visitor": fresh_id(), "slots": []})),
        || Request::get(&format!("/v1/bundle?key={PUBLIC}")),
    ] {
        let collector = limited(BY_CLIENT);
        let (taken, answer) = until_refused(&collector, request);
        assert!(taken >= BURST, "{taken}");
        assert_eq!(answer.said(), "429 rate_limited");
        until_refused(&collector, || events().key(PUBLIC));
    }
}

#[test]
fn behind_a_listed_proxy_each_client_has_its_own_limit() {
    let collector = limited(&[BY_CLIENT, &["--trusted-proxies", "10.0.0.0/8,127.0.0.1"]].concat());
    let from = |forwarded: &str| events().key(PUBLIC).header("x-forwarded-for", forwarded);
    for (client, same) in [
        ("198.51.100.7", "203.0.113.5, 198.51.100.7, 10.0.0.3"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ("198.51.100.8", "[::ffff:198.51.100.8]:4711"),
    ] {
        let (taken, _) = until_refused(&collector, || from(client));
        assert!(taken >= BURST, "{client}: {taken}");
        // As the bucket is empty, few of many get through.
        let through = (0..3 * BURST).filter(|_| collector.send(&from(same)).status == 200);
        assert!(through.count() < 3 * BURST, "{same} is {client}");
    }
    for other in ["198.51.100.9", "2001:db8:1:3::1"] {
        for _ in 0..BURST {
            assert_eq!(collector.send(&from(other)).status, 200, "{other}");
        }
    }
    let files = collector.folder.files();
    for address in ["198.51.100", "2001:db8", "203.0.113"] {
        for (path, bytes) in &files {
            assert!(!String::from_utf8_lossy(bytes).contains(address), "{address} in {}", path.display());
        }
    }
}

#[test]
fn keys_cannot_be_guessed_in_a_hurry() {
    let collector = limited(BY_CLIENT);
    let wrong = || Request::get("/v1/site").key("sk_ffffffffffffffffffff");
    let (taken, answer) = until_refused(&collector, wrong);
    assert!(taken >= BURST, "{taken}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    // The right one is answered alike, or the answer would tell it.
    for request in [|| Request::get("/v1/site").key(SECRET), || events().key(SECRET), || events().key(PUBLIC)] {
        until_refused(&collector, wrong);
        let said: Vec<String> = (0..MANY)
            .map(|_| {
                let _ = collector.send(&wrong());
                collector.send(&request()).said()
            })
            .take_while(|said| said != "429 rate_limited")
            .collect();
        assert!(said.len() < MANY, "never refused: {said:?}");
    }
    assert_eq!(collector.send(&Request::get("/livez")).status, 200);
}

#[test]
fn the_token_of_the_figures_cannot_be_guessed_in_a_hurry() {
    let collector = limited(&[BY_CLIENT, &["--metrics-token", "a-token-of-some-length"]].concat());
    let (taken, answer) = until_refused(&collector, || Request::get("/metrics").key("another-token-of-that"));
    assert!(taken >= BURST, "{taken}");
    assert_eq!(answer.said(), "429 rate_limited");
}

#[test]
fn a_key_has_a_limit_where_one_is_set() {
    let collector = limited(&["--limits-key-rate", "1", "--limits-key-burst", "5"]);
    for key in [SECRET, PUBLIC] {
        let (taken, answer) = until_refused(&collector, || events().key(key));
        assert!(taken >= BURST, "{key}: {taken}");
        assert_eq!(answer.said(), "429 rate_limited");
    }
}

#[test]
fn a_limit_is_told_after_what_is_wrong_for_good_and_before_what_is_wrong_with_the_batch() {
    let collector = limited(BY_CLIENT);
    collector.put("/v1/site", &json!({"origins": ["https://shop.example"]}));
    let send = |origin: &str, body: &str| {
        let request = Request::post("/v1/events").header("origin", origin).key(PUBLIC).body("text/plain", body);
        collector.send(&request).said()
    };
    for (origin, body, said) in [
        ("https://shop.example", "{", "400 bad_json"),
        ("https://a.example", "{}", "403 bad_origin"),
        ("https://shop.example", "{}", "429 rate_limited"),
    ] {
        let heard = (0..MANY).map(|_| {
            until_refused(&collector, || events().key(PUBLIC));
            send(origin, body)
        });
        // A token may come back between the two.
        let heard: Vec<String> = heard.take(20).collect();
        assert!(heard.iter().any(|heard| heard == said), "{said}: {heard:?}");
        let other = if said.starts_with("429") { "400 bad_batch" } else { said };
        assert!(heard.iter().all(|heard| heard == said || heard == other), "{said}: {heard:?}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for (option, value) in [
        ("--trusted-proxies", "proxy.example"),
        ("--trusted-proxies", "10.0.0.0/33"),
        ("--trusted-proxies", "10.0.0.7/8"),
        ("--limits-client-rate", "-1"),
        ("--limits-client-burst", "0"),
        ("--limits-key-burst", "many"),
    ] {
        let output = crate::collector::beckon().args(["serve", option, value]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{option} {value}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn by_default_a_page_that_hurries_is_not_limited() {
    let folder = Folder::new();
    let collector = Collector::over(&folder, &["--limits-client-rate", "50"]);
    let answers: Vec<Value> = (0..200).map(|_| json!(collector.send(&events().key(PUBLIC)).status)).collect();
    assert!(answers.iter().all(|status| status == 200), "the burst is 200");
}

#[test]
fn connections_beyond_the_limit_wait_for_one_to_end() {
    let collector = limited(&["--limits-connections", "2"]);
    let connect = || TcpStream::connect(collector.address).expect("a connection");
    let (idle, other) = (connect(), connect());
    let mut third = connect();
    third.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("a request");
    // However long it waits, it is not answered as long as the two are there.
    third.set_read_timeout(Some(Duration::from_millis(200))).expect("a bound");
    let mut start = [0; 12];
    let early = third.read(&mut start).expect_err("no answer yet");
    assert!(matches!(early.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{early}");
    drop(idle);
    third.set_read_timeout(Some(BOUND)).expect("a bound");
    third.read_exact(&mut start).expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 200");
    drop(other);
}

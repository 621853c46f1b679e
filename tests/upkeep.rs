//! What goes with time or on demand: retention, old rejects, erasing; and that verify sees what does not fit.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, beckon, event, fresh_id, now};
use crate::http::{BOUND, Request};
use crate::recount::{check_facts, check_reports, read};
use crate::visitors::{Dice, history};
use engine::time::{self, DAY, MINUTE};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::process::Output;
use std::sync::Arc;

/// Recounts the data of a folder, where all must be as counted.
fn check_verify(folder: &Folder) {
    let Output { status, stdout, stderr } = verify(folder);
    let (said, error) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert_eq!(status.code(), Some(0), "{said}{error}");
}

fn verify(folder: &Folder) -> Output {
    beckon().arg("verify").arg("--data").arg(folder.data()).output().expect("it runs")
}

/// A look into the database beside the collector.
fn look(folder: &Folder) -> Connection {
    Connection::open_with_flags(folder.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the database")
}

fn count(folder: &Folder, sql: &str) -> i64 {
    look(folder).query_row(sql, [], |row| row.get(0)).expect("a count")
}

/// Sends events with the secret key; all of them must be stored.
fn send(collector: &Collector, events: &[Value]) {
    for events in events.chunks(400) {
        let results = results(collector, events);
        assert!(results.iter().all(|result| result["status"] == "stored"), "{results:?}");
    }
}

fn results(collector: &Collector, events: &[Value]) -> Vec<Value> {
    let answer = collector.send(&Request::post("/v1/events").key(SECRET).json(&json!({"events": events})));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["results"].as_array().expect("results").clone()
}

fn post(collector: &Collector, path: &str, body: &Value) -> Value {
    let answer = collector.send(&Request::post(path).key(SECRET).json(body));
    assert_eq!(answer.status, 200, "POST {path}: {}", answer.text());
    answer.json()
}

/// As a page sends: the key is in the body.
fn page(collector: &Collector, body: &Value) -> Value {
    let answer = collector.send(&Request::post("/v1/events").json(body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["results"].clone()
}

/// Visits of so many visitors, each at these days before now, `n` events a visit.
fn visits(dice: &mut Dice, visitors: &[String], days: &[i64], n: usize) -> Vec<Value> {
    let mut events = Vec::new();
    for visitor in visitors {
        for day in days {
            events.extend(history(dice, visitor, now() - day * DAY, n));
        }
    }
    events
}

fn ids(n: usize) -> Vec<String> {
    (0..n).map(|_| fresh_id()).collect()
}

/// Those of exported events that are of these visitors.
fn of(export: &[Value], visitors: &[String]) -> Vec<Value> {
    let theirs = |event: &&Value| visitors.iter().any(|visitor| event["visitor"] == visitor.as_str());
    export.iter().filter(theirs).cloned().collect()
}

fn tables(collector: &Collector) -> [Value; 2] {
    let range = format!("from={}&to={}&tz=UTC", time::text(now() - 60 * DAY), time::text((now() + DAY) / DAY * DAY));
    [
        collector.get(&format!("/v1/reports/traffic?step=day&{range}"))["rows"].clone(),
        collector.get(&format!("/v1/reports/top?limit=1000&{range}"))["rows"].clone(),
    ]
}

#[test]
fn retention_takes_events_and_leaves_counts_and_facts() {
    let mut collector = Collector::new();
    let folder = Arc::clone(&collector.folder);
    let mut dice = Dice(31);
    let (stay, go) = (ids(12), ids(6));
    send(&collector, &visits(&mut dice, &stay, &[40, 30, 21, 9, 3], 60));
    send(&collector, &visits(&mut dice, &go, &[40, 20], 60));
    let mut titled = event("page_view");
    titled["at"] = json!(time::text(now() - 35 * DAY));
    titled["visitor"] = json!(go[0]);
    titled["page"] = json!({"url": "https://shop.example/only-then", "title": "Long ago"});
    let mut order = event("purchase");
    order["at"] = titled["at"].clone();
    order["visitor"] = json!(go[0]);
    order["transaction_id"] = json!("order-of-long-ago");
    send(&collector, &[titled, order.clone()]);
    let before = collector.export();
    let reports = tables(&collector);
    check_facts(&collector, &before);

    for wrong in [json!(7), json!(8.5), json!("8"), json!(-1), json!(1e9)] {
        let answer = collector.send(&Request::put("/v1/site").key(SECRET).json(&json!({"retention": wrong})));
        assert_eq!((answer.status, answer.json()["path"].as_str()), (422, Some("retention")), "{wrong}");
    }
    collector.put("/v1/site", &json!({"retention": 14}));
    let done = post(&collector, "/v1/upkeep", &json!({}));
    let site = collector.get("/v1/site");
    assert_eq!(site["retention"], 14);
    let sealed = time::parse(site["sealed_before"].as_str().expect("a time")).expect("a time");
    assert_eq!(sealed % (15 * MINUTE), 0);
    assert!((now() - 14 * DAY - sealed) < 16 * MINUTE);

    let after = collector.export();
    let since = |event: &Value| time::parse(event["time"].as_str().expect("a time")).expect("a time") >= sealed;
    assert_eq!(after, before.iter().filter(|event| since(event)).cloned().collect::<Vec<_>>());
    assert_eq!(done["events"], json!(before.len() - after.len()));
    assert_eq!(site["events"], json!(before.len()), "how many there were is still told");
    assert_eq!(tables(&collector), reports, "sums, sessions and visitors are counts that stay");
    // Sessions and facts of who came since are those of all that they ever did.
    assert_eq!(check_facts(&collector, &of(&before, &stay)).0, stay.len());
    for gone in &go {
        assert_eq!(collector.send(&Request::get(&format!("/v1/visitors/{gone}")).key(SECRET)).status, 404);
    }
    assert_eq!(count(&folder, "select count(*) from visitors"), stay.len() as i64);
    for text in ["Long ago", "https://shop.example/only-then"] {
        assert_eq!(count(&folder, &format!("select count(*) from strings where text = '{text}'")), 0, "{text}");
    }
    check_verify(&folder);

    // Later, late and far too late.
    let late = visits(&mut dice, &stay, &[6, 1], 20);
    send(&collector, &late);
    let all = [of(&before, &stay), collector.export()].concat();
    let mut seen = std::collections::HashSet::new();
    let all: Vec<Value> = all.into_iter().filter(|event| seen.insert(event["id"].to_string())).collect();
    check_facts(&collector, &all);
    let mut old = event("page_view");
    old["visitor"] = json!(go[0]);
    old["at"] = json!(time::text(sealed - 1));
    let result = results(&collector, &[old.clone()])[0].clone();
    assert_eq!((&result["status"], &result["code"]), (&json!("rejected"), &json!("too_old")), "{result}");
    let detail = result["detail"].as_str().expect("a detail");
    assert!(detail.contains(&time::text(sealed)), "{detail}");
    assert_eq!(collector.get("/v1/site")["rejected"]["too_old"], 1);
    old["at"] = json!(time::text(sealed));
    send(&collector, &[old]);
    // An order is an order once, whether or not its event is still there.
    order["id"] = json!(fresh_id());
    order["at"] = json!(time::text(now()));
    assert_eq!(results(&collector, &[order])[0]["code"], "same_transaction");
    assert_eq!(post(&collector, "/v1/upkeep", &json!({}))["events"], 0);
    check_verify(&folder);

    assert!(collector.terminate().success());
    check_verify(&folder);
    let collector = Collector::over(&folder, &[]);
    check_facts(
        &collector,
        &[all, collector.export()].concat().into_iter().fold(Vec::new(), |mut list, event| {
            if !list.iter().any(|have: &Value| have["id"] == event["id"]) {
                list.push(event);
            }
            list
        }),
    );
}

#[test]
fn a_purge_that_is_killed_is_gone_on_with() {
    let mut collector = Collector::new();
    let folder = Arc::clone(&collector.folder);
    let mut dice = Dice(32);
    let visitors = ids(30);
    // One of them alone has more than goes in one transaction.
    send(&collector, &visits(&mut dice, &visitors[..1], &[40], 1_500));
    send(&collector, &visits(&mut dice, &visitors, &[30, 20, 2], 50));
    let before = collector.export();
    let reports = tables(&collector);
    collector.put("/v1/site", &json!({"retention": 10}));
    let mut rounds = 0;
    let mut left = count(&folder, "select count(*) from events");
    loop {
        let address = collector.address;
        let asked = std::thread::spawn(move || Request::post("/v1/upkeep").key(SECRET).json(&json!({})).send(address));
        let began = now();
        // As soon as some have gone, and before all have.
        let mut have = left;
        while have == left && !asked.is_finished() {
            assert!(now() - began < BOUND.as_millis() as i64, "nothing is purged");
            have = count(&folder, "select count(*) from events");
        }
        collector.kill();
        let answered = asked.join().expect("no panic").is_ok();
        left = count(&folder, "select count(*) from events");
        check_verify(&folder);
        collector = Collector::over(&folder, &[]);
        rounds += 1;
        if answered || rounds == 20 {
            break;
        }
    }
    assert!(rounds > 1, "it was never killed half way");
    post(&collector, "/v1/upkeep", &json!({}));
    assert_eq!(tables(&collector), reports);
    assert_eq!(check_facts(&collector, &before).0, visitors.len());
    assert!(collector.terminate().success());
    check_verify(&folder);
}

#[test]
fn rejects_go_after_two_weeks_and_their_counts_stay() {
    let mut collector = Collector::new();
    let folder = Arc::clone(&collector.folder);
    let bad = json!({"key": PUBLIC, "visitor": fresh_id(), "events": [{"id": fresh_id(), "name": "1"}, {"id": fresh_id(), "name": "2"}]});
    page(&collector, &bad);
    assert!(collector.terminate().success());
    let database = Connection::open(folder.database()).expect("the database");
    let old = format!("update rejects set received = {} where row = 1", now() - 14 * DAY - MINUTE);
    assert_eq!(database.execute(&old, []).expect("an update"), 1);
    let kept = format!("update rejects set received = {} where row = 2", now() - 14 * DAY + 5 * MINUTE);
    database.execute(&kept, []).expect("an update");
    database.execute("update reject_counts set n = 2, day = day - 14", []).expect("an update");
    drop(database);
    let collector = Collector::over(&folder, &[]);
    post(&collector, "/v1/upkeep", &json!({}));
    assert_eq!(count(&folder, "select count(*) from rejects"), 1);
    assert_eq!(collector.get("/v1/site")["rejected"]["bad_name"], 2);
}

/// What nobody else says, each in the places that it can stand in; all of it belongs to one visitor.
const PLANTED: [&str; 8] = [
    "secret boots",
    "sku-nobody-else",
    "My own title",
    "only-my-path",
    "only-my-campaign",
    "my-own-prop",
    "only-my-locale",
    "my-referrer.example",
];

/// Events of a visitor who says all that is planted, and some that everybody says.
fn planted(visitor: &str) -> Vec<Value> {
    let item =
        json!({"item_id": PLANTED[1], "item_name": PLANTED[0], "item_category": "shoes", "price": 12, "quantity": 2});
    let shared = json!({"item_id": "sku1", "item_name": "secret boots of sku1", "item_category": "bags", "price": 1, "quantity": 1});
    let page = json!({
        "url": format!("https://shop.example/{}?utm_source={}&v={visitor}", PLANTED[3], PLANTED[4]),
        "title": PLANTED[2], "referrer": format!("https://{}/", PLANTED[7]),
    });
    let mut events = Vec::new();
    for (name, items) in [
        ("page_view", json!([])),
        ("view_item", json!([item])),
        ("view_item_list", json!([item, shared])),
        ("add_to_cart", json!([item, shared])),
        ("identify", json!([])),
        ("purchase", json!([item])),
    ] {
        let mut event = event(name);
        event["visitor"] = json!(visitor);
        event["page"] = page.clone();
        event["items"] = items;
        event["props"] = json!({"note": PLANTED[5]});
        event["transaction_id"] = if name == "purchase" { json!(format!("order-{visitor}")) } else { Value::Null };
        events.push(event);
    }
    events
}

/// Where in all files of a folder a text stands.
fn found(folder: &Folder, text: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let files = folder.files().into_iter().filter(|(_, bytes)| holds(bytes));
    files.map(|(path, _)| format!("{text:?} in {}", path.display())).collect()
}

fn check_nowhere(folder: &Folder, visitor: &str) {
    for text in PLANTED.into_iter().chain([visitor]) {
        assert_eq!(found(folder, text), Vec::<String>::new());
    }
}

/// A collector with other visitors in it, and one who is planted; also what the others make.
fn with_planted() -> (Collector, String, Vec<Value>) {
    let collector = Collector::new();
    let mut dice = Dice(33);
    let others = ids(8);
    send(&collector, &visits(&mut dice, &others, &[3, 1], 80));
    let visitor = fresh_id();
    let body = json!({"events": planted(&visitor), "user": "user-77", "context": {"locale": PLANTED[6]}});
    post(&collector, "/v1/events", &body);
    // Many more, so that their pages are split and merged.
    let more: Vec<Value> =
        (0..60).flat_map(|_| planted(&visitor)).filter(|event| event["name"] != "purchase").collect();
    send(&collector, &more);
    send(&collector, &visits(&mut dice, &others, &[2], 80));
    let mut bad = event("page_view");
    bad["value"] = json!("12 EUR");
    bad["page"] = json!({"title": PLANTED[2]});
    post(&collector, "/v1/events", &json!({"visitor": visitor, "events": [bad]}));
    // Of another visitor, and yet it names this one.
    let other = json!({"visitor": others[0], "events": [{"id": fresh_id(), "name": "1", "props": {"about": visitor}}]});
    post(&collector, "/v1/events", &other);
    for text in PLANTED.into_iter().chain([visitor.as_str()]) {
        assert!(!found(&collector.folder, text).is_empty(), "{text:?} was not even there");
    }
    let rest = of(&collector.export(), &others);
    (collector, visitor, rest)
}

#[test]
fn who_is_erased_is_found_in_no_byte() {
    let (mut collector, visitor, rest) = with_planted();
    let folder = Arc::clone(&collector.folder);
    for (body, path) in [
        (json!({}), "visitor"),
        (json!({"visitor": visitor, "user": "x"}), "visitor"),
        (json!({"visitor": 1}), "visitor"),
        (json!({"visitor": "ä"}), "visitor"),
        (json!({"user": ""}), "user"),
        (json!({"visitor": visitor, "vacuum": 1}), "vacuum"),
        (json!({"all": true}), "all"),
    ] {
        let answer = collector.send(&Request::post("/v1/erase").key(SECRET).json(&body));
        assert_eq!((answer.status, answer.json()["path"].as_str()), (422, Some(path)), "{body}");
    }
    let body = json!({"visitor": visitor});
    assert_eq!(collector.send(&Request::post("/v1/erase").key(PUBLIC).json(&body)).status, 403);

    let erased = post(&collector, "/v1/erase", &body);
    let n = 6 + 60 * 5;
    for (what, expected) in [("visitors", 1), ("events", n), ("sessions", 1), ("rejects", 2), ("items", 1)] {
        assert_eq!(erased[what], expected, "{what}: {erased}");
    }
    assert_eq!((&erased["log_folded"], &erased["scrubbed"]), (&json!(true), &json!(true)), "{erased}");
    check_nowhere(&folder, &visitor);
    check_verify(&folder);

    // Nobody else lost anything.
    assert_eq!(collector.export(), rest);
    check_reports(&collector, &read(&rest), "UTC", 0);
    check_facts(&collector, &rest);
    // Neither does anything that is only in memory tell of them.
    assert_eq!(collector.send(&Request::get(&format!("/v1/visitors/{visitor}")).key(SECRET)).status, 404);
    let popular = collector.decide(&fresh_id(), &json!([{"id": "also", "kind": "items", "n": 50}])).to_string();
    let (_, mut live) = collector.open(&Request::get("/v1/live").key(SECRET));
    let live_view = format!("{:?}", live.event().expect("a snapshot"));
    drop(live);
    for text in PLANTED.into_iter().chain([&visitor[visitor.len() - 8..]]) {
        assert!(!popular.contains(text) && !live_view.contains(text), "{text:?} is told");
    }

    let again = post(&collector, "/v1/erase", &body);
    for what in ["visitors", "events", "sessions", "checkpoints", "rejects", "items", "strings", "clients"] {
        assert_eq!(again[what], 0, "{what}: {again}");
    }
    // Who comes back is new; the order that was told of is still the same order.
    let back = planted(&visitor);
    let codes: Vec<Value> = results(&collector, &back).iter().map(|result| result["status"].clone()).collect();
    assert_eq!(codes, ["stored", "stored", "stored", "stored", "stored", "duplicate"]);
    let profile = collector.get(&format!("/v1/visitors/{visitor}"));
    assert_eq!((&profile["facts"]["visits"], &profile["facts"]["n.page_view"]), (&json!(1), &json!(1)));
    check_verify(&folder);
    post(&collector, "/v1/erase", &body);
    assert!(collector.terminate().success());
    check_nowhere(&folder, &visitor);
    check_verify(&folder);
}

#[test]
fn a_user_is_erased_with_what_was_joined_and_what_was_noted() {
    let (collector, visitor, rest) = with_planted();
    let folder = Arc::clone(&collector.folder);
    let other = rest[0]["visitor"].as_str().expect("an id").to_owned();
    // Noted on an event of another visitor, and joined to nobody, as nobody signed for it.
    let mut noted = event("page_view");
    noted["page"] = json!({"title": PLANTED[2]});
    noted["at"] = json!(time::text(now() - 2 * DAY));
    let body = json!({"key": PUBLIC, "visitor": other, "user": "user-77", "events": [noted]});
    assert_eq!(page(&collector, &body)[0]["status"], "stored");
    assert_eq!(collector.export().len(), rest.len() + 6 + 300 + 1);

    let erased = post(&collector, "/v1/erase", &json!({"user": "user-78"}));
    assert_eq!((&erased["visitors"], &erased["events"]), (&json!(0), &json!(0)));
    let erased = post(&collector, "/v1/erase", &json!({"user": "user-77"}));
    assert_eq!((&erased["visitors"], &erased["events"]), (&json!(1), &json!(6 + 300 + 1)));
    check_nowhere(&folder, &visitor);
    assert_eq!(collector.export(), rest);
    check_reports(&collector, &read(&rest), "UTC", 0);
    check_facts(&collector, &rest);
    check_verify(&folder);
}

#[test]
fn a_reader_holds_the_log_up_and_not_the_erasing() {
    let (collector, visitor, rest) = with_planted();
    let folder = Arc::clone(&collector.folder);
    let reader = look(&folder);
    reader.execute_batch("begin").expect("a transaction");
    let n: i64 = reader.query_row("select count(*) from events", [], |row| row.get(0)).expect("a count");
    let erased = post(&collector, "/v1/erase", &json!({"visitor": visitor}));
    assert_eq!((&erased["visitors"], &erased["log_folded"]), (&json!(1), &json!(false)), "{erased}");
    assert!(erased["notes"].to_string().contains("reader"), "{erased}");
    assert_eq!(collector.export(), rest);
    assert_eq!(reader.query_row("select count(*) from events", [], |row| row.get::<_, i64>(0)), Ok(n));
    drop(reader);
    post(&collector, "/v1/upkeep", &json!({}));
    check_nowhere(&folder, &visitor);
    check_verify(&folder);
}

#[test]
fn an_erasure_that_is_killed_is_gone_on_with() {
    let collector = Collector::new();
    let folder = Arc::clone(&collector.folder);
    let mut dice = Dice(34);
    let (visitor, other) = (fresh_id(), fresh_id());
    send(&collector, &visits(&mut dice, std::slice::from_ref(&other), &[3], 100));
    let rest = collector.export();
    send(&collector, &visits(&mut dice, std::slice::from_ref(&visitor), &[6], 3_000));
    let all = count(&folder, "select count(*) from events");
    let (address, body) = (collector.address, json!({"visitor": visitor}));
    let asked = std::thread::spawn(move || Request::post("/v1/erase").key(SECRET).json(&body).send(address));
    let began = now();
    while count(&folder, "select count(*) from events") == all && !asked.is_finished() {
        assert!(now() - began < BOUND.as_millis() as i64, "nothing is erased");
    }
    collector.kill();
    // Answered or not: what there is now is whole.
    let _ = asked.join().expect("no panic");
    check_verify(&folder);
    let mut collector = Collector::over(&folder, &[]);
    assert_eq!(collector.send(&Request::get(&format!("/v1/visitors/{visitor}")).key(SECRET)).status, 404);
    post(&collector, "/v1/upkeep", &json!({}));
    assert_eq!(collector.export(), rest);
    check_reports(&collector, &read(&rest), "UTC", 0);
    check_facts(&collector, &rest);
    assert_eq!(found(&folder, &visitor), Vec::<String>::new());
    assert!(collector.terminate().success());
    check_verify(&folder);
}

#[test]
fn the_command_erases_where_no_collector_runs() {
    let (mut collector, visitor, rest) = with_planted();
    let folder = Arc::clone(&collector.folder);
    let erase = |more: &[&str]| {
        beckon().arg("erase").arg("--data").arg(folder.data()).args(more).output().expect("the program runs")
    };
    let said = erase(&["--visitor", &visitor]);
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("POST /v1/erase"));
    assert!(collector.terminate().success());
    for wrong in [&[][..], &["--visitor", "a", "--user", "b"]] {
        assert_eq!(erase(wrong).status.code(), Some(2));
    }
    let said = erase(&["--user", "user-77"]);
    assert_eq!(said.status.code(), Some(0), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(String::from_utf8_lossy(&said.stdout).contains("306 events"), "{}", String::from_utf8_lossy(&said.stdout));
    let log = folder.log();
    assert!(!log.contains(&visitor));
    check_nowhere(&folder, &visitor);
    check_verify(&folder);
    let collector = Collector::over(&folder, &[]);
    assert_eq!(collector.export(), rest);
    check_facts(&collector, &rest);
}

/// Damage, and what verify is to say of it.
const DAMAGES: &[(&str, &str)] = &[
    ("update visitors set state = (select state from visitors where id = 2) where id = 1", "visitor 1: the facts"),
    ("update sessions set events = events + 1 where visitor = 1", "is kept otherwise"),
    ("delete from sessions where visitor = 1", "is not kept"),
    (
        "insert into sessions (visitor, start, id, site, end, events, pages) values (1, 5, x'00000000000000000000000000000005', 1, 6, 1, 0)",
        "is kept otherwise",
    ),
    ("update quarters set n = n + 1 where quarter = (select min(quarter) from quarters)", "sums of events"),
    ("update quarters set value = value + 1", "sums of events"),
    ("delete from item_quarters", "sums of items"),
    ("update item_quarters set revenue = revenue - 1 where purchases > 0", "sums of items"),
    ("delete from events where row = 3", "visitor"),
    ("update events set visitor = 999 where row = 3", "of a visitor and with a name"),
    ("update events set name = 999999 where row = 3", "of a visitor and with a name"),
    ("update events set url = 999999 where url is not null", "strings that are referred to are not there"),
    ("update events set client = 999999 where row = 3", "clients that are referred to are not there"),
    ("update strings set text = 'x' where id = (select max(title) from events)", "not found by their hash"),
    ("update transactions set event = 999999", "orders are of no event"),
    ("delete from transactions", "have an order that is not kept"),
    ("update checkpoints set state = (select state from visitors where id = 2)", "is not the fold up to there"),
    ("update checkpoints set time = time + 1", "is not the fold up to there"),
    (
        "insert into checkpoints (visitor, time, id, state) select 999, time, id, state from checkpoints",
        "of checkpoints are not there",
    ),
    ("update reject_counts set n = 0", "counts of rejects"),
];

#[test]
fn verify_sees_what_does_not_fit() {
    let mut collector = Collector::new();
    let folder = Arc::clone(&collector.folder);
    let mut dice = Dice(35);
    let mut events = visits(&mut dice, &ids(2), &[3], 300);
    let mut first = event("page_view");
    first["visitor"] = events[0]["visitor"].clone();
    first["page"] = json!({"title": "A title", "url": "https://shop.example/"});
    events.push(first);
    send(&collector, &events);
    page(&collector, &json!({"key": PUBLIC, "visitor": fresh_id(), "events": [{"id": fresh_id(), "name": "1"}]}));
    assert!(collector.terminate().success());
    check_verify(&folder);
    let sound = std::fs::read(folder.database()).expect("the database");
    for (damage, expected) in DAMAGES {
        std::fs::write(folder.database(), &sound).expect("the database");
        let database = Connection::open(folder.database()).expect("the database");
        assert!(database.execute(damage, []).expect("damage") > 0, "{damage} does no harm");
        drop(database);
        let said = verify(&folder);
        let text = String::from_utf8_lossy(&said.stdout);
        assert_eq!(said.status.code(), Some(1), "{damage}: {text}{}", String::from_utf8_lossy(&said.stderr));
        assert!(text.contains(expected), "{damage}: {text}");
    }
}

//! What was not stored: told, page by page, and taken in once more.

use crate::collector::{Collector, PUBLIC, SECRET, about, beckon, event, fresh_id, now, same};
use crate::http::Request;
use engine::time;
use serde_json::{Value, json};

const BOT: &str = "Googlebot/2.1 (+http://www.google.com/bot.html)";

/// Sends a body with the public key, as a bot where it says so.
fn send(collector: &Collector, bot: bool, body: &Value) -> Value {
    let request = Request::post("/v1/events").key(PUBLIC).json(body);
    let request = if bot { request.header("user-agent", BOT) } else { request };
    let answer = collector.send(&request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["results"].clone()
}

fn rejected(collector: &Collector, query: &str) -> (Vec<Value>, Value) {
    let answer = collector.get(&format!("/v1/rejected{query}"));
    (answer["rejected"].as_array().expect("a list").clone(), answer["next"].clone())
}

fn replay(collector: &Collector, ids: &[&Value]) -> Value {
    let answer = collector.send(&Request::post("/v1/rejected/replay").key(SECRET).json(&json!({"ids": ids})));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["results"].clone()
}

fn verified(collector: &Collector) {
    let output = beckon().arg("verify").arg("--data").arg(collector.folder.data()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn what_was_not_stored_is_listed_newest_first_and_page_by_page() {
    let collector = Collector::new();
    let visitor = fresh_id();
    let mut bad = event("add_to_cart");
    bad["items"] = json!([{"item_id": "a", "price": "12 EUR", "coupon": "ask jo@mail.example"}]);
    bad["user"] = json!("42");
    send(&collector, false, &json!({"visitor": visitor, "events": [bad, {"name": "1st"}, {"at": 7}]}));
    let seen = event("page_view");
    send(&collector, true, &json!({"visitor": visitor, "events": [seen]}));
    let mut long = event("click");
    long["value"] = json!("x");
    long["props"] = (0..20).map(|n| (format!("p{n}"), json!("x".repeat(900)))).collect();
    send(&collector, false, &json!({"visitor": visitor, "events": [long]}));

    let (all, next) = rejected(&collector, "");
    assert_eq!(next, Value::Null);
    let codes: Vec<&str> = all.iter().filter_map(|kept| kept["code"].as_str()).collect();
    assert_eq!(codes, ["bad_value", "bot", "bad_name", "bad_name", "bad_value"]);
    assert_eq!((&all[1]["filtered"], &all[0]["filtered"]), (&json!(true), &json!(false)));
    assert_eq!((&all[0]["cut"], all[0]["body"].as_str().map(str::len)), (&json!(true), Some(8 * 1024)));
    let first = &all[4];
    assert_eq!(first["path"], "items[0].price");
    assert_eq!(first["detail"], "expected a number >= 0, got \"12 EUR\"");
    assert_eq!(first["trusted"], false);
    assert!(first["received"].as_str().and_then(time::parse).is_some_and(|received| received <= now()));
    // Masked, without the user, and with the visitor that the envelope named.
    bad["items"][0]["coupon"] = json!("ask [email]");
    bad["visitor"] = json!(visitor);
    bad.as_object_mut().expect("an object").remove("user");
    assert!(same(&first["body"], &bad), "{first}");

    let ids = |list: &[Value]| list.iter().map(|kept| kept["id"].clone()).collect::<Vec<_>>();
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let (page, next) = rejected(&collector, &format!("?limit=2{cursor}"));
        assert!(page.len() <= 2);
        pages.extend(page);
        let Some(next) = next.as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(ids(&pages), ids(&all));
    assert_eq!(rejected(&collector, "?code=bot").0.len(), 1);
    assert_eq!(rejected(&collector, "?code=unheard_of").0.len(), 0);
    let hour = |shift: i64| time::text(now() + shift * time::HOUR);
    assert_eq!(rejected(&collector, &format!("?from={}", hour(-1))).0.len(), 5);
    assert_eq!(rejected(&collector, &format!("?to={}", hour(-1))).0.len(), 0);
    for (query, path) in [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?from=yesterday", "from"),
        ("?cursor=7", "cursor"),
        ("?colour=red", "colour"),
    ] {
        let answer = collector.send(&Request::get(&format!("/v1/rejected{query}")).key(SECRET));
        assert_eq!((answer.said(), &answer.json()["path"]), ("400 bad_value".to_owned(), &json!(path)), "{query}");
    }
    assert_eq!(collector.send(&Request::get("/v1/rejected").key(PUBLIC)).said(), "403 no_scope");
}

#[test]
fn what_was_filtered_is_taken_in_once_more_as_it_came_then() {
    let collector = Collector::new();
    let (visitor, sent) = (fresh_id(), now() - 3 * time::HOUR);
    let mut cart = about("add_to_cart", "sku7", "shoes");
    cart["at"] = json!(time::text(sent - 5_000));
    cart["user"] = json!("42");
    let mut nameless = event("scroll");
    nameless["at"] = cart["at"].clone();
    nameless.as_object_mut().expect("an object").remove("id");
    let body = json!({"visitor": visitor, "sent_at": time::text(sent), "events": [cart, nameless]});
    send(&collector, true, &body);
    let (kept, _) = rejected(&collector, "");
    assert_eq!(kept.len(), 2);
    let ids: Vec<&Value> = kept.iter().rev().map(|kept| &kept["id"]).collect();

    let results = replay(&collector, &[ids[0], ids[1], ids[0], &json!(4711)]);
    assert_eq!(results[0], json!({"id": ids[0], "status": "stored", "event": cart["id"]}));
    assert_eq!(results[1]["status"], "stored");
    assert_eq!(results[2], json!({"id": ids[0], "status": "gone"}));
    assert_eq!(results[3], json!({"id": 4711, "status": "gone"}));
    assert_eq!(rejected(&collector, "").0, [Value::Null; 0]);
    assert_eq!(replay(&collector, &ids)[0]["status"], "gone");
    let export = collector.export();
    assert_eq!(export.len(), 2);
    let stored = export.iter().find(|stored| stored["id"] == cart["id"]).expect("the event");
    // The sender's clock is put right by when it came, not by when it was tried again.
    assert_eq!(stored["received"], kept[1]["received"]);
    let ms = |value: &Value| value.as_str().and_then(time::parse).expect("a time");
    assert_eq!(ms(&stored["time"]) - ms(&stored["at"]), ms(&stored["received"]) - sent);
    assert_eq!(collector.decide(&visitor, &json!([]))["facts"]["cart.items"], 1);
    // Counts say what was refused then; they stay.
    assert_eq!(collector.get("/v1/site")["rejected"], json!({"bot": 2}));
    verified(&collector);
}

#[test]
fn what_is_still_wrong_is_told_and_stays() {
    let collector = Collector::new();
    let visitor = fresh_id();
    let first = event("view_item");
    let mut changed = first.clone();
    changed["value"] = json!(6);
    let mut bad = event("purchase");
    bad["value"] = json!("12 EUR");
    let mut old = event("click");
    old["at"] = json!(time::text(now() - 8 * time::DAY));
    let mut large = event("click");
    large["props"] = json!({"a": "x".repeat(33 * 1024)});
    let mut cut = event("click");
    cut["value"] = json!("x");
    cut["props"] = (0..20).map(|n| (format!("p{n}"), json!("x".repeat(900)))).collect();
    let twice = event("scroll");
    send(&collector, true, &json!({"visitor": visitor, "events": [twice]}));
    send(&collector, false, &json!({"visitor": visitor, "events": [first, changed, bad, old, large, cut]}));
    let mut again = twice.clone();
    again["visitor"] = json!(visitor);
    send(&collector, false, &json!({"visitor": visitor, "events": [again]}));

    let before = rejected(&collector, "").0;
    let of = |code: &str, nth: usize| {
        before.iter().filter(|kept| kept["code"] == code).nth(nth).map(|kept| &kept["id"]).expect("a reject")
    };
    let ids = [
        of("id_conflict", 0),
        of("bad_value", 1),
        of("bad_value", 0),
        of("too_old", 0),
        of("event_too_large", 0),
        of("bot", 0),
    ];
    let results = replay(&collector, &ids);
    let said: Vec<String> = results
        .as_array()
        .expect("results")
        .iter()
        .map(|result| {
            let part = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
            format!("{} {} {}", part("status"), part("code"), part("path")).trim_end().to_owned()
        })
        .collect();
    assert_eq!(
        said,
        [
            "rejected id_conflict id",
            "rejected bad_value value",
            "rejected cut",
            "rejected too_old at",
            "rejected cut",
            // What was stored since then is not stored twice.
            "duplicate",
        ]
    );
    assert_eq!(rejected(&collector, "").0.len(), before.len() - 1, "only the duplicate is gone");
    assert_eq!(collector.export().len(), 2);
    let counts = collector.get("/v1/site")["rejected"].clone();
    assert_eq!(counts, json!({"bad_value": 2, "bot": 1, "event_too_large": 1, "id_conflict": 1, "too_old": 1}));
    verified(&collector);
}

#[test]
fn only_a_secret_key_that_sends_and_manages_takes_in_once_more() {
    let collector = Collector::new();
    send(&collector, true, &json!({"visitor": fresh_id(), "events": [event("a")]}));
    let id = &rejected(&collector, "").0[0]["id"];
    let make = |scopes: Value| {
        let body = json!({"name": "k", "kind": "secret", "scopes": scopes});
        let answer = collector.send(&Request::post("/v1/keys").key(SECRET).json(&body));
        answer.json()["key"].as_str().expect("a key").to_owned()
    };
    let post = |key: &str, body: &Value| {
        let answer = collector.send(&Request::post("/v1/rejected/replay").key(key).json(body));
        answer.said()
    };
    let good = json!({"ids": [id]});
    assert_eq!(post(PUBLIC, &good), "403 no_scope");
    assert_eq!(post(&make(json!(["ingest"])), &good), "403 no_scope");
    assert_eq!(post(&make(json!(["manage"])), &good), "403 no_scope");
    for wrong in [
        json!({}),
        json!({"ids": []}),
        json!({"ids": ["7"]}),
        json!({"ids": [1.5]}),
        json!({"ids": [0]}),
        json!({"ids": vec![1; 501]}),
        json!({"ids": [id], "all": true}),
    ] {
        assert_eq!(post(SECRET, &wrong), "422 bad_value", "{wrong}");
    }
    assert_eq!(collector.export(), [Value::Null; 0]);
    assert_eq!(post(&make(json!(["ingest", "manage"])), &good), "200");
    assert_eq!(collector.export().len(), 1);
}

#[test]
fn a_site_keeps_a_bounded_number_of_rejects_and_counts_all() {
    let mut collector = Collector::new();
    let folder = std::sync::Arc::clone(&collector.folder);
    let count = |collector: &Collector| {
        let site = collector.get("/v1/site");
        site["rejected"]["bad_name"].as_i64().unwrap_or_else(|| panic!("{site}"))
    };
    let refuse = |collector: &Collector, name: &str| {
        let refused = json!({"id": fresh_id(), "name": name, "at": time::text(now())});
        assert_eq!(send(collector, false, &json!({"events": [refused]}))[0]["code"], "bad_name");
        refused
    };
    refuse(&collector, "1st");
    assert!(collector.terminate().success());
    let database = rusqlite::Connection::open(folder.database()).expect("the database");
    // One less than there is room for.
    let filled = "insert into rejects (hash, site, received, sent_at, trusted, visitor, code, path, detail, body) \
                  with recursive n (n) as (select 1 union all select n + 1 from n where n < 99998) \
                  select null, site, received, null, 0, null, code, path, detail, body from rejects, n";
    assert_eq!(database.execute(filled, []).expect("many rejects"), 99_998);
    database.execute("update reject_counts set n = n + 99998", []).expect("as many counted");
    drop(database);

    let collector = Collector::over(&folder, &[]);
    let kept = || {
        let database = rusqlite::Connection::open(folder.database()).expect("the database");
        database.query_row("select count(*) from rejects", [], |row| row.get::<_, i64>(0)).expect("a count")
    };
    let last = refuse(&collector, "2nd");
    assert_eq!((kept(), count(&collector)), (100_000, 100_000));
    refuse(&collector, "3rd");
    refuse(&collector, "4th");
    assert_eq!((kept(), count(&collector)), (100_000, 100_002));
    // What is kept is known when it comes again.
    send(&collector, false, &json!({"events": [last]}));
    assert_eq!((kept(), count(&collector)), (100_000, 100_002));
    assert_eq!(rejected(&collector, "?limit=1").0[0]["body"]["name"], "2nd");
    verified(&collector);
}

//! Events in: what is stored, what is refused and how that is said, and that nothing personal gets through.

use crate::collector::{Collector, PUBLIC, SECRET, event, fresh_id, now, same};
use crate::http::{Answer, BOUND, Request};
use engine::time;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A name, and what such an event usually tells.
const NAMES: &[(&str, &str)] = &[
    ("page_view", r#"{"page":{"url":"https://shop.example/p/7","title":"Boot"}}"#),
    ("user_engagement", r#"{"engagement_time_msec":1200}"#),
    ("scroll", r#"{"percent_scrolled":90}"#),
    ("click", r#"{"link_url":"https://shop.example/help"}"#),
    ("file_download", r#"{"file_name":"sizes.pdf"}"#),
    ("search", r#"{"search_term":"winter boots"}"#),
    ("view_search_results", r#"{"search_term":"靴子"}"#),
    ("sign_up", r#"{"method":"form"}"#),
    ("login", r#"{"method":"form"}"#),
    (
        "view_item_list",
        r#"{"item_list_id":"shoes","items":[{"item_id":"sku7","index":1},{"item_id":"sku8","index":2}]}"#,
    ),
    ("select_item", r#"{"item_list_id":"shoes","items":[{"item_id":"sku7"}]}"#),
    ("view_item", r#"{"items":[{"item_id":"sku7","price":89}],"currency":"EUR","value":89}"#),
    ("add_to_wishlist", r#"{"items":[{"item_id":"sku7"}]}"#),
    ("add_to_cart", r#"{"items":[{"item_id":"sku7","price":89,"quantity":2}],"currency":"EUR","value":178}"#),
    ("remove_from_cart", r#"{"items":[{"item_id":"sku7","quantity":1}]}"#),
    ("view_cart", r#"{"items":[{"item_id":"sku7","quantity":1}]}"#),
    ("begin_checkout", r#"{"items":[{"item_id":"sku7"}],"coupon":"FALL"}"#),
    ("add_shipping_info", r#"{"shipping_tier":"ground"}"#),
    ("add_payment_info", r#"{"payment_type":"card"}"#),
    ("purchase", r#"{"transaction_id":"T-1","items":[{"item_id":"sku7"}],"value":89,"currency":"EUR"}"#),
    ("refund", r#"{"transaction_id":"T-1","value":89,"currency":"EUR"}"#),
    ("view_promotion", r#"{"promotion_id":"free-ship","creative_slot":"hero","creative_name":"a"}"#),
    ("select_promotion", r#"{"promotion_id":"free-ship","creative_slot":"hero","creative_name":"a"}"#),
    ("generate_lead", r#"{"value":5,"currency":"EUR"}"#),
    ("share", r#"{"method":"link","content_type":"item"}"#),
    ("exception", r#"{"description":"x is undefined","fatal":false}"#),
    ("web_vitals", r#"{"metric":"LCP","metric_value":1830.5}"#),
    ("identify", r#"{"plan":"gold"}"#),
    ("rage_click", r#"{"selector":"button.buy"}"#),
    ("dead_click", r#"{"selector":"span.price"}"#),
    ("form_start", r#"{"form_id":"newsletter"}"#),
    ("form_submit", r#"{"form_id":"newsletter"}"#),
    ("a", "{}"),
    ("Tried_on_4", r#"{"props":{"mirror":true}}"#),
];

#[test]
fn every_name_is_stored_and_counted() {
    let missing = engine::event::NAMES.iter().filter(|name| !NAMES.iter().any(|(have, _)| have == *name));
    assert_eq!(missing.count(), 0, "every name has a case");
    let collector = Collector::new();
    for (name, fields) in NAMES {
        let visitor = fresh_id();
        let sent = with(event(name), fields);
        let decision = collector.store(&visitor, std::slice::from_ref(&sent), &json!({"slots": []}));
        assert!(decision["facts"][format!("n.{name}")] == 1, "{name}: {decision}");
        let timeline = collector.get(&format!("/v1/visitors/{visitor}"))["timeline"].clone();
        assert_eq!(timeline[0]["name"], *name);
        assert_eq!(timeline[0]["items"], with(json!({"items": null}), fields)["items"], "{name}");
    }
}

#[test]
fn the_example_of_the_documentation_is_stored() {
    let collector = Collector::new();
    let (visitor, id, at) = (fresh_id(), fresh_id(), time::text(now() - 400));
    let body = json!({
        "key": PUBLIC, "sent_at": time::text(now()), "visitor": visitor, "session": fresh_id(), "user": "42",
        "context": {"sdk": "beckon-js/0.1.0", "locale": "zh-CN", "tz": "Asia/Shanghai", "screen": [1440, 900],
                    "consent": "granted"},
        "events": [{"id": id, "name": "add_to_cart", "at": at,
            "page": {"url": "https://shop.example/p/7?utm_source=mail", "title": "Boot", "referrer": "https://a.example/"},
            "items": [{"item_id": "sku7", "item_name": "Boot", "item_category": "shoes", "price": 89.0, "quantity": 1}],
            "currency": "EUR", "value": 89.0, "transaction_id": null, "props": {"color": "red"}}],
        "decide": {"slots": [{"id": "hero"}]}
    });
    let answer = post(&collector, &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["results"], json!([{"id": id, "status": "stored"}]));
    let facts = &answer.json()["decision"]["facts"];
    for (fact, value) in [
        ("n.add_to_cart", json!(1)),
        ("cart.items", json!(1)),
        ("cart.value", json!(89)),
        ("session.utm_source", json!("mail")),
        ("session.landing.path", json!("/p/7")),
        ("user.known", json!(false)),
    ] {
        assert_eq!(facts[fact], value, "{fact} in {facts}");
    }
    let export = collector.export();
    let [stored] = export.as_slice() else { panic!("one event: {export:?}") };
    for (field, value) in [
        ("id", json!(id)),
        ("name", json!("add_to_cart")),
        ("at", json!(at)),
        ("time", json!(at)),
        ("visitor", json!(visitor)),
        ("page", body["events"][0]["page"].clone()),
        ("items", body["events"][0]["items"].clone()),
        ("currency", json!("EUR")),
        ("value", json!(89)),
        ("props", json!({"color": "red"})),
    ] {
        assert!(same(&stored[field], &value), "{field}: {} and {value}", stored[field]);
    }
}

/// An event: what differs from a plain one (`null` takes a field away; `$-8d` and the like stand for times), and what
/// comes of it: a status, for a rejection code and path, and the paths of warnings.
const FROM_THE_PAGE: &[(&str, &str)] = &[
    // Warnings.
    (r#"{"id":null}"#, "stored !id"),
    (r#"{"value":"89.00"}"#, "stored !value"),
    (r#"{"items":[{"item_id":"a","price":" 12.50 ","quantity":"2"}]}"#, "stored !items[0].price !items[0].quantity"),
    (r#"{"transaction_id":17}"#, "stored !transaction_id"),
    (r#"{"items":[{"item_id":7}]}"#, "stored !items[0].item_id"),
    (r#"{"items":[{"item_name":"Boot"}]}"#, "stored !items[0]"),
    // Nothing to say about.
    (r#"{"page":null,"items":null,"currency":null,"value":null,"props":null,"user":null}"#, "stored"),
    (r#"{"items":[]}"#, "stored"),
    (r#"{"currency":"eur","value":0}"#, "stored"),
    (r#"{"value":1000000000}"#, "stored"),
    (r#"{"at":"$-6d"}"#, "stored"),
    (r#"{"at":"$+50m"}"#, "stored"),
    (r#"{"page":{"title":"a\u0000b \ud83d\udc62"}}"#, "stored"),
    (r#"{"props":{"a":{"b":{"c":{"d":1}}}}}"#, "stored"),
    (r#"{"unheard_of":true}"#, "stored"),
    // The event itself.
    ("1", "rejected bad_event"),
    ("null", "rejected bad_event"),
    (r#""page_view""#, "rejected bad_event"),
    ("[]", "rejected bad_event"),
    // Ids.
    (r#"{"id":"7"}"#, "rejected bad_id id"),
    (r#"{"id":7}"#, "rejected bad_id id"),
    (r#"{"visitor":"jo"}"#, "rejected bad_id visitor"),
    (r#"{"visitor":"two words"}"#, "rejected bad_id visitor"),
    (r#"{"session":"mine"}"#, "rejected bad_id session"),
    // Names.
    (r#"{"name":null}"#, "rejected bad_name name"),
    (r#"{"name":""}"#, "rejected bad_name name"),
    (r#"{"name":"1st"}"#, "rejected bad_name name"),
    (r#"{"name":"add to cart"}"#, "rejected bad_name name"),
    (r#"{"name":["page_view"]}"#, "rejected bad_name name"),
    // Times.
    (r#"{"at":null}"#, "rejected bad_time at"),
    (r#"{"at":1511544070000}"#, "rejected bad_time at"),
    (r#"{"at":"2026-11-22"}"#, "rejected bad_time at"),
    (r#"{"at":"2026-11-22T08:00:00"}"#, "rejected bad_time at"),
    (r#"{"at":"2026-02-30T08:00:00Z"}"#, "rejected bad_time at"),
    (r#"{"at":"$-8d"}"#, "rejected too_old at"),
    (r#"{"at":"1999-12-31T23:59:59Z"}"#, "rejected too_old at"),
    (r#"{"at":"$+2h"}"#, "rejected in_future at"),
    // Values.
    (r#"{"value":"12 EUR"}"#, "rejected bad_value value"),
    (r#"{"value":"NaN"}"#, "rejected bad_value value"),
    (r#"{"value":-1}"#, "rejected bad_value value"),
    (r#"{"value":1000000001}"#, "rejected bad_value value"),
    (r#"{"value":true}"#, "rejected bad_value value"),
    (r#"{"currency":"Euro"}"#, "rejected bad_value currency"),
    (r#"{"currency":978}"#, "rejected bad_value currency"),
    (r#"{"items":{"item_id":"a"}}"#, "rejected bad_value items"),
    (r#"{"items":["a"]}"#, "rejected bad_value items[0]"),
    (r#"{"items":[{"item_id":"a"},{}]}"#, "rejected bad_value items[1].item_id"),
    (r#"{"items":[{"item_id":"a","price":-5}]}"#, "rejected bad_value items[0].price"),
    (r#"{"items":[{"item_id":"a","price":"12 EUR"}]}"#, "rejected bad_value items[0].price"),
    (r#"{"items":[{"item_id":"a","quantity":-1}]}"#, "rejected bad_value items[0].quantity"),
    (r#"{"items":[{"item_id":"a","coupon":["x"]}]}"#, "rejected bad_value items[0].coupon"),
    (r#"{"page":"https://shop.example/"}"#, "rejected bad_value page"),
    (r#"{"page":{"url":{}}}"#, "rejected bad_value page.url"),
    (r#"{"props":[]}"#, "rejected bad_value props"),
    (r#"{"value":1e400}"#, "rejected bad_value"),
    (r#"{"page":{"title":"$half"}}"#, "rejected bad_value"),
    // Sizes.
    (r#"{"props":{"a":{"b":{"c":{"d":{}}}}}}"#, "rejected too_deep props"),
    (r#"{"deep":[[[[1]]]]}"#, "rejected too_deep props"),
    (r#"{"props":{"a":"$deep"}}"#, "rejected too_deep"),
    (r#"{"props":"$many"}"#, "rejected too_many_props props"),
    (r#"{"props":{"a":"$large"}}"#, "rejected event_too_large"),
];

/// The same from a shop's own server.
const FROM_A_SERVER: &[(&str, &str)] = &[
    (r#"{"at":"$-8d"}"#, "stored"),
    (r#"{"at":"2017-11-25T00:00:00+08:00"}"#, "stored"),
    (r#"{"at":"$+2h"}"#, "stored"),
    (r#"{"visitor":"customer-4711"}"#, "stored"),
    (r#"{"session":"any"}"#, "stored"),
    (r#"{"visitor":"two words"}"#, "rejected bad_id visitor"),
    (r#"{"visitor":"besucherin-ä"}"#, "rejected bad_id visitor"),
    (r#"{"value":-1}"#, "rejected bad_value value"),
    (r#"{"at":null}"#, "rejected bad_time at"),
];

#[test]
fn a_bad_event_is_told_why_and_costs_no_other() {
    let collector = Collector::new();
    let mut stored = 0;
    for (key, cases) in [(PUBLIC, FROM_THE_PAGE), (SECRET, FROM_A_SERVER)] {
        for (fields, expected) in cases {
            check_event(&collector, key, fields, expected);
            stored += 2 + usize::from(expected.starts_with("stored"));
        }
    }
    assert_eq!(collector.export().len(), stored);
    let rejected = collector.get("/v1/site")["rejected"].clone();
    for code in [
        "bad_event",
        "bad_id",
        "bad_name",
        "bad_time",
        "bad_value",
        "too_old",
        "in_future",
        "event_too_large",
        "too_deep",
        "too_many_props",
    ] {
        let cases = FROM_THE_PAGE.iter().chain(FROM_A_SERVER).filter(|(_, said)| said.split(' ').nth(1) == Some(code));
        assert_eq!(rejected[code], cases.count(), "{code} in {rejected}");
    }
}

/// Sends the event between two good ones.
fn check_event(collector: &Collector, key: &str, fields: &str, expected: &str) {
    let middle = match serde_json::from_str::<Value>(&fields.replace("1e400", "0")).expect("JSON") {
        Value::Object(_) => with(event("page_view"), &fields.replace("1e400", "0")).to_string(),
        other => other.to_string(),
    };
    let middle = if fields.contains("1e400") { middle.replace("\"value\":0", "\"value\":1e400") } else { middle };
    let middle = middle
        .replace("\"$deep\"", &format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000)))
        .replace(
            "\"$many\"",
            &json!((0..65).map(|n| (format!("p{n}"), n)).collect::<std::collections::BTreeMap<_, _>>()).to_string(),
        )
        .replace("$half", "\\ud83d")
        .replace("$large", &"x".repeat(32 * 1024));
    let (first, last) = (event("page_view"), event("page_view"));
    let body = format!(r#"{{"visitor":"{}","events":[{first},{middle},{last}]}}"#, fresh_id());
    let answer = collector.send(&Request::post("/v1/events").key(key).body("application/json", body));
    assert_eq!(answer.status, 200, "{fields}: {}", answer.text());
    let json = answer.json();
    let results = json["results"].as_array().expect("results");
    assert_eq!(results.len(), 3, "{fields}: {json}");
    assert_eq!(results[0], json!({"id": first["id"], "status": "stored"}), "{fields}");
    assert_eq!(results[2], json!({"id": last["id"], "status": "stored"}), "{fields}");

    let result = &results[1];
    let below = |path: &Value| {
        let path = path.as_str().and_then(|path| path.strip_prefix("events[1]")).expect("a path in the second event");
        path.trim_start_matches('.').to_owned()
    };
    let mut said = vec![result["status"].as_str().expect("a status").to_owned()];
    if said == ["rejected"] {
        said.push(result["code"].as_str().expect("a code").to_owned());
        said.extend(Some(below(&result["path"])).filter(|path| !path.is_empty()));
        assert!(result["detail"].as_str().is_some_and(|detail| detail.starts_with("expected ")), "{result}");
    }
    let warnings = result["warnings"].as_array().into_iter().flatten();
    said.extend(warnings.map(|warning| format!("!{}", below(&warning["path"]))));
    assert_eq!(said.join(" "), expected, "{fields}: {result}");
}

#[test]
fn the_detail_of_a_rejection_says_what_came() {
    let collector = Collector::new();
    let mut bad = event("add_to_cart");
    bad["items"] = json!([{"item_id": "a", "price": "12 EUR"}]);
    let answer = post(&collector, &json!({"key": PUBLIC, "visitor": fresh_id(), "events": [event("scroll"), bad]}));
    assert_eq!(
        answer.json()["results"][1],
        json!({"id": bad["id"], "status": "rejected", "code": "bad_value", "path": "events[1].items[0].price",
               "detail": "expected a number >= 0, got \"12 EUR\""})
    );
}

#[test]
fn a_wrong_clock_is_put_right() {
    let collector = Collector::new();
    // How far the sender's clock is off, and how far the event's time is to be moved.
    for (off, moves) in
        [(0, false), (30_000, false), (-30_000, false), (3 * 3_600_000, true), (-400 * 86_400_000, true)]
    {
        let mut event = event("page_view");
        let at = now() + off - 5_000;
        event["at"] = json!(time::text(at));
        let body = json!({"key": PUBLIC, "visitor": fresh_id(), "sent_at": time::text(now() + off), "events": [event]});
        let answer = post(&collector, &body);
        assert_eq!(answer.json()["results"][0]["status"], "stored", "{off}: {}", answer.text());
        let export = collector.export();
        let stored = export.iter().find(|stored| stored["id"] == event["id"]).expect("the event");
        let ms = |field: &str| stored[field].as_str().and_then(time::parse).expect("a time");
        let sent = body["sent_at"].as_str().and_then(time::parse).expect("a time");
        assert_eq!(ms("at"), at);
        assert_eq!(ms("time") - at, if moves { ms("received") - sent } else { 0 }, "{off}");
    }
}

#[test]
fn what_comes_again_is_a_duplicate_and_what_differs_a_conflict() {
    let collector = Collector::new();
    let (visitor, other) = (fresh_id(), fresh_id());
    let mut first = event("view_item");
    first["value"] = json!(5);
    let mut changed = first.clone();
    changed["value"] = json!(6);
    let send = |key: &str, visitor: &str, events: &[&Value]| -> Vec<String> {
        let body = json!({"visitor": visitor, "sent_at": time::text(now()), "events": events});
        let answer = collector.send(&Request::post("/v1/events").key(key).json(&body));
        let json = answer.json();
        let results = json["results"].as_array().expect("results").iter();
        let said =
            |result: &Value| [&result["status"], &result["code"]].map(|part| part.as_str().unwrap_or("").to_owned());
        results.map(|result| said(result).join(" ").trim_end().to_owned()).collect()
    };
    assert_eq!(send(PUBLIC, &visitor, &[&first, &first, &changed]), ["stored", "duplicate", "rejected id_conflict"]);
    assert_eq!(send(PUBLIC, &visitor, &[&changed, &first]), ["rejected id_conflict", "duplicate"]);
    assert_eq!(send(PUBLIC, &other, &[&first]), ["rejected id_conflict"]);
    assert_eq!(send(SECRET, &visitor, &[&first]), ["duplicate"]);

    // The order of keys and the white space are not the payload.
    let turned = format!(
        r#"{{ "events" : [ {{ "value":5.0, "at":{}, "name":"view_item", "id":{} }} ], "visitor":"{visitor}" }}"#,
        first["at"], first["id"]
    );
    let answer = collector.send(&Request::post("/v1/events").key(PUBLIC).body("text/plain", turned));
    assert_eq!(answer.json()["results"][0]["status"], "duplicate", "{}", answer.text());

    // Without an id it is known by its content.
    let mut nameless = event("scroll");
    nameless.as_object_mut().expect("an object").remove("id");
    assert_eq!(send(PUBLIC, &visitor, &[&nameless]), ["stored"]);
    assert_eq!(send(PUBLIC, &visitor, &[&nameless]), ["duplicate"]);

    // One purchase an order, whoever tells of it; only purchases are orders.
    let order = |name: &str, order: &str| {
        let mut event = event(name);
        event["transaction_id"] = json!(order);
        event["items"] = json!([{"item_id": "sku7", "price": 10}]);
        event
    };
    let purchase = order("purchase", "T-1");
    assert_eq!(send(PUBLIC, &visitor, &[&purchase]), ["stored"]);
    assert_eq!(send(PUBLIC, &visitor, &[&order("purchase", "T-1")]), ["duplicate same_transaction"]);
    assert_eq!(send(SECRET, &other, &[&order("purchase", "T-1")]), ["duplicate same_transaction"]);
    assert_eq!(send(PUBLIC, &visitor, &[&purchase]), ["duplicate"]);
    assert_eq!(send(PUBLIC, &visitor, &[&order("refund", "T-1"), &order("purchase", "T-2")]), ["stored", "stored"]);
    let twice = order("purchase", "T-3");
    assert_eq!(send(PUBLIC, &visitor, &[&twice, &order("purchase", "T-3")]), ["stored", "duplicate same_transaction"]);
    let top = collector.get("/v1/reports/top");
    assert_eq!(top["rows"][0][5], 3, "three orders: {top}");
    assert_eq!(collector.export().len(), 6);
    // What differs is noted once a payload, however often it comes: `changed`, and `first` of the other visitor.
    assert_eq!(collector.get("/v1/site")["rejected"], json!({"id_conflict": 2}));
}

#[test]
fn what_the_shop_says_of_an_order_is_what_is_confirmed() {
    let collector = Collector::new();
    let order = |key: &str, order: &str, value: f64| {
        let mut event = event("purchase");
        event["transaction_id"] = json!(order);
        event["items"] = json!([{"item_id": "sku7", "price": value}]);
        let body = json!({"visitor": fresh_id(), "events": [event]});
        let answer = collector.send(&Request::post("/v1/events").key(key).json(&body));
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    // A stranger takes the id of an order and makes up what it was worth; the shop tells of it afterwards, twice.
    order(PUBLIC, "T-1", 1000.0);
    order(SECRET, "T-1", 50.0);
    order(SECRET, "T-1", 51.0);
    // An honest page, a shop that comes first, and an order that nobody confirms.
    order(PUBLIC, "T-2", 20.0);
    order(SECRET, "T-2", 20.0);
    order(SECRET, "T-3", 7.0);
    order(PUBLIC, "T-3", 900.0);
    order(PUBLIC, "T-4", 300.0);
    let report = collector.get(&format!("/v1/reports/{}", "orders"));
    let columns: Vec<&Value> =
        report["columns"].as_array().expect("columns").iter().map(|column| &column["name"]).collect();
    assert_eq!(columns, ["orders", "revenue", "orders_confirmed", "revenue_confirmed"]);
    assert!(same(&report["rows"], &json!([[4, 1327, 3, 77]])), "{report}");
}

/// A key that nobody has.
const WRONG: &str = "pk_ffffffffffffffffffff";

/// A good body, with a key in it where one is given.
fn keyed(key: Option<&str>) -> String {
    json!({"key": key, "visitor": fresh_id(), "events": [event("a")]}).to_string()
}

/// Requests that are refused as a whole.
fn refused() -> Vec<(&'static str, Request, &'static str)> {
    let to = |query: &str, body: String| Request::post(&format!("/v1/events{query}")).body("text/plain", body);
    let text = |body: String| to("", body);
    let (in_query, wrong_in_query) = (format!("?key={PUBLIC}"), format!("?key={WRONG}"));
    let of_visitor = |more: Value| {
        let mut body = json!({"key": PUBLIC, "visitor": fresh_id(), "events": [event("a")]});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        text(body.to_string())
    };
    let batch = |events: &str| text(format!(r#"{{"key":"{PUBLIC}","visitor":"{}"{events}}}"#, fresh_id()));
    vec![
        ("no key", text(keyed(None)), "401 bad_key"),
        ("a wrong key in the header", text(keyed(None)).key(WRONG), "401 bad_key"),
        ("a wrong key in the query", to(&wrong_in_query, keyed(None)), "401 bad_key"),
        ("a wrong key in the body", text(keyed(Some(WRONG))), "401 bad_key"),
        ("an empty key", text(keyed(Some(""))), "401 bad_key"),
        ("a secret key in the query", to(&format!("?key={SECRET}"), keyed(None)), "401 bad_key"),
        ("a secret key in the body", text(keyed(Some(SECRET))), "401 bad_key"),
        ("another scheme", text(keyed(None)).header("authorization", &format!("Basic {PUBLIC}")), "401 bad_key"),
        ("a wrong key in the header, a good one in the body", text(keyed(Some(PUBLIC))).key(WRONG), "401 bad_key"),
        ("header and query differ", to(&wrong_in_query, keyed(None)).key(PUBLIC), "400 bad_key"),
        ("header and body differ", text(keyed(Some(PUBLIC))).key(SECRET), "400 bad_key"),
        ("query and body differ", to(&in_query, keyed(Some(WRONG))), "400 bad_key"),
        ("no content type", Request::post("/v1/events").bytes(keyed(Some(PUBLIC))), "415 bad_type"),
        ("a form", Request::post("/v1/events").body("multipart/form-data", keyed(Some(PUBLIC))), "415 bad_type"),
        ("an unknown encoding", text(keyed(Some(PUBLIC))).header("content-encoding", "rot13"), "400 bad_encoding"),
        ("over 256 KiB", text(keyed(Some(PUBLIC)) + &" ".repeat(256 * 1024)), "413 too_large"),
        ("over 256 KiB, said before", text(String::new()).header("content-length", "262145"), "413 too_large"),
        ("501 events", of_visitor(json!({"events": vec![event("a"); 501]})), "413 too_large"),
        ("nothing", text(String::new()), "400 bad_json"),
        ("no UTF-8", Request::post("/v1/events").body("text/plain", b"{\"key\":\"\xff\"}".to_vec()), "400 bad_json"),
        ("more after the end", text(keyed(Some(PUBLIC)) + "}"), "400 bad_json"),
        ("no number", batch(r#","events":[{"value":NaN}]"#), "400 bad_json"),
        ("a list", text("[]".to_owned()).key(PUBLIC), "400 bad_batch"),
        ("no events", batch(""), "400 bad_batch"),
        ("empty events", batch(r#","events":[]"#), "400 bad_batch"),
        ("null events", batch(r#","events":null"#), "400 bad_batch"),
        ("events in an object", batch(r#","events":{"0":{}}"#), "400 bad_batch"),
        ("a visitor that can be guessed", of_visitor(json!({"visitor": "42"})), "400 bad_value"),
        ("a session that can be guessed", of_visitor(json!({"session": "42"})), "400 bad_value"),
        ("a sending time that is none", of_visitor(json!({"sent_at": "now"})), "400 bad_value"),
        ("a context that is none", of_visitor(json!({"context": "page"})), "400 bad_value"),
        ("a wrong method", Request::get("/v1/events"), "405 bad_method"),
    ]
}

#[test]
fn a_wrong_question_costs_no_event() {
    let collector = Collector::new();
    for (decide, path) in [
        (json!({"slots": 1}), "decide.slots"),
        (json!({"slots": vec![json!({"id": "a"}); 17]}), "decide.slots"),
        (json!({"slots": [], "visitor": "42"}), "decide.visitor"),
        (json!([]), "decide"),
    ] {
        let body = json!({"key": PUBLIC, "visitor": fresh_id(), "events": [event("click")], "decide": decide});
        let answer = collector.send(&Request::post("/v1/events").json(&body)).json();
        assert_eq!(answer["results"][0]["status"], "stored", "{answer}");
        assert_eq!(answer["decision_error"]["path"], path, "{answer}");
        assert!(answer.get("decision").is_none());
    }
}

#[test]
fn a_request_that_is_refused_stores_nothing_and_tells_the_page_why() {
    let collector = Collector::new();
    for (what, request, said) in refused() {
        let answer = collector.send(&request.header("origin", "https://shop.example"));
        assert_eq!(answer.said(), said, "{what}: {}", answer.text());
        readable(&answer, what);
    }
    assert_eq!(collector.export(), [Value::Null; 0]);

    for (what, request) in [
        ("in the header", Request::post("/v1/events").body("application/json", keyed(None)).key(PUBLIC)),
        ("in the query", Request::post(&format!("/v1/events?key={PUBLIC}")).body("text/plain", keyed(None))),
        ("in the body", Request::post("/v1/events").body("text/plain;charset=UTF-8", keyed(Some(PUBLIC)))),
        (
            "everywhere",
            Request::post(&format!("/v1/events?key={PUBLIC}")).body("text/plain", keyed(Some(PUBLIC))).key(PUBLIC),
        ),
        ("a secret one", Request::post("/v1/events").body("application/json", keyed(None)).key(SECRET)),
        (
            "with 500 events",
            Request::post("/v1/events")
                .key(PUBLIC)
                .json(&json!({"visitor": fresh_id(), "events": (0..500).map(|_| event("a")).collect::<Vec<_>>()})),
        ),
    ] {
        let answer = collector.send(&request.header("origin", "https://shop.example"));
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        readable(&answer, what);
    }
    assert_eq!(collector.export().len(), 505);
}

/// What a page of another origin needs in order to see an answer.
fn readable(answer: &Answer, what: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"), "{what}");
    assert!(answer.header("vary").is_some_and(|vary| vary.eq_ignore_ascii_case("origin")), "{what}");
    assert_eq!(answer.header("access-control-expose-headers"), Some("Retry-After"), "{what}");
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{what}");
}

#[test]
fn of_several_faults_the_first_in_the_documented_order_is_told() {
    let collector = Collector::new();
    collector.put("/v1/site", &json!({"origins": ["https://shop.example"]}));
    let (wrong_key, wrong_type, foreign) =
        (["authorization", "Bearer pk_x"], ["content-type", "text/html"], "https://a.example");
    let plain = ["content-type", "text/plain"];
    let (large, cut) = ("{".repeat(300 * 1024), "{\"events\":".to_owned());
    let (other_key, no_events) = (format!(r#"{{"key":"{WRONG}"}}"#), format!(r#"{{"key":"{PUBLIC}"}}"#));
    for (headers, origin, body, said) in [
        (vec![wrong_key, wrong_type], foreign, &large, "401 bad_key"),
        (vec![wrong_type], foreign, &large, "415 bad_type"),
        (vec![plain], foreign, &large, "413 too_large"),
        (vec![plain], foreign, &cut, "400 bad_json"),
        (vec![plain], foreign, &other_key, "401 bad_key"),
        (vec![plain], foreign, &no_events, "403 bad_origin"),
        (vec![plain], "https://shop.example", &no_events, "400 bad_batch"),
    ] {
        let mut request = Request::post("/v1/events").bytes(body.as_str()).header("origin", origin);
        for [name, value] in headers {
            request = request.header(name, value);
        }
        assert_eq!(collector.send(&request).said(), said);
    }
}

#[test]
fn wrong_json_is_told_with_its_place() {
    let collector = Collector::new();
    for (body, line, column) in [("", 1, 0), ("{\"a\" 1}", 1, 6), ("{\n  \"events\": [\n    {]}\n  ]\n}", 3, 6)] {
        let answer = collector.send(&Request::post("/v1/events").body("text/plain", body));
        let json = answer.json();
        assert_eq!((&json["line"], &json["column"]), (&json!(line), &json!(column)), "{body:?}: {json}");
    }
}

#[test]
fn origins() {
    let collector = Collector::new();
    let ask = |origin: Option<&str>, key: &str| {
        let request = Request::post("/v1/events").key(key).body("text/plain", keyed(None));
        collector.send(&origin.into_iter().fold(request, |request, origin| request.header("origin", origin))).said()
    };
    let ready = |collector: &Collector| collector.send(&Request::get("/readyz")).text();
    assert!(ready(&collector).contains("warning"), "any origin may use the key");
    assert_eq!(ask(Some("https://any.example"), PUBLIC), "200");
    assert_eq!(ask(Some("null"), PUBLIC), "200");

    collector.put(
        "/v1/site",
        &json!({"origins": ["https://shop.example", "https://*.shop.example", "http://localhost:5173"]}),
    );
    assert_eq!(ready(&collector), "ok\n");
    for (origin, said) in [
        (None, "200"),
        (Some("https://shop.example"), "200"),
        (Some("https://m.shop.example"), "200"),
        (Some("https://a.b.shop.example"), "200"),
        (Some("http://localhost:5173"), "200"),
        (Some("null"), "403 bad_origin"),
        (Some("http://shop.example"), "403 bad_origin"),
        (Some("https://shop.example:8443"), "403 bad_origin"),
        (Some("https://shop.example.evil.example"), "403 bad_origin"),
        (Some("https://evilshop.example"), "403 bad_origin"),
        (Some("http://localhost"), "403 bad_origin"),
    ] {
        assert_eq!(ask(origin, PUBLIC), said, "{origin:?}");
        // The shop's own server comes from nowhere, and its key is its own.
        assert_eq!(ask(origin, SECRET), "200", "{origin:?}");
        let bundle = Request::get("/v1/bundle").key(PUBLIC);
        let bundle = origin.into_iter().fold(bundle, |request, origin| request.header("origin", origin));
        assert_eq!(collector.send(&bundle).said(), said, "{origin:?}");
    }
}

#[test]
fn a_preflight_is_answered_without_a_key_and_can_be_kept() {
    let collector = Collector::new();
    for path in ["/v1/events", "/v1/decide", "/v1/bundle"] {
        let request = Request::new("OPTIONS", path)
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        let answer = collector.send(&request);
        assert_eq!(answer.status, 204, "{path}");
        readable(&answer, path);
        let has = |name: &str, wanted: &str| {
            let value = answer.header(name).unwrap_or_default().to_lowercase();
            assert!(value.split(',').any(|have| have.trim() == wanted), "{path}: {name}: {value}");
        };
        has("access-control-allow-methods", "post");
        has("access-control-allow-methods", "get");
        has("access-control-allow-headers", "authorization");
        has("access-control-allow-headers", "content-type");
        assert!(answer.header("access-control-max-age").is_some_and(|age| age.parse::<u32>().is_ok_and(|age| age > 0)));
    }
}

#[test]
fn a_body_that_does_not_arrive_is_given_up() {
    let collector = Collector::new();
    let mut socket = TcpStream::connect(collector.address).expect("a connection");
    socket.set_read_timeout(Some(BOUND)).expect("a bound");
    let head =
        "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n{\"key\":";
    socket.write_all(head.as_bytes()).expect("half a request");
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).expect("an answer");
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 408");
}

fn post(collector: &Collector, body: &Value) -> Answer {
    collector.send(&Request::post("/v1/events").body("text/plain", body.to_string()))
}

/// An event with other fields; `null` takes one away, and `$-8d`, `$+50m` stand for times from now.
fn with(mut event: Value, fields: &str) -> Value {
    let fields: Value = serde_json::from_str(fields).expect("JSON");
    for (key, value) in fields.as_object().expect("an object") {
        let time = value.as_str().and_then(|text| text.strip_prefix(['$'])).filter(|text| text.starts_with(['-', '+']));
        event[key] = match time {
            Some(shift) => {
                let (number, unit) = shift.split_at(shift.len() - 1);
                let unit = match unit {
                    "d" => time::DAY,
                    "h" => time::HOUR,
                    _ => time::MINUTE,
                };
                json!(time::text(now() + number.parse::<i64>().expect("a number") * unit))
            }
            None => value.clone(),
        };
    }
    event
}

//! Segments, offers, slots, items and the site: who may change them, what is refused, and what the page learns of it.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, about, event, fresh_id, root, visitor};
use crate::http::Request;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Documents that are taken: path and body.
const TAKEN: &[(&str, &str)] = &[
    ("/v1/segments/returning", r#"{"condition":{"visits":{"$gte":2}}}"#),
    ("/v1/segments/0", r#"{"name":"Everyone","condition":{},"private":true}"#),
    ("/v1/segments/by-name", r#"{"condition":{"trait.plan":{"$regex":"^gold"}}}"#),
    ("/v1/offers/welcome", r#"{"slot":"hero","content":{"title":"Welcome"}}"#),
    (
        "/v1/offers/free-ship",
        r#"{"slot":"hero","segments":["returning"],"content":1,"arms":[{"id":"a"},{"id":"b","content":2}],"priority":5,
            "starts":"2026-01-01T00:00:00Z","ends":"2099-01-01T00:00:00+08:00","caps":{"visitor":3,"session":1},
            "items":["sku1"],"private":true}"#,
    ),
    ("/v1/slots/hero", r#"{"kind":"offer","content":null}"#),
    ("/v1/slots/also", r#"{"kind":"items","content":{"title":"Also"}}"#),
];

/// Documents that are refused: path, body, code and path of the problem.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("/v1/segments/x", "[]", "bad_value", ""),
    ("/v1/segments/x", "{}", "bad_condition", "condition"),
    ("/v1/segments/x", r#"{"condition":[]}"#, "bad_condition", "condition"),
    (
        "/v1/segments/x",
        r#"{"condition":{"$or":[{"a":1},{"visits":{"$gtee":2}}]}}"#,
        "bad_condition",
        "condition.$or[1].visits.$gtee",
    ),
    ("/v1/segments/x", r#"{"condition":{"$visits":1}}"#, "bad_condition", "condition.$visits"),
    ("/v1/segments/x", r#"{"condition":{"a":{"$in":1}}}"#, "bad_condition", "condition.a.$in"),
    ("/v1/segments/x", r#"{"condition":{"a":{"$regex":"("}}}"#, "bad_condition", "condition.a.$regex"),
    ("/v1/segments/x", r#"{"condition":{"a":{"$regex":"(a{1000}){1000}"}}}"#, "bad_condition", "condition.a.$regex"),
    ("/v1/segments/x", r#"{"condition":"$deep"}"#, "bad_condition", ""),
    ("/v1/segments/x", r#"{"condition":{},"prvate":true}"#, "bad_value", "prvate"),
    ("/v1/segments/x", r#"{"condition":{},"private":"yes"}"#, "bad_value", "private"),
    ("/v1/segments/x", r#"{"condition":{},"name":7}"#, "bad_value", "name"),
    ("/v1/segments/X", r#"{"condition":{}}"#, "bad_value", "id"),
    ("/v1/segments/-x", r#"{"condition":{}}"#, "bad_value", "id"),
    ("/v1/segments/a%2Fb", r#"{"condition":{}}"#, "bad_value", "id"),
    ("/v1/offers/x", "{}", "bad_value", "slot"),
    ("/v1/offers/x", r#"{"slot":"hero","prio":1}"#, "bad_value", "prio"),
    ("/v1/offers/x", r#"{"slot":"hero","segments":"vip"}"#, "bad_value", "segments"),
    ("/v1/offers/x", r#"{"slot":"hero","priority":"high"}"#, "bad_value", "priority"),
    ("/v1/offers/x", r#"{"slot":"hero","starts":"tomorrow"}"#, "bad_value", "starts"),
    ("/v1/offers/x", r#"{"slot":"hero","caps":{"visitor":0}}"#, "bad_value", "caps.visitor"),
    ("/v1/offers/x", r#"{"slot":"hero","arms":[{"id":"a"},{"id":"a"}]}"#, "bad_value", "arms[1].id"),
    ("/v1/offers/x", r#"{"slot":"hero","arms":[{"id":"holdout"}]}"#, "bad_value", "arms[0].id"),
    (
        "/v1/offers/x",
        r#"{"slot":"hero","arms":[{"id":"a","weight":499},{"id":"b","weight":9501}]}"#,
        "bad_value",
        "arms[0].weight",
    ),
    ("/v1/offers/x", r#"{"slot":"hero","private":1}"#, "bad_value", "private"),
    ("/v1/slots/x", "{}", "bad_value", "kind"),
    ("/v1/slots/x", r#"{"kind":"banner"}"#, "bad_value", "kind"),
    ("/v1/slots/x", r#"{"kind":"offer","contents":1}"#, "bad_value", "contents"),
    ("/v1/items", "{}", "bad_value", ""),
    ("/v1/items", r#"[{"item_id":"a"},{}]"#, "bad_value", "[1].item_id"),
    ("/v1/items", r#"[{"item_id":"a","price":-1}]"#, "bad_value", "[0].price"),
    ("/v1/items", r#"[{"item_id":"a","stock":1.5}]"#, "bad_value", "[0].stock"),
    ("/v1/items", r#"[{"item_id":"a","colour":"red"}]"#, "bad_value", "[0].colour"),
    ("/v1/site", r#"{"origins":["shop.example"]}"#, "bad_value", "origins"),
    ("/v1/site", r#"{"origins":["https://shop.example/"]}"#, "bad_value", "origins"),
    ("/v1/site", r#"{"holdout":2}"#, "bad_value", "holdout"),
    ("/v1/site", r#"{"name":"x"}"#, "bad_value", "name"),
];

#[test]
fn documents_come_and_go() {
    let collector = Collector::new();
    for (path, body) in TAKEN {
        let document: Value = serde_json::from_str(body).expect("JSON");
        let (kinds, id) = path.rsplit_once('/').expect("a path");
        let with_id = |document: &Value| {
            let mut document = document.clone();
            document["id"] = json!(id);
            document
        };
        let call = |request: Request| collector.send(&request.key(SECRET));
        assert_eq!(call(Request::get(path)).said(), "404 not_found", "{path}");
        assert_eq!(call(Request::delete(path)).said(), "404 not_found", "{path}");
        let made = call(Request::put(path).json(&document));
        assert_eq!((made.status, made.json()), (201, with_id(&document)), "{path}");
        let same = call(Request::put(path).json(&document));
        assert_eq!((same.status, same.json()), (200, with_id(&document)), "{path}");
        assert_eq!(collector.get(path), with_id(&document), "{path}");
        let plural = kinds.trim_start_matches("/v1/");
        assert!(collector.get(kinds)[plural].as_array().expect("a list").contains(&with_id(&document)), "{path}");
        assert_eq!(call(Request::delete(path)).status, 204, "{path}");
        assert_eq!(call(Request::get(path)).said(), "404 not_found", "{path}");
        assert_eq!(collector.get(kinds)[plural], json!([]), "{path}");
    }
}

#[test]
fn documents_that_do_not_fit_are_refused_with_the_place() {
    let collector = Collector::new();
    let version = |collector: &Collector| bundle(collector)["version"].clone();
    let before = version(&collector);
    let deep = format!("{}1{}", r#"{"$not":"#.repeat(20), "}".repeat(20));
    for (path, body, code, at) in REFUSED {
        let body = body.replace("\"$deep\"", &deep);
        let answer = collector.send(&Request::put(path).key(SECRET).body("application/json", body.as_str()));
        assert_eq!(answer.said(), format!("422 {code}"), "{path} {body}: {}", answer.text());
        let json = answer.json();
        let place = json["path"].as_str().expect("a path");
        assert!(if at.is_empty() { !place.starts_with('[') } else { place == *at }, "{path} {body}: {json}");
        assert_eq!(json["problems"][0]["path"], json["path"], "{json}");
    }
    for (request, said) in [
        (Request::put("/v1/slots/x").body("application/json", "{\"kind\""), "400 bad_json"),
        (Request::put("/v1/slots/x").body("text/plain", "{\"kind\":\"offer\"}"), "415 bad_type"),
        (Request::post("/v1/slots/x").json(&json!({"kind": "offer"})), "405 bad_method"),
        (Request::put("/v1/slots/x").body("application/json", " ".repeat(300_000)), "413 too_large"),
        (Request::get("/v1/nothing"), "404 not_found"),
    ] {
        assert_eq!(collector.send(&request.key(SECRET)).said(), said);
    }
    assert_eq!(version(&collector), before, "what is refused changes nothing");
}

#[test]
fn the_site_says_how_much_there_is_and_can_be_changed() {
    let collector = Collector::new();
    let site = collector.get("/v1/site");
    for (field, value) in [
        ("site", json!("default")),
        ("origins", json!([])),
        ("holdout", json!(0.05)),
        ("events", json!(0)),
        ("first_event", json!(null)),
        ("last_event", json!(null)),
        ("rejected", json!({})),
        ("public_key", json!(PUBLIC)),
    ] {
        assert_eq!(site[field], value, "{field}");
    }
    assert!(!site.to_string().contains(SECRET));
    collector.put("/v1/site", &json!({"origins": ["https://shop.example"], "holdout": 0}));
    collector.put("/v1/site", &json!({"holdout": 0.5}));
    let site = collector.get("/v1/site");
    assert_eq!((&site["origins"], &site["holdout"]), (&json!(["https://shop.example"]), &json!(0.5)));

    let [first, last] = [event("page_view"), event("page_view")];
    collector.store(&fresh_id(), &[first.clone(), last.clone()], &Value::Null);
    let site = collector.get("/v1/site");
    assert_eq!(site["events"], 2);
    assert_eq!((&site["first_event"], &site["last_event"]), (&first["at"], &last["at"]));
}

fn bundle(collector: &Collector) -> Value {
    collector.send(&Request::get(&format!("/v1/bundle?key={PUBLIC}"))).json()
}

#[test]
fn the_bundle_has_a_version_that_grows_and_nothing_that_is_not_public() {
    let collector = Collector::new();
    let changes = [
        ("/v1/segments/open-segment", json!({"name": "A name", "condition": {"visits": {"$gte": 2}}})),
        ("/v1/segments/by-pattern", json!({"condition": {"trait.plan": {"$regex": "a-pattern"}}})),
        (
            "/v1/segments/closed-segment",
            json!({"name": "A name", "condition": {"sum.purchase": {"$gt": 98765}}, "private": true}),
        ),
        ("/v1/slots/hero", json!({"kind": "offer", "content": {"title": "Own"}})),
        ("/v1/offers/open-offer", json!({"slot": "hero", "segments": ["open-segment"], "content": 1})),
        ("/v1/offers/half-open", json!({"slot": "hero", "segments": ["open-segment", "closed-segment"], "content": 2})),
        ("/v1/offers/not-open", json!({"slot": "hero", "segments": ["closed-segment"], "content": "told-to-few"})),
        ("/v1/offers/closed-offer", json!({"slot": "hero", "content": "told-to-few", "private": true})),
        ("/v1/site", json!({"holdout": 0.1})),
        ("/v1/items", json!([{"item_id": "sku1", "stock": 0}])),
    ];
    let ask = |etag: Option<&str>| {
        let request = Request::get(&format!("/v1/bundle?key={PUBLIC}"));
        collector.send(&etag.into_iter().fold(request, |request, etag| request.header("if-none-match", etag)))
    };
    let mut version = ask(None).json()["version"].as_u64().expect("a version");
    let mut etag = ask(None).header("etag").expect("an ETag").to_owned();
    for (path, document) in &changes {
        assert_eq!(ask(Some(&etag)).status, 304);
        collector.put(path, document);
        let answer = ask(Some(&etag));
        assert_eq!(answer.status, 200, "{path}");
        let next = answer.json()["version"].as_u64().expect("a version");
        assert!(next > version, "{path}");
        assert_ne!(answer.header("etag"), Some(etag.as_str()), "{path}");
        version = next;
        answer.header("etag").expect("an ETag").clone_into(&mut etag);
        assert!(answer.header("cache-control").is_some_and(|cache| cache.contains("stale-while-revalidate")));
    }
    let unchanged = ask(Some(&etag));
    assert_eq!((unchanged.status, unchanged.header("etag")), (304, Some(etag.as_str())));

    let answer = ask(None);
    let ids = |kind: &str| -> Vec<String> {
        let list = answer.json()[kind].as_array().expect("a list").clone();
        list.iter().map(|entry| entry["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids("segments"), ["by-pattern", "open-segment"]);
    assert_eq!(ids("offers"), ["half-open", "open-offer"]);
    assert_eq!(ids("slots"), ["hero"]);
    for hidden in ["A name", "a-pattern", "closed", "98765", "told-to-few", SECRET] {
        assert!(!answer.text().contains(hidden), "{hidden} in {}", answer.text());
    }
    let deleted = collector.send(&Request::delete("/v1/offers/open-offer").key(SECRET));
    assert_eq!((deleted.status, ask(Some(&etag)).status), (204, 200));
}

#[test]
fn what_is_private_is_decided_here_and_not_named_to_the_page() {
    let collector = Collector::new();
    collector
        .put("/v1/segments/closed-segment", &json!({"condition": {"n.add_to_cart": {"$gte": 1}}, "private": true}));
    collector.put("/v1/segments/by-pattern", &json!({"condition": {"top_category": {"$regex": "^sho"}}}));
    collector.put("/v1/offers/for-few", &json!({"slot": "hero", "segments": ["closed-segment"], "content": "few"}));
    collector.put("/v1/offers/closed-offer", &json!({"slot": "side", "content": "side", "private": true}));
    let person = visitor(false);
    let slots = json!([{"id": "hero"}, {"id": "side"}]);
    let events = [about("view_item", "sku1", "shoes"), about("add_to_cart", "sku1", "shoes")];
    let told = collector.store(&person, &events, &json!({"slots": slots}));
    assert_eq!(told["slots"]["hero"]["content"], "few", "{told}");
    assert_eq!(told["slots"]["side"]["content"], "side", "{told}");
    assert_eq!(told["segments"], json!(["by-pattern"]), "{told}");
    assert!(!told.to_string().contains("closed-segment"), "{told}");
    assert!(told["slots"]["hero"].get("debug").is_none(), "{told}");

    let told = collector.decide(&person, &slots);
    assert_eq!(told["segments"], json!(["by-pattern", "closed-segment"]), "{told}");
    assert_eq!(told["slots"]["hero"]["why"], json!([{"code": "segment", "id": "closed-segment"}]), "{told}");
    assert_eq!(told["slots"]["hero"]["debug"], json!([{"offer": "for-few", "code": "chosen"}]), "{told}");
    let told = collector.decide(&visitor(false), &slots);
    assert_eq!((&told["segments"], &told["slots"]["hero"]["offer"]), (&json!([]), &json!(null)), "{told}");
}

/// Every method and path of the router's source, with `x` for what varies.
fn routes() -> Vec<(String, String)> {
    let source = std::fs::read_to_string(root().join("collector/src/http.rs")).expect("the router");
    let mut routes = Vec::new();
    for route in source.split(".route(\"").skip(1) {
        let (path, rest) = route.split_once('"').expect("a path");
        let methods = rest.split("\n        .").next().unwrap_or_default();
        for method in ["get", "put", "post", "delete"] {
            let calls = methods.contains(&format!(" {method}(")) || methods.contains(&format!(".{method}("));
            if calls {
                let path = path.replace("{id}", "x").replace("{name}", "traffic");
                routes.push((method.to_uppercase(), path));
            }
        }
    }
    assert!(routes.len() > 25, "the router reads otherwise than it did: {routes:?}");
    routes
}

/// Routes that need no key, and those that a page's key opens.
const OPEN: [&str; 6] = ["/livez", "/readyz", "/metrics", "/signin", "/v1/session", "/v1/session"];
const FOR_PAGES: [&str; 3] = ["/v1/events", "/v1/decide", "/v1/bundle"];

/// What a request to a route may carry, so that only its key can be at fault.
fn plausible(method: &str, path: &str) -> Request {
    let request = Request::new(method, path);
    match (method, path) {
        ("GET" | "DELETE", _) => request,
        (_, "/v1/events") => request.json(&json!({"visitor": fresh_id(), "events": [event("a")]})),
        (_, "/v1/decide") => request.json(&json!({"visitor": fresh_id(), "slots": []})),
        (_, "/v1/items") => request.json(&json!([])),
        (_, "/v1/keys") => request.json(&json!({"kind": "public"})),
        (_, "/v1/sites") => request.json(&json!({"site": "another"})),
        (_, "/v1/site" | "/v1/upkeep") => request.json(&json!({})),
        (_, "/v1/rejected/replay") => request.json(&json!({"ids": [1]})),
        (_, "/v1/erase") => request.json(&json!({"visitor": fresh_id()})),
        (_, path) if path.starts_with("/v1/segments") => request.json(&json!({"condition": {}})),
        (_, path) if path.starts_with("/v1/offers") => request.json(&json!({"slot": "hero"})),
        (_, path) if path.starts_with("/v1/slots") => request.json(&json!({"kind": "offer"})),
        (method, path) => panic!("say what a {method} {path} carries"),
    }
}

#[test]
fn without_a_key_every_route_is_closed() {
    let collector = Collector::new();
    for (method, path) in routes().iter().filter(|(_, path)| !OPEN.contains(&path.as_str())) {
        let request = || plausible(method, path);
        let said = |request: Request| collector.send(&request).said();
        assert_eq!(said(request()), "401 bad_key", "{method} {path}");
        for wrong in ["pk_ffffffffffffffffffff", "sk_ffffffffffffffffffff", "", "null"] {
            assert_eq!(said(request().key(wrong)), "401 bad_key", "{method} {path} {wrong}");
        }
        assert_eq!(said(request().header("authorization", SECRET)), "401 bad_key", "{method} {path}");
        assert_eq!(
            said(request().header("cookie", "beckon_session=1.9999999999999.00")),
            "401 bad_key",
            "{method} {path}"
        );
        // A secret key stands in the header alone.
        let query = Request::new(method, &format!("{path}?key={SECRET}"));
        let query =
            if ["GET", "DELETE"].contains(&method.as_str()) { query } else { query.json(&json!({"key": SECRET})) };
        assert_eq!(said(query), "401 bad_key", "{method} {path}");
        if !FOR_PAGES.contains(&path.as_str()) {
            assert_eq!(said(request().key(PUBLIC)), "403 no_scope", "{method} {path}");
        }
    }
    assert_eq!(collector.export(), [Value::Null; 0]);
    assert_eq!(collector.get("/v1/segments"), json!({"segments": []}));
}

#[test]
fn a_key_opens_what_its_scopes_name() {
    const SCOPES: [(&str, u32); 5] = [("ingest", 1), ("read", 2), ("manage", 4), ("export", 8), ("erase", 16)];
    let folder = Folder::new();
    assert!(Collector::over(&folder, &[]).terminate().success());
    let key = |scope: &str| format!("sk_only_{scope}_0123456789");
    let database = rusqlite::Connection::open(folder.database()).expect("the database");
    for (scope, bit) in SCOPES {
        let hash: [u8; 32] = Sha256::digest(key(scope).as_bytes()).into();
        let made = database.execute("insert into keys (hash, site, scopes) values (?, 1, ?)", (hash, bit));
        assert_eq!(made.expect("a key"), 1);
    }
    drop(database);

    let collector = Collector::over(&folder, &[]);
    for (method, path) in routes().iter().filter(|(_, path)| !OPEN.contains(&path.as_str()) && path != "/v1/live") {
        let needed = match (method.as_str(), path.as_str()) {
            (_, "/v1/events") => "ingest",
            (_, "/v1/decide" | "/v1/bundle") => "",
            (_, "/v1/export/events.ndjson" | "/v1/export/events.csv") => "export",
            (_, path) if path.starts_with("/v1/keys") || path == "/v1/sites" => "manage",
            (_, "/v1/erase") => "erase",
            (_, "/v1/rejected/replay") => "both ingest and manage",
            ("GET", _) => "read",
            _ => "manage",
        };
        for (scope, _) in SCOPES {
            let answer = collector.send(&plausible(method, path).key(&key(scope)));
            let refused = answer.status == 403;
            assert_eq!(refused, scope != needed && !needed.is_empty(), "{method} {path} by {scope}: {}", answer.text());
            assert!(!refused || answer.said() == "403 no_scope", "{}", answer.text());
        }
    }
    // What a caller may read decides what a decision tells.
    let question = json!({"visitor": fresh_id(), "slots": [{"id": "hero"}]});
    for (scope, told) in [("read", true), ("manage", false)] {
        let answer = collector.send(&Request::post("/v1/decide").key(&key(scope)).json(&question)).json();
        assert_eq!(answer["slots"]["hero"].get("debug").is_some(), told, "{scope}: {answer}");
    }
    let site = |key: &str| collector.send(&Request::get("/v1/site").key(key)).json();
    assert!(site(SECRET)["user_secret"].is_string() && site(&key("read"))["user_secret"].is_null());
}

//! The dashboard: its page, its sign-in, its live stream.

use crate::collector::{Collector, Folder, PUBLIC, SECRET, about, event, fresh_id, root};
use crate::http::{Answer, Request, Stream};
use serde_json::{Value, json};

/// All that the page may load is its own.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// The page's own requests: the host that it came from, and a header that no form can send.
fn own(request: Request) -> Request {
    request.header("origin", "http://collector.test").header("x-beckon", "1")
}

/// The cookie that an answer sets, with what is said of it.
fn cookie(answer: &Answer) -> Option<(String, Vec<String>)> {
    let mut parts = answer.header("set-cookie")?.split("; ").map(str::to_owned);
    Some((parts.next()?, parts.collect()))
}

fn signed_in(collector: &Collector) -> String {
    let answer = collector.send(&own(Request::post("/v1/session")).json(&json!({"secret_key": SECRET})));
    assert_eq!(answer.status, 204, "{}", answer.text());
    cookie(&answer).expect("a cookie").0
}

#[test]
fn the_page_loads_only_what_is_its_own() {
    let collector = Collector::new();
    let mut names: Vec<String> = std::fs::read_dir(root().join("collector/dashboard"))
        .expect("the page's folder")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.len() > 5 && names.contains(&"index.html".to_owned()));
    names.push(String::new());
    for name in names {
        let get = || Request::get(&format!("/{name}"));
        let answer = collector.send(&get());
        assert_eq!(answer.status, 200, "{name}");
        let file = if name.is_empty() { "index.html" } else { &name };
        assert_eq!(
            answer.body,
            std::fs::read(root().join("collector/dashboard").join(file)).expect("a file"),
            "{name}"
        );
        let kind = match file.rsplit_once('.').map_or("", |(_, end)| end) {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("say what kind .{other} is"),
        };
        let etag = answer.header("etag").expect("an ETag").to_owned();
        let again = collector.send(&get().header("if-none-match", &etag));
        assert_eq!((again.status, again.header("etag")), (304, Some(etag.as_str())), "{name}");
        for (header, value) in [
            ("content-type", kind),
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(header), Some(value), "{name}");
        }
        if kind.starts_with("text/html") {
            let text = answer.text();
            for script in text.split("<script").skip(1) {
                let (tag, rest) = script.split_once('>').expect("a tag");
                assert!(tag.contains("src=") && rest.starts_with("</script>"), "a script inside the page: {tag}");
            }
            for inline in ["<style", " style=", " onclick=", " onload=", "javascript:", "http://", "https://"] {
                assert!(!text.contains(inline), "{inline} in {name}");
            }
        }
        let head = collector.send(&Request::new("HEAD", &format!("/{name}")));
        assert_eq!((head.status, head.header("content-security-policy")), (200, Some(POLICY)), "{name}");
    }
    for path in [
        "/nothing.js",
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/Cargo.toml",
        "//etc/passwd",
        "/.env",
        "/index.html/",
    ] {
        assert_eq!(collector.send(&Request::get(path)).said(), "404 not_found", "{path}");
    }
    assert_eq!(collector.send(&Request::post("/index.html")).said(), "405 bad_method");
}

#[test]
fn the_link_signs_in_once() {
    for (options, secure) in [(&[][..], false), (&["--public-url", "https://stats.shop.example/"], true)] {
        let collector = Collector::over(&Folder::new(), options);
        let link = collector.sign_in.clone();
        let wrong = collector.send(&Request::get("/signin?token=0000000000000000000000000000000000000000"));
        assert_eq!((wrong.status, cookie(&wrong)), (303, None));
        assert_eq!(collector.send(&Request::get("/signin")).header("set-cookie"), None);

        let answer = collector.send(&Request::get(&link));
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
        // The token stands in the address: the next page is not to hear of it.
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let (session, flags) = cookie(&answer).expect("a cookie");
        for flag in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(flags.contains(&flag.to_owned()), "{flag} in {flags:?}");
        }
        assert_eq!(flags.contains(&"Secure".to_owned()), secure, "{flags:?}");
        assert_eq!(collector.send(&Request::get("/v1/site").header("cookie", &session)).status, 200);

        let again = collector.send(&Request::get(&link));
        assert_eq!((again.status, cookie(&again)), (303, None), "the link works once");
    }
}

#[test]
fn the_secret_key_signs_in_and_nothing_else_does() {
    let collector = Collector::new();
    let sign_in = |body: &Value| own(Request::post("/v1/session")).json(body);
    let with = |body: &Value, headers: &[(&str, &str)]| {
        let request = Request::post("/v1/session").json(body);
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    let right = json!({"secret_key": SECRET});
    for (request, said) in [
        (sign_in(&json!({"secret_key": "sk_ffffffffffffffffffff"})), "401 bad_key"),
        (sign_in(&json!({"secret_key": ""})), "401 bad_key"),
        (sign_in(&json!({})), "401 bad_key"),
        (sign_in(&json!({"secret_key": 1})), "401 bad_key"),
        (sign_in(&json!({"secret_key": PUBLIC})), "403 no_scope"),
        (own(Request::post("/v1/session")).body("text/plain", right.to_string()), "415 bad_type"),
        (with(&right, &[]), "403 bad_origin"),
        (with(&right, &[("origin", "http://collector.test")]), "403 bad_origin"),
        (with(&right, &[("x-beckon", "1")]), "403 bad_origin"),
        (with(&right, &[("x-beckon", "1"), ("origin", "http://evil.example")]), "403 bad_origin"),
        (with(&right, &[("x-beckon", "1"), ("origin", "null")]), "403 bad_origin"),
    ] {
        let answer = collector.send(&request);
        assert_eq!(answer.said(), said);
        assert_eq!(answer.header("set-cookie"), None, "{said}");
    }
    let session = signed_in(&collector);
    assert_eq!(collector.send(&Request::get("/v1/site").header("cookie", &session)).status, 200);

    // A changed session is none.
    let (name, value) = session.split_once('=').expect("a cookie");
    let (site, rest) = value.split_once('.').expect("a session");
    for forged in [
        format!("{name}=2{site}.{rest}"),
        format!("{name}={site}.9{rest}"),
        format!("{name}={}", &value[..value.len() - 2]),
    ] {
        assert_eq!(collector.send(&Request::get("/v1/site").header("cookie", &forged)).said(), "401 bad_key");
    }
    let other = Collector::new();
    assert_eq!(other.send(&Request::get("/v1/site").header("cookie", &session)).said(), "401 bad_key");

    let out = collector.send(&own(Request::delete("/v1/session")).header("cookie", &session));
    let (emptied, flags) = cookie(&out).expect("a cookie");
    assert_eq!((out.status, emptied.as_str()), (204, "beckon_session="));
    assert!(flags.contains(&"Max-Age=0".to_owned()), "{flags:?}");
    assert_eq!(collector.send(&Request::delete("/v1/session").header("cookie", &session)).said(), "403 bad_origin");
}

#[test]
fn a_session_writes_only_from_its_own_page() {
    let collector = Collector::new();
    let session = signed_in(&collector);
    let document = json!({"kind": "offer"});
    let put = |headers: &[(&str, &str)]| {
        let request = Request::put("/v1/slots/hero").json(&document).header("cookie", &session);
        collector.send(&headers.iter().fold(request, |request, (name, value)| request.header(name, value))).said()
    };
    for headers in [
        &[][..],
        &[("x-beckon", "1")],
        &[("origin", "http://collector.test")],
        &[("x-beckon", "0"), ("origin", "http://collector.test")],
        &[("x-beckon", "1"), ("origin", "http://evil.example")],
        &[("x-beckon", "1"), ("origin", "http://collector.test.evil.example")],
        &[("x-beckon", "1"), ("origin", "http://collector.test:8080")],
        &[("x-beckon", "1"), ("origin", "null")],
    ] {
        assert_eq!(put(headers), "403 bad_origin", "{headers:?}");
    }
    assert_eq!(collector.get("/v1/slots"), json!({"slots": []}));
    assert_eq!(put(&[("x-beckon", "1"), ("origin", "http://collector.test")]), "201");

    // It reads, but neither sends events nor signs users.
    let read = |path: &str| collector.send(&Request::get(path).header("cookie", &format!("a=b; {session}; c=d")));
    for path in ["/v1/site", "/v1/segments", "/v1/reports", "/v1/reports/top", "/v1/export/events.ndjson"] {
        assert_eq!(read(path).status, 200, "{path}");
    }
    assert!(read("/v1/site").json()["user_secret"].is_null());
    let batch = json!({"visitor": fresh_id(), "events": [event("a")]});
    let answer = collector.send(&own(Request::post("/v1/events")).json(&batch).header("cookie", &session));
    assert_eq!(answer.said(), "401 bad_key");
}

/// The next event of this name.
fn next(live: &mut Stream, wanted: &str) -> Value {
    loop {
        let (name, data) = live.event().expect("a stream").expect("no end yet");
        if name == wanted {
            return data;
        }
    }
}

#[test]
fn the_live_stream_tells_what_was_and_what_comes() {
    let mut collector = Collector::new();
    let session = signed_in(&collector);
    let (person, other) = (fresh_id(), fresh_id());
    collector.store(&person, &[event("page_view"), event("login")], &Value::Null);
    let (answer, mut live) = collector.open(&Request::get("/v1/live").header("cookie", &session));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));

    let (name, snapshot) = live.event().expect("a stream").expect("an event");
    assert_eq!(name, "snapshot", "{snapshot}");
    assert_eq!(
        (&snapshot["visitors_5m"], &snapshot["visitors_30m"], &snapshot["events_30m"]),
        (&json!(1), &json!(1), &json!(2))
    );
    let per_minute = snapshot["per_minute"].as_array().expect("minutes");
    assert_eq!((per_minute.len(), per_minute.iter().filter_map(Value::as_u64).sum::<u64>()), (30, 2));
    assert_eq!(snapshot["recent"][0]["name"], "login");

    let mut sent = about("add_to_cart", "sku7", "shoes");
    sent["page"] = json!({"url": "https://shop.example/p/7?utm_source=mail"});
    sent["value"] = json!(89);
    sent["currency"] = json!("EUR");
    collector.store(&other, &[sent.clone()], &Value::Null);
    let told = next(&mut live, "event");
    assert_eq!(
        told,
        json!({"id": sent["id"], "at": sent["at"], "name": "add_to_cart", "visitor": &other[28..], "path": "/p/7",
               "item": "sku7", "category": "shoes", "value": 89.0, "currency": "EUR"})
    );
    let mut totals = next(&mut live, "totals");
    while totals["events_30m"] != 3 {
        totals = next(&mut live, "totals");
    }
    assert_eq!((&totals["visitors_5m"], totals.get("recent")), (&json!(2), None));

    collector.ask_to_go();
    while live.event().expect("a stream that ends well").is_some() {}
    assert!(collector.ended().success());
}

#[test]
fn the_reports_name_what_they_take() {
    let collector = Collector::new();
    let list = collector.get("/v1/reports")["reports"].as_array().expect("reports").clone();
    let names: Vec<&str> = list.iter().filter_map(|report| report["name"].as_str()).collect();
    assert_eq!(names, ["traffic", "sources", "top", "orders", "funnel"]);
    for report in &list {
        let path = format!("/v1/reports/{}", report["name"].as_str().expect("a name"));
        let table = collector.get(&path);
        assert_eq!(table["name"], report["name"]);
        let columns = table["columns"].as_array().expect("columns");
        assert!(columns.iter().all(|column| column["name"].is_string() && column["type"].is_string()), "{table}");
        let rows = table["rows"].as_array().expect("rows");
        assert!(rows.iter().all(|row| row.as_array().is_some_and(|row| row.len() == columns.len())), "{table}");
        for (query, at) in [
            ("?from=yesterday", "from"),
            ("?to=2026-02-30", "to"),
            ("?from=2026-01-02&to=2026-01-01", "from"),
            ("?tz=Mars/Olympus", "tz"),
            ("?limit=x", "limit"),
            ("?step=week", "step"),
            ("?steps=view_item", "steps"),
            ("?dimension=colour", "dimension"),
        ] {
            let answer = collector.send(&Request::get(&format!("{path}{query}")).key(SECRET));
            assert_eq!(
                (answer.said().as_str(), &answer.json()["path"]),
                ("400 bad_value", &json!(at)),
                "{path}{query}"
            );
        }
    }
    assert_eq!(collector.send(&Request::get("/v1/reports/none").key(SECRET)).said(), "404 not_found");
}

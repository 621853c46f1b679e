//! What the program that sends says of itself: bots are filtered, and of the others the classes are told.

use crate::collector::{Collector, PUBLIC, SECRET, event, fresh_id};
use crate::http::{Answer, Request};
use rusqlite::Connection;
use serde_json::{Value, json};

const GOOGLE: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const HEADLESS: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

fn send(collector: &Collector, key: &str, user_agent: Option<&str>, body: &Value) -> Answer {
    let request = Request::post("/v1/events").key(key).json(body);
    collector.send(&user_agent.into_iter().fold(request, |request, agent| request.header("user-agent", agent)))
}

#[test]
fn the_events_of_a_bot_are_filtered_counted_and_kept_apart() {
    let collector = Collector::new();
    let visitor = fresh_id();
    let mut first = event("page_view");
    first["page"] = json!({"title": "ask jo@mail.example"});
    let broken = json!({"name": "1st"});
    let body = json!({"visitor": visitor, "user": "42", "events": [first, event("scroll"), broken],
                      "decide": {"slots": []}});
    for agent in [GOOGLE, HEADLESS] {
        let answer = send(&collector, PUBLIC, Some(agent), &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json();
        let filtered = |id: &Value| json!({"id": id, "status": "filtered", "code": "bot"});
        let ids = [&body["events"][0]["id"], &body["events"][1]["id"], &Value::Null];
        assert_eq!(answer["results"], json!(ids.map(filtered)));
        assert!(answer["decision"].is_object(), "a question is answered all the same: {answer}");
    }
    assert_eq!(collector.export(), [Value::Null; 0]);
    let profile = collector.send(&Request::get(&format!("/v1/visitors/{visitor}")).key(SECRET));
    assert_eq!(profile.said(), "404 not_found");
    // What comes again is counted once; what has no id cannot be told.
    assert_eq!(collector.get("/v1/site")["rejected"], json!({"bot": 4}));

    let database = Connection::open(collector.folder.database()).expect("the database");
    let mut kept = database.prepare("select filtered, code, body, trusted from rejects order by row").expect("a query");
    let rows: Vec<(bool, String, Value, bool)> = kept
        .query_map([], |row| {
            let body: String = row.get(2)?;
            Ok((row.get(0)?, row.get(1)?, serde_json::from_str(&body).expect("JSON"), row.get(3)?))
        })
        .and_then(Iterator::collect)
        .expect("rows");
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row.0 && row.1 == "bot" && !row.3), "{rows:?}");
    first["page"]["title"] = json!("ask [email]");
    first["visitor"] = json!(visitor);
    assert_eq!(rows[0].2, first);
    assert_eq!(rows[2].2, json!({"name": "1st", "visitor": visitor}));
}

/// A key, a user agent, what the context says, and what comes of it.
const CASES: &[(&str, Option<&str>, &str, &str)] = &[
    (PUBLIC, Some(FIREFOX), "{}", "stored"),
    // Native clients have none, and a bot that hides sends a browser's.
    (PUBLIC, None, "{}", "stored"),
    (PUBLIC, Some(""), "{}", "stored"),
    (PUBLIC, Some("\u{4e2d}\u{6587}"), "{}", "stored"),
    (PUBLIC, Some("curl/8.14.1"), "{}", "filtered bot"),
    // What a page says of its connection is its own invention.
    (PUBLIC, Some(FIREFOX), r#"{"user_agent":"Googlebot/2.1","ip":"nonsense"}"#, "stored"),
    (PUBLIC, Some(GOOGLE), r#"{"user_agent":"Firefox"}"#, "filtered bot"),
    // A shop's server fetches with a library; what counts is the browser that it names.
    (SECRET, Some("python-requests/2.32.3"), "{}", "stored"),
    (SECRET, Some(GOOGLE), r#"{"user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}"#, "stored"),
    (SECRET, None, r#"{"user_agent":"Googlebot/2.1","ip":"198.51.100.7"}"#, "filtered bot"),
    (SECRET, None, r#"{"user_agent":null,"ip":null}"#, "stored"),
    (SECRET, None, r#"{"ip":"2001:db8::7"}"#, "stored"),
    (SECRET, None, r#"{"ip":"nonsense"}"#, "400 bad_value context.ip"),
    (SECRET, None, r#"{"ip":7}"#, "400 bad_value context.ip"),
    (SECRET, None, r#"{"user_agent":7}"#, "400 bad_value context.user_agent"),
];

#[test]
fn only_a_secret_key_speaks_for_another_client() {
    let collector = Collector::new();
    for (key, agent, context, expected) in CASES {
        let context: Value = serde_json::from_str(context).expect("JSON");
        let body = json!({"visitor": fresh_id(), "context": context, "events": [event("a")]});
        let answer = send(&collector, key, *agent, &body);
        let json = answer.json();
        let said = if answer.status == 200 {
            let part = |name: &str| json["results"][0][name].as_str().unwrap_or_default().to_owned();
            format!("{} {}", part("status"), part("code"))
        } else {
            format!("{} {}", answer.said(), json["path"].as_str().unwrap_or_default())
        };
        assert_eq!(said.trim_end(), *expected, "{key} {agent:?} {context}");
    }
    for (path, bytes) in collector.folder.files() {
        let text = String::from_utf8_lossy(&bytes);
        for secret in ["198.51.100.7", "2001:db8::7", "Gecko", "Googlebot", "nonsense"] {
            assert!(!text.contains(secret), "{secret} in {}", path.display());
        }
    }
}

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                      Version/18.5 Mobile/15E148 Safari/604.1";

#[test]
fn device_system_browser_and_language_are_facts_of_the_visitor() {
    let collector = Collector::new();
    collector.put(
        "/v1/segments/on-the-go",
        &json!({"name": "On the go", "condition": {"device.type": "mobile", "os": "iOS"}}),
    );
    let (visitor, told) = (fresh_id(), ["device.type", "os", "browser", "language"]);
    // What is sent, and what is known of the visitor afterwards: the client of the latest event that tells of one.
    for (key, agent, languages, context, expected) in [
        (PUBLIC, Some(FIREFOX), Some("de-de,en;q=0.5"), json!({}), ["desktop", "Linux", "Firefox", "de-DE"]),
        (PUBLIC, Some(IPHONE), Some("de"), json!({"locale": "zh-cn"}), ["mobile", "iOS", "Safari", "zh-CN"]),
        (SECRET, Some("shop-server/1"), Some("en"), json!({"sdk": "server"}), ["mobile", "iOS", "Safari", "zh-CN"]),
        (SECRET, None, None, json!({"user_agent": FIREFOX, "locale": "fr"}), ["desktop", "Linux", "Firefox", "fr"]),
        (PUBLIC, Some(IPHONE), None, json!({}), ["mobile", "iOS", "Safari", ""]),
    ] {
        let body =
            json!({"visitor": visitor, "context": context, "events": [event("page_view")], "decide": {"slots": []}});
        let mut request = Request::post("/v1/events").key(key).json(&body);
        for (name, value) in [("user-agent", agent), ("accept-language", languages)] {
            request = value.into_iter().fold(request, |request, value| request.header(name, value));
        }
        let answer = collector.send(&request).json();
        let facts = &answer["decision"]["facts"];
        assert_eq!(told.map(|fact| facts[fact].as_str().unwrap_or_default()), expected, "{facts}");
        let segments = json!(if expected[0] == "mobile" { vec!["on-the-go"] } else { vec![] });
        assert_eq!(answer["decision"]["segments"], segments);
        assert_eq!(collector.get(&format!("/v1/visitors/{visitor}"))["facts"]["os"], expected[1]);
    }
    // Who was never told of has none of these facts.
    let stranger = fresh_id();
    collector.store(&stranger, &[event("page_view")], &Value::Null);
    let facts = collector.decide(&stranger, &json!([]))["facts"].clone();
    assert!(told.iter().all(|fact| facts.get(fact).is_none()), "{facts}");
}

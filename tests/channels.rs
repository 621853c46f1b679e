//! What sessions came by: referrers and campaigns, as channels.

use crate::collector::{Collector, beckon, event, fresh_id, now};
use engine::time;
use serde_json::{Value, json};

/// The query of the landing page, its referrer, and channel and referrer of the session.
const SESSIONS: &[(&str, Option<&str>, &str, Option<&str>)] = &[
    ("", None, "direct", None),
    ("", Some("https://shop.example/p/1"), "direct", None),
    ("", Some("https://m.shop.example/p/1"), "direct", None),
    ("", Some("https://www.google.com/"), "organic_search", Some("google.com")),
    ("", Some("https://jo:pw@l.facebook.com:443/l.php?u=x"), "organic_social", Some("l.facebook.com")),
    ("", Some("android-app://com.google.android.gm/"), "email", Some("com.google.android.gm")),
    ("", Some("https://blog.example/best-boots"), "referral", Some("blog.example")),
    ("?gclid=abc", Some("https://www.google.com/"), "paid_search", Some("google.com")),
    ("?utm_source=newsletter&utm_medium=email", None, "email", None),
    ("?utm_source=instagram&utm_medium=paid_social", None, "paid_social", None),
];

#[test]
fn sessions_are_counted_by_channel_and_verified() {
    let collector = Collector::new();
    for (number, (query, referrer, _, host)) in SESSIONS.iter().enumerate() {
        let visitor = fresh_id();
        let at = |minutes: i64| json!(time::text(now() - minutes * time::MINUTE));
        let mut landing = event("page_view");
        landing["at"] = at(20);
        landing["page"] = json!({"url": format!("https://www.shop.example/{query}"), "referrer": referrer});
        let mut before = event("scroll");
        before["at"] = at(21);
        let mut later = event("page_view");
        later["at"] = at(10);
        later["page"] = json!({"url": "https://www.shop.example/p/7", "referrer": "https://elsewhere.example/"});
        // In order for some, and late for others: the landing page counts wherever it arrives.
        let events = if number % 2 == 0 { [before, landing, later] } else { [later, landing, before] };
        let mut decision = Value::Null;
        for event in events {
            decision = collector.store(&visitor, &[event], &json!({"slots": []}));
        }
        // A campaign begins a session, so that with one the event before it is a session of its own.
        assert_eq!(decision["facts"]["session.referrer"].as_str(), *host, "{query} {referrer:?}");
    }
    let count = |dimension: &str| -> Vec<(Value, i64)> {
        let report = collector.get(&format!("/v1/reports/{}?dimension={dimension}", "sources"));
        let rows = report["rows"].as_array().expect("rows").iter();
        rows.map(|row| (row[0].clone(), row[2].as_i64().expect("a number"))).collect()
    };
    let mut channels = count("channel");
    channels.sort_by_key(|(name, _)| name.to_string());
    // Three campaigns end the session of the event before them, which came by nothing.
    let expected = [
        ("direct", 3 + 3),
        ("email", 2),
        ("organic_search", 1),
        ("organic_social", 1),
        ("paid_search", 1),
        ("paid_social", 1),
        ("referral", 1),
    ];
    assert_eq!(channels, expected.map(|(name, n)| (json!(name), n)));
    assert!(count("referrer").contains(&(json!("google.com"), 2)), "{:?}", count("referrer"));
    assert!(count("source").contains(&(json!("newsletter"), 1)));
    assert!(count("medium").contains(&(json!("cpc"), 1)));
    assert_eq!(count("campaign"), [(Value::Null, 13)]);

    let verify = |said: i32| {
        let output = beckon().arg("verify").arg("--data").arg(collector.folder.data()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(said), "{}", String::from_utf8_lossy(&output.stdout));
    };
    verify(0);
    let database = rusqlite::Connection::open(collector.folder.database()).expect("the database");
    for damage in [
        "update sessions set channel = 'referral' where channel = 'email'",
        "update sessions set channel = 'email' where channel = 'referral'; update sessions set referrer = null",
    ] {
        database.execute_batch(damage).expect("it can be damaged");
        verify(1);
    }
}

//! Personal data in every field, at every door: found nowhere afterwards.

use crate::collector::{Collector, PUBLIC, SECRET, event, fresh_id};
use crate::http::Request;
use serde_json::{Value, json};

/// A kind of personal data, a text that holds it, and a piece of it that must be found nowhere.
const PERSONAL: &[(&str, &str, &str)] = &[
    ("e-mail", "zhang.wei@mail.example", "zhang.wei"),
    ("e-mail with a tag", "Maria.Silva+loja@sub.correio.example", "Maria.Silva"),
    ("e-mail, percent-encoded", "li%2Ena%40mail.example", "na%40mail"),
    ("e-mail, encoded twice", "wang%2540mail.example", "wang%2540"),
    ("e-mail of letters beyond ASCII", "j\u{f6}rg@m\u{fc}ller.example", "rg@m"),
    ("e-mail in punycode", "joerg@xn--mller-kva.example", "joerg@xn"),
    ("e-mail with a full-width sign", "xiaoming\u{ff20}qq.example", "xiaoming"),
    ("mailto", "mailto:petra@mail.example", "petra@"),
    ("Chinese mobile", "13800138000", "13800138000"),
    ("Chinese mobile, spaced", "138 0013 8000", "0013 8000"),
    ("Chinese mobile, international", "+86-138-0013-8001", "0013-8001"),
    (
        "Chinese mobile, full-width digits",
        "\u{ff11}\u{ff13}\u{ff18}\u{ff10}\u{ff10}\u{ff11}\u{ff13}\u{ff18}\u{ff10}\u{ff10}\u{ff12}",
        "\u{ff13}\u{ff18}\u{ff10}\u{ff10}\u{ff12}",
    ),
    ("German phone", "+49 170 1234567", "170 1234567"),
    ("German phone, in brackets", "(0171) 8642097", "8642097"),
    ("German phone with a slash", "0172/8642098", "8642098"),
    ("German phone, bare", "01734567890", "1734567890"),
    ("US phone", "(555) 123-4567", "123-4567"),
    ("US phone with its country", "1-555-234-5678", "234-5678"),
    ("US phone, dotted", "555.345.6789", "345.6789"),
    ("US phone with long dashes", "555\u{2013}456\u{2013}7890", "456\u{2013}7890"),
    ("British phone", "020 7946 0958", "7946 0958"),
    ("British mobile, bare", "07700900123", "7700900123"),
    ("French phone", "06 12 34 56 78", "34 56 78"),
    ("French phone with hard spaces", "06\u{a0}12\u{a0}34\u{a0}56\u{a0}79", "56\u{a0}79"),
    ("Brazilian mobile", "(11) 91234-5678", "91234-5678"),
    ("Brazilian mobile, international", "+55 11 91234-5679", "91234-5679"),
    ("Visa", "4111 1111 1111 1111", "1111 1111"),
    ("Mastercard", "5500000000000004", "5500000000000004"),
    ("American Express", "3782-822463-10005", "822463-10005"),
    ("UnionPay", "6200 0000 0000 0005", "0000 0005"),
    (
        "card in full-width digits",
        "\u{ff14}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}\u{ff11}",
        "\u{ff11}\u{ff11}\u{ff11}\u{ff11}",
    ),
    ("Chinese resident id", "11010519491231002X", "11010519491231002"),
    ("Chinese resident id, digits alone", "440524188001010014", "440524188001010014"),
    ("Chinese resident id, spaced", "440524 18800101 0014", "18800101"),
    ("user and password in an address", "https://jo:geheim1@shop.example/p/7", "geheim1"),
    ("password and token in a query", "https://shop.example/p/7?password=geheim2&token=geheim3", "geheim"),
    ("token behind a hash", "https://shop.example/#access_token=geheim4&state=1", "geheim4"),
    ("password in words", "password: geheim5", "geheim5"),
    ("password in Chinese words", "\u{5bc6}\u{7801}\u{ff1a}geheim8", "geheim8"),
    ("bearer token", "Authorization: Bearer geheim6.abcdef", "geheim6"),
    ("basic credentials", "Authorization: Basic Z2VoZWltOmdlaGVpbQ==", "Z2VoZWlt"),
    ("JSON web token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJrYXJsIn0.c2lnbmF0dXJl", "eyJzdWIiOiJrYXJsIn0"),
    ("secret key of an API", "sk_live_geheim9geheim9geheim9", "geheim9"),
    ("key of a cloud", "AKIAGEHEIM0GEHEIM0AB", "GEHEIM0"),
    ("secret key of our own", SECRET_LIKE, "geheimgeheim"),
];

/// A key that is nobody's.
const SECRET_LIKE: &str = "sk_geheimgeheimgeheimgeheim00";
/// Where the requests say that they come from, by way of a proxy.
const ADDRESS: &str = "203.0.113.77";

#[test]
fn nothing_personal_is_kept_or_told() {
    let mut collector = Collector::new();
    let mut told = Vec::new();
    for (key, visitor) in [(PUBLIC, fresh_id()), (SECRET, "customer-1".to_owned())] {
        for (kind, personal, _) in PERSONAL {
            let odd = |request: Request| {
                let named = ["user-agent", "referer", "cookie", "x-request-id", "accept-language"];
                let named = named.iter().filter(|_| personal.is_ascii());
                named.fold(request, |request, name| request.header(name, personal)).header("x-forwarded-for", ADDRESS)
            };
            for body in bodies(&visitor, personal) {
                let request = odd(Request::post("/v1/events").key(key).body("application/json", body));
                let answer = collector.send(&request);
                assert!([200, 400].contains(&answer.status), "{kind}: {}", answer.text());
                told.push(answer.text());
            }
            // Where nothing of it belongs.
            let spelled = personal.bytes().fold(String::new(), |spelled, byte| format!("{spelled}%{byte:02X}"));
            for query in [spelled, personal.chars().filter(char::is_ascii_graphic).collect()] {
                let query = format!("/v1/events?key={PUBLIC}&note={query}");
                let request = Request::post(&query).body("text/plain", format!("{personal} {{"));
                told.push(collector.send(&odd(request)).text());
                told.push(collector.send(&odd(Request::get(&query))).text());
            }
        }
        told.push(collector.get(&format!("/v1/visitors/{visitor}")).to_string());
        told.push(collector.decide(&visitor, &json!([{"id": "also", "kind": "items"}])).to_string());
    }
    for path in ["/v1/site", "/v1/reports/top?limit=1000", "/v1/reports/top?dimension=category"] {
        told.push(collector.get(path).to_string());
    }
    for path in ["/metrics", "/v1/rejected", "/v1/rejected?limit=1000", "/v1/export/events.csv"] {
        told.push(collector.send(&Request::get(path).key(SECRET)).text());
    }
    let (_, mut live) = collector.open(&Request::get("/v1/live").key(SECRET));
    told.push(format!("{:?}", live.event().expect("a stream")));
    told.push(json!(collector.export()).to_string());
    for label in ["[email]", "[phone]", "[card]", "[id]", "[secret]"] {
        assert!(told.iter().any(|text| text.contains(label)), "{label} in nothing that was told");
    }
    assert!(collector.export().len() > PERSONAL.len(), "most of it was stored");

    let mut places = vec![("an answer".to_owned(), told.join("\n"))];
    // Once with the write-ahead log, and once more when it was folded in.
    let files = |collector: &Collector, places: &mut Vec<(String, String)>| {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        places.extend(
            collector.folder.files().into_iter().map(|(path, bytes)| (path.display().to_string(), text(bytes))),
        );
    };
    files(&collector, &mut places);
    assert!(places.iter().any(|(name, text)| name.ends_with("beckon.db-wal") && !text.is_empty()));
    assert!(collector.terminate().success());
    files(&collector, &mut places);
    let mut found = Vec::new();
    let more = [("user id", "user-4711"), ("e-mail as a user id", "karin@"), ("address", ADDRESS)];
    for (kind, piece) in PERSONAL.iter().map(|(kind, _, piece)| (*kind, *piece)).chain(more) {
        for (place, text) in &places {
            if let Some(at) = text.find(piece) {
                let before: Vec<char> = text[..at].chars().rev().take(100).collect();
                let around: String = before.into_iter().rev().chain(text[at..].chars().take(100)).collect();
                found.push(format!("{kind} ({piece}) in {place}: {around:?}"));
                break;
            }
        }
    }
    assert!(found.is_empty(), "{} kinds are found:\n{}", found.len(), found.join("\n"));
}

/// Bodies that carry a text wherever one can be told, in events that are stored and in events that are not.
fn bodies(visitor: &str, personal: &str) -> Vec<String> {
    let full = || {
        let mut event = event("add_to_cart");
        event["user"] = json!("user-4711");
        event["page"] = json!({"url": format!("https://shop.example/u/{personal}?q={personal}&utm_source={personal}"),
            "title": personal, "referrer": format!("https://a.example/?mail={personal}#{personal}")});
        event["items"] = json!([{"item_id": "sku7", "item_name": personal, "item_category": personal,
            "item_brand": personal, "coupon": personal}]);
        event["props"] = json!({"note": format!("ask {personal}, please"), "list": [personal], "deep": {"a": {"b": personal}},
            "password": "geheim7", "user_email": personal, personal: 1});
        event["search_term"] = json!(personal);
        event
    };
    let mut events = vec![full()];
    let mut identify = event("identify");
    identify["props"] = json!({"email": personal, "nick": personal});
    events.push(identify);
    // Told of in a warning, as it is too long.
    let mut long = event("form_start");
    long["props"] = json!({personal: "x".repeat(2_000)});
    events.push(long);
    // A number has no zero at its beginning, and is none without it.
    if let Some(number) = personal.parse::<u64>().ok().filter(|number| number.to_string() == personal) {
        let mut event = event("form_submit");
        event["props"] = json!({"number": number});
        events.push(event);
    }
    let mut order = event("purchase");
    order["transaction_id"] = json!(format!("order of karin@mail.example {}", fresh_id()));
    events.push(order);
    // Each of these is refused, and kept with its reason.
    for (field, value) in [
        ("currency", json!(personal)),
        ("value", json!(personal)),
        ("at", json!(personal)),
        ("id", json!(personal)),
        ("name", json!(personal)),
        ("visitor", json!(format!("{personal} ä"))),
        ("page", json!(personal)),
        ("items", json!([{"item_id": "a", "price": personal}])),
        ("props", json!({"a": [[[[[personal]]]]]})),
        ("items", json!([{"item_id": "a", personal: [personal]}])),
    ] {
        let mut event = full();
        event[field] = value;
        events.push(event);
    }
    let context = json!({"sdk": "test", "note": personal, "user_agent": format!("Mozilla ({personal})")});
    let body = |events: &[Value], user: &str| {
        json!({"visitor": visitor, "user": user, "context": context, "events": events}).to_string()
    };
    let one = body(&events[..1], "karin@mail.example");
    vec![
        body(&events, "user-4711"),
        // The same text as JSON may write it.
        body(&[full()], "user-4711").replace('@', "\\u0040").replace("138", "\\u0031\\u00338"),
        one.replace("\"sdk\"", &format!("\"{personal}\":1,\"sdk\"")).replace("user-4711", "karin@mail.example"),
        // Whole requests that are refused.
        format!("{{\"visitor\":\"{personal} ä\",\"events\":[{{}}]}}"),
        format!("{{\"note\":\"{personal}\" \"{personal}\"}}"),
    ]
}

//! Decisions over HTTP: which offer a visitor gets and why, and which items.

use crate::collector::{Collector, PUBLIC, SECRET, about, event, fresh_id, now, visitor};
use crate::http::Request;
use engine::time::{self, DAY, HOUR};
use serde_json::{Value, json};

/// A collector with the rules of the demo shop.
fn shop() -> Collector {
    let collector = Collector::new();
    for (path, document) in [
        ("/v1/segments/returning", json!({"condition": {"visits": {"$gte": 2}}})),
        ("/v1/segments/cart-abandoner", json!({"condition": {"cart.items": {"$gte": 1}, "n_1d.purchase": 0}})),
        ("/v1/slots/hero", json!({"kind": "offer", "content": {"title": "New in"}})),
        ("/v1/slots/also", json!({"kind": "items"})),
        ("/v1/offers/welcome", json!({"slot": "hero", "content": {"title": "Welcome"}})),
        (
            "/v1/offers/come-back",
            json!({"slot": "hero", "segments": ["returning"], "content": {"title": "Again"}, "priority": 5}),
        ),
        (
            "/v1/offers/free-ship",
            json!({"slot": "hero", "segments": ["cart-abandoner"], "content": {"title": "Free"}, "priority": 10}),
        ),
    ] {
        collector.put(path, &document);
    }
    collector
}

/// The hero slot's decision for a visitor.
fn hero(collector: &Collector, visitor: &str) -> Value {
    collector.decide(visitor, &json!([{"id": "hero"}]))["slots"]["hero"].clone()
}

/// An event some time ago, or to come.
fn at(mut event: Value, from_now: i64) -> Value {
    event["at"] = json!(time::text(now() + from_now));
    event
}

/// The exposure that a page tells of.
fn exposure(offer: &str, arm: &str) -> Value {
    let mut event = event("view_promotion");
    event["props"] = json!({"promotion_id": offer, "creative_slot": "hero", "creative_name": arm});
    event
}

#[test]
fn who_leaves_a_cart_gets_the_offer_in_the_same_answer() {
    let collector = shop();
    let person = visitor(false);
    let ask = json!({"slots": [{"id": "hero", "kind": "offer"}]});
    let step = |events: &[Value]| {
        let decision = collector.store(&person, events, &ask);
        (decision["slots"]["hero"]["offer"].clone(), decision)
    };
    for sku in ["sku1", "sku2", "sku3"] {
        let (offer, decision) = step(&[event("page_view"), about("view_item", sku, "shoes")]);
        assert_eq!((offer, &decision["segments"]), (json!("welcome"), &json!([])), "{decision}");
    }
    let (_, decision) = step(&[about("add_to_cart", "sku2", "shoes")]);
    assert_eq!(decision["segments"], json!(["cart-abandoner"]));
    assert_eq!((&decision["facts"]["cart.items"], &decision["facts"]["n.view_item"]), (&json!(1), &json!(3)));
    assert_eq!(
        decision["slots"]["hero"],
        json!({"offer": "free-ship", "content": {"title": "Free"}, "arm": "a", "propensity": 1, "ttl_s": 1800,
               "why": [{"code": "segment", "id": "cart-abandoner"}]})
    );
    assert!(decision["decision_id"].as_str().and_then(engine::id::Id::parse).is_some());
    let version = collector.send(&Request::get("/v1/bundle").key(PUBLIC)).json()["version"].clone();
    assert_eq!(decision["bundle"], version);

    // Asked again alone, and with the reasons: the same.
    let told = hero(&collector, &person);
    assert_eq!(
        (&told["offer"], &told["why"]),
        (&json!("free-ship"), &json!([{"code": "segment", "id": "cart-abandoner"}]))
    );
    assert_eq!(
        told["debug"],
        json!([{"offer": "free-ship", "code": "chosen"}, {"offer": "come-back", "code": "not_in_segment"},
               {"offer": "welcome", "code": "lower_priority"}])
    );
    let (offer, _) = step(&[about("purchase", "sku2", "shoes")]);
    assert_eq!(offer, "welcome", "who has bought has left nothing");
}

#[test]
fn who_comes_again_is_returning() {
    let collector = shop();
    let person = visitor(false);
    collector.store(&person, &[at(event("page_view"), -DAY)], &Value::Null);
    assert_eq!(hero(&collector, &person)["offer"], "welcome");
    collector.store(&person, &[event("page_view")], &Value::Null);
    assert_eq!(hero(&collector, &person)["offer"], "come-back");
}

/// What is changed in the welcome offer, what the visitor did before, and what is decided: offer and the rule that
/// ended the try of the welcome offer.
fn rules() -> Vec<(Value, Vec<Value>, &'static str, &'static str)> {
    let shown = |from_now| at(exposure("welcome", "a"), from_now);
    let [past, future] = [-HOUR, HOUR].map(|shift| time::text(now() + shift));
    let bought = |sku: &str| about("purchase", sku, "shoes");
    vec![
        (json!({"starts": past, "ends": future}), vec![], "welcome", "chosen"),
        (json!({"starts": future}), vec![], "", "not_started"),
        (json!({"ends": past}), vec![], "", "ended"),
        (json!({"items": ["gone"]}), vec![], "", "sold_out"),
        (json!({"items": ["gone", "there"]}), vec![], "welcome", "chosen"),
        (json!({"items": ["never-heard-of"]}), vec![], "welcome", "chosen"),
        (json!({"items": ["there"]}), vec![bought("there")], "", "already_bought"),
        (json!({"items": ["there", "more"]}), vec![bought("there")], "welcome", "chosen"),
        (json!({"caps": {"visitor": 2}}), vec![shown(-2)], "welcome", "chosen"),
        (json!({"caps": {"visitor": 2}}), vec![shown(-DAY), shown(-2)], "", "capped_visitor"),
        (json!({"caps": {"session": 1}}), vec![shown(-2)], "", "capped_session"),
        (json!({"caps": {"session": 1}}), vec![shown(-DAY)], "welcome", "chosen"),
        (json!({"caps": {"session": 1}}), vec![shown(-DAY), event("page_view")], "welcome", "chosen"),
        (json!({"caps": {"visitor": 1}}), vec![exposure("other", "a")], "welcome", "chosen"),
        (json!({"segments": ["nobody"]}), vec![], "", "not_in_segment"),
        (json!({"segments": ["nobody", "returning"]}), vec![at(event("a"), -DAY), event("a")], "welcome", "chosen"),
    ]
}

#[test]
fn every_rule_keeps_an_offer_back() {
    let collector = Collector::new();
    collector.put("/v1/items", &json!([{"item_id": "gone", "stock": 0}, {"item_id": "there", "stock": 1}]));
    collector.put("/v1/slots/hero", &json!({"kind": "offer", "content": "own"}));
    collector.put("/v1/segments/returning", &json!({"condition": {"visits": {"$gte": 2}}}));
    for (change, before, offer, code) in rules() {
        let mut document = json!({"slot": "hero", "content": "welcome"});
        document.as_object_mut().expect("an object").extend(change.as_object().cloned().expect("an object"));
        collector.put("/v1/offers/welcome", &document);
        let person = visitor(false);
        if !before.is_empty() {
            collector.store(&person, &before, &Value::Null);
        }
        let told = hero(&collector, &person);
        assert_eq!(told["debug"], json!([{"offer": "welcome", "code": code}]), "{change} after {before:?}");
        if offer.is_empty() {
            assert_eq!((&told["offer"], &told["content"]), (&json!(null), &json!("own")), "{change}");
            assert_eq!(told["why"], json!([{"code": "no_offer"}]), "{change}");
        } else {
            assert_eq!((&told["offer"], &told["content"]), (&json!(offer), &json!("welcome")), "{change}");
        }
    }
}

#[test]
fn who_is_held_out_sees_the_slots_own_content_and_counts_alike() {
    let collector = shop();
    let person = visitor(true);
    let told = hero(&collector, &person);
    assert_eq!(
        (&told["offer"], &told["arm"], &told["content"]),
        (&json!("welcome"), &json!("holdout"), &json!({"title": "New in"})),
        "{told}"
    );
    assert_eq!(told["why"], json!([{"code": "everyone"}, {"code": "holdout"}]));
    // An exposure that would have been counts for caps as a real one does.
    collector.put("/v1/offers/welcome", &json!({"slot": "hero", "content": 1, "caps": {"visitor": 1}}));
    assert_eq!(hero(&collector, &person)["offer"], "welcome");
    collector.store(&person, &[exposure("welcome", "holdout")], &Value::Null);
    assert_eq!(hero(&collector, &person)["offer"], Value::Null);
    // Who was held out first stays so when the share becomes smaller.
    collector.put("/v1/offers/welcome", &json!({"slot": "hero", "content": 1}));
    collector.put("/v1/site", &json!({"holdout": 0}));
    assert_eq!(hero(&collector, &person)["arm"], "holdout");
    assert_eq!(hero(&collector, &fresh_id())["arm"], "a");
    collector.put("/v1/site", &json!({"holdout": 1}));
    assert_eq!(hero(&collector, &fresh_id())["arm"], "holdout");
}

#[test]
fn arms_have_their_shares_and_the_first_one_seen_stays() {
    let collector = Collector::new();
    collector.put("/v1/site", &json!({"holdout": 0}));
    let arms = json!([{"id": "a", "content": "A", "weight": 500}, {"id": "b", "content": "B", "weight": 9500}]);
    collector.put("/v1/offers/try", &json!({"slot": "hero", "arms": arms}));
    let of = |arm: &str| {
        let bucket = |id: &String| engine::bucket::ten_thousandth("try:1", id);
        std::iter::repeat_with(fresh_id).find(|id| (bucket(id) < 500) == (arm == "a")).expect("one of them")
    };
    for (arm, content, propensity) in [("a", "A", 0.05), ("b", "B", 0.95)] {
        let person = of(arm);
        let told = hero(&collector, &person);
        assert_eq!(
            (&told["arm"], &told["content"], &told["propensity"]),
            (&json!(arm), &json!(content), &json!(propensity))
        );
        // What was seen first, by time and not by arrival, is what they go on seeing.
        collector.store(&person, &[exposure("try", "a")], &Value::Null);
        assert_eq!(hero(&collector, &person)["arm"], "a");
        collector.store(&person, &[at(exposure("try", "b"), -HOUR)], &Value::Null);
        let told = hero(&collector, &person);
        assert_eq!((&told["arm"], &told["content"]), (&json!("b"), &json!("B")));
        assert_eq!(told["why"], json!([{"code": "everyone"}, {"code": "kept_arm"}]));
    }
}

#[test]
fn questions_that_cannot_be_answered_are_refused() {
    let collector = Collector::new();
    let slot = |slot: Value| json!({"visitor": fresh_id(), "slots": [slot]});
    for (key, question, path) in [
        (PUBLIC, json!([]), ""),
        (PUBLIC, json!({"slots": []}), "visitor"),
        (PUBLIC, json!({"visitor": "42", "slots": []}), "visitor"),
        (SECRET, json!({"visitor": "two words", "slots": []}), "visitor"),
        (PUBLIC, json!({"visitor": fresh_id()}), "slots"),
        (PUBLIC, json!({"visitor": fresh_id(), "slots": vec![json!({"id": "a"}); 17]}), "slots"),
        (PUBLIC, slot(json!("hero")), "slots[0]"),
        (PUBLIC, slot(json!({})), "slots[0].id"),
        (PUBLIC, slot(json!({"id": "HERO"})), "slots[0].id"),
        (PUBLIC, slot(json!({"id": "a", "kind": "banner"})), "slots[0].kind"),
        (PUBLIC, slot(json!({"id": "a", "n": 0})), "slots[0].n"),
        (PUBLIC, slot(json!({"id": "a", "n": 51})), "slots[0].n"),
        (PUBLIC, slot(json!({"id": "a", "n": 1.5})), "slots[0].n"),
        (PUBLIC, slot(json!({"id": "a", "exclude": "sku1"})), "slots[0].exclude"),
        (PUBLIC, json!({"visitor": fresh_id(), "page": "home", "slots": []}), "page"),
        (PUBLIC, json!({"visitor": fresh_id(), "page": {"item": 7}, "slots": []}), "page.item"),
    ] {
        let answer = collector.send(&Request::post("/v1/decide").key(key).body("text/plain", question.to_string()));
        assert_eq!(answer.said(), "400 bad_value", "{question}: {}", answer.text());
        assert_eq!(answer.json()["path"], path, "{question}");
    }
    let unknown = collector.decide("someone-new", &json!([{"id": "no-such-slot"}, {"id": "also", "kind": "items"}]));
    assert_eq!(unknown["slots"]["no-such-slot"]["offer"], Value::Null);
    assert_eq!(unknown["slots"]["also"]["items"], json!([]));
    assert_eq!(unknown["facts"], json!({"cart.items": 0, "cart.value": 0}));
}

/// Sessions of other visitors, each the items they looked at; two of them are of the same category.
const SESSIONS: &[&[&str]] = &[
    &["boot", "belt", "hat"],
    &["boot", "belt"],
    &["boot", "belt"],
    &["boot", "hat"],
    &["boot", "sold"],
    &["boot", "sold"],
    &["scarf"],
    &["scarf"],
    &["scarf"],
    &["scarf"],
    &["sandal"],
];

fn category(item: &str) -> &'static str {
    if ["boot", "sandal"].contains(&item) { "shoes" } else { "other" }
}

fn view(item: &str) -> Value {
    about("view_item", item, category(item))
}

/// Asks for items and gives their ids and the source.
fn items(collector: &Collector, visitor: &str, page: &Value, slot: &Value) -> (Vec<String>, String) {
    let mut asked = json!({"id": "also", "kind": "items", "n": 3});
    asked.as_object_mut().expect("an object").extend(slot.as_object().cloned().expect("an object"));
    let question = json!({"visitor": visitor, "page": page, "slots": [asked]});
    let answer = collector.send(&Request::post("/v1/decide").key(PUBLIC).json(&question)).json();
    let also = &answer["slots"]["also"];
    let ids = also["items"].as_array().unwrap_or_else(|| panic!("items: {answer}"));
    let ids = ids.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect();
    (ids, also["source"].as_str().expect("a source").to_owned())
}

#[test]
fn items_go_with_what_was_looked_at() {
    let collector = Collector::new();
    collector.put(
        "/v1/items",
        &json!([{"item_id": "sold", "stock": 0}, {"item_id": "belt", "item_name": "Belt", "price": 19.5, "stock": 3}]),
    );
    for session in SESSIONS {
        collector.store(&fresh_id(), &session.iter().map(|item| view(item)).collect::<Vec<_>>(), &Value::Null);
    }
    let nobody = visitor(false);
    let on_boot = json!({"item": "boot"});
    let check = |visitor: &str, page: &Value, slot: Value, expected: (&[&str], &str)| {
        let (ids, source) = items(&collector, visitor, page, &slot);
        assert_eq!(
            (ids.as_slice(), source.as_str()),
            (expected.0.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>().as_slice(), expected.1),
            "{page} {slot}"
        );
    };
    // Seen together most, then what is popular in the category, then what is popular; never what is sold out.
    check(&nobody, &on_boot, json!({}), (&["belt", "hat", "sandal"], "item"));
    check(&nobody, &on_boot, json!({"n": 1}), (&["belt"], "item"));
    check(&nobody, &on_boot, json!({"n": 50}), (&["belt", "hat", "sandal", "scarf"], "item"));
    check(&nobody, &on_boot, json!({"exclude": ["belt"]}), (&["hat", "sandal", "scarf"], "item"));
    // Without an item that is known: the category, else what is popular.
    check(&nobody, &json!({"item": "never-heard-of"}), json!({}), (&["boot", "scarf", "belt"], "popular"));
    check(&nobody, &json!({"category": "shoes"}), json!({}), (&["boot", "sandal", "scarf"], "category"));
    check(&nobody, &Value::Null, json!({}), (&["boot", "scarf", "belt"], "popular"));
    // Who is held out gets popular items, and is told so.
    check(&visitor(true), &on_boot, json!({}), (&["scarf", "belt", "hat"], "popular"));

    // The score by hand: belt and boot were seen together in 3 sessions, of 3 and 6.
    let question = json!({"visitor": nobody, "page": on_boot, "slots": [{"id": "also", "kind": "items", "n": 1}]});
    let answer = collector.send(&Request::post("/v1/decide").key(PUBLIC).json(&question)).json();
    let item = &answer["slots"]["also"]["items"][0];
    assert_eq!(item["why"], json!({"because": ["boot"], "kind": "co-session", "n": 3}));
    let score = 3.0 / (3.0f64 * 6.0).sqrt() * 3.0 / (3.0 + 5.0);
    assert!((item["score"].as_f64().expect("a score") - score).abs() < 1e-12, "{item} and {score}");
    assert_eq!(item["item"], json!({"item_id": "belt", "item_name": "Belt", "price": 19.5, "stock": 3}));

    // Of a visitor's own: the latest item is what others go with, and what they saw just now does not come again.
    let person = visitor(false);
    collector.store(&person, &[view("hat"), view("boot")], &Value::Null);
    check(&person, &Value::Null, json!({}), (&["belt", "sandal", "scarf"], "item"));
    check(&person, &Value::Null, json!({"repeats": true}), (&["belt", "hat", "boot"], "item"));
    check(&person, &on_boot, json!({"repeats": true}), (&["belt", "hat", "sandal"], "item"));
    // What was bought does not come again at all.
    let buyer = visitor(false);
    collector.store(&buyer, &[about("purchase", "belt", "other")], &Value::Null);
    check(&buyer, &on_boot, json!({"repeats": true}), (&["hat", "sandal", "scarf"], "item"));
}

#[test]
fn a_restart_forgets_no_rule_and_no_neighbour() {
    let collector = shop();
    let person = visitor(false);
    collector.store(&person, &[view("boot"), view("belt"), about("add_to_cart", "boot", "shoes")], &Value::Null);
    let ask = |collector: &Collector| {
        let question = json!({"visitor": person, "page": {"item": "boot"}, "slots": [{"id": "hero"}, {"id": "also", "kind": "items", "repeats": true}]});
        let mut answer = collector.send(&Request::post("/v1/decide").key(SECRET).json(&question)).json();
        for passing in ["at", "decision_id", "facts"] {
            answer.as_object_mut().expect("an object").remove(passing);
        }
        answer
    };
    let before = ask(&collector);
    assert_eq!(before["slots"]["hero"]["offer"], "free-ship");
    assert_eq!(before["slots"]["also"]["items"][0]["id"], "belt");
    let folder = std::sync::Arc::clone(&collector.folder);
    collector.kill();
    assert_eq!(ask(&Collector::over(&folder, &[])), before);
}

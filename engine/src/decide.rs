//! The decision: which offer stands in a slot for a visitor, by the same steps in page and collector.

use crate::bucket;
use crate::facts::State;
use crate::number::digits;
use crate::offer::{Arm, Bundle, HOLDOUT_ARM, Offer, WEIGHTS};
use crate::segment::matching;
use crate::text::joined;
use crate::time;
use crate::value::{Map, Value};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// How long a decision may be kept, in seconds.
pub const TTL_S: u32 = 1_800;

/// Who asks, when, and what is known of them.
pub struct Visitor<'a> {
    /// The visitor's id; it buckets.
    pub id: &'a str,
    /// The fold of their events.
    pub state: &'a State,
    /// Facts that only the collector knows.
    pub told: &'a Map,
    /// Segments that only the collector can decide.
    pub told_segments: &'a [String],
    /// Whether they agreed to be recognised; without it a slot keeps its own content.
    pub consent: bool,
    /// The time, in ms.
    pub now: i64,
}

/// What was decided for a slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The slot.
    pub slot: String,
    /// The offer; for a held-out visitor the one that would have been made. `None`: no offer fits.
    pub offer: Option<String>,
    /// What to show; null: the page's own content.
    pub content: Value,
    /// The offer's arm, or `holdout`.
    pub arm: Option<String>,
    /// With what probability this arm was drawn, given the offer.
    pub propensity: f64,
    /// The reasons: code and what it is about.
    pub why: Vec<(&'static str, Option<String>)>,
    /// Every offer of the slot in the order tried, with the rule that ended its try; `None` where nobody asked.
    pub tried: Option<Vec<(String, &'static str)>>,
}

impl Decision {
    /// The form of the API.
    pub fn to_value(&self) -> Map {
        let mut map = Map::new();
        map.set("offer", self.offer.clone());
        map.set("content", self.content.clone());
        map.set("arm", self.arm.clone());
        map.set("propensity", self.propensity);
        map.set("ttl_s", TTL_S);
        let mut why = Vec::new();
        for (code, id) in &self.why {
            let mut map = Map::new();
            map.set("code", *code);
            if let Some(id) = id {
                map.set("id", id.as_str());
            }
            why.push(map.into());
        }
        map.set("why", Value::List(why));
        if let Some(tried) = &self.tried {
            let mut debug = Vec::new();
            for (offer, code) in tried {
                let mut map = Map::new();
                map.set("offer", offer.as_str());
                map.set("code", *code);
                debug.push(map.into());
            }
            map.set("debug", Value::List(debug));
        }
        map
    }
}

/// What holds for a visitor at a time, before any slot is looked at.
pub struct Standing {
    /// The facts.
    pub facts: Map,
    /// The ids of the segments they satisfy, sorted.
    pub segments: Vec<String>,
}

/// Facts and segments of a visitor.
pub fn standing(bundle: &Bundle, visitor: &Visitor<'_>) -> Standing {
    let facts = Value::Map(visitor.state.facts(visitor.now, visitor.told));
    let segments = matching(&bundle.segments, &facts, visitor.told_segments);
    let Value::Map(facts) = facts else { unreachable!("it was just made one") };
    Standing { facts, segments }
}

/// Whether the visitor is in the segment of an id.
pub type Belongs<'a> = &'a dyn Fn(&str) -> bool;

/// Whether the visitor is held out of all offers of the site: `h("holdout:" + site, visitor) < share`.
pub fn held_out(bundle: &Bundle, visitor: &str) -> bool {
    bucket::share(&joined(&["holdout:", &bundle.site]), visitor) < bundle.holdout
}

/// Decides a slot: consent, then for every offer schedule, stock, already bought, caps and segments, then the highest
/// priority (ties by id), then holdout, then the arm. `debug` notes every rule tried.
///
/// `belongs` tells whether the visitor is in a segment; it is asked of those alone that decide something.
pub fn decide(bundle: &Bundle, visitor: &Visitor<'_>, belongs: Belongs<'_>, slot: &str, debug: bool) -> Decision {
    let own = bundle.slots.iter().find(|have| have.id == slot).map(|slot| slot.content.clone()).unwrap_or_default();
    let mut decision = Decision {
        slot: slot.to_owned(),
        offer: None,
        content: own,
        arm: None,
        propensity: 1.0,
        why: Vec::new(),
        tried: debug.then(Vec::new),
    };
    if !visitor.consent {
        decision.why.push(("consent", None));
        return decision;
    }
    let mut chosen = None;
    for offer in bundle.offers.iter().filter(|offer| offer.slot == slot) {
        let code = match (refused(bundle, visitor, belongs, offer), chosen) {
            (Some(code), _) => code,
            (None, None) => {
                chosen = Some(offer);
                "chosen"
            }
            (None, Some(_)) => "lower_priority",
        };
        match &mut decision.tried {
            Some(tried) => tried.push((offer.id.clone(), code)),
            None if chosen.is_some() => break,
            None => {}
        }
    }
    let Some(offer) = chosen else {
        decision.why.push(("no_offer", None));
        return decision;
    };
    for segment in offer.segments.iter().filter(|segment| belongs(segment)) {
        decision.why.push(("segment", Some(segment.clone())));
    }
    if decision.why.is_empty() {
        decision.why.push(("everyone", None));
    }
    decision.offer = Some(offer.id.clone());
    let first = visitor.state.exposure(&offer.id, visitor.now).map(|exposure| exposure.arm);
    let kept = first.as_deref().and_then(|arm| offer.arms.iter().find(|have| have.id == arm));
    // Who was first held out stays so, and who saw an arm first keeps it, whatever the share is by now.
    if first.as_deref() == Some(HOLDOUT_ARM) || (kept.is_none() && held_out(bundle, visitor.id)) {
        decision.arm = Some(HOLDOUT_ARM.to_owned());
        decision.why.push(("holdout", None));
        return decision;
    }
    if kept.is_some() {
        decision.why.push(("kept_arm", None));
    }
    if let Some(arm) = kept.or_else(|| draw(offer, visitor.id)) {
        decision.arm = Some(arm.id.clone());
        decision.content = arm.content.clone();
        decision.propensity = f64::from(arm.weight) / f64::from(WEIGHTS);
    }
    decision
}

/// The rule that keeps an offer from a visitor, if one does.
fn refused(bundle: &Bundle, visitor: &Visitor<'_>, belongs: Belongs<'_>, offer: &Offer) -> Option<&'static str> {
    let items = &offer.items;
    // A would-be exposure of a held-out visitor is logged like a real one, so caps hold for both alike.
    let shown = visitor.state.exposure(&offer.id, visitor.now);
    let over = |cap: Option<u32>, n: Option<u32>| cap.is_some_and(|cap| n.unwrap_or(0) >= cap);
    if offer.starts.is_some_and(|starts| visitor.now < starts) {
        Some("not_started")
    } else if offer.ends.is_some_and(|ends| visitor.now >= ends) {
        Some("ended")
    } else if !items.is_empty() && items.iter().all(|item| bundle.sold_out.contains(item)) {
        Some("sold_out")
    } else if !items.is_empty() && items.iter().all(|item| visitor.state.bought(item)) {
        Some("already_bought")
    } else if over(offer.cap_visitor, shown.as_ref().map(|shown| shown.total)) {
        Some("capped_visitor")
    } else if over(offer.cap_session, shown.as_ref().map(|shown| shown.session)) {
        Some("capped_session")
    } else if !offer.segments.is_empty() && !offer.segments.iter().any(|segment| belongs(segment)) {
        Some("not_in_segment")
    } else {
        None
    }
}

/// The arm at `h(offer + ":" + weights_version, visitor)`.
fn draw<'a>(offer: &'a Offer, visitor: &str) -> Option<&'a Arm> {
    let at = bucket::ten_thousandth(&joined(&[&offer.id, ":", &digits(i64::from(offer.weights_version))]), visitor);
    let mut until = 0;
    offer.arms.iter().find(|arm| {
        until += arm.weight;
        at < until
    })
}

/// Facts, segments and decisions of a visitor for these slots, in the form of the API.
pub fn answer(bundle: &Bundle, visitor: &Visitor<'_>, slots: &[&str], debug: bool) -> Map {
    let standing = standing(bundle, visitor);
    let mut decisions = Map::new();
    let belongs = |id: &str| standing.segments.iter().any(|segment| segment == id);
    for slot in slots {
        decisions.set(slot, decide(bundle, visitor, &belongs, slot, debug).to_value());
    }
    Map::new()
        .with("bundle", bundle.version)
        .with("at", time::text(visitor.now))
        .with("segments", standing.segments.iter().map(String::as_str).collect::<Vec<_>>())
        .with("facts", standing.facts)
        .with("slots", decisions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::id::Id;
    use alloc::string::ToString;

    fn bundle(offers: &str) -> Bundle {
        let json = format!(
            r#"{{"version":1,"site":"default","holdout":0,"slots":[{{"id":"hero","kind":"offer","content":"own"}}],
            "segments":[{{"id":"seen","condition":{{"visits":{{"$gte":1}}}}}}],"offers":{offers},"sold_out":["gone"]}}"#
        );
        Bundle::read(&serde_json::from_str(&json).unwrap(), None).unwrap()
    }

    fn run(bundle: &Bundle, state: &State, id: &str, now: i64) -> Decision {
        let visitor = Visitor { id, state, told: &Map::new(), told_segments: &[], consent: true, now };
        let segments = standing(bundle, &visitor).segments;
        decide(bundle, &visitor, &|id| segments.iter().any(|segment| segment == id), "hero", true)
    }

    fn seen(events: &[&str]) -> State {
        let mut state = State::default();
        for (n, name) in events.iter().enumerate() {
            let mut event = Event { name: (*name).to_owned(), ..Event::default() };
            event.props = Map::new().with("promotion_id", "o").with("creative_name", "b");
            event.items = vec![crate::event::Item { item_id: "sku".to_owned(), ..Default::default() }];
            state.fold(&event, n as i64, Id(n as u128));
        }
        state
    }

    #[test]
    fn each_rule_keeps_an_offer_back() {
        for (rule, json, events) in [
            ("not_started", r#"{"starts":"2026-01-01T00:00:00Z"}"#, &["click"][..]),
            ("ended", r#"{"ends":"1970-01-01T00:00:00Z"}"#, &["click"]),
            ("sold_out", r#"{"items":["gone"]}"#, &["click"]),
            ("already_bought", r#"{"items":["sku"]}"#, &["purchase"]),
            ("capped_visitor", r#"{"caps":{"visitor":1}}"#, &["view_promotion"]),
            ("capped_session", r#"{"caps":{"session":1}}"#, &["view_promotion"]),
            ("not_in_segment", r#"{"segments":["other"]}"#, &["click"]),
            ("chosen", r#"{"segments":["seen"]}"#, &["click"]),
        ] {
            let fields = json.trim_start_matches('{');
            let bundle = bundle(&format!(r#"[{{"id":"o","slot":"hero","content":"offer",{fields}]"#));
            let decision = run(&bundle, &seen(events), "v", 10);
            assert_eq!(decision.tried.unwrap(), [("o".to_owned(), rule)]);
            assert_eq!(decision.content, Value::from(if rule == "chosen" { "offer" } else { "own" }));
        }
    }

    #[test]
    fn the_highest_priority_wins_and_ties_go_by_id() {
        let bundle = bundle(
            r#"[{"id":"b","slot":"hero","priority":1},{"id":"a","slot":"hero","priority":1},{"id":"c","slot":"hero"},{"id":"d","slot":"x","priority":9}]"#,
        );
        let decision = run(&bundle, &State::default(), "v", 0);
        assert_eq!(decision.offer.as_deref(), Some("a"));
        assert_eq!(
            decision.tried.unwrap().iter().map(|(_, code)| *code).collect::<Vec<_>>(),
            ["chosen", "lower_priority", "lower_priority"]
        );
    }

    #[test]
    fn holdout_and_arms_have_their_shares() {
        let mut bundle =
            bundle(r#"[{"id":"o","slot":"hero","arms":[{"id":"a","weight":2000},{"id":"b","weight":8000}]}]"#);
        bundle.holdout = 0.05;
        let mut counts = [0u32; 3];
        for n in 0..20_000u32 {
            let decision = run(&bundle, &State::default(), &n.to_string(), 0);
            let arm = ["holdout", "a", "b"].iter().position(|arm| Some(*arm) == decision.arm.as_deref()).unwrap();
            counts[arm] += 1;
        }
        // Four standard deviations of the binomial around each share.
        for (n, share) in counts.iter().zip([0.05, 0.19, 0.76]) {
            let sd = (20_000.0f64 * share * (1.0 - share)).sqrt();
            assert!((f64::from(*n) - 20_000.0 * share).abs() < 4.0 * sd, "{counts:?}");
        }
    }

    #[test]
    fn the_first_exposed_arm_is_kept() {
        let bundle = bundle(r#"[{"id":"o","slot":"hero","arms":[{"id":"a","weight":9500},{"id":"b","weight":500}]}]"#);
        let state = seen(&["view_promotion"]);
        assert!((0..50).all(|n: i32| run(&bundle, &state, &n.to_string(), 10).arm.as_deref() == Some("b")));
    }
}

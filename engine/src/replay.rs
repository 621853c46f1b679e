//! A history run through the whole engine: what facts, segments and decisions it leads to.
//!
//! Both sides offer it: the page to explain itself, the collector to answer for a visitor it has the events of.

use crate::decide::{Visitor, decide, standing};
use crate::event::Event;
use crate::facts::State;
use crate::id::Id;
use crate::number::digits;
use crate::offer::Bundle;
use crate::text::joined;
use crate::value::{Map, Value};
use crate::{clean, time};
use alloc::string::String;
use alloc::vec::Vec;

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

/// Replays `{bundle, visitor, now, events, facts, slots}`: `events` in the form of the wire, each with its id, in any
/// order; `facts` those that only the collector knows; `now` an RFC 3339 time.
///
/// # Errors
/// What is missing or cannot be read, in a sentence.
pub fn replay(input: &Map) -> Result<Map, String> {
    let bundle = input.get("bundle").and_then(Value::as_map).and_then(|map| Bundle::read(map, None));
    let bundle = bundle.ok_or("bundle: expected a bundle")?;
    let now = input.str("now").and_then(time::parse).ok_or("now: expected an RFC 3339 time")?;
    let list = |key: &str| input.get(key).and_then(Value::as_list).unwrap_or_default();
    let mut events = Vec::new();
    for (index, value) in list("events").iter().enumerate() {
        let (mut event, _) = Event::read(value)
            .map_err(|reject| joined(&["events[", &digits(index as i64), "]: ", &reject.path, " ", &reject.detail]))?;
        clean::event(&mut event);
        events.push((event.at, event.id.unwrap_or(Id(index as u128)), event));
    }
    events.sort_by_key(|(at, id, _)| (*at, *id));
    events.dedup_by_key(|(_, id, _)| *id);
    let mut state = State::default();
    for (at, id, event) in &events {
        state.fold(event, *at, *id);
    }
    let none = Map::new();
    let visitor = Visitor {
        id: input.str("visitor").unwrap_or_default(),
        state: &state,
        told: input.get("facts").and_then(Value::as_map).unwrap_or(&none),
        told_segments: &[],
        consent: true,
        now,
    };
    let slots: Vec<&str> = list("slots").iter().filter_map(Value::as_str).collect();
    Ok(answer(&bundle, &visitor, &slots, true))
}

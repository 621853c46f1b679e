//! Decisions in the page, with no request: the bundle and what is remembered of the visitor.

use crate::memory::Memory;
use alloc::vec::Vec;
use engine::decide::{Visitor, decide, standing};
use engine::offer::{Bundle, HOLDOUT_ARM};
use engine::value::{Map, Value};

/// The bundle, once it has come.
#[derive(Default)]
pub(crate) struct Decisions {
    bundle: Option<Bundle>,
}

impl Decisions {
    /// Takes a bundle; returns its version, 0 for what is no bundle.
    pub(crate) fn learn(&mut self, bundle: &Value) -> u32 {
        match bundle.as_map().and_then(|map| Bundle::read(map, None)) {
            Some(bundle) => self.bundle.insert(bundle).version,
            None => 0,
        }
    }

    /// The decision for a slot, in the form of the API with a `reason`.
    pub(crate) fn decide(&self, memory: &Memory, slot: &str, now: i64, debug: bool) -> Option<Map> {
        let bundle = self.bundle.as_ref()?;
        let visitor = visitor(memory, now);
        let facts = memory.state.facts(now, &memory.told).into();
        // A segment that no offer in question is for is not looked at.
        let belongs = |id: &str| bundle.segment(id).is_some_and(|segment| segment.holds(&facts, &memory.segments));
        let decision = decide(bundle, &visitor, &belongs, slot, debug);
        let held_out = decision.arm.as_deref() == Some(HOLDOUT_ARM);
        let reason = if held_out { HOLDOUT_ARM } else { decision.why.first().map_or("", |(code, _)| code) };
        let mut map = decision.to_value();
        map.set("reason", reason);
        Some(map)
    }

    /// Facts, segments and session; without a bundle no segment is known.
    pub(crate) fn standing(&self, memory: &Memory, now: i64) -> Map {
        let none = Bundle::default();
        let standing = standing(self.bundle.as_ref().unwrap_or(&none), &visitor(memory, now));
        let mut segments = Vec::new();
        for segment in standing.segments {
            segments.push(segment.into());
        }
        let mut map = Map::new();
        map.set("facts", standing.facts);
        map.set("segments", Value::List(segments));
        if memory.state.last.is_some() {
            map.set("session", memory.state.session.id.text());
        }
        map
    }
}

/// Without consent nothing is remembered, and the caller does not ask.
fn visitor(memory: &Memory, now: i64) -> Visitor<'_> {
    Visitor {
        id: &memory.visitor,
        state: &memory.state,
        told: &memory.told,
        told_segments: &memory.segments,
        consent: true,
        now,
    }
}

//! What this browser remembers of the visitor: the fold of the events made here, and what the collector told.
//!
//! JavaScript keeps it as a text in storage, which all tabs share, and hands it in again where another tab has written,
//! so that events fold in one line, whichever tab they came from.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use engine::event::Event;
use engine::facts::State;
use engine::value::{Map, Value};

/// Orders of which a repetition is known; thank-you pages are loaded again, not forever.
const MAX_ORDERS: usize = 20;
/// The facts that only the collector knows begin so.
const COLLECTORS: [&str; 8] = ["rfm.", "clv.", "device.type", "os", "browser", "country", "language", "user.known"];

/// See the module.
#[derive(Default)]
pub(crate) struct Memory {
    /// The visitor's id.
    pub(crate) visitor: String,
    /// The fold.
    pub(crate) state: State,
    /// Facts that only the collector knows.
    pub(crate) told: Map,
    /// Segments that the collector says the visitor is in.
    pub(crate) segments: Vec<String>,
    orders: Vec<String>,
}

impl Memory {
    /// What is remembered of this visitor, from what [`Memory::to_value`] gave; the memory of somebody else is not
    /// taken.
    pub(crate) fn of(visitor: &str, kept: &Value) -> Memory {
        let mut memory = Memory { visitor: visitor.to_owned(), ..Memory::default() };
        if let Some(map) = kept.as_map()
            && map.str("visitor") == Some(visitor)
            && let Some(state) = map.get("state").and_then(Value::as_map).and_then(State::from_value)
        {
            memory.state = state;
            memory.orders = texts(map.get("orders"));
            memory.told(kept);
        }
        memory
    }

    /// For keeping.
    pub(crate) fn to_value(&self) -> Map {
        Map::new()
            .with("visitor", self.visitor.as_str())
            .with("state", self.state.to_value())
            .with("orders", self.orders.clone())
            .with("facts", self.told.clone())
            .with("segments", self.segments.clone())
    }

    /// Folds an event in. An order that was folded before is left out: the collector counts it once, too.
    pub(crate) fn fold(&mut self, event: &Event) {
        if event.name == "purchase"
            && let Some(order) = &event.transaction_id
        {
            if self.orders.contains(order) {
                return;
            }
            self.orders.push(order.clone());
            let over = self.orders.len().saturating_sub(MAX_ORDERS);
            self.orders.drain(..over);
        }
        self.state.fold(event, event.at, event.id.unwrap_or_default());
    }

    /// Takes what only the collector knows from an answer of its: all facts come, its own ones are kept.
    pub(crate) fn told(&mut self, answer: &Value) {
        let Value::Map(map) = answer else { return };
        if let Some(facts) = map.get("facts").and_then(Value::as_map) {
            let own = facts.iter().filter(|(name, _)| {
                COLLECTORS.iter().any(|known| name == known || known.ends_with('.') && name.starts_with(known))
            });
            self.told = Map::from_pairs(own.map(|(name, value)| (name.to_owned(), value.clone())).collect());
        }
        if map.get("segments").is_some() {
            self.segments = texts(map.get("segments"));
        }
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

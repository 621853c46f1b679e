//! What this browser remembers of the visitor: the fold of the events made here, and what the collector told.
//!
//! It is kept as one text in storage, which all tabs share: each tab reads it again when another one has written, so
//! that events fold in one line, whichever tab they came from.

use crate::page::{self, Page};
use engine::event::Event;
use engine::facts::State;
use engine::value::{Map, Value};

const NAME: &str = "memory";
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
    /// The text that storage held when it was last read or written here.
    text: String,
}

impl Memory {
    /// What is remembered of this visitor.
    pub(crate) fn of(visitor: &str, page: &Page) -> Memory {
        let mut memory = Memory { visitor: visitor.to_owned(), ..Memory::default() };
        memory.refresh(page);
        memory
    }

    /// Takes over what another tab has written since; the memory of somebody else is not taken.
    pub(crate) fn refresh(&mut self, page: &Page) {
        let text = page.load(NAME).unwrap_or_default();
        if text.is_empty() || text == self.text {
            return;
        }
        let Value::Map(map) = page::parse(&text) else { return };
        if map.str("visitor") != Some(&self.visitor) {
            return;
        }
        if let Some(state) = map.get("state").and_then(Value::as_map).and_then(State::from_value) {
            self.state = state;
            self.orders = texts(map.get("orders"));
            self.set_told(&map);
            self.text = text;
        }
    }

    /// Keeps it. A browser without room for it forgets with the page.
    pub(crate) fn save(&mut self, page: &Page) {
        let map = Map::new()
            .with("visitor", self.visitor.as_str())
            .with("state", self.state.to_value())
            .with("orders", self.orders.clone())
            .with("facts", self.told.clone())
            .with("segments", self.segments.clone());
        self.text = page::text(&map.into());
        page.save(NAME, &self.text);
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
        if let Value::Map(answer) = answer {
            self.set_told(answer);
        }
    }

    fn set_told(&mut self, map: &Map) {
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

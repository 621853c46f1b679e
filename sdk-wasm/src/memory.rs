//! What this browser remembers of the visitor: the fold of the events made here, and what the collector told.
//!
//! JavaScript keeps it as a text in storage, which all tabs share, and hands it in again where another tab has written,
//! so that events fold in one line, whichever tab they came from.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use engine::event::Event;
use engine::facts::State;
use engine::keep::Pass;
use engine::value::{Map, Value};

/// The form of what is kept; what is kept in another one is forgotten.
const FORM: u8 = 1;
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
    /// Begins with what is remembered of a visitor, from what [`Memory::text`] gave. The memory of somebody else is not
    /// taken, and what cannot be read, since somebody else has written it, changes nothing.
    pub(crate) fn begin(&mut self, visitor: &str, kept: &str) {
        let mut memory = Memory::default();
        let mut bytes = Vec::with_capacity(kept.len());
        for sign in kept.chars() {
            bytes.push(sign as u8);
        }
        let mut pass = Pass::reading(bytes);
        memory.keep(&mut pass);
        if pass.is_whole() && memory.visitor == visitor {
            *self = memory;
        } else if kept.is_empty() || self.visitor != visitor {
            *self = Memory::default();
            visitor.clone_into(&mut self.visitor);
        }
    }

    /// For keeping: a sign for each byte, so that the text can be stored as it is.
    pub(crate) fn text(&mut self) -> String {
        let mut pass = Pass::writing();
        self.keep(&mut pass);
        let mut text = String::new();
        for byte in pass.into_bytes() {
            text.push(char::from(byte));
        }
        text
    }

    fn keep(&mut self, pass: &mut Pass) {
        let mut form = FORM;
        pass.byte(&mut form);
        if form != FORM {
            return;
        }
        pass.text(&mut self.visitor);
        self.state.keep(pass);
        pass.scalars(&mut self.told);
        pass.list(&mut self.segments, |segment, pass| pass.text(segment));
        pass.list(&mut self.orders, |order, pass| pass.text(order));
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
            if self.orders.len() > MAX_ORDERS {
                self.orders.remove(0);
            }
        }
        self.state.fold(event, event.at, event.id.unwrap_or_default());
    }

    /// Takes what only the collector knows from an answer of its: all facts come, its own ones are kept.
    pub(crate) fn told(&mut self, answer: &Value) {
        let Value::Map(map) = answer else { return };
        if let Some(Value::Map(facts)) = map.get("facts") {
            self.told = Map::new();
            for (name, value) in facts.iter() {
                if COLLECTORS.iter().any(|known| name == *known || known.ends_with('.') && name.starts_with(known)) {
                    self.told.set(name, value.clone());
                }
            }
        }
        if let Some(Value::List(segments)) = map.get("segments") {
            self.segments.clear();
            for segment in segments {
                if let Value::String(segment) = segment {
                    self.segments.push(segment.clone());
                }
            }
        }
    }
}

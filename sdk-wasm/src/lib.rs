//! Tier 1 of the npm package `beckon`: the engine in the page. Everything that JavaScript can call is in this file.
//!
//! How the page's side is divided, so that each line exists once: `js/beckon.js` (tier 0) makes ids and times, keeps the
//! queue and sends, since all of that must work before Wasm is there and where it never comes; `js/tier1.js` and
//! `js/capture/` know the DOM and storage; this crate cleans and masks, folds events into facts, and decides. The
//! module imports nothing: time, ids, the visitor and what was kept come as arguments, so nothing here reads a clock,
//! draws a number, stores or makes a request, and the same module runs in a page, a worker and in Node.
//!
//! A trap in here reaches JavaScript as an exception of the call; the caller catches it, never calls again and goes on
//! as tier 0.
#![cfg_attr(target_family = "wasm", no_std)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

extern crate alloc;

pub mod border;
mod decisions;
mod memory;

use alloc::vec::Vec;
use decisions::Decisions;
use engine::clean;
use engine::event::Event;
use engine::value::{Map, Value};
use memory::Memory;

/// What lives as long as the page.
#[derive(Default)]
struct Tier {
    memory: Memory,
    decisions: Decisions,
}

impl Tier {
    /// Calls a function by its number in `js/engine.js`; arguments that are missing or of another type read as empty.
    fn call(&mut self, function: usize, arguments: &[Value]) -> Value {
        let [first, second, third] = [0, 1, 2].map(|at| arguments.get(at).unwrap_or(&Value::Null));
        match function {
            0 => self.memory = Memory::of(first.as_str().unwrap_or_default(), second),
            1 => return self.memory.to_value().into(),
            2 => return self.take(first.as_list().unwrap_or_default(), true),
            3 => return self.take(first.as_list().unwrap_or_default(), false),
            4 => return self.decisions.learn(first).into(),
            5 => self.memory.told(first),
            6 => {
                let (slot, debug) = (first.as_str().unwrap_or_default(), third.as_bool().unwrap_or_default());
                return self.decisions.decide(&self.memory, slot, time(second), debug).into();
            }
            7 => return self.decisions.standing(&self.memory, time(first)).into(),
            _ => {}
        }
        Value::Null
    }

    /// Reads, cleans and masks events, and folds them in the order in which they come where `fold` is true. Gives for
    /// each the event as it may leave the page, or `{id, code, path, detail}` where it cannot be used.
    fn take(&mut self, events: &[Value], fold: bool) -> Value {
        let taken: Vec<Map> = events.iter().map(|event| self.take_one(event, fold)).collect();
        taken.into()
    }

    fn take_one(&mut self, value: &Value, fold: bool) -> Map {
        match Event::read(value) {
            Ok((mut event, _)) => {
                clean::event(&mut event);
                if fold {
                    self.memory.fold(&event);
                    // The sender's hint of the session is the session of the fold, which the collector finds as well.
                    event.session = Some(self.memory.state.session.id.text());
                }
                event.to_value()
            }
            Err(reject) => {
                let mut map = Map::new().with("code", reject.code.text()).with("path", reject.path);
                map.set("detail", reject.detail);
                map.set_some("id", value.as_map().and_then(|event| event.str("id")));
                map
            }
        }
    }
}

/// A time in milliseconds.
fn time(value: &Value) -> i64 {
    value.as_f64().unwrap_or_default() as i64
}

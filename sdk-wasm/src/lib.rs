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

#[cfg(target_family = "wasm")]
mod allocator;
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
        let argument = |at: usize| arguments.get(at).unwrap_or(&Value::Null);
        let (first, second) = (argument(0), argument(1));
        match function {
            0 => self.memory.begin(text(first), text(second)),
            1 => return self.memory.text().into(),
            2 => return self.take(first.as_list().unwrap_or_default(), true),
            3 => return self.take(first.as_list().unwrap_or_default(), false),
            4 => return self.decisions.learn(first).into(),
            5 => self.memory.told(first),
            6 => {
                let debug = argument(2).as_bool().unwrap_or_default();
                return self.decisions.decide(&self.memory, text(first), time(second), debug).into();
            }
            7 => return self.decisions.standing(&self.memory, time(first)).into(),
            _ => {}
        }
        Value::Null
    }

    /// Reads, cleans and masks events, and folds them in the order in which they come where `fold` is true. Gives for
    /// each the event as it may leave the page, or `{code, path}` where it cannot be used.
    fn take(&mut self, events: &[Value], fold: bool) -> Value {
        let mut taken = Vec::with_capacity(events.len());
        for event in events {
            taken.push(self.take_one(event, fold).into());
        }
        Value::List(taken)
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
                let mut map = Map::new();
                map.set("code", reject.code.text());
                map.set("path", reject.path);
                map
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A time in milliseconds.
fn time(value: &Value) -> i64 {
    value.as_f64().unwrap_or_default() as i64
}

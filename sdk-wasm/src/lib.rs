//! Tier 1 of the npm package `beckon`: the engine in the page. Everything that JavaScript can call is in this file.
//!
//! How the page's side is divided, so that each line exists once: `js/beckon.js` (tier 0) makes ids and times, keeps the
//! queue and sends, since all of that must work before Wasm is there and where it never comes; it calls down into this
//! crate, which cleans and masks, folds events into facts, decides, and reads DOM events. Time, ids, the visitor and
//! storage come from the caller, so nothing here reads a clock, draws a number or makes a request.
//!
//! A trap in here reaches JavaScript as an exception of the call; the caller catches it, never calls again and goes on
//! as tier 0.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod capture;
mod decisions;
mod memory;
pub mod page;
mod walk;

use decisions::Decisions;
use engine::event::Event;
use engine::value::{Map, Value};
use engine::{clean, replay};
use memory::Memory;
use page::Page;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

/// What lives as long as the page.
struct Tier {
    page: Page,
    memory: Memory,
    decisions: Decisions,
}

/// std's own allocator is made for speed, and three times the code.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

thread_local! {
    static TIER: RefCell<Option<Tier>> = const { RefCell::new(None) };
}

fn with<T: Default>(work: impl FnOnce(&mut Tier) -> T) -> T {
    TIER.with_borrow_mut(|tier| tier.as_mut().map(work).unwrap_or_default())
}

/// Begins with what the browser remembers of this visitor; called again when the visitor is another one.
#[wasm_bindgen]
pub fn start(page: Page, visitor: &str) {
    let memory = Memory::of(visitor, &page);
    TIER.with_borrow_mut(|tier| {
        let decisions = tier.take().map(|tier| tier.decisions).unwrap_or_default();
        *tier = Some(Tier { page, memory, decisions });
    });
}

/// Reads, cleans, masks and folds events in the order in which they were made. Returns for each the event as it may
/// leave the page, or `{id, code, path, detail}` where it cannot be used.
#[wasm_bindgen]
pub fn take(events: &JsValue) -> JsValue {
    with(|tier| {
        tier.memory.refresh(&tier.page);
        let Value::List(events) = walk::read(events) else { return JsValue::UNDEFINED };
        let taken: Vec<Map> = events.iter().map(|event| take_one(&mut tier.memory, event)).collect();
        tier.memory.save(&tier.page);
        walk::write(&taken.into())
    })
}

fn take_one(memory: &mut Memory, value: &Value) -> Map {
    match Event::read(value) {
        Ok((mut event, _)) => {
            clean::event(&mut event);
            memory.fold(&event);
            // The sender's hint of the session is the session of the fold, which the collector finds as well.
            event.session = Some(memory.state.session.id.text());
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

/// Takes a bundle for all further decisions; returns its version, 0 for what is no bundle.
#[wasm_bindgen]
pub fn learn(bundle: &JsValue) -> u32 {
    with(|tier| tier.decisions.learn(&walk::read(bundle)))
}

/// Takes what only the collector knows of the visitor from the `decision` of one of its answers.
#[wasm_bindgen]
pub fn told(decision: &JsValue) {
    with(|tier| {
        tier.memory.refresh(&tier.page);
        tier.memory.told(&walk::read(decision));
        tier.memory.save(&tier.page);
    });
}

/// The decision for a slot at a time in milliseconds, with every rule tried where `debug` is true; `undefined` before a
/// bundle has come.
#[wasm_bindgen]
pub fn decide(slot: &str, now: f64, debug: bool) -> JsValue {
    with(|tier| {
        tier.decisions.decide(&tier.memory, slot, now as i64, debug).map(|decision| walk::write(&decision.into()))
    })
    .unwrap_or(JsValue::UNDEFINED)
}

/// The visitor's facts, segments and session at a time: `{facts, segments, session}`.
#[wasm_bindgen]
pub fn standing(now: f64) -> JsValue {
    with(|tier| walk::write(&tier.decisions.standing(&tier.memory, now as i64).into()))
}

/// The names of the DOM events that captures want to see.
#[wasm_bindgen]
pub fn captures() -> JsValue {
    let names: Vec<&str> = capture::CAPTURES.iter().map(|capture| capture.on).collect();
    walk::write(&names.into())
}

/// What the captures make of a DOM event: a list of the data of events, each with its `name`.
#[wasm_bindgen]
pub fn capture(event: &web_sys::Event) -> JsValue {
    walk::write(&capture::run(event).into())
}

/// Runs a history `{bundle, visitor, now, events, facts, slots}` through the engine and returns `{bundle, at, segments,
/// facts, slots}`, the very answer that the collector gives to the same history; a text says what is wrong with it.
#[wasm_bindgen]
pub fn replay(input: &JsValue) -> Result<JsValue, JsValue> {
    let input = walk::read(input);
    match replay::replay(input.as_map().unwrap_or(&Map::new())) {
        Ok(answer) => Ok(walk::write(&answer.into())),
        Err(problem) => Err(JsValue::from_str(&problem)),
    }
}

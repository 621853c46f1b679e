//! Captures: what happens in the page without anybody calling `track`, one file each.

mod click;

use engine::value::{Map, Value};
use web_sys::Event;

/// A capture: the DOM event it looks at, and the event it makes of it.
pub(crate) struct Capture {
    /// The name of the event that it tracks; the page may switch it off by this name.
    pub(crate) name: &'static str,
    /// The name of the DOM event, seen at the document before the page's own listeners.
    pub(crate) on: &'static str,
    /// The fields of the event; `None` where there is nothing to say.
    pub(crate) fields: fn(&Event) -> Option<Map>,
}

/// Every capture. Page views are in tier 0, which has to count visits that end before Wasm is there.
pub(crate) const CAPTURES: &[Capture] = &[click::CLICK];

/// The events that captures make of a DOM event.
pub(crate) fn run(event: &Event) -> Vec<Value> {
    let kind = event.type_();
    let of_kind = CAPTURES.iter().filter(|capture| capture.on == kind);
    of_kind.filter_map(|capture| Some((capture.fields)(event)?.with("name", capture.name).into())).collect()
}

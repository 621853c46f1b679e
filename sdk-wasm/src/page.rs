//! The page as the engine sees it: what the caller hands to `start`. The only door to anything outside of this crate
//! beside the DOM events that captures are shown.

use crate::walk;
use engine::value::Value;
use js_sys::JSON;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Storage under names of this site's own, in texts; where the browser has none, it lives as long as the page.
    pub type Page;

    /// The text under a name.
    #[wasm_bindgen(method)]
    pub fn load(this: &Page, name: &str) -> Option<String>;

    /// Keeps a text under a name.
    #[wasm_bindgen(method)]
    pub fn save(this: &Page, name: &str, text: &str);
}

/// The browser's own parser; `null` for what is no JSON.
pub fn parse(text: &str) -> Value {
    JSON::parse(text).map_or(Value::Null, |value| walk::read(&value))
}

/// The browser's own writer.
pub fn text(value: &Value) -> String {
    JSON::stringify(&walk::write(value)).map_or_else(|_| String::new(), String::from)
}

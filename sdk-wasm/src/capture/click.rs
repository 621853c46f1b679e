//! `click`: on links and buttons, in the words of GA4's enhanced measurement.

use super::Capture;
use engine::event::shorten;
use engine::value::Map;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlAnchorElement};

pub(crate) const CLICK: Capture = Capture { name: "click", on: "click", fields };

const PRESSED: &str = "a[href],button,[role=button],input[type=submit],input[type=button],summary";
/// The page's word that something must not be seen.
const IGNORED: &str = "[data-beckon-ignore]";
/// A label is a few words; more is a card that happens to be a link.
const MAX_LABEL: usize = 100;

fn fields(event: &Event) -> Option<Map> {
    let target: Element = event.target()?.dyn_into().ok()?;
    let pressed = target.closest(PRESSED).ok()??;
    if pressed.closest(IGNORED).ok()?.is_some() {
        return None;
    }
    let attribute = |name: &str| pressed.get_attribute(name).filter(|text| !text.is_empty());
    let label = attribute("aria-label").or_else(|| pressed.text_content()).unwrap_or_default();
    let label = squeezed(&label);
    let label = shorten(&label, MAX_LABEL);
    let mut fields = Map::new();
    if let Some(link) = pressed.dyn_ref::<HtmlAnchorElement>() {
        let own_host = pressed.owner_document()?.location()?.host().ok()?;
        let host = link.host();
        fields.set("link_url", link.href());
        fields.set("link_text", label);
        fields.set("outbound", !host.is_empty() && host != own_host);
        fields.set_some("link_id", attribute("id"));
        fields.set_some("link_classes", attribute("class"));
    } else {
        fields.set("button_text", label);
        fields.set_some("button_id", attribute("id"));
        fields.set_some("button_classes", attribute("class"));
    }
    Some(fields)
}

/// The text with its white space as the page shows it: one space between words.
fn squeezed(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_ascii_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

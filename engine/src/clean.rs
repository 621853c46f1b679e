//! Cleaning: addresses without what is not theirs to tell, texts masked, in the page and again in the collector.

use crate::event::Event;
use crate::mask;
use crate::value::{Map, Value};

/// Cleans and masks every text of an event in place; both sides call this before anything else sees the event.
pub fn event(event: &mut Event) {
    for address in [&mut event.page.url, &mut event.page.referrer].into_iter().flatten() {
        *address = url(address);
    }
    if let Some(title) = &mut event.page.title {
        *title = mask::text(title).into_owned();
    }
    if let Some(transaction) = &mut event.transaction_id {
        *transaction = mask::id(transaction).into_owned();
    }
    for item in &mut event.items {
        item.item_id = mask::id(&item.item_id).into_owned();
        for field in [&mut item.item_name, &mut item.item_category].into_iter().flatten() {
            *field = mask::text(field).into_owned();
        }
        own_map(&mut item.rest);
    }
    own_map(&mut event.props);
}

/// Masks a value of the sender's own, by its key and by its content.
pub fn own(key: &str, value: &mut Value) {
    match value {
        Value::Null => {}
        _ if mask::is_secret_name(key) => *value = Value::from("[secret]"),
        Value::String(text) if text.contains("://") => *text = url(text),
        Value::String(text) => {
            if let std::borrow::Cow::Owned(masked) = mask::text(text) {
                *text = masked;
            }
        }
        // A card or phone number may come as a number; an id of a million millions may not look like one by chance.
        Value::Number(number) if number.fract() == 0.0 && (1e10..9e15).contains(number) => {
            let digits = (*number as i64).to_string();
            if let std::borrow::Cow::Owned(masked) = mask::text(&digits) {
                *value = Value::String(masked);
            }
        }
        Value::List(list) => list.iter_mut().for_each(|value| own("", value)),
        Value::Map(map) => own_map(map),
        _ => {}
    }
}

/// [`own`] for an object; its keys are the sender's own words too.
pub fn own_map(map: &mut Map) {
    map.iter_mut().for_each(|(key, value)| own(key, value));
    let masked = |key: &str| matches!(mask::text(key), std::borrow::Cow::Owned(_));
    if map.iter().any(|(key, _)| masked(key)) {
        *map = Map::from_pairs(map.iter().map(|(key, value)| (mask::text(key).into_owned(), value.clone())).collect());
    }
}

/// An address without user and password; parameters of secret names and personal data in the rest are masked.
pub fn url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let path_from = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(path_from).unwrap_or((rest, ""));
    let mut out = String::with_capacity(url.len());
    if !scheme.is_empty() {
        out.push_str(scheme);
        out.push_str("://");
        out.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
    } else {
        out.push_str(&mask::text(authority));
    }
    let (before_hash, hash) = tail.split_once('#').map_or((tail, None), |(before, hash)| (before, Some(hash)));
    let (path, query) = before_hash.split_once('?').map_or((before_hash, None), |(path, query)| (path, Some(query)));
    out.push_str(&mask::text(path));
    if let Some(query) = query {
        out.push('?');
        parameters(query, &mut out);
    }
    if let Some(hash) = hash {
        out.push('#');
        parameters(hash, &mut out);
    }
    out
}

fn parameters(query: &str, out: &mut String) {
    for (index, pair) in query.split('&').enumerate() {
        if index > 0 {
            out.push('&');
        }
        match pair.split_once('=') {
            Some((name, _)) if mask::is_secret_name(name) => {
                out.push_str(name);
                out.push_str("=[secret]");
            }
            Some((name, value)) => {
                out.push_str(&mask::text(name));
                out.push('=');
                out.push_str(&mask::text(value));
            }
            None => out.push_str(&mask::text(pair)),
        }
    }
}

/// The path of an address, `/` where it has none.
pub fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let from = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let path = rest.get(from..).unwrap_or_default();
    let to = path.find(['?', '#']).unwrap_or(path.len());
    match path.get(..to) {
        None | Some("") => "/",
        Some(path) => path,
    }
}

/// The value of a query parameter, percent-decoded, `+` as a space; what does not decode to UTF-8 stays as it is.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1.split('#').next()?;
    let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))?.1;
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    let digit = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
                continue;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(*byte),
        }
        at += 1;
    }
    let decoded = String::from_utf8(out).unwrap_or_else(|_| value.to_owned());
    (!decoded.is_empty()).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (raw, cleaned) in [
            (
                "https://jo:pw@shop.example/p/7?utm_source=mail&token=abc#top",
                "https://shop.example/p/7?utm_source=mail&token=[secret]#top",
            ),
            ("https://shop.example/u/jo@mail.example/?q=a%40b.example", "https://shop.example/u/[email]/?q=[email]"),
            ("https://shop.example/#access_token=xyz&state=1", "https://shop.example/#access_token=[secret]&state=1"),
            ("/p/7?x=13800138000", "/p/7?x=[phone]"),
            ("https://shop.example", "https://shop.example"),
            ("android-app://com.google.android.gm/", "android-app://com.google.android.gm/"),
        ] {
            assert_eq!(url(raw), cleaned);
            assert_eq!(url(cleaned), cleaned);
        }
    }

    #[test]
    fn parts_of_addresses() {
        assert_eq!(path("https://shop.example/p/7?x#y"), "/p/7");
        assert_eq!(path("https://shop.example"), "/");
        assert_eq!(path("https://shop.example?x=/y"), "/");
        assert_eq!(parameter("https://a/?utm_source=M%C3%A4il+x&b", "utm_source").as_deref(), Some("Mäil x"));
        assert_eq!(parameter("https://a/?utm_source=", "utm_source"), None);
        assert_eq!(parameter("https://a/?x=%zz", "x").as_deref(), Some("%zz"));
    }

    #[test]
    fn props_are_masked_by_key_and_by_content() {
        let mut value: Value = serde_json::from_str(
            r#"{"password":7,"note":["call 13800138000"],"tel":13800138000,"n":42,"jo@a.example":1}"#,
        )
        .unwrap();
        own("", &mut value);
        let expected: Value = serde_json::from_str(
            r#"{"password":"[secret]","note":["call [phone]"],"tel":"[phone]","n":42,"[email]":1}"#,
        )
        .unwrap();
        assert_eq!(value, expected);
    }
}

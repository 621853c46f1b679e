//! Cleaning: addresses without what is not theirs to tell, texts masked, in the page and again in the collector.

use crate::event::{Event, MAX_ID, MAX_TEXT, MAX_URL, shorten};
use crate::mask;
use crate::text::{all, cut, is_space, until};
use crate::value::{Map, Value};
use alloc::borrow::Cow;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// Cleans and masks every text of an event in place; both sides call this before anything else sees the event.
///
/// Every text is within its length afterwards too: a mask may be longer than what it hides.
pub fn event(event: &mut Event) {
    for address in [&mut event.page.url, &mut event.page.referrer].into_iter().flatten() {
        let cleaned = url(address);
        shorten(&cleaned, MAX_URL).clone_into(address);
    }
    if let Some(title) = &mut event.page.title {
        put(title, MAX_TEXT, mask::text);
    }
    if let Some(transaction) = &mut event.transaction_id {
        put(transaction, MAX_ID, mask::id);
    }
    for item in &mut event.items {
        put(&mut item.item_id, MAX_ID, mask::id);
        if let Some(name) = &mut item.item_name {
            put(name, MAX_TEXT, mask::text);
        }
        if let Some(category) = &mut item.item_category {
            put(category, MAX_ID, mask::text);
        }
        own_map(&mut item.rest);
    }
    own_map(&mut event.props);
}

/// Puts the masked form in place of a text where the two differ.
fn put(text: &mut String, max: usize, mask: fn(&str) -> Cow<'_, str>) {
    let masked = match mask(text) {
        Cow::Owned(masked) => shorten(&masked, max).to_owned(),
        Cow::Borrowed(_) => return,
    };
    *text = masked;
}

/// Masks a value of the sender's own, by its key and by its content. Texts are cut to the longest that is kept before
/// they are looked at, so that the work is bounded.
pub fn own(key: &str, value: &mut Value) {
    match value {
        Value::Null => {}
        _ if mask::is_secret_name(key) => *value = Value::from("[secret]"),
        Value::String(text) => {
            let keep = shorten(text, MAX_TEXT).len();
            text.truncate(keep);
            if !is_address(text) {
                put(text, MAX_TEXT, mask::text);
            }
            // It may be one only now: a number with its spaces has become a label without.
            if is_address(text) {
                let cleaned = url(text);
                shorten(&cleaned, MAX_TEXT).clone_into(text);
            }
        }
        Value::Number(number) => {
            if let Some(masked) = masked_number(*number) {
                *value = masked;
            }
        }
        Value::List(list) => list.iter_mut().for_each(|value| own("", value)),
        Value::Map(map) => own_map(map),
        Value::Bool(_) => {}
    }
}

/// A card, phone or resident id may come as a number.
fn masked_number(number: f64) -> Option<Value> {
    if !(1e10..1e19).contains(&number) || number as u64 as f64 != number {
        return None;
    }
    // 18 digits are more than a double holds: the last ones, the check digit among them, are not what was sent, and may
    // have carried over to the day. Of 19 digits only the cards of UnionPay are told by how they begin.
    if number >= 1e18 {
        return (6.2e18..6.3e18).contains(&number).then(|| Value::from("[card]"));
    }
    let digits = crate::number::digits(number as i64);
    let birth = |from: usize, to: usize| digits.get(from..to).and_then(crate::number::read_digits).unwrap_or(0);
    if digits.len() == 18
        && (1850..=2100).contains(&birth(6, 10))
        && (1..=12).contains(&birth(10, 12))
        && birth(12, 14) <= 32
    {
        return Some(Value::from("[id]"));
    }
    match mask::text(&digits) {
        Cow::Owned(masked) => Some(Value::String(masked)),
        Cow::Borrowed(_) => None,
    }
}

/// Longest key of a sender's own object that is kept.
const MAX_KEY: usize = 128;

/// [`own`] for an object; its keys are the sender's own words too.
pub fn own_map(map: &mut Map) {
    let mut pairs = core::mem::take(map).into_pairs();
    for (key, value) in &mut pairs {
        own(key, value);
        let keep = shorten(key, MAX_KEY).len();
        key.truncate(keep);
        put(key, MAX_TEXT, mask::text);
    }
    *map = Map::from_pairs(pairs);
}

/// Whether a text is an address and nothing else: a scheme, `://`, and no white space.
fn is_address(text: &str) -> bool {
    let (scheme, rest) = cut(text, "://");
    rest.is_some() && is_scheme(scheme) && !text.chars().any(is_space)
}

fn is_scheme(scheme: &str) -> bool {
    scheme.len() <= 20
        && scheme.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && all(scheme, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// An address without user and password; parameters of secret names and personal data in the rest are masked.
pub fn url(url: &str) -> String {
    let (scheme, rest) = match cut(url, "://") {
        (scheme, Some(rest)) if is_scheme(scheme) => (scheme, rest),
        _ => ("", url),
    };
    let (authority, tail) = rest.split_at_checked(until(rest, b"/?#")).unwrap_or((rest, ""));
    let mut out = String::with_capacity(url.len());
    if scheme.is_empty() {
        out.push_str(&mask::text(authority));
    } else {
        out.push_str(scheme);
        out.push_str("://");
        // Who signs in stands before the last `@`, in signs of any width.
        let mut host = authority;
        for mark in ["@", "＠"] {
            while let (_, Some(rest)) = cut(host, mark) {
                host = rest;
            }
        }
        out.push_str(&mask::text(host));
    }
    let (before_hash, hash) = cut(tail, "#");
    let (path, query) = cut(before_hash, "?");
    part(path, false, &mut out);
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
    let mut rest = Some(query);
    while let Some(query) = rest {
        let pair;
        (pair, rest) = cut(query, "&");
        match cut(pair, "=") {
            (name, Some(_)) if is_secret(name) => {
                out.push_str(name);
                out.push_str("=[secret]");
            }
            (name, value) => {
                part(name, true, out);
                if let Some(value) = value {
                    out.push('=');
                    part(value, true, out);
                }
            }
        }
        if rest.is_some() {
            out.push('&');
        }
    }
}

/// Whether a parameter is a secret; behind a hash it may be one of an address within the address (`#/login?token=x`).
fn is_secret(name: &str) -> bool {
    let mut last = name;
    while let Some(rest) = last.get(until(last, b"/?#") + 1..) {
        last = rest;
    }
    mask::is_secret_name(last)
}

/// Masks a part of an address. Where `plus` may be a form's space it is read as itself first (`jo+shop@mail.example`, as
/// somebody typed it) and then as the space. What was decoded for one mask may read as something else afterwards, so it is
/// looked at until nothing changes.
fn part(text: &str, plus: bool, out: &mut String) {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MOST_LOOKS {
        let typed = decoded(&text, false);
        let spaced = if plus { decoded(typed.as_deref().unwrap_or(&text), true) } else { None };
        match spaced.or(typed) {
            Some(masked) if masked != text => text = Cow::Owned(masked),
            _ => break,
        }
    }
    out.push_str(&text);
}

/// Far more often than any text has needed: each look takes away what the next one would find.
const MOST_LOOKS: usize = 8;

/// A part of an address, masked as it reads once it is decoded: browsers send `+49 170` as `%2B49%20170`. `None` where
/// nothing has to be masked: it stays as it came.
fn decoded(text: &str, plus: bool) -> Option<String> {
    let decoded = decode(text, plus);
    let Cow::Owned(masked) = mask::text(&decoded) else { return None };
    let mut out = String::with_capacity(masked.len());
    for sign in masked.chars() {
        match sign {
            ' ' => out.push_str("%20"),
            '%' => out.push_str("%25"),
            '&' => out.push_str("%26"),
            '#' => out.push_str("%23"),
            '?' => out.push_str("%3F"),
            sign => out.push(sign),
        }
    }
    Some(out)
}

/// The path of an address, `/` where it has none.
pub fn path(url: &str) -> &str {
    let rest = cut(url, "://").1.unwrap_or(url);
    let path = rest.get(until(rest, b"/?#")..).unwrap_or_default();
    match path.get(..until(path, b"?#")) {
        None | Some("") => "/",
        Some(path) => path,
    }
}

/// The host of an address without port and `www.`, empty where it has none; without who signs in there, as addresses
/// are once they are cleaned.
pub fn host(url: &str) -> &str {
    let rest = cut(url, "://").1.unwrap_or_default();
    let host = rest.get(..until(rest, b"/?#:")).unwrap_or_default();
    host.strip_prefix("www.").unwrap_or(host)
}

/// Whether two hosts are one site's: one is the other, or lies below it.
pub fn same_site(a: &str, b: &str) -> bool {
    let below = |a: &str, b: &str| a.strip_suffix(b).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'));
    below(a, b) || below(b, a)
}

/// The value of a query parameter, decoded.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let mut rest = cut(cut(url, "#").0, "?").1;
    loop {
        let pair;
        (pair, rest) = cut(rest?, "&");
        if let (key, Some(value)) = cut(pair, "=")
            && key == name
        {
            let decoded = decode(value, true);
            return (!decoded.is_empty()).then(|| decoded.into_owned());
        }
    }
}

/// Percent-decodes, with `+` as a space where `plus` says so; what does not decode to UTF-8 stays as it is.
fn decode(text: &str, plus: bool) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if until(text, if plus { b"%+" } else { b"%" }) == text.len() {
        return Cow::Borrowed(text);
    }
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
            (b'+', ..) if plus => out.push(b' '),
            (byte, ..) => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
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
            ("/#/login?token=x&next=/y?pass%77ord=z", "/#/login?token=[secret]&next=/y%3Fpassword=[secret]"),
            ("/p/7?x=13800138000", "/p/7?x=[phone]"),
            ("https://a.example/?tel=%2B491701234567&x=a+b", "https://a.example/?tel=[phone]&x=a+b"),
            ("https://a.example/?mail=jo+shop@mail.example&x=a+b", "https://a.example/?mail=[email]&x=a+b"),
            (
                "https://a.example/?q=%2B49+170+1234567#06%C2%A012%C2%A034%C2%A056%C2%A078",
                "https://a.example/?q=[phone]#[phone]",
            ),
            ("https://a.example/?card=4111+1111%201111+1111", "https://a.example/?card=[card]"),
            ("https://a.example/call%20+49%20170%201234567/x", "https://a.example/call%20[phone]/x"),
            ("jo@mail.example://x", "[email]://x"),
            (
                "https://a.example/?q=password:%20x#password:%20y",
                "https://a.example/?q=password:%20[secret]#password:%20[secret]",
            ),
            ("https://shop.example", "https://shop.example"),
            ("android-app://com.google.android.gm/", "android-app://com.google.android.gm/"),
        ] {
            assert_eq!(url(raw), cleaned);
            assert_eq!(url(cleaned), cleaned);
        }
    }

    #[test]
    fn a_text_that_only_holds_an_address_is_masked_as_text() {
        for (raw, cleaned) in [
            ("mail jo@mail.example see https://a.example", "mail [email] see https://a.example"),
            ("see https://a.example or call 13800138000", "see https://a.example or call [phone]"),
            ("4111111111111111https://a.example", "4111111111111111https://a.example"),
            ("Bearer abcdefgh12 http://x", "Bearer [secret] http://x"),
        ] {
            let mut value = Value::from(raw);
            own("", &mut value);
            assert_eq!(value, Value::from(cleaned));
        }
        let mut id = Value::from(110_105_194_912_310_020i64);
        own("", &mut id);
        assert_eq!(id, Value::from("[id]"));
        // The nearest double ends in 009984.
        let mut id = Value::from(440_524_188_001_010_014i64);
        own("", &mut id);
        assert_eq!(id, Value::from("[id]"));
        let mut card = Value::from(6_212_345_678_901_232_001i64);
        own("", &mut card);
        assert_eq!(card, Value::from("[card]"));
    }

    #[test]
    fn a_mask_that_grows_stays_within_the_length() {
        let mut long = Event { transaction_id: Some("a@b.cc ".repeat(36)), ..Event::default() };
        event(&mut long);
        assert!(long.transaction_id.unwrap().len() <= MAX_ID);
    }

    #[test]
    fn texts_of_nothing_but_signs_are_cheap() {
        // Each of these took half a minute when every sign looked at all that follow; the work is counted by its end.
        for sign in ["=", "%40", ":", "@", "eyJ.", "Bearer "] {
            let mut value = Value::from(sign.repeat(1_000_000 / sign.len()));
            own("", &mut value);
            assert!(value.as_str().is_some_and(|text| text.len() <= MAX_TEXT));
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

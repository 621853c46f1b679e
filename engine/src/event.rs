//! Events: what a visitor did, in the names of GA4's recommended events where one exists.

use crate::id::Id;
use crate::number::{digits, is_whole, rounded};
use crate::text::{all, joined, trimmed};
use crate::time;
use crate::value::{Map, Value};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// The event names that Beckon itself understands; any other name of the right shape is kept and counted too.
///
/// The first block is GA4's recommended events, the second is ours for what GA4 has no name for.
pub const NAMES: &[&str] = &[
    "page_view",
    "user_engagement",
    "scroll",
    "click",
    "file_download",
    "search",
    "view_search_results",
    "sign_up",
    "login",
    "view_item_list",
    "select_item",
    "view_item",
    "add_to_wishlist",
    "add_to_cart",
    "remove_from_cart",
    "view_cart",
    "begin_checkout",
    "add_shipping_info",
    "add_payment_info",
    "purchase",
    "refund",
    "view_promotion",
    "select_promotion",
    "generate_lead",
    "share",
    "exception",
    "web_vitals",
    "identify",
    "rage_click",
    "dead_click",
    "form_start",
    "form_submit",
];

/// Why an event was not stored: a stable code of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each code is described by `Code::meaning`")]
pub enum Code {
    BadEvent,
    BadId,
    BadName,
    BadTime,
    BadValue,
    BadLine,
    TooOld,
    InFuture,
    EventTooLarge,
    TooDeep,
    TooManyProps,
    IdConflict,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 12] = [
        Code::BadEvent,
        Code::BadId,
        Code::BadName,
        Code::BadTime,
        Code::BadValue,
        Code::BadLine,
        Code::TooOld,
        Code::InFuture,
        Code::EventTooLarge,
        Code::TooDeep,
        Code::TooManyProps,
        Code::IdConflict,
    ];

    /// The code as the API writes it.
    pub fn text(self) -> &'static str {
        match self {
            Code::BadEvent => "bad_event",
            Code::BadId => "bad_id",
            Code::BadName => "bad_name",
            Code::BadTime => "bad_time",
            Code::BadValue => "bad_value",
            Code::BadLine => "bad_line",
            Code::TooOld => "too_old",
            Code::InFuture => "in_future",
            Code::EventTooLarge => "event_too_large",
            Code::TooDeep => "too_deep",
            Code::TooManyProps => "too_many_props",
            Code::IdConflict => "id_conflict",
        }
    }

    /// What the code means, for the documentation.
    pub fn meaning(self) -> &'static str {
        match self {
            Code::BadEvent => "the event is not an object",
            Code::BadId => "an id (event, visitor, session) is missing or of the wrong form",
            Code::BadName => "the name is missing or not of the form ^[A-Za-z][A-Za-z0-9_]{0,63}$",
            Code::BadTime => "`at` is missing or not an RFC 3339 time with an offset",
            Code::BadValue => "a field has the wrong type or an impossible value",
            Code::BadLine => "a line of an imported file has not the fields of its format",
            Code::TooOld => {
                "the event is older than the accept window, or than the site keeps events, or a page's visitor has 10,000 events after it"
            }
            Code::InFuture => "the event is further ahead than the accept window",
            Code::EventTooLarge => "the event is over 32 KiB of JSON",
            Code::TooDeep => "`props` nest deeper than 4 levels",
            Code::TooManyProps => "`props` has over 64 entries",
            Code::IdConflict => "an event with this id and another payload is stored",
        }
    }
}

/// A refusal: the code, where in the event, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The stable code.
    pub code: Code,
    /// The path inside the event, `items[0].price`; empty for the event itself.
    pub path: String,
    /// A plain sentence for the sender; empty without the feature `wire`.
    pub detail: String,
}

impl Reject {
    /// A refusal of the field at `path`.
    pub fn new(code: Code, path: &str, detail: &str) -> Self {
        Reject { code, path: path.to_owned(), detail: detail.to_owned() }
    }

    /// The refusal of an id that is taken by another payload.
    pub fn conflict() -> Self {
        Reject::new(Code::IdConflict, "id", "another payload was stored under this id")
    }
}

/// Something that was put right on the way in: the path and what was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The path inside the event.
    pub path: String,
    /// What was done, in a few words.
    pub detail: &'static str,
}

/// A number in millionths of its unit: money without rounding surprises, and sums that do not depend on their order.
pub type Micro = i64;

/// Millionths as the number that people write.
pub fn units(micro: Micro) -> f64 {
    micro as f64 / 1e6
}

/// A number as millionths, rounded half away from zero.
pub fn micro(units: f64) -> Micro {
    rounded(units * 1e6)
}

/// Where the visitor was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// The page's address.
    pub url: Option<String>,
    /// The page's title.
    pub title: Option<String>,
    /// The address of the page before it.
    pub referrer: Option<String>,
}

/// An item of an e-commerce event, with GA4's field names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Item {
    /// The shop's own id of the item.
    pub item_id: String,
    /// Its name.
    pub item_name: Option<String>,
    /// Its category.
    pub item_category: Option<String>,
    /// The price of one.
    pub price: Option<Micro>,
    /// How many; read as 1 where absent.
    pub quantity: Option<Micro>,
    /// All other fields (`item_brand`, `item_variant`, `coupon`, ...) as they came: texts, numbers and truth values.
    pub rest: Map,
}

impl Item {
    /// How many, in millionths.
    pub fn count(&self) -> Micro {
        self.quantity.unwrap_or(1_000_000)
    }

    /// Price times quantity; 0 where no price was given.
    pub fn total(&self) -> Micro {
        rounded(self.price.unwrap_or(0) as f64 * units(self.count()))
    }
}

/// An event as it was read: right in itself, not yet joined to a visitor.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Event {
    /// The sender's id; `None` where it sent none.
    pub id: Option<Id>,
    /// What happened: `^[A-Za-z][A-Za-z0-9_]{0,63}$`.
    pub name: String,
    /// When, by the sender's clock, in ms.
    pub at: i64,
    /// Who, where the event says other than its envelope.
    pub visitor: Option<String>,
    /// The sender's idea of the session.
    pub session: Option<String>,
    /// The shop's own id of a signed-in user, as sent.
    pub user: Option<String>,
    /// Where.
    pub page: Page,
    /// The items it was about.
    pub items: Vec<Item>,
    /// ISO 4217, upper case.
    pub currency: Option<String>,
    /// The value of the whole event.
    pub value: Option<Micro>,
    /// The shop's id of an order.
    pub transaction_id: Option<String>,
    /// Everything else.
    pub props: Map,
}

/// Most items of one event, as in GA4.
pub const MAX_ITEMS: usize = 200;
/// Most entries of `props`.
pub const MAX_PROPS: usize = 64;
/// Deepest nesting inside `props`.
pub const MAX_DEPTH: usize = 4;
/// Longest text kept of an address, in bytes; longer ones are cut, with a warning.
pub const MAX_URL: usize = 2_048;
/// Longest text kept of any other field, in bytes; longer ones are cut, with a warning.
pub const MAX_TEXT: usize = 1_024;
/// Longest id (item, transaction, visitor, user), in bytes; a longer one is refused, as a cut id is another id.
pub const MAX_ID: usize = 256;
/// Largest amount, in units: what millionths in 64 bits hold, with room for sums.
const MAX_AMOUNT: f64 = 1e9;

/// Whether `name` can name an event.
pub fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && all(name, |byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether `id` can be a visitor's id: 1 to 128 printable ASCII characters, so that it buckets alike on both sides.
pub fn is_visitor(id: &str) -> bool {
    (1..=128).contains(&id.len()) && all(id, |byte| byte.is_ascii_graphic())
}

impl Event {
    /// Reads an event in the form of the wire; warnings say what was put right.
    ///
    /// # Errors
    /// The first field that cannot be used, with its path and what was expected.
    pub fn read(value: &Value) -> Result<(Event, Vec<Warning>), Reject> {
        let mut reader = Reader::default();
        let event = reader.event(value);
        reader.reject.map_or(Ok((event, reader.warnings)), Err)
    }

    /// The event in the form of the wire, without what it has not.
    pub fn to_value(&self) -> Map {
        let mut map = Map::new();
        if let Some(id) = self.id {
            map.set("id", id.text());
        }
        map.set("name", self.name.as_str());
        map.set("at", time::value(self.at));
        map.set_text("visitor", self.visitor.as_ref());
        map.set_text("session", self.session.as_ref());
        map.set_text("user", self.user.as_ref());
        let mut page = Map::new();
        page.set_text("url", self.page.url.as_ref());
        page.set_text("title", self.page.title.as_ref());
        page.set_text("referrer", self.page.referrer.as_ref());
        if !page.is_empty() {
            map.set("page", page);
        }
        if !self.items.is_empty() {
            let mut items = Vec::with_capacity(self.items.len());
            for item in &self.items {
                items.push(item.to_value().into());
            }
            map.set("items", Value::List(items));
        }
        map.set_text("currency", self.currency.as_ref());
        map.set_units("value", self.value);
        map.set_text("transaction_id", self.transaction_id.as_ref());
        if !self.props.is_empty() {
            map.set("props", self.props.clone());
        }
        map
    }

    /// What the event was worth: its value, else the total of its items.
    pub fn worth(&self) -> Micro {
        let mut worth: Micro = 0;
        for item in &self.items {
            worth = worth.saturating_add(item.total());
        }
        self.value.unwrap_or(worth)
    }
}

impl Item {
    /// An item as [`Item::to_value`] wrote it: nothing is checked again.
    pub fn from_value(map: &Map) -> Item {
        let mut rest = map.clone();
        let mut text = |key: &str| match rest.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (item_id, item_name, item_category) = (text("item_id"), text("item_name"), text("item_category"));
        let mut amount = |key: &str| rest.remove(key).and_then(|value| value.as_f64()).map(micro);
        let (price, quantity) = (amount("price"), amount("quantity"));
        Item { item_id: item_id.unwrap_or_default(), item_name, item_category, price, quantity, rest }
    }

    /// The item in the form of the wire.
    pub fn to_value(&self) -> Map {
        let mut map = self.rest.clone();
        map.set("item_id", self.item_id.as_str());
        map.set_text("item_name", self.item_name.as_ref());
        map.set_text("item_category", self.item_category.as_ref());
        map.set_units("price", self.price);
        map.set_units("quantity", self.quantity);
        map
    }
}

impl Map {
    fn set_text(&mut self, key: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.set(key, text.as_str());
        }
    }

    fn set_units(&mut self, key: &str, amount: Option<Micro>) {
        if let Some(amount) = amount {
            self.set(key, units(amount));
        }
    }
}

/// Reads on after what cannot be used: what it gives then is thrown away, and the first refusal stays.
#[derive(Default)]
struct Reader {
    warnings: Vec<Warning>,
    reject: Option<Reject>,
    /// What encloses the fields that are being read, and of a list the place in it.
    within: Option<(&'static str, Option<usize>)>,
}

impl Reader {
    /// The path of a field. It is made only where something is told of it: most events have nothing to tell.
    fn path(&self, field: &str) -> String {
        let (outer, index) = match self.within {
            None => return field.to_owned(),
            Some((outer, None)) => (outer, String::new()),
            Some((outer, Some(index))) => (outer, joined(&["[", &digits(index as i64), "]"])),
        };
        joined(&[outer, &index, if field.is_empty() { "" } else { "." }, field])
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "else the page's module carries words that nobody is told")]
    fn warn(&mut self, field: &str, detail: &'static str) {
        if cfg!(feature = "wire") {
            self.warnings.push(Warning { path: self.path(field), detail });
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as in `warn`")]
    fn refuse(&mut self, code: Code, field: &str, detail: &str) {
        let first = self.reject.is_none();
        self.note(code, field);
        if cfg!(feature = "wire")
            && first
            && let Some(reject) = &mut self.reject
        {
            reject.detail = joined(&["expected ", detail]);
        }
    }

    fn note(&mut self, code: Code, field: &str) {
        if self.reject.is_none() {
            self.reject = Some(Reject { code, path: self.path(field), detail: String::new() });
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as in `warn`")]
    fn refuse_value(&mut self, field: &str, what: &str, got: &Value) {
        if cfg!(feature = "wire") {
            self.refuse(Code::BadValue, field, &got_instead(what, got));
        } else {
            self.note(Code::BadValue, field);
        }
    }
}

/// `a number >= 0, got "12 EUR"`, with what came masked and cut, as it goes back to the sender and into logs.
fn got_instead(what: &str, got: &Value) -> String {
    let text;
    let shown = match got {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(number) if *number < 0.0 => "a negative number",
        Value::Number(_) => "a number",
        Value::String(own) => {
            text = joined(&["\"", shorten(&crate::mask::text(shorten(own, 200)), 40), "\""]);
            &text
        }
        Value::List(_) => "a list",
        Value::Map(_) => "an object",
    };
    joined(&[what, ", got ", shown])
}

impl Reader {
    fn event(&mut self, value: &Value) -> Event {
        let mut event = Event::default();
        let Value::Map(map) = value else {
            self.refuse(Code::BadEvent, "", "an object");
            return event;
        };
        let (mut parameters, mut props) = (Vec::new(), Vec::new());
        for (key, value) in map.iter() {
            match key {
                "id" => {
                    event.id = value.as_str().and_then(Id::parse);
                    if event.id.is_none() && !value.is_null() {
                        self.refuse(Code::BadId, key, "a UUID");
                    }
                }
                "name" | "at" => {}
                "visitor" => {
                    event.visitor = self.id(key, value);
                    if event.visitor.as_deref().is_some_and(|id| !is_visitor(id)) {
                        self.refuse(Code::BadId, key, "1 to 128 printable ASCII characters");
                    }
                }
                "session" => event.session = self.id(key, value),
                "user" => event.user = self.id(key, value),
                "page" => event.page = self.page(value),
                "items" => event.items = self.items(value),
                "currency" => event.currency = self.currency(value),
                "value" => event.value = self.amount(key, value),
                "transaction_id" => event.transaction_id = self.id(key, value),
                "props" => match value {
                    Value::Null => {}
                    Value::Map(map) => props = map.clone().into_pairs(),
                    _ => self.refuse(Code::BadValue, key, "an object"),
                },
                // GA4 has its parameters beside the name: they are properties here.
                _ => parameters.push((key.to_owned(), value.clone())),
            }
        }
        match map.str("name").filter(|name| is_name(name)) {
            Some(name) => name.clone_into(&mut event.name),
            None => self.refuse(Code::BadName, "name", "^[A-Za-z][A-Za-z0-9_]{0,63}$"),
        }
        match map.get("at").and_then(time::read) {
            Some(at) => event.at = at,
            None => self.refuse(Code::BadTime, "at", "an RFC 3339 time with an offset"),
        }
        parameters.append(&mut props);
        for (_, value) in &parameters {
            if value.depth() >= MAX_DEPTH {
                self.refuse(Code::TooDeep, "props", "at most 4 levels");
            }
        }
        event.props = Map::from_pairs(parameters);
        if event.props.len() > MAX_PROPS {
            self.refuse(Code::TooManyProps, "props", "at most 64 entries");
        }
        self.within = Some(("props", None));
        for (key, value) in event.props.iter_mut() {
            self.cut(key, value);
        }
        event
    }

    /// A text of at most `max` bytes; numbers become text, with a warning.
    fn text(&mut self, field: &str, value: &Value, max: usize) -> Option<String> {
        match value {
            Value::Null => None,
            Value::String(text) => {
                let trimmed = trimmed(text);
                if trimmed.is_empty() {
                    return None;
                }
                if trimmed.len() > max {
                    self.warn(field, "cut to its longest length");
                }
                Some(shorten(trimmed, max).to_owned())
            }
            Value::Number(number) if is_whole(*number) => {
                self.warn(field, "number read as text");
                Some(digits(*number as i64))
            }
            other => {
                self.refuse_value(field, "text", other);
                None
            }
        }
    }

    /// An id: a text that must not be cut.
    fn id(&mut self, field: &str, value: &Value) -> Option<String> {
        if value.as_str().is_some_and(|text| text.len() > MAX_ID) {
            self.refuse(Code::BadValue, field, "at most 256 bytes");
        }
        self.text(field, value, MAX_ID)
    }

    /// A number from 0 to a billion; decimal text is read as one, with a warning.
    fn amount(&mut self, field: &str, value: &Value) -> Option<Micro> {
        let number = match value {
            Value::Null => return None,
            Value::Number(number) => Some(*number),
            Value::String(text) => {
                let number = decimal(trimmed(text));
                if number.is_some() {
                    self.warn(field, "text read as a number");
                }
                number
            }
            _ => None,
        };
        match number {
            Some(number) if (0.0..=MAX_AMOUNT).contains(&number) => return Some(micro(number)),
            Some(_) => self.refuse_value(field, "a number from 0 to 1000000000", value),
            None => self.refuse_value(field, "a number >= 0", value),
        }
        None
    }

    fn currency(&mut self, value: &Value) -> Option<String> {
        match value {
            Value::Null => None,
            Value::String(code) if code.len() == 3 && all(code, |byte| byte.is_ascii_alphabetic()) => {
                Some(code.to_ascii_uppercase())
            }
            other => {
                self.refuse_value("currency", "an ISO 4217 code of three letters", other);
                None
            }
        }
    }

    fn page(&mut self, value: &Value) -> Page {
        let mut page = Page::default();
        match value {
            Value::Null => {}
            Value::Map(map) => {
                self.within = Some(("page", None));
                let mut field = |key: &str, max| self.text(key, map.get(key).unwrap_or(&Value::Null), max);
                page = Page {
                    url: field("url", MAX_URL),
                    title: field("title", MAX_TEXT),
                    referrer: field("referrer", MAX_URL),
                };
                self.within = None;
            }
            other => self.refuse_value("page", "an object", other),
        }
        page
    }

    fn items(&mut self, value: &Value) -> Vec<Item> {
        let list = match value {
            Value::Null => &[],
            Value::List(list) if list.len() > MAX_ITEMS => {
                self.refuse(Code::BadValue, "items", "at most 200 items");
                &[]
            }
            Value::List(list) => list.as_slice(),
            other => {
                self.refuse_value("items", "a list", other);
                &[]
            }
        };
        let mut items = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            self.within = Some(("items", Some(index)));
            items.push(self.item(value));
        }
        self.within = None;
        items
    }

    fn item(&mut self, value: &Value) -> Item {
        let mut item = Item::default();
        let Value::Map(map) = value else {
            self.refuse_value("", "an object", value);
            return item;
        };
        for (key, value) in map.iter() {
            match key {
                "item_id" => item.item_id = self.id(key, value).unwrap_or_default(),
                "item_name" => item.item_name = self.text(key, value, MAX_TEXT),
                "item_category" => item.item_category = self.text(key, value, MAX_ID),
                "price" => item.price = self.amount(key, value),
                "quantity" => item.quantity = self.amount(key, value),
                "discount" => {
                    let discount = self.amount(key, value);
                    item.rest.set_units(key, discount);
                }
                _ => match value {
                    Value::Null => {}
                    Value::List(_) | Value::Map(_) => {
                        self.refuse_value(key, "text, a number or a truth value", value);
                    }
                    value => {
                        if item.rest.len() >= MAX_PROPS {
                            self.refuse(Code::TooManyProps, "", "at most 64 fields");
                            return item;
                        }
                        let mut value = value.clone();
                        self.cut(key, &mut value);
                        item.rest.set(key, value);
                    }
                },
            }
        }
        if units(item.price.unwrap_or(0)) * units(item.count()) > MAX_AMOUNT {
            self.refuse(Code::BadValue, "quantity", "price times quantity of at most 1000000000");
        }
        if item.item_id.is_empty() {
            // GA4 asks for one of the two.
            match &item.item_name {
                Some(name) if name.len() <= MAX_ID => {
                    item.item_id.clone_from(name);
                    self.warn("", "item_name taken as item_id");
                }
                _ => self.refuse(Code::BadValue, "item_id", "text"),
            }
        }
        item
    }

    /// Cuts the texts inside a value of the sender's own.
    fn cut(&mut self, field: &str, value: &mut Value) {
        match value {
            Value::String(text) if text.len() > MAX_TEXT => {
                let keep = shorten(text, MAX_TEXT).len();
                text.truncate(keep);
                self.warn(field, "cut to its longest length");
            }
            Value::List(list) => {
                for value in list {
                    self.cut(field, value);
                }
            }
            Value::Map(map) => {
                for (_, value) in map.iter_mut() {
                    self.cut(field, value);
                }
            }
            _ => {}
        }
    }
}

/// The start of a text, at most `max` bytes, never inside a character.
pub fn shorten(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A number in plain decimal notation (`-12`, `89.00`); no exponent, no separators, no unit.
///
/// Up to 15 significant digits the quotient of two exact numbers is the nearest one (IEEE 754 division), so this
/// needs none of the tables of the general parser, which would weigh on the page.
pub fn decimal(text: &str) -> Option<f64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mut mantissa, mut scale, mut significant, mut fraction, mut any) = (0u64, 1f64, 0, false, false);
    for byte in digits.bytes() {
        match byte {
            b'.' if !fraction => fraction = true,
            b'0'..=b'9' => {
                any = true;
                if significant < 15 {
                    mantissa = mantissa * 10 + u64::from(byte - b'0');
                    significant += u32::from(mantissa > 0);
                    if fraction {
                        scale *= 10.0;
                    }
                } else if !fraction {
                    return None;
                }
            }
            _ => return None,
        }
    }
    let number = mantissa as f64 / scale;
    any.then_some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<(Event, Vec<Warning>), Reject> {
        Event::read(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn the_contracts_example_reads() {
        let (event, warnings) = read(
            r#"{"id":"0193c0de-0000-7000-8000-000000000000","name":"add_to_cart","at":"2026-11-22T08:00:00.900Z",
            "page":{"url":"https://shop.example/p/7?utm_source=mail","title":"Boot"},
            "items":[{"item_id":"sku7","item_name":"Boot","item_category":"shoes","price":89.0,"quantity":1,"item_brand":"F"}],
            "currency":"eur","value":89.0,"transaction_id":null,"props":{"color":"red"},"method":"quick"}"#,
        )
        .unwrap();
        assert_eq!(warnings, []);
        assert_eq!(event.value, Some(89_000_000));
        assert_eq!(event.currency.as_deref(), Some("EUR"));
        assert_eq!(event.items[0].rest.str("item_brand"), Some("F"));
        assert_eq!(event.props, Map::new().with("color", "red").with("method", "quick"));
        let again = Event::read(&event.to_value().into()).unwrap().0;
        assert_eq!(again, event);
        assert_eq!(Item::from_value(&event.items[0].to_value()), event.items[0]);
    }

    #[test]
    fn every_known_name_has_the_form_of_a_name() {
        assert!(NAMES.iter().all(|name| is_name(name)));
        assert!(!is_name("") && !is_name("1a") && !is_name("a b") && !is_name(&"a".repeat(65)));
    }

    #[test]
    fn bad_fields_are_named() {
        let cases = [
            ("[]", "bad_event", "", "expected an object"),
            (r#"{"name":"x","id":"7"}"#, "bad_id", "id", "expected a UUID"),
            (r#"{"at":"2026-11-22T08:00:00Z"}"#, "bad_name", "name", "expected ^[A-Za-z][A-Za-z0-9_]{0,63}$"),
            (r#"{"name":"x","at":1}"#, "bad_time", "at", "expected an RFC 3339 time with an offset"),
            (
                r#"{"name":"x","at":"2026-11-22T08:00:00Z","items":[{"item_id":"a"},{"item_id":"a","price":"12 EUR"}]}"#,
                "bad_value",
                "items[1].price",
                "expected a number >= 0, got \"12 EUR\"",
            ),
            (
                r#"{"name":"x","at":"2026-11-22T08:00:00Z","items":[{"item_id":"a","price":1e9,"quantity":2}]}"#,
                "bad_value",
                "items[0].quantity",
                "expected price times quantity of at most 1000000000",
            ),
            (
                r#"{"name":"x","at":"2026-11-22T08:00:00Z","value":-1}"#,
                "bad_value",
                "value",
                "expected a number from 0 to 1000000000, got a negative number",
            ),
            (
                r#"{"name":"x","at":"2026-11-22T08:00:00Z","items":[{}]}"#,
                "bad_value",
                "items[0].item_id",
                "expected text",
            ),
            (
                r#"{"name":"x","at":"2026-11-22T08:00:00Z","props":{"a":[[[[1]]]]}}"#,
                "too_deep",
                "props",
                "expected at most 4 levels",
            ),
            (
                r#"{"name":"x","at":"2026-11-22T08:00:00Z","currency":"jo@mail.example"}"#,
                "bad_value",
                "currency",
                "expected an ISO 4217 code of three letters, got \"[email]\"",
            ),
        ];
        for (json, code, path, detail) in cases {
            let reject = read(json).unwrap_err();
            assert_eq!((reject.code.text(), reject.path.as_str(), reject.detail.as_str()), (code, path, detail));
        }
    }

    #[test]
    fn text_numbers_are_read_with_a_warning() {
        let (event, warnings) =
            read(r#"{"name":"x","at":"2026-11-22T08:00:00Z","value":"89.00","transaction_id":17}"#).unwrap();
        assert_eq!(event.value, Some(89_000_000));
        assert_eq!(event.transaction_id.as_deref(), Some("17"));
        assert_eq!(
            warnings.iter().map(|warning| warning.path.as_str()).collect::<Vec<_>>(),
            ["transaction_id", "value"]
        );
    }

    #[test]
    fn decimals() {
        for (text, number) in [("0", 0.0), ("89.00", 89.0), ("-0.1", -0.1), (".5", 0.5), ("123456.789", 123_456.789)] {
            assert_eq!(decimal(text), Some(number), "{text}");
        }
        for text in ["", ".", "-", "1e3", "1,5", "12 EUR", "0x1", "NaN", "Infinity", "1.2.3"] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
}

//! Events: what a visitor did, in the names of GA4's recommended events where one exists.

use crate::id::Id;
use crate::number::{digits, is_whole, rounded};
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
    /// A plain sentence for the sender.
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
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether `id` can be a visitor's id: 1 to 128 printable ASCII characters, so that it buckets alike on both sides.
pub fn is_visitor(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Event {
    /// Reads an event in the form of the wire; warnings say what was put right.
    ///
    /// # Errors
    /// The first field that cannot be used, with its path and what was expected.
    pub fn read(value: &Value) -> Result<(Event, Vec<Warning>), Reject> {
        let Value::Map(map) = value else {
            return Err(Reject::new(Code::BadEvent, "", "expected an object"));
        };
        let mut reader = Reader { warnings: Vec::new() };
        let mut event = Event::default();
        let (mut parameters, mut props) = (Vec::new(), Vec::new());
        for (key, value) in map.iter() {
            match key {
                "id" => {
                    event.id = match value {
                        Value::Null => None,
                        _ => match value.as_str().and_then(Id::parse) {
                            Some(id) => Some(id),
                            None => return Err(Reject::new(Code::BadId, key, "expected a UUID")),
                        },
                    }
                }
                "name" | "at" => {}
                "visitor" => {
                    event.visitor = reader.id(key, value)?;
                    if event.visitor.as_deref().is_some_and(|id| !is_visitor(id)) {
                        return Err(Reject::new(Code::BadId, key, "expected 1 to 128 printable ASCII characters"));
                    }
                }
                "session" => event.session = reader.id(key, value)?,
                "user" => event.user = reader.id(key, value)?,
                "page" => event.page = reader.page(value)?,
                "items" => event.items = reader.items(value)?,
                "currency" => event.currency = currency(value)?,
                "value" => event.value = reader.amount(key, value)?,
                "transaction_id" => event.transaction_id = reader.id(key, value)?,
                "props" => match value {
                    Value::Null => {}
                    Value::Map(map) => props.extend(map.iter().map(|(key, value)| (key.to_owned(), value.clone()))),
                    _ => return Err(Reject::new(Code::BadValue, key, "expected an object")),
                },
                // GA4 has its parameters beside the name: they are properties here.
                _ => parameters.push((key.to_owned(), value.clone())),
            }
        }
        event.name = match map.get("name") {
            Some(Value::String(name)) if is_name(name) => name.clone(),
            _ => return Err(Reject::new(Code::BadName, "name", "expected ^[A-Za-z][A-Za-z0-9_]{0,63}$")),
        };
        event.at = match map.str("at").and_then(time::parse) {
            Some(at) => at,
            None => return Err(Reject::new(Code::BadTime, "at", "expected an RFC 3339 time with an offset")),
        };
        parameters.append(&mut props);
        if parameters.iter().any(|(_, value)| value.depth() >= MAX_DEPTH) {
            return Err(Reject::new(Code::TooDeep, "props", "expected at most 4 levels"));
        }
        event.props = Map::from_pairs(parameters);
        if event.props.len() > MAX_PROPS {
            return Err(Reject::new(Code::TooManyProps, "props", "expected at most 64 entries"));
        }
        reader.within(
            || "props".to_owned(),
            |reader| {
                event.props.iter_mut().for_each(|(key, value)| reader.cut(key, value));
                Ok(())
            },
        )?;
        Ok((event, reader.warnings))
    }

    /// The event in the form of the wire, without what it has not.
    pub fn to_value(&self) -> Map {
        let mut map = Map::new();
        map.set_some("id", self.id.map(Id::text));
        map.set("name", self.name.as_str());
        map.set("at", time::text(self.at));
        map.set_some("visitor", self.visitor.clone());
        map.set_some("session", self.session.clone());
        map.set_some("user", self.user.clone());
        let mut page = Map::new();
        page.set_some("url", self.page.url.clone());
        page.set_some("title", self.page.title.clone());
        page.set_some("referrer", self.page.referrer.clone());
        if !page.is_empty() {
            map.set("page", page);
        }
        if !self.items.is_empty() {
            map.set("items", self.items.iter().map(Item::to_value).collect::<Vec<_>>());
        }
        map.set_some("currency", self.currency.clone());
        map.set_some("value", self.value.map(units));
        map.set_some("transaction_id", self.transaction_id.clone());
        if !self.props.is_empty() {
            map.set("props", self.props.clone());
        }
        map
    }

    /// What the event was worth: its value, else the total of its items.
    pub fn worth(&self) -> Micro {
        self.value.unwrap_or_else(|| self.items.iter().map(Item::total).fold(0, Micro::saturating_add))
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
        map.set_some("item_name", self.item_name.clone());
        map.set_some("item_category", self.item_category.clone());
        map.set_some("price", self.price.map(units));
        map.set_some("quantity", self.quantity.map(units));
        map
    }
}

/// What reading leaves behind beside the event.
struct Reader {
    warnings: Vec<Warning>,
}

impl Reader {
    fn warn(&mut self, path: &str, detail: &'static str) {
        self.warnings.push(Warning { path: path.to_owned(), detail });
    }

    /// Reads what stands inside of something else, by paths that begin there. They are made whole only where one is told
    /// of: most events have nothing to tell.
    fn within<T>(
        &mut self,
        outer: impl FnOnce() -> String,
        read: impl FnOnce(&mut Self) -> Result<T, Reject>,
    ) -> Result<T, Reject> {
        let before = self.warnings.len();
        let mut done = read(self);
        if self.warnings.len() > before || done.is_err() {
            let outer = outer();
            let told = self.warnings.iter_mut().skip(before).map(|warning| &mut warning.path);
            for path in told.chain(done.as_mut().err().map(|reject| &mut reject.path)) {
                *path = if path.is_empty() { outer.clone() } else { [&outer, ".", path].concat() };
            }
        }
        done
    }

    /// A text of at most `max` bytes; numbers become text, with a warning.
    fn text(&mut self, path: &str, value: &Value, max: usize) -> Result<Option<String>, Reject> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) => {
                let trimmed = text.trim();
                if trimmed.is_empty() {
                    return Ok(None);
                }
                if trimmed.len() > max {
                    self.warn(path, "cut to its longest length");
                }
                Ok(Some(shorten(trimmed, max).to_owned()))
            }
            Value::Number(number) if is_whole(*number) => {
                self.warn(path, "number read as text");
                Ok(Some(digits(*number as i64)))
            }
            other => Err(expected(path, "text", other)),
        }
    }

    /// An id: a text that must not be cut.
    fn id(&mut self, path: &str, value: &Value) -> Result<Option<String>, Reject> {
        match value {
            Value::String(text) if text.len() > MAX_ID => {
                Err(Reject::new(Code::BadValue, path, "expected at most 256 bytes"))
            }
            _ => self.text(path, value, MAX_ID),
        }
    }

    /// A number from 0 to a billion; decimal text is read as one, with a warning.
    fn amount(&mut self, path: &str, value: &Value) -> Result<Option<Micro>, Reject> {
        let number = match value {
            Value::Null => return Ok(None),
            Value::Number(number) => *number,
            Value::String(text) => match decimal(text.trim()) {
                Some(number) => {
                    self.warn(path, "text read as a number");
                    number
                }
                None => return Err(expected(path, "a number >= 0", value)),
            },
            other => return Err(expected(path, "a number >= 0", other)),
        };
        if (0.0..=MAX_AMOUNT).contains(&number) {
            Ok(Some(micro(number)))
        } else {
            Err(expected(path, "a number from 0 to 1000000000", value))
        }
    }

    fn page(&mut self, value: &Value) -> Result<Page, Reject> {
        match value {
            Value::Null => Ok(Page::default()),
            Value::Map(map) => self.within(
                || "page".to_owned(),
                |reader| {
                    let mut field = |key: &str, max| match map.get(key) {
                        Some(value) => reader.text(key, value, max),
                        None => Ok(None),
                    };
                    Ok(Page {
                        url: field("url", MAX_URL)?,
                        title: field("title", MAX_TEXT)?,
                        referrer: field("referrer", MAX_URL)?,
                    })
                },
            ),
            other => Err(expected("page", "an object", other)),
        }
    }

    fn items(&mut self, value: &Value) -> Result<Vec<Item>, Reject> {
        match value {
            Value::Null => Ok(Vec::new()),
            Value::List(list) if list.len() > MAX_ITEMS => {
                Err(Reject::new(Code::BadValue, "items", "expected at most 200 items"))
            }
            Value::List(list) => {
                let mut items = Vec::with_capacity(list.len());
                for (index, value) in list.iter().enumerate() {
                    let path = || ["items[", &digits(index as i64), "]"].concat();
                    items.push(self.within(path, |reader| reader.item(value))?);
                }
                Ok(items)
            }
            other => Err(expected("items", "a list", other)),
        }
    }

    fn item(&mut self, value: &Value) -> Result<Item, Reject> {
        let Value::Map(map) = value else {
            return Err(expected("", "an object", value));
        };
        let mut item = Item::default();
        for (key, value) in map.iter() {
            match key {
                "item_id" => item.item_id = self.id(key, value)?.unwrap_or_default(),
                "item_name" => item.item_name = self.text(key, value, MAX_TEXT)?,
                "item_category" => item.item_category = self.text(key, value, MAX_ID)?,
                "price" => item.price = self.amount(key, value)?,
                "quantity" => item.quantity = self.amount(key, value)?,
                "discount" => {
                    if let Some(discount) = self.amount(key, value)? {
                        item.rest.set(key, units(discount));
                    }
                }
                _ => match value {
                    Value::Null => {}
                    Value::List(_) | Value::Map(_) => {
                        return Err(expected(key, "text, a number or a truth value", value));
                    }
                    value => {
                        if item.rest.len() >= MAX_PROPS {
                            return Err(Reject::new(Code::TooManyProps, "", "expected at most 64 fields"));
                        }
                        let mut value = value.clone();
                        self.cut(key, &mut value);
                        item.rest.set(key, value);
                    }
                },
            }
        }
        if units(item.price.unwrap_or(0)) * units(item.count()) > MAX_AMOUNT {
            let detail = "expected price times quantity of at most 1000000000";
            return Err(Reject::new(Code::BadValue, "quantity", detail));
        }
        if item.item_id.is_empty() {
            // GA4 asks for one of the two.
            match &item.item_name {
                Some(name) if name.len() <= MAX_ID => {
                    item.item_id.clone_from(name);
                    self.warn("", "item_name taken as item_id");
                }
                _ => return Err(Reject::new(Code::BadValue, "item_id", "expected text")),
            }
        }
        Ok(item)
    }

    /// Cuts the texts inside a value of the sender's own.
    fn cut(&mut self, path: &str, value: &mut Value) {
        match value {
            Value::String(text) if text.len() > MAX_TEXT => {
                let keep = shorten(text, MAX_TEXT).len();
                text.truncate(keep);
                self.warn(path, "cut to its longest length");
            }
            Value::List(list) => list.iter_mut().for_each(|value| self.cut(path, value)),
            Value::Map(map) => map.iter_mut().for_each(|(_, value)| self.cut(path, value)),
            _ => {}
        }
    }
}

fn currency(value: &Value) -> Result<Option<String>, Reject> {
    match value {
        Value::Null => Ok(None),
        Value::String(code) if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            Ok(Some(code.to_ascii_uppercase()))
        }
        other => Err(expected("currency", "an ISO 4217 code of three letters", other)),
    }
}

/// `expected a number >= 0, got "12 EUR"`, with what came masked and cut, as it goes back to the sender and into logs.
fn expected(path: &str, what: &str, got: &Value) -> Reject {
    let shown = match got {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a truth value".to_owned(),
        Value::Number(number) if *number < 0.0 => "a negative number".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) => ["\"", shorten(&crate::mask::text(shorten(text, 200)), 40), "\""].concat(),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "an object".to_owned(),
    };
    Reject { code: Code::BadValue, path: path.to_owned(), detail: ["expected ", what, ", got ", &shown].concat() }
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

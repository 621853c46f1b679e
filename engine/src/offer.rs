//! Offers, the slots they stand in, and the bundle that tells the page of all of them.

use crate::condition::{Compile, Problem};
use crate::number::{digits, is_whole};
use crate::segment::{Segment, is_id, is_private};
use crate::time;
use crate::value::{Map, Value};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// Weights of an offer's arms sum to this.
pub const WEIGHTS: u32 = 10_000;
/// No arm gets less than this share of [`WEIGHTS`].
pub const LEAST_WEIGHT: u32 = 500;
/// Most arms of an offer: with the least weight each, they fill [`WEIGHTS`].
const MAX_ARMS: usize = (WEIGHTS / LEAST_WEIGHT) as usize;
/// The share of visitors held out where a site sets none.
pub const HOLDOUT: f64 = 0.05;
/// The arm of a visitor who is held out.
pub const HOLDOUT_ARM: &str = "holdout";

/// One variant of an offer.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// Its id.
    pub id: String,
    /// What the page renders: any JSON.
    pub content: Value,
    /// Its share of [`WEIGHTS`].
    pub weight: u32,
}

/// An offer.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// `^[a-z0-9][a-z0-9-]{0,63}$`.
    pub id: String,
    /// The slot it is made for.
    pub slot: String,
    /// Any of these; none means everyone.
    pub segments: Vec<String>,
    /// At least one.
    pub arms: Vec<Arm>,
    /// Goes into the bucketing, so that new weights deal anew.
    pub weights_version: u32,
    /// The highest wins.
    pub priority: f64,
    /// Not before, in ms.
    pub starts: Option<i64>,
    /// Not from then on, in ms.
    pub ends: Option<i64>,
    /// Most exposures of a visitor.
    pub cap_visitor: Option<u32>,
    /// Most exposures within a session.
    pub cap_session: Option<u32>,
    /// The items it offers: all sold out or all bought, and it is not made.
    pub items: Vec<String>,
    /// Decided only by the collector.
    pub private: bool,
}

/// A place in the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// `^[a-z0-9][a-z0-9-]{0,63}$`.
    pub id: String,
    /// Whether it lists items; else it shows an offer.
    pub items: bool,
    /// What stands there without an offer, and for who is held out; null: whatever the page itself has.
    pub content: Value,
}

/// Everything that decisions need beside the visitor.
#[derive(Clone, Default)]
pub struct Bundle {
    /// Grows with every change.
    pub version: u32,
    /// The site's id: it seeds the holdout.
    pub site: String,
    /// The share of visitors held out, `0..=1`.
    pub holdout: f64,
    /// All segments, sorted by id.
    pub segments: Vec<Segment>,
    /// All offers, in the order in which they are tried: the highest priority first, ties by id.
    pub offers: Vec<Offer>,
    /// All slots.
    pub slots: Vec<Slot>,
    /// Items that are sold out, of those that offers name.
    pub sold_out: Vec<String>,
}

/// Reads the fields of a document on after what cannot be used: the first problem stays.
struct Reader<'a> {
    document: &'a Map,
    problem: Option<Problem>,
}

impl<'a> Reader<'a> {
    /// A reader of a document whose fields are all among `keys`.
    fn new(document: &'a Map, keys: &[&str]) -> Reader<'a> {
        let mut reader = Reader { document, problem: None };
        for (key, _) in document.iter() {
            if keys.contains(&key) {
                continue;
            }
            let known = if cfg!(feature = "wire") { keys.join(", ") } else { String::new() };
            reader.bad(&[key], &["unknown field; expected one of ", &known]);
        }
        reader
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as in `Problem::new`")]
    fn bad(&mut self, path: &[&str], detail: &[&str]) {
        if self.problem.is_none() {
            self.problem = Some(Problem::new(path, detail));
        }
    }

    /// A field; null is none.
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.document.get(key).filter(|value| !value.is_null())
    }

    fn id(&mut self, key: &str, what: &str) -> String {
        match self.get(key) {
            Some(Value::String(id)) if is_id(id) => return id.clone(),
            _ => self.bad(&[key], &["expected the id of a ", what]),
        }
        String::new()
    }

    fn texts(&mut self, key: &str) -> Vec<String> {
        let mut texts = Vec::new();
        match self.get(key) {
            None => {}
            Some(Value::List(list)) if list.len() <= 200 => {
                for value in list {
                    match value {
                        Value::String(text) => texts.push(text.clone()),
                        _ => self.bad(&[key], &["expected a list of texts"]),
                    }
                }
            }
            Some(_) => self.bad(&[key], &["expected a list of at most 200 texts"]),
        }
        texts
    }

    fn moment(&mut self, key: &str) -> Option<i64> {
        let value = self.get(key)?;
        let at = time::read(value);
        if at.is_none() {
            self.bad(&[key], &["expected an RFC 3339 time with an offset"]);
        }
        at
    }

    fn cap(&mut self, key: &str) -> Option<u32> {
        match self.get("caps")? {
            Value::Map(caps) => match caps.get(key)? {
                Value::Null => {}
                Value::Number(n) if is_whole(*n) && (1.0..=1e9).contains(n) => return Some(*n as u32),
                _ => self.bad(&["caps.", key], &["expected a whole number >= 1"]),
            },
            _ => self.bad(&["caps"], &["expected {visitor, session}"]),
        }
        None
    }

    fn number(&mut self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Value::Number(number) => return Some(*number),
            _ => self.bad(&[key], &["expected a number"]),
        }
        None
    }

    fn arms(&mut self, content: &Value) -> Vec<Arm> {
        let list = match self.get("arms") {
            None => &[],
            Some(Value::List(list)) if list.len() <= MAX_ARMS => list.as_slice(),
            Some(_) => {
                self.bad(&["arms"], &["expected a list of at most 20 arms"]);
                &[]
            }
        };
        let mut arms: Vec<Arm> = Vec::new();
        if list.is_empty() {
            arms.push(Arm { id: "a".to_owned(), content: content.clone(), weight: WEIGHTS });
            return arms;
        }
        let share = WEIGHTS / list.len() as u32;
        let mut sum = 0;
        for (at, value) in list.iter().enumerate() {
            let index = if cfg!(feature = "wire") { digits(at as i64) } else { String::new() };
            let Value::Map(arm) = value else {
                self.bad(&["arms[", &index, "]"], &["expected an object"]);
                continue;
            };
            let id = arm.str("id").unwrap_or_default();
            if cfg!(feature = "wire") && (!is_id(id) || id == HOLDOUT_ARM) {
                let detail = "expected an id of a-z, 0-9 and -, other than \"holdout\"";
                self.bad(&["arms[", &index, "].id"], &[detail]);
            }
            if cfg!(feature = "wire") && arms.iter().any(|have| have.id == id) {
                self.bad(&["arms[", &index, "].id"], &["expected another id than that of an earlier arm"]);
            }
            let weight = match arm.get("weight") {
                None => share + if at == 0 { WEIGHTS - share * list.len() as u32 } else { 0 },
                Some(Value::Number(n)) if is_whole(*n) && (WEIGHT_BOUNDS).contains(n) => *n as u32,
                Some(_) => {
                    self.bad(&["arms[", &index, "].weight"], &["expected a whole number from 500 to 10000"]);
                    0
                }
            };
            sum += weight;
            arms.push(Arm { id: id.to_owned(), content: arm.get("content").unwrap_or(content).clone(), weight });
        }
        if sum != WEIGHTS {
            self.bad(&["arms"], &["expected weights that sum to 10000"]);
        }
        arms
    }
}

const WEIGHT_BOUNDS: core::ops::RangeInclusive<f64> = LEAST_WEIGHT as f64..=WEIGHTS as f64;

const OFFER_FIELDS: [&str; 13] = [
    "id",
    "name",
    "slot",
    "segments",
    "content",
    "arms",
    "weights_version",
    "priority",
    "starts",
    "ends",
    "caps",
    "items",
    "private",
];

impl Offer {
    /// An offer from its document `{slot, segments, content, arms, priority, starts, ends, caps, items, private}`.
    /// No arms means one arm `a` with the offer's content; arms without weights share alike.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn read(id: &str, document: &Map) -> Result<Offer, Problem> {
        let mut reader = Reader::new(document, &OFFER_FIELDS);
        let offer = Offer {
            id: id.to_owned(),
            slot: reader.id("slot", "slot"),
            cap_visitor: reader.cap("visitor"),
            cap_session: reader.cap("session"),
            priority: reader.number("priority").unwrap_or(0.0),
            segments: reader.texts("segments"),
            arms: reader.arms(document.get("content").unwrap_or(&Value::Null)),
            weights_version: document.number("weights_version").unwrap_or(1.0) as u32,
            starts: reader.moment("starts"),
            ends: reader.moment("ends"),
            items: reader.texts("items"),
            private: match is_private(document) {
                Ok(private) => private,
                Err(problem) => return Err(reader.problem.unwrap_or(problem)),
            },
        };
        reader.problem.map_or(Ok(offer), Err)
    }

    /// The form in which the page learns of it; `None` for a private one.
    pub fn public(&self) -> Option<Map> {
        if self.private {
            return None;
        }
        let mut map = Map::new().with("id", self.id.as_str()).with("slot", self.slot.as_str());
        if !self.segments.is_empty() {
            map.set("segments", self.segments.clone());
        }
        if !self.items.is_empty() {
            map.set("items", self.items.clone());
        }
        let arms = self.arms.iter().map(|arm| {
            Map::new().with("id", arm.id.as_str()).with("content", arm.content.clone()).with("weight", arm.weight)
        });
        map.set("arms", arms.collect::<Vec<_>>());
        map.set("weights_version", self.weights_version);
        map.set("priority", self.priority);
        map.set_some("starts", self.starts.map(time::value));
        map.set_some("ends", self.ends.map(time::value));
        if self.cap_visitor.is_some() || self.cap_session.is_some() {
            let mut caps = Map::new();
            caps.set_some("visitor", self.cap_visitor);
            caps.set_some("session", self.cap_session);
            map.set("caps", caps);
        }
        Some(map)
    }
}

impl Slot {
    /// A slot from its document `{kind, content}`.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn read(id: &str, document: &Map) -> Result<Slot, Problem> {
        let mut reader = Reader::new(document, &["id", "name", "kind", "content"]);
        let kind = document.str("kind");
        if !matches!(kind, Some("offer" | "items")) {
            reader.bad(&["kind"], &["expected \"offer\" or \"items\""]);
        }
        let content = document.get("content").cloned().unwrap_or_default();
        let slot = Slot { id: id.to_owned(), items: kind == Some("items"), content };
        reader.problem.map_or(Ok(slot), Err)
    }

    /// The form in which the page learns of it.
    pub fn public(&self) -> Map {
        let kind = if self.items { "items" } else { "offer" };
        Map::new().with("id", self.id.as_str()).with("kind", kind).with("content", self.content.clone())
    }
}

impl Bundle {
    /// Where the segment of an id stands, or would.
    fn find(&self, id: &str) -> Result<usize, usize> {
        self.segments.binary_search_by(|segment| segment.id.as_str().cmp(id))
    }

    /// The segment of an id.
    pub fn segment(&self, id: &str) -> Option<&Segment> {
        self.find(id).ok().and_then(|at| self.segments.get(at))
    }

    /// Puts an offer in its place.
    pub fn add(&mut self, offer: Offer) {
        let before =
            |have: &Offer| have.priority > offer.priority || (have.priority == offer.priority && have.id < offer.id);
        let at = self.offers.iter().position(|have| !before(have)).unwrap_or(self.offers.len());
        self.offers.insert(at, offer);
    }

    /// The bundle as the page gets it: no names, nothing private.
    ///
    /// Segments are taken from their documents, as a compiled condition has no text any more.
    pub fn public(&self, segments: impl Iterator<Item = Map>) -> Map {
        let private = |id: &String| self.segments.iter().any(|segment| segment.private && segment.id == *id);
        let offers = self.offers.iter().filter_map(|offer| {
            let segments: Vec<String> = offer.segments.iter().filter(|id| !private(id)).cloned().collect();
            // An offer to private segments alone is the collector's to make; with none left it would be for everyone.
            let hidden = segments.is_empty() && !offer.segments.is_empty();
            if hidden { None } else { Offer { segments, ..offer.clone() }.public() }
        });
        let offers: Vec<Map> = offers.collect();
        let slots: Vec<Map> = self.slots.iter().map(Slot::public).collect();
        Map::new()
            .with("version", self.version)
            .with("site", self.site.as_str())
            .with("holdout", self.holdout)
            .with("segments", segments.collect::<Vec<_>>())
            .with("offers", offers)
            .with("slots", slots)
            .with("sold_out", self.sold_out.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Reads the form that [`Bundle::public`] writes. An entry that cannot be read is left out: an older page goes on
    /// with what it understands.
    pub fn read(map: &Map, compile: Option<Compile<'_>>) -> Option<Bundle> {
        let entries = |key: &str| map.get(key).and_then(Value::as_list).unwrap_or_default();
        let mut bundle = Bundle {
            version: map.number("version")? as u32,
            site: map.str("site")?.to_owned(),
            holdout: map.number("holdout")?,
            sold_out: Reader { document: map, problem: None }.texts("sold_out"),
            ..Bundle::default()
        };
        for key in ["segments", "offers", "slots"] {
            for value in entries(key) {
                let Value::Map(entry) = value else { continue };
                let Some(id) = entry.str("id") else { continue };
                match key {
                    "segments" => {
                        if let Ok(segment) = Segment::read(id, entry, compile)
                            && let Err(at) = bundle.find(id)
                        {
                            bundle.segments.insert(at, segment);
                        }
                    }
                    "offers" => {
                        if let Ok(offer) = Offer::read(id, entry) {
                            bundle.add(offer);
                        }
                    }
                    _ => {
                        if let Ok(slot) = Slot::read(id, entry) {
                            bundle.slots.push(slot);
                        }
                    }
                }
            }
        }
        Some(bundle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: &str) -> Map {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_offer_survives_the_bundle() {
        let offer = Offer::read(
            "free-ship",
            &map(
                r#"{"slot":"hero","segments":["vip"],"content":{"t":1},"arms":[{"id":"a"},{"id":"b","content":2},{"id":"c"}],
                "priority":2,"starts":"2026-01-01T00:00:00Z","caps":{"visitor":3},"items":["sku1"]}"#,
            ),
        )
        .unwrap();
        assert_eq!(offer.arms.iter().map(|arm| arm.weight).collect::<Vec<_>>(), [3334, 3333, 3333]);
        assert_eq!(Offer::read("free-ship", &offer.public().unwrap()).unwrap(), offer);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, path) in [
            ("{}", "slot"),
            (r#"{"slot":"hero","prio":1}"#, "prio"),
            (r#"{"slot":"hero","segments":"vip"}"#, "segments"),
            (r#"{"slot":"hero","starts":"tomorrow"}"#, "starts"),
            (r#"{"slot":"hero","caps":{"session":0}}"#, "caps.session"),
            (r#"{"slot":"hero","private":"yes"}"#, "private"),
            (r#"{"slot":"hero","arms":[{"id":"a"},{"id":"a"}]}"#, "arms[1].id"),
            (r#"{"slot":"hero","arms":[{"id":"holdout"}]}"#, "arms[0].id"),
            (r#"{"slot":"hero","arms":[{"id":"a","weight":600},{"id":"b","weight":600}]}"#, "arms"),
        ] {
            assert_eq!(Offer::read("x", &map(json)).unwrap_err().path, path, "{json}");
        }
        assert_eq!(Slot::read("x", &map(r#"{"kind":"banner"}"#)).unwrap_err().path, "kind");
    }
}

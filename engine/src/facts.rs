//! Facts: the fold of a visitor's events, in the order of (corrected time, id), and the flat map of names and values
//! that conditions are about.

use crate::event::{Event, Micro, units};
use crate::id::Id;
use crate::number::{digits, read_digits, rounded};
use crate::session::{Campaign, SILENCE, Session};
use crate::time::HOUR;
use crate::value::{Map, Value};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// Most event names counted for a visitor; the first ones seen.
pub const MAX_NAMES: usize = 32;
/// Most item categories counted for a visitor; the first ones seen.
pub const MAX_CATEGORIES: usize = 16;
/// Most different items kept of a cart.
const MAX_CART: usize = 64;
/// Most items remembered as bought; the latest ones.
const MAX_BOUGHT: usize = 64;
/// Most offers whose exposures are remembered; the first ones.
const MAX_EXPOSURES: usize = 64;
/// Most traits.
const MAX_TRAITS: usize = 32;
/// Largest size of a visitor's facts, in bytes of names and values; beyond it the rest is left out and `truncated`
/// is true.
pub const MAX_SIZE: usize = 4_096;

/// Hours that the windows look back: events with `floor(time / h) > floor(now / h) - hours`.
const WINDOWS: [(&str, i64); 3] = [("n_1d.", 24), ("n_7d.", 168), ("n_30d.", 720)];

/// Sums by the hour, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Hours(Vec<(i64, i64)>);

impl Hours {
    fn add(&mut self, time: i64, amount: i64) {
        let hour = time.div_euclid(HOUR);
        match self.0.last_mut() {
            Some((last, sum)) if *last == hour => *sum = sum.saturating_add(amount),
            _ => {
                // The longest window can never reach these again: time only goes forward in a fold.
                let oldest = hour - 720;
                let gone = self.0.iter().take_while(|(have, _)| *have <= oldest).count();
                self.0.drain(..gone);
                self.0.push((hour, amount));
            }
        }
    }

    fn within(&self, now: i64, hours: i64) -> i64 {
        let after = now.div_euclid(HOUR) - hours;
        self.0
            .iter()
            .rev()
            .take_while(|(hour, _)| *hour > after)
            .fold(0, |total, (_, sum)| i64::saturating_add(total, *sum))
    }

    fn to_value(&self) -> Value {
        self.0.iter().map(|(hour, sum)| vec![Value::from(*hour), exact(*sum)]).collect::<Vec<_>>().into()
    }

    fn from_value(value: Option<&Value>) -> Hours {
        let pairs =
            value.and_then(Value::as_list).unwrap_or_default().iter().filter_map(|pair| match pair.as_list()? {
                [hour, sum] => Some((hour.as_f64()? as i64, exactly(sum)?)),
                _ => None,
            });
        Hours(pairs.collect())
    }
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Count {
    name: String,
    total: i64,
    last: i64,
    hours: Hours,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct CategoryCount {
    category: String,
    /// By event name: one entry for each of [`CATEGORY_EVENTS`].
    hours: [Hours; CATEGORY_EVENTS.len()],
}

/// The events that are counted by category.
const CATEGORY_EVENTS: [&str; 3] = ["view_item", "add_to_cart", "purchase"];

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct CartLine {
    item_id: String,
    price: Micro,
    quantity: Micro,
}

/// What a visitor was shown of an offer.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Exposure {
    /// The offer's id.
    pub offer: String,
    /// The first arm the visitor was exposed to; it stays.
    pub arm: String,
    /// How often, in all.
    pub total: u32,
    /// How often in the current session.
    pub session: u32,
}

/// The state of the fold: bounded, and enough to go on from.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct State {
    /// Time and id of the last event folded in.
    pub last: Option<(i64, Id)>,
    /// The current session, over or not.
    pub session: Session,
    first_seen: i64,
    visits: u32,
    counts: Vec<Count>,
    categories: Vec<CategoryCount>,
    purchased: Micro,
    purchases: Hours,
    cart: Vec<CartLine>,
    bought: Vec<String>,
    exposures: Vec<Exposure>,
    traits: Map,
}

impl State {
    /// Folds an event in. `time` is its corrected time and `id` its id; events must come in the order of the two.
    ///
    /// Returns the session that the event ended by beginning another.
    pub fn fold(&mut self, event: &Event, time: i64, id: Id) -> Option<Session> {
        let campaign = event.page.url.as_deref().and_then(Campaign::of);
        let mut ended = None;
        let first = self.last.is_none();
        if first || !self.session.holds(time, campaign.as_ref()) {
            if first {
                self.first_seen = time;
            }
            self.visits += 1;
            let before = core::mem::replace(&mut self.session, Session::begin(id, time, campaign));
            ended = (!first).then_some(before);
            self.exposures.iter_mut().for_each(|exposure| exposure.session = 0);
        }
        self.last = Some((time, id));
        self.session.add(event, time);
        self.count(event, time);
        match event.name.as_str() {
            "add_to_cart" => event.items.iter().for_each(|item| self.cart_add(&item.item_id, item.price, item.count())),
            "remove_from_cart" => event.items.iter().for_each(|item| self.cart_remove(&item.item_id, item.count())),
            // These two name the whole cart, so they put right what went unseen.
            "view_cart" | "begin_checkout" if !event.items.is_empty() => {
                self.cart.clear();
                event.items.iter().for_each(|item| self.cart_add(&item.item_id, item.price, item.count()));
            }
            "purchase" => self.purchase(event, time),
            "view_promotion" => self.expose(event),
            "identify" => {
                for (key, value) in event.props.iter() {
                    let scalar = !matches!(value, Value::List(_) | Value::Map(_));
                    if scalar && (self.traits.len() < MAX_TRAITS || self.traits.get(key).is_some()) {
                        self.traits.set(key, value.clone());
                    }
                }
            }
            _ => {}
        }
        ended
    }

    fn count(&mut self, event: &Event, time: i64) {
        let count = match self.counts.iter().position(|count| count.name == event.name) {
            Some(at) => self.counts.get_mut(at),
            None if self.counts.len() < MAX_NAMES => {
                self.counts.push(Count { name: event.name.clone(), total: 0, last: time, hours: Hours::default() });
                self.counts.last_mut()
            }
            None => None,
        };
        if let Some(count) = count {
            count.total += 1;
            count.last = time;
            count.hours.add(time, 1);
        }
        let Some(kind) = CATEGORY_EVENTS.iter().position(|name| *name == event.name) else { return };
        for (index, item) in event.items.iter().enumerate() {
            let Some(category) = &item.item_category else { continue };
            // An event counts once for a category, however many of its items are of it.
            let earlier = event.items.iter().take(index);
            if earlier.into_iter().any(|other| other.item_category.as_ref() == Some(category)) {
                continue;
            }
            if !self.categories.iter().any(|have| have.category == *category) && self.categories.len() < MAX_CATEGORIES
            {
                self.categories.push(CategoryCount { category: category.clone(), hours: Default::default() });
            }
            let hours = self.categories.iter_mut().find(|have| have.category == *category);
            if let Some(hours) = hours.and_then(|have| have.hours.get_mut(kind)) {
                hours.add(time, 1);
            }
        }
    }

    fn cart_add(&mut self, item_id: &str, price: Option<Micro>, quantity: Micro) {
        let full = self.cart.len() >= MAX_CART;
        match self.cart.iter_mut().find(|line| line.item_id == item_id) {
            Some(line) => {
                line.quantity = line.quantity.saturating_add(quantity);
                line.price = price.unwrap_or(line.price);
            }
            None if !full => {
                self.cart.push(CartLine { item_id: item_id.to_owned(), price: price.unwrap_or(0), quantity });
            }
            None => {}
        }
    }

    fn cart_remove(&mut self, item_id: &str, quantity: Micro) {
        if let Some(line) = self.cart.iter_mut().find(|line| line.item_id == item_id) {
            line.quantity -= quantity;
        }
        self.cart.retain(|line| line.quantity > 0);
    }

    fn purchase(&mut self, event: &Event, time: i64) {
        let worth = event.worth();
        self.purchased = self.purchased.saturating_add(worth);
        self.purchases.add(time, worth);
        self.cart.clear();
        for item in &event.items {
            self.bought.retain(|have| *have != item.item_id);
            self.bought.push(item.item_id.clone());
        }
        let over = self.bought.len().saturating_sub(MAX_BOUGHT);
        self.bought.drain(..over);
    }

    fn expose(&mut self, event: &Event) {
        let Some(offer) = event.props.str("promotion_id") else { return };
        let arm = event.props.str("creative_name").unwrap_or_default();
        let full = self.exposures.len() >= MAX_EXPOSURES;
        match self.exposures.iter_mut().find(|exposure| exposure.offer == offer) {
            Some(exposure) => {
                exposure.total += 1;
                exposure.session += 1;
            }
            None if !full => {
                self.exposures.push(Exposure { offer: offer.to_owned(), arm: arm.to_owned(), total: 1, session: 1 });
            }
            None => {}
        }
    }

    /// What the visitor was shown of an offer, with the count for the session of `now`.
    pub fn exposure(&self, offer: &str, now: i64) -> Option<Exposure> {
        let exposure = self.exposures.iter().find(|exposure| exposure.offer == offer)?;
        let session = if self.in_session(now) { exposure.session } else { 0 };
        Some(Exposure { session, ..exposure.clone() })
    }

    /// Whether the visitor bought this item.
    pub fn bought(&self, item_id: &str) -> bool {
        self.bought.iter().any(|have| have == item_id)
    }

    /// The time of the first event.
    pub fn first_seen(&self) -> i64 {
        self.first_seen
    }

    fn in_session(&self, now: i64) -> bool {
        self.last.is_some() && now - self.session.end <= SILENCE
    }

    /// The facts at `now`; `told` are those that only the collector knows (`rfm.*`, `device.type`, ...).
    ///
    /// Counts and sums of zero are left out: a look-up reads them as 0 ([`get`]).
    pub fn facts(&self, now: i64, told: &Map) -> Map {
        let mut facts = Facts { map: Map::new(), size: 0, truncated: false };
        if let Some((last, _)) = self.last {
            facts.set("visits", self.visits);
            facts.age("first_seen", now, self.first_seen);
            facts.age("last_seen", now, last);
        }
        let (quantity, value) = self.cart.iter().fold((0i64, 0i64), |(quantity, value), line| {
            let total = rounded(line.price as f64 * units(line.quantity));
            (quantity.saturating_add(line.quantity), value.saturating_add(total))
        });
        facts.set("cart.items", units(quantity));
        facts.set("cart.value", units(value));
        if self.in_session(now) {
            facts.age("session", now, self.session.start);
            facts.set("session.pages", self.session.pages);
            if let Some(host) = &self.session.referrer {
                facts.set("session.referrer", host.as_str());
            }
            if let Some(path) = &self.session.landing_path {
                facts.set("session.landing.path", path.as_str());
            }
            if let Some(campaign) = &self.session.campaign {
                for (name, text) in [
                    ("session.utm_source", &campaign.source),
                    ("session.utm_medium", &campaign.medium),
                    ("session.utm_campaign", &campaign.name),
                ] {
                    if let Some(text) = text {
                        facts.set(name, text.as_str());
                    }
                }
            }
        }
        // What the collector told comes before what can grow long.
        told.iter().for_each(|(name, value)| facts.set(name, value.clone()));
        facts.amount("sum.purchase", self.purchased);
        facts.amount("sum_30d.purchase", self.purchases.within(now, 720));
        if let Some(category) = self.top_category(now) {
            facts.set("top_category", category);
        }
        for count in &self.counts {
            facts.set(&["n.", &count.name].concat(), count.total);
            facts.age(&["last.", &count.name].concat(), now, count.last);
            for (prefix, hours) in WINDOWS {
                facts.number(&[prefix, &count.name].concat(), count.hours.within(now, hours));
            }
        }
        if self.in_session(now) {
            for (name, n) in &self.session.counts {
                facts.set(&["session.n.", name].concat(), *n);
            }
        }
        for (name, value) in self.traits.iter() {
            facts.set(&["trait.", name].concat(), value.clone());
        }
        for count in &self.categories {
            for (event, hours) in CATEGORY_EVENTS.iter().zip(&count.hours) {
                facts.number(&["n_7d.", event, ".category:", &count.category].concat(), hours.within(now, 168));
            }
        }
        if facts.truncated {
            facts.map.set("truncated", true);
        }
        facts.map
    }

    /// The category looked at most often in the last 30 days; of equals the first by name.
    fn top_category(&self, now: i64) -> Option<&str> {
        let mut top: Option<(i64, &str)> = None;
        for count in &self.categories {
            let n = count.hours.first().map_or(0, |hours| hours.within(now, 720));
            let better = top.is_none_or(|(most, name)| n > most || (n == most && count.category.as_str() < name));
            if n > 0 && better {
                top = Some((n, &count.category));
            }
        }
        top.map(|(_, name)| name)
    }

    /// For keeping and for sending to the other side, which goes on from it; [`State::from_value`] reads it.
    pub fn to_value(&self) -> Map {
        let mut map = Map::new();
        let Some((time, id)) = self.last else { return map };
        map.set("last", vec![Value::from(time), Value::from(id.text())]);
        map.set("session", self.session.to_value());
        map.set("first_seen", self.first_seen);
        map.set("visits", self.visits);
        let counts = self.counts.iter().map(|count| {
            let Count { name, total, last, hours } = count;
            vec![Value::from(name.as_str()), Value::from(*total), Value::from(*last), hours.to_value()]
        });
        map.set("counts", counts.collect::<Vec<_>>());
        let categories = self.categories.iter().map(|count| {
            let mut row = vec![Value::from(count.category.as_str())];
            row.extend(count.hours.iter().map(Hours::to_value));
            row
        });
        map.set("categories", categories.collect::<Vec<_>>());
        map.set("purchased", exact(self.purchased));
        map.set("purchases", self.purchases.to_value());
        let cart = self
            .cart
            .iter()
            .map(|line| vec![Value::from(line.item_id.as_str()), Value::from(line.price), Value::from(line.quantity)]);
        map.set("cart", cart.collect::<Vec<_>>());
        map.set("bought", self.bought.iter().map(String::as_str).collect::<Vec<_>>());
        let exposures = self.exposures.iter().map(|exposure| {
            vec![
                Value::from(exposure.offer.as_str()),
                Value::from(exposure.arm.as_str()),
                Value::from(exposure.total),
                Value::from(exposure.session),
            ]
        });
        map.set("exposures", exposures.collect::<Vec<_>>());
        map.set("traits", self.traits.clone());
        map
    }

    /// What [`State::to_value`] wrote; `None` where it is not that.
    pub fn from_value(map: &Map) -> Option<State> {
        if map.is_empty() {
            return Some(State::default());
        }
        let rows = |key: &str| map.get(key).and_then(Value::as_list).unwrap_or_default().iter();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let number = |value: &Value| value.as_f64().map(|number| number as i64);
        let last = match map.get("last")?.as_list()? {
            [time, id] => (number(time)?, Id::parse(id.as_str()?)?),
            _ => return None,
        };
        Some(State {
            last: Some(last),
            session: Session::from_value(map.get("session")?.as_map()?)?,
            first_seen: map.number("first_seen")? as i64,
            visits: map.number("visits")? as u32,
            counts: rows("counts")
                .filter_map(|row| match row.as_list()? {
                    [name, total, last, hours] => Some(Count {
                        name: text(name)?,
                        total: number(total)?,
                        last: number(last)?,
                        hours: Hours::from_value(Some(hours)),
                    }),
                    _ => None,
                })
                .collect(),
            categories: rows("categories")
                .filter_map(|row| {
                    let row = row.as_list()?;
                    let hours = core::array::from_fn(|kind| Hours::from_value(row.get(kind + 1)));
                    Some(CategoryCount { category: text(row.first()?)?, hours })
                })
                .collect(),
            purchased: exactly(map.get("purchased")?)?,
            purchases: Hours::from_value(map.get("purchases")),
            cart: rows("cart")
                .filter_map(|row| match row.as_list()? {
                    [item, price, quantity] => {
                        Some(CartLine { item_id: text(item)?, price: exactly(price)?, quantity: exactly(quantity)? })
                    }
                    _ => None,
                })
                .collect(),
            bought: rows("bought").filter_map(text).collect(),
            exposures: rows("exposures")
                .filter_map(|row| match row.as_list()? {
                    [offer, arm, total, session] => Some(Exposure {
                        offer: text(offer)?,
                        arm: text(arm)?,
                        total: number(total)? as u32,
                        session: number(session)? as u32,
                    }),
                    _ => None,
                })
                .collect(),
            traits: map.get("traits").and_then(Value::as_map).cloned().unwrap_or_default(),
        })
    }
}

/// A sum as a value: beyond what a double holds exactly it stands as text.
fn exact(sum: i64) -> Value {
    if sum.unsigned_abs() < 1 << 53 { Value::from(sum) } else { Value::from(digits(sum)) }
}

/// What [`exact`] wrote.
fn exactly(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => read_digits(text),
        value => value.as_f64().map(|sum| sum as i64),
    }
}

/// The facts while they are being listed, within their bound.
struct Facts {
    map: Map,
    size: usize,
    truncated: bool,
}

impl Facts {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        // A number counts as 8 bytes, whatever its digits: the same on both sides.
        self.size += name.len() + value.as_str().map_or(8, str::len);
        if self.size > MAX_SIZE {
            self.truncated = true;
        } else {
            self.map.set(name, value);
        }
    }

    fn number(&mut self, name: &str, n: i64) {
        if n != 0 {
            self.set(name, n);
        }
    }

    fn amount(&mut self, name: &str, amount: Micro) {
        if amount != 0 {
            self.set(name, units(amount));
        }
    }

    /// Whole seconds since `then`; 0 for what a corrected clock put ahead of now.
    fn age(&mut self, name: &str, now: i64, then: i64) {
        self.set(&[name, ".age_s"].concat(), (now - then).max(0) / 1_000);
    }
}

/// Looks a fact up: the whole name first, then by dots into nested objects (as a dry-run may send them).
///
/// Counts and sums that are not there (`n.*`, `n_*.*`, `sum*.*`) read 0; anything else reads `null`.
pub fn get<'a>(facts: &'a Value, path: &str) -> &'a Value {
    static NULL: Value = Value::Null;
    static ZERO: Value = Value::Number(0.0);
    if let Value::Map(map) = facts
        && let Some(value) = map.get(path)
    {
        return value;
    }
    let mut found = Some(facts);
    for part in path.split('.') {
        found = match found {
            Some(Value::Map(map)) => map.get(part),
            Some(Value::List(list)) => read_digits(part).and_then(|at| list.get(usize::try_from(at).ok()?)),
            _ => None,
        };
    }
    let head = path.split('.').next().unwrap_or_default();
    let counts =
        path.len() > head.len() && (head == "n" || head.starts_with("n_") || head == "sum" || head.starts_with("sum_"));
    found.unwrap_or(if counts { &ZERO } else { &NULL })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Item;
    use crate::time::{DAY, MINUTE};
    use proptest::prelude::*;

    fn event(name: &str) -> Event {
        Event { name: name.to_owned(), ..Event::default() }
    }

    fn with_item(name: &str, item: &str, category: &str, price: i64, quantity: i64) -> Event {
        let item = Item {
            item_id: item.to_owned(),
            item_category: Some(category.to_owned()),
            price: Some(price * 1_000_000),
            quantity: Some(quantity * 1_000_000),
            ..Item::default()
        };
        Event { items: vec![item], ..event(name) }
    }

    fn fold(events: &[(i64, Event)]) -> State {
        let mut state = State::default();
        for (index, (time, event)) in events.iter().enumerate() {
            state.fold(event, *time, Id(index as u128));
        }
        state
    }

    fn at(state: &State, now: i64) -> Value {
        state.facts(now, &Map::new()).into()
    }

    #[test]
    fn windows_are_exact_to_the_hour() {
        let start = 1_000 * DAY;
        let state = fold(&[(start, event("page_view")), (start + 59 * MINUTE, event("page_view"))]);
        let n = |now: i64, name: &str| get(&at(&state, now), name).as_f64().unwrap();
        for (name, hours) in [("n_1d.page_view", 24), ("n_7d.page_view", 168), ("n_30d.page_view", 720)] {
            assert_eq!(n(start + hours * HOUR - 1, name), 2.0, "{name}");
            assert_eq!(n(start + hours * HOUR, name), 0.0, "{name}");
        }
        assert_eq!(n(start + 900 * HOUR, "n.page_view"), 2.0);
    }

    #[test]
    fn the_cart_follows_the_events() {
        let mut events = vec![
            (0, with_item("add_to_cart", "a", "shoes", 10, 2)),
            (1, with_item("add_to_cart", "b", "bags", 5, 1)),
            (2, with_item("remove_from_cart", "a", "shoes", 10, 1)),
        ];
        let facts = at(&fold(&events), 3);
        assert_eq!(get(&facts, "cart.items"), &Value::from(2.0));
        assert_eq!(get(&facts, "cart.value"), &Value::from(15.0));
        events.push((3, with_item("begin_checkout", "b", "bags", 5, 3)));
        assert_eq!(get(&at(&fold(&events), 4), "cart.value"), &Value::from(15.0));
        events.push((4, with_item("purchase", "b", "bags", 5, 3)));
        let state = fold(&events);
        assert_eq!(get(&at(&state, 5), "cart.items"), &Value::from(0.0));
        assert_eq!(get(&at(&state, 5), "sum.purchase"), &Value::from(15.0));
        assert!(state.bought("b") && !state.bought("a"));
    }

    #[test]
    fn session_facts_end_with_the_session() {
        let mut landing = event("page_view");
        landing.page.url = Some("https://shop.example/p/7?utm_source=mail".to_owned());
        let state = fold(&[(0, landing), (MINUTE, event("click"))]);
        let facts = at(&state, 2 * MINUTE);
        assert_eq!(get(&facts, "session.landing.path"), &Value::from("/p/7"));
        assert_eq!(get(&facts, "session.utm_source"), &Value::from("mail"));
        assert_eq!(get(&facts, "session.n.click"), &Value::from(1.0));
        assert_eq!(get(&facts, "session.age_s"), &Value::from(120.0));
        let later = at(&state, MINUTE + SILENCE + 1);
        assert!(get(&later, "session.pages").is_null());
        assert_eq!(get(&later, "visits"), &Value::from(1.0));
    }

    #[test]
    fn the_top_category_is_the_one_looked_at_most() {
        let state = fold(&[
            (0, with_item("view_item", "a", "shoes", 1, 1)),
            (1, with_item("view_item", "b", "bags", 1, 1)),
            (2, with_item("add_to_cart", "a", "shoes", 1, 1)),
        ]);
        assert_eq!(get(&at(&state, 3), "top_category"), &Value::from("bags"), "of equals the first by name");
        assert_eq!(get(&at(&state, 3), "n_7d.add_to_cart.category:shoes"), &Value::from(1.0));
        assert!(get(&at(&state, 31 * DAY), "top_category").is_null());
    }

    #[test]
    fn the_first_exposed_arm_stays() {
        let mut shown = event("view_promotion");
        shown.props = Map::new().with("promotion_id", "o").with("creative_name", "a");
        let mut other = shown.clone();
        other.props.set("creative_name", "b");
        let state = fold(&[(0, shown.clone()), (1, other), (2 * SILENCE, shown)]);
        let exposure = state.exposure("o", 2 * SILENCE).unwrap();
        assert_eq!((exposure.arm.as_str(), exposure.total, exposure.session), ("a", 3, 1));
        assert_eq!(state.exposure("o", 4 * SILENCE).unwrap().session, 0);
    }

    #[test]
    fn the_size_of_facts_is_bounded() {
        let events: Vec<_> = (0..60).map(|n| (n, event(&format!("{}{n}", "long_name_".repeat(5))))).collect();
        let facts = fold(&events).facts(100, &Map::new());
        assert_eq!(facts.get("truncated"), Some(&Value::Bool(true)));
        assert!(serde_json::to_string(&facts).unwrap().len() < MAX_SIZE + 1_500);
    }

    #[test]
    fn counts_read_zero_and_the_rest_null() {
        let facts = Value::from(Map::new().with("a.b", 1.0).with("a", Map::new().with("c", 2.0)));
        assert_eq!(get(&facts, "a.b"), &Value::from(1.0));
        assert_eq!(get(&facts, "a.c"), &Value::from(2.0));
        assert_eq!(get(&facts, "n_1d.purchase"), &Value::from(0.0));
        assert_eq!(get(&facts, "sum.purchase"), &Value::from(0.0));
        assert!(get(&facts, "n").is_null() && get(&facts, "name.first").is_null());
    }

    #[test]
    fn huge_sums_are_kept_to_the_last_digit() {
        let mut events: Vec<_> = (0..12).map(|n| (n, with_item("purchase", "a", "x", 1_000_000_000, 1))).collect();
        let mut cent = event("purchase");
        cent.value = Some(1);
        events.push((12, cent));
        let state = fold(&events);
        assert_eq!(State::from_value(&state.to_value()), Some(state));
    }

    proptest! {
        #[test]
        fn a_kept_state_goes_on_as_if_it_had_never_stopped(
            steps in prop::collection::vec((0usize..8, 0i64..3 * HOUR, 0usize..4), 1..60), cut in 0usize..60,
        ) {
            let names = ["page_view", "view_item", "add_to_cart", "remove_from_cart", "purchase", "view_promotion", "identify", "own"];
            let mut time = 0;
            let events: Vec<_> = steps.iter().map(|(name, gap, item)| {
                time += gap;
                let mut event = with_item(names[*name], ["a", "b", "c", "d"][*item], ["x", "y"][*item % 2], 3, 1);
                event.props = Map::new().with("promotion_id", "o").with("creative_name", "a").with("plan", *item);
                (time, event)
            }).collect();
            let whole = fold(&events);
            let cut = cut.min(events.len());
            let kept = fold(&events[..cut]).to_value();
            let text = serde_json::to_string(&kept).unwrap();
            let mut state = State::from_value(&serde_json::from_str(&text).unwrap()).unwrap();
            for (index, (time, event)) in events.iter().enumerate().skip(cut) {
                state.fold(event, *time, Id(index as u128));
            }
            prop_assert_eq!(&state, &whole);
            prop_assert_eq!(state.facts(time, &Map::new()), whole.facts(time, &Map::new()));
        }
    }
}

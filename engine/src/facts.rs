//! Facts: the fold of a visitor's events, in the order of (corrected time, id), and the flat map of names and values
//! that conditions are about.

use crate::event::{Event, Micro, units};
use crate::id::Id;
use crate::keep::Pass;
use crate::number::{read_digits, rounded};
use crate::session::{Campaign, SILENCE, Session};
use crate::text::{cut, joined};
use crate::time::HOUR;
use crate::value::{Map, Value};
use alloc::borrow::ToOwned;
use alloc::string::String;
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
                while self.0.first().is_some_and(|(have, _)| *have <= oldest) {
                    self.0.remove(0);
                }
                self.0.push((hour, amount));
            }
        }
    }

    fn within(&self, now: i64, hours: i64) -> i64 {
        let after = now.div_euclid(HOUR) - hours;
        let mut total: i64 = 0;
        for (hour, sum) in self.0.iter().rev() {
            if *hour <= after {
                break;
            }
            total = total.saturating_add(*sum);
        }
        total
    }

    fn keep(&mut self, pass: &mut Pass) {
        pass.list(&mut self.0, |(hour, sum), pass| {
            pass.int(hour);
            pass.int(sum);
        });
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Count {
    name: String,
    total: i64,
    last: i64,
    hours: Hours,
}

#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct CategoryCount {
    category: String,
    /// By event name: one entry for each of [`CATEGORY_EVENTS`].
    hours: [Hours; CATEGORY_EVENTS.len()],
}

/// The events that are counted by category.
const CATEGORY_EVENTS: [&str; 3] = ["view_item", "add_to_cart", "purchase"];

#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct CartLine {
    item_id: String,
    price: Micro,
    quantity: Micro,
}

/// What a visitor was shown of an offer.
#[derive(Debug, Clone, PartialEq, Default)]
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
            for exposure in &mut self.exposures {
                exposure.session = 0;
            }
        }
        self.last = Some((time, id));
        self.session.add(event, time);
        self.count(event, time);
        match event.name.as_str() {
            "add_to_cart" | "remove_from_cart" | "view_cart" | "begin_checkout" => {
                // The last two name the whole cart, so they put right what went unseen.
                if matches!(event.name.as_str(), "view_cart" | "begin_checkout") && !event.items.is_empty() {
                    self.cart.clear();
                }
                for item in &event.items {
                    match event.name.as_str() {
                        "remove_from_cart" => self.cart_remove(&item.item_id, item.count()),
                        _ => self.cart_add(&item.item_id, item.price, item.count()),
                    }
                }
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
            let mut earlier = event.items.iter().take(index);
            if earlier.any(|other| other.item_category.as_ref() == Some(category)) {
                continue;
            }
            let at = self.categories.iter().position(|have| have.category == *category);
            let at = at.unwrap_or(self.categories.len());
            if at == self.categories.len() && at < MAX_CATEGORIES {
                self.categories.push(CategoryCount { category: category.clone(), hours: Default::default() });
            }
            if let Some(hours) = self.categories.get_mut(at).and_then(|have| have.hours.get_mut(kind)) {
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
        let Some(at) = self.cart.iter().position(|line| line.item_id == item_id) else { return };
        let Some(line) = self.cart.get_mut(at) else { return };
        line.quantity -= quantity;
        if line.quantity <= 0 {
            self.cart.remove(at);
        }
    }

    fn purchase(&mut self, event: &Event, time: i64) {
        let worth = event.worth();
        self.purchased = self.purchased.saturating_add(worth);
        self.purchases.add(time, worth);
        self.cart.clear();
        for item in &event.items {
            if let Some(at) = self.bought.iter().position(|have| *have == item.item_id) {
                self.bought.remove(at);
            }
            self.bought.push(item.item_id.clone());
        }
        while self.bought.len() > MAX_BOUGHT {
            self.bought.remove(0);
        }
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
        let (mut quantity, mut value) = (0i64, 0i64);
        for line in &self.cart {
            quantity = quantity.saturating_add(line.quantity);
            value = value.saturating_add(rounded(line.price as f64 * units(line.quantity)));
        }
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
        for (name, value) in told.iter() {
            facts.set(name, value.clone());
        }
        facts.amount("sum.purchase", self.purchased);
        facts.amount("sum_30d.purchase", self.purchases.within(now, 720));
        if let Some(category) = self.top_category(now) {
            facts.set("top_category", category);
        }
        for count in &self.counts {
            facts.set(&joined(&["n.", &count.name]), count.total);
            facts.age(&joined(&["last.", &count.name]), now, count.last);
            for (prefix, hours) in WINDOWS {
                facts.number(&joined(&[prefix, &count.name]), count.hours.within(now, hours));
            }
        }
        if self.in_session(now) {
            for (name, n) in &self.session.counts {
                facts.set(&joined(&["session.n.", name]), *n);
            }
        }
        for (name, value) in self.traits.iter() {
            facts.set(&joined(&["trait.", name]), value.clone());
        }
        for count in &self.categories {
            for (event, hours) in CATEGORY_EVENTS.iter().zip(&count.hours) {
                facts.number(&joined(&["n_7d.", event, ".category:", &count.category]), hours.within(now, 168));
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

    /// What belongs to it, for keeping and for handing it to the other side, which goes on from it.
    pub fn keep(&mut self, pass: &mut Pass) {
        pass.maybe(&mut self.last, |(time, id), pass| {
            pass.int(time);
            pass.id(id);
        });
        self.session.keep(pass);
        pass.int(&mut self.first_seen);
        pass.count(&mut self.visits);
        pass.list(&mut self.counts, |count, pass| {
            pass.text(&mut count.name);
            pass.int(&mut count.total);
            pass.int(&mut count.last);
            count.hours.keep(pass);
        });
        pass.list(&mut self.categories, |count, pass| {
            pass.text(&mut count.category);
            for hours in &mut count.hours {
                hours.keep(pass);
            }
        });
        pass.int(&mut self.purchased);
        self.purchases.keep(pass);
        pass.list(&mut self.cart, |line, pass| {
            pass.text(&mut line.item_id);
            pass.int(&mut line.price);
            pass.int(&mut line.quantity);
        });
        pass.list(&mut self.bought, |item, pass| pass.text(item));
        pass.list(&mut self.exposures, |exposure, pass| {
            pass.text(&mut exposure.offer);
            pass.text(&mut exposure.arm);
            pass.count(&mut exposure.total);
            pass.count(&mut exposure.session);
        });
        pass.scalars(&mut self.traits);
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
        self.set(&joined(&[name, ".age_s"]), (now - then).max(0) / 1_000);
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
    let mut rest = Some(path);
    while let Some(path) = rest {
        let part;
        (part, rest) = cut(path, ".");
        found = match found {
            Some(Value::Map(map)) => map.get(part),
            Some(Value::List(list)) => read_digits(part).and_then(|at| list.get(usize::try_from(at).ok()?)),
            _ => None,
        };
    }
    let head = cut(path, ".").0;
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

    fn kept(mut state: State) -> State {
        let mut pass = Pass::writing();
        state.keep(&mut pass);
        let mut pass = Pass::reading(pass.into_bytes());
        let mut read = State::default();
        read.keep(&mut pass);
        assert!(pass.is_whole());
        read
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
        assert_eq!(kept(state.clone()), state);
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
            let mut state = kept(fold(&events[..cut]));
            for (index, (time, event)) in events.iter().enumerate().skip(cut) {
                state.fold(event, *time, Id(index as u128));
            }
            prop_assert_eq!(&state, &whole);
            prop_assert_eq!(state.facts(time, &Map::new()), whole.facts(time, &Map::new()));
        }
    }
}

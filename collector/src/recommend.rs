//! The answer to the page, on the collector's side: the rules in force, the visitor's facts, offers and items.

mod index;
mod neighbours;
mod popular;

use crate::error::Error;
use crate::store::{CatalogueItem, Committed, Kind, Site, Store};
use engine::condition::Regex;
use engine::decide::{Visitor, answer, held_out};
use engine::event::units;
use engine::facts::State;
use engine::id::Id;
use engine::offer::{Bundle, HOLDOUT_ARM, Offer, Slot};
use engine::segment::Segment;
use engine::value::{Map, Value};
use index::Index;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Most slots of one request.
pub(crate) const MAX_SLOTS: usize = 16;
/// Most items of one slot.
pub(crate) const MAX_ITEMS: usize = 50;

/// The rules of a site, compiled, and the form of them that the page gets.
pub(crate) struct Rules {
    /// For decisions here: with private entries.
    pub(crate) bundle: Bundle,
    /// JSON for the page: without.
    pub(crate) public: String,
    /// The origins that may use the site's public keys; empty means any.
    pub(crate) origins: Vec<String>,
    /// The properties that the site keeps sealed.
    pub(crate) sensitive: Vec<String>,
}

/// What is asked of a slot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    /// The slot's id.
    pub(crate) id: String,
    /// Whether items are asked for, not an offer.
    pub(crate) items: bool,
    /// How many items.
    pub(crate) n: usize,
    /// Items that are not wanted.
    pub(crate) exclude: Vec<String>,
    /// Whether items of this very session may come again.
    pub(crate) repeats: bool,
}

/// What is asked for a visitor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    /// Whose.
    pub(crate) visitor: String,
    /// The item of the page.
    pub(crate) item: Option<String>,
    /// The category of the page.
    pub(crate) category: Option<String>,
    /// The slots.
    pub(crate) slots: Vec<Asked>,
}

/// What was learned of all sites, kept up with every commit.
#[derive(Default)]
pub(crate) struct Indexes(RwLock<HashMap<i64, Index>>);

impl Indexes {
    /// Learns what was stored before the start.
    pub(crate) fn build(&self, store: &dyn Store, site: i64) -> Result<(), Error> {
        let mut index = Index::default();
        store.baskets(site, &mut |session, visitor, time, items| {
            let items: Vec<_> = items.iter().map(|(id, category)| (id.as_str(), category.as_deref())).collect();
            index.add(session, Some(visitor), time, &items);
        })?;
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(site, index);
        Ok(())
    }

    /// Forgets visitors and sessions.
    pub(crate) fn forget(&self, site: i64, visitors: &[&str], sessions: &[Id]) {
        let mut indexes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = indexes.get_mut(&site) {
            index.forget(visitors, sessions);
        }
    }

    /// Learns from a commit.
    pub(crate) fn append(&self, committed: &[Committed]) {
        let mut indexes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for Committed { site, session, visitor, time, event, .. } in committed {
            if BASKET_EVENTS.contains(&event.name.as_str()) {
                let items: Vec<_> =
                    event.items.iter().map(|item| (item.item_id.as_str(), item.item_category.as_deref())).collect();
                indexes.entry(*site).or_default().add(*session, Some(visitor), *time, &items);
            }
        }
    }
}

/// The events whose items count as seen together.
pub(crate) const BASKET_EVENTS: [&str; 3] = ["view_item", "add_to_cart", "purchase"];

/// Rules that were compiled, and how often any of them changed.
#[derive(Default)]
struct Cache {
    generation: u64,
    sites: HashMap<i64, Arc<Rules>>,
}

/// Decides.
pub(crate) struct Recommender {
    store: Arc<dyn Store>,
    indexes: Arc<Indexes>,
    rules: RwLock<Cache>,
}

impl Recommender {
    /// Over a store and what was learned from it.
    pub(crate) fn new(store: Arc<dyn Store>, indexes: Arc<Indexes>) -> Self {
        Recommender { store, indexes, rules: RwLock::default() }
    }

    /// The rules in force of a site.
    pub(crate) fn rules(&self, site: i64) -> Result<Arc<Rules>, Error> {
        let generation = {
            let cache = self.rules.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(rules) = cache.sites.get(&site) {
                return Ok(Arc::clone(rules));
            }
            cache.generation
        };
        let found = self.store.site(site)?.ok_or(Error::NotFound)?;
        let rules = Arc::new(self.read_rules(&found)?);
        let mut cache = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        // A change in the meantime: these rules answer this once, and are not kept.
        if cache.generation == generation {
            cache.sites.insert(site, Arc::clone(&rules));
        }
        Ok(rules)
    }

    /// Forgets what was learned of visitors who were erased.
    pub(crate) fn forget(&self, site: i64, visitors: &[&str], sessions: &[Id]) {
        self.indexes.forget(site, visitors, sessions);
    }

    /// Forgets the rules of a site: to be called after each change of them.
    pub(crate) fn changed(&self, site: i64) {
        let mut cache = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        cache.generation += 1;
        cache.sites.remove(&site);
    }

    fn read_rules(&self, site: &Site) -> Result<Rules, Error> {
        let documents = |kind| -> Result<Vec<(String, Map)>, Error> {
            let read = |document: crate::store::Document| match serde_json::from_str(&document.body) {
                Ok(map) => Ok((document.id, map)),
                Err(error) => Err(Error::Internal(error.into())),
            };
            self.store.documents(site.id, kind)?.into_iter().map(read).collect()
        };
        let kept = |what: &str, id: &str| Error::Internal(anyhow::anyhow!("the kept {what} {id} cannot be read"));
        let mut bundle =
            Bundle { version: site.version, site: site.name.clone(), holdout: site.holdout, ..Bundle::default() };
        let segments = documents(Kind::Segment)?;
        for (id, map) in &segments {
            bundle.segments.push(Segment::read(id, map, Some(&compile)).map_err(|_| kept("segment", id))?);
        }
        for (id, map) in documents(Kind::Offer)? {
            bundle.add(Offer::read(&id, &map).map_err(|_| kept("offer", &id))?);
        }
        for (id, map) in documents(Kind::Slot)? {
            bundle.slots.push(Slot::read(&id, &map).map_err(|_| kept("slot", &id))?);
        }
        let offered: Vec<String> = bundle.offers.iter().flat_map(|offer| offer.items.clone()).collect();
        let items = self.store.items(site.id, &offered)?;
        bundle.sold_out = items
            .into_values()
            .filter(|item| item.stock.is_some_and(|stock| stock <= 0))
            .map(|item| item.item_id)
            .collect();
        bundle.sold_out.sort();
        let public = bundle.public(segments.iter().filter_map(|(id, map)| Segment::public(id, map)));
        let public = serde_json::to_string(&public).map_err(|error| Error::Internal(error.into()))?;
        Ok(Rules { bundle, public, origins: site.origins.clone(), sensitive: site.sensitive.clone() })
    }

    /// Answers a question in the form of the API. `told` tells why in full: for who may read, not for the page.
    pub(crate) fn decide(&self, site: i64, question: &Question, now: i64, told: bool) -> Result<Map, Error> {
        let rules = self.rules(site)?;
        let profile = self.store.profile(site, &question.visitor)?;
        let (state, facts) = match profile {
            Some(profile) => {
                let mut facts = Map::new().with("user.known", profile.user_known);
                let client = profile.client;
                facts.set_some("device.type", client.device);
                facts.set_some("os", client.os);
                facts.set_some("browser", client.browser);
                facts.set_some("language", client.language);
                (profile.state, facts)
            }
            None => (State::default(), Map::new()),
        };
        let visitor =
            Visitor { id: &question.visitor, state: &state, told: &facts, told_segments: &[], consent: true, now };
        let offers: Vec<&str> = question.slots.iter().filter(|slot| !slot.items).map(|slot| slot.id.as_str()).collect();
        let mut answer = answer(&rules.bundle, &visitor, &offers, told);
        if !told {
            withhold(&mut answer, &rules.bundle.segments);
        }
        for slot in question.slots.iter().filter(|slot| slot.items) {
            let items = self.items(site, &rules.bundle, question, slot, &state, now)?;
            if let Some(Value::Map(slots)) = answer.get_mut("slots") {
                slots.set(slot.id.as_str(), items);
            }
        }
        Ok(answer)
    }

    /// The items of a slot: neighbours of the page's item, else of the latest one looked at; then what is popular in
    /// the category, then what is popular. Who is held out gets popular items.
    fn items(
        &self,
        site: i64,
        bundle: &Bundle,
        question: &Question,
        slot: &Asked,
        state: &State,
        now: i64,
    ) -> Result<Map, Error> {
        let held_out = held_out(bundle, &question.visitor);
        let mut picked: Vec<Picked> = Vec::new();
        let mut source = None;
        {
            let indexes = self.indexes.0.read().unwrap_or_else(PoisonError::into_inner);
            let empty = Index::default();
            let index = indexes.get(&site).unwrap_or(&empty);
            let seen = index.latest(&question.visitor);
            let anchor = question.item.as_deref().map_or_else(|| seen.last().copied(), |id| index.number(id));
            let anchor_id = anchor.and_then(|anchor| index.entry(anchor)).map(|entry| entry.id.as_str());
            let category = question.category.as_deref();
            let category = category
                .or_else(|| anchor.and_then(|anchor| index.entry(anchor)).and_then(|entry| entry.category.as_deref()));
            // The catalogue is asked for stock afterwards, so there must be some to spare.
            let wanted = slot.n * 2 + 10;
            let mut add = |id: &str, score: f64, why: Map, from: &'static str| {
                let fresh = slot.repeats || !index.number(id).is_some_and(|number| seen.contains(&number));
                let fits = fresh
                    && question.item.as_deref() != Some(id)
                    && !slot.exclude.iter().any(|excluded| excluded == id)
                    && !state.bought(id)
                    && !picked.iter().any(|picked| picked.id == id);
                if fits && picked.len() < wanted {
                    source.get_or_insert(from);
                    picked.push(Picked { id: id.to_owned(), score, why });
                }
            };
            if let (Some(anchor), Some(anchor_id), false) = (anchor, anchor_id, held_out) {
                for near in neighbours::of(index, anchor) {
                    let Some(entry) = index.entry(near.item) else { continue };
                    let why = Map::new().with("because", vec![anchor_id]).with("kind", "co-session").with("n", near.n);
                    add(&entry.id, near.score, why, "item");
                }
            }
            if let (Some(category), false) = (category, held_out) {
                for entry in popular::of(index, Some(category), wanted * 4) {
                    let score = entry.popularity(now);
                    add(&entry.id, score, Map::new().with("kind", "category").with("category", category), "category");
                }
            }
            for entry in popular::of(index, None, wanted * 4) {
                add(&entry.id, entry.popularity(now), Map::new().with("kind", "popular"), "popular");
            }
        }
        let ids: Vec<String> = picked.iter().map(|picked| picked.id.clone()).collect();
        let catalogue = self.store.items(site, &ids)?;
        let in_stock = |id: &str| catalogue.get(id).and_then(|item| item.stock).is_none_or(|stock| stock > 0);
        let items: Vec<Map> = picked
            .into_iter()
            .filter(|picked| in_stock(&picked.id))
            .take(slot.n)
            .map(|picked| {
                let item = catalogue.get(&picked.id).map(catalogue_map);
                let mut map = Map::new().with("id", picked.id).with("score", picked.score).with("why", picked.why);
                map.set_some("item", item);
                map
            })
            .collect();
        let mut map = Map::new().with("items", items).with("source", source.unwrap_or("popular"));
        if held_out {
            map.set("arm", HOLDOUT_ARM);
        }
        Ok(map)
    }
}

/// Takes the names of private segments out of an answer to the page; what they led to stays.
fn withhold(answer: &mut Map, segments: &[Segment]) {
    let private =
        |id: &Value| id.as_str().is_some_and(|id| segments.iter().any(|segment| segment.private && segment.id == id));
    if let Some(Value::List(named)) = answer.get_mut("segments") {
        named.retain(|id| !private(id));
    }
    let Some(Value::Map(slots)) = answer.get_mut("slots") else { return };
    for (_, slot) in slots.iter_mut() {
        let Value::Map(slot) = slot else { continue };
        let Some(Value::List(why)) = slot.get_mut("why") else { continue };
        for reason in why {
            if let Value::Map(reason) = reason
                && reason.get("id").is_some_and(private)
            {
                reason.remove("id");
            }
        }
    }
}

struct Picked {
    id: String,
    score: f64,
    why: Map,
}

/// An item of the catalogue in the form of the API.
fn catalogue_map(item: &CatalogueItem) -> Map {
    let mut map = Map::new().with("item_id", item.item_id.as_str());
    map.set_some("item_name", item.item_name.clone());
    map.set_some("item_category", item.item_category.clone());
    map.set_some("price", item.price.map(units));
    map.set_some("stock", item.stock);
    map.set_some("url", item.url.clone());
    map.set_some("image", item.image.clone());
    map
}

/// Regular expressions for conditions: linear in time, bounded in size.
pub(crate) fn compile(pattern: &str, ignore_case: bool) -> Option<Regex> {
    let regex = regex::RegexBuilder::new(pattern).case_insensitive(ignore_case).size_limit(1 << 20).build().ok()?;
    Some(Box::new(move |text| regex.is_match(text)))
}

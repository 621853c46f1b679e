//! The storage boundary: few verbs over plain data. SQLite is the engine behind it.

pub(crate) mod channel;
mod gauges;
pub(crate) mod sqlite;
mod wal;
mod writer;

pub(crate) use gauges::{Classes, Figures, Gauges};

use crate::error::Error;
use engine::event::{Code, Event, Micro, Reject};
use engine::facts::State;
use engine::id::Id;
use engine::session::Session;
use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The site of a fresh store.
pub(crate) const DEFAULT_SITE: i64 = 1;

/// An event that passed every step of ingest.
pub(crate) struct Incoming {
    /// Its id.
    pub(crate) id: Id,
    /// Cleaned and masked.
    pub(crate) event: Event,
    /// Whose.
    pub(crate) visitor: String,
    /// Its corrected time, in ms.
    pub(crate) time: i64,
    /// Keyed hash of visitor and event as received.
    pub(crate) hash: [u8; 16],
    /// Keyed hash of the visitor's id.
    pub(crate) visitor_hash: [u8; 16],
    /// Keyed hash of the user id, where one came.
    pub(crate) user: Option<[u8; 16]>,
    /// Whether that user is this visitor, by a signature or a secret key.
    pub(crate) joins: bool,
    /// For a purchase: keyed hash of the transaction id as received.
    pub(crate) transaction: Option<[u8; 16]>,
    /// The properties that the site keeps sealed; they are not among those of the event.
    pub(crate) sealed: Option<Vec<u8>>,
}

/// What sent events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    /// The envelope's context as JSON text, masked; empty for none.
    pub(crate) context: String,
    /// `desktop`, `mobile`, `tablet`, ...
    pub(crate) device: Option<String>,
    /// The operating system's name.
    pub(crate) os: Option<String>,
    /// The browser's name.
    pub(crate) browser: Option<String>,
    /// The language, such as `de` or `zh-CN`.
    pub(crate) language: Option<String>,
}

impl Client {
    /// Whether it is known by its own user agent, as the programs of visitors are.
    pub(crate) fn is_visitors(&self) -> bool {
        self.device.is_some() || self.os.is_some() || self.browser.is_some()
    }
}

/// An event that did not pass.
pub(crate) struct Rejected {
    /// Tells whether it came before, where that can be told; such a one is noted once.
    pub(crate) hash: Option<[u8; 16]>,
    /// The reason's code.
    pub(crate) code: &'static str,
    /// Where in the event.
    pub(crate) path: String,
    /// In words.
    pub(crate) detail: String,
    /// Whether it was filtered rather than wrong.
    pub(crate) filtered: bool,
    /// Keyed hash of the visitor, where there is one.
    pub(crate) visitor: Option<[u8; 16]>,
    /// The event, masked and at most 8 KiB of it.
    pub(crate) body: String,
}

/// An event that was not stored, as it is kept.
pub(crate) struct Kept {
    /// Its number.
    pub(crate) id: i64,
    /// When it was received, in ms.
    pub(crate) received: i64,
    /// When its sender says that it was sent, in ms.
    pub(crate) sent_at: Option<i64>,
    /// Whether a secret key sent it.
    pub(crate) trusted: bool,
    /// Whether it was filtered rather than wrong.
    pub(crate) filtered: bool,
    /// The reason's code.
    pub(crate) code: String,
    /// Where in the event.
    pub(crate) path: String,
    /// In words.
    pub(crate) detail: String,
    /// The event as JSON text, masked, and at most 8 KiB of it.
    pub(crate) body: String,
}

/// Which of them.
pub(crate) struct KeptFilter {
    /// Of this code only.
    pub(crate) code: Option<String>,
    /// Received then, in ms.
    pub(crate) range: Range<i64>,
    /// Older than this time and number.
    pub(crate) before: Option<(i64, i64)>,
    /// At most so many.
    pub(crate) limit: usize,
}

/// What one request or piece of a file brings.
pub(crate) struct Batch {
    /// Of which site.
    pub(crate) site: i64,
    /// When, in ms.
    pub(crate) received: i64,
    /// When the sender says that it was sent, in ms.
    pub(crate) sent_at: Option<i64>,
    /// Whether a secret key sent it: its purchases count as confirmed.
    pub(crate) trusted: bool,
    /// What sent it.
    pub(crate) client: Client,
    /// Its size in bytes, as it came: what it counts in the queue.
    pub(crate) bytes: usize,
    /// What to store.
    pub(crate) events: Vec<Incoming>,
    /// What to note as not stored.
    pub(crate) rejected: Vec<Rejected>,
    /// The reject that its one event was kept as, where it is tried again: it goes with being stored, in the same
    /// transaction, and nothing is noted anew.
    pub(crate) replayed: Option<i64>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is on disk now.
    Stored,
    /// It was there before.
    Duplicate,
    /// A purchase with the same transaction id was there before.
    SameTransaction,
    /// Its id was there before, with another payload.
    Conflict,
    /// It was to be tried again, and what was kept of it is not there any more.
    Gone,
    /// It is of a time before this (ms), of which the site keeps sums only.
    Sealed(i64),
    /// It is of a time before this (ms), after which its visitor has as many events as are folded again for a late one.
    Buried(i64),
}

impl Verdict {
    /// What is wrong with the event, where that is why it was not stored.
    pub(crate) fn reject(self) -> Option<Reject> {
        match self {
            Verdict::Stored | Verdict::Duplicate | Verdict::SameTransaction | Verdict::Gone => None,
            Verdict::Conflict => Some(Reject::conflict()),
            Verdict::Sealed(before) => {
                let since = engine::time::text(before);
                let detail = format!("expected a time since {since}: what was before is kept as sums only");
                Some(Reject::new(Code::TooOld, "at", &detail))
            }
            Verdict::Buried(before) => {
                let since = engine::time::text(before);
                let detail = format!("expected a time since {since}: the visitor has {MOST_LATER} events after that");
                Some(Reject::new(Code::TooOld, "at", &detail))
            }
        }
    }
}

/// Most events of a visitor that a late one from a page may be late by: each of them is folded again for it. A person has
/// not so many in the days that pages may be late; who knows a page's key could make the writer do nothing else.
pub(crate) const MOST_LATER: usize = 10_000;
/// Bytes that are kept of an event that was not stored.
pub(crate) const MAX_KEPT: usize = 8 * 1024;

/// The verdicts of a batch, in its order; they arrive after the commit.
pub(crate) type Receipt = oneshot::Receiver<Result<Vec<Verdict>, Error>>;

/// A stored event as it is told to listeners, after the commit.
#[derive(Clone)]
pub(crate) struct Committed {
    /// Of which site.
    pub(crate) site: i64,
    /// Its id.
    pub(crate) id: Id,
    /// Whose.
    pub(crate) visitor: String,
    /// The session it fell into.
    pub(crate) session: Id,
    /// Its corrected time, in ms.
    pub(crate) time: i64,
    /// The event.
    pub(crate) event: Event,
}

/// Told of every commit, in order, before its verdicts are out; must be quick.
pub(crate) type OnCommit = Box<dyn Fn(&[Committed]) + Send>;

/// What a key may do, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Scopes(pub(crate) u32);

impl Scopes {
    /// Send events as a trusted server.
    pub(crate) const INGEST: Scopes = Scopes(1);
    /// Read reports, visitors and documents.
    pub(crate) const READ: Scopes = Scopes(2);
    /// Change segments, offers, slots, items and the site.
    pub(crate) const MANAGE: Scopes = Scopes(4);
    /// Take raw events out.
    pub(crate) const EXPORT: Scopes = Scopes(8);
    /// Erase a visitor.
    pub(crate) const ERASE: Scopes = Scopes(16);
    /// All of them.
    pub(crate) const ALL: Scopes = Scopes(31);
    /// None: a public key.
    pub(crate) const NONE: Scopes = Scopes(0);

    /// Whether these include all of `scope`.
    pub(crate) fn has(self, scope: Scopes) -> bool {
        self.0 & scope.0 == scope.0
    }

    /// The scopes there are, each alone.
    pub(crate) const EACH: [Scopes; 5] = [Scopes::INGEST, Scopes::READ, Scopes::MANAGE, Scopes::EXPORT, Scopes::ERASE];

    /// The scope of this name.
    pub(crate) fn named(name: &str) -> Option<Scopes> {
        Scopes::EACH.into_iter().find(|scope| scope.name() == name)
    }

    /// The names of these.
    pub(crate) fn names(self) -> Vec<&'static str> {
        Scopes::EACH.into_iter().filter(|scope| self.has(*scope)).map(Scopes::name).collect()
    }

    /// These and those.
    pub(crate) fn and(self, other: Scopes) -> Scopes {
        Scopes(self.0 | other.0)
    }

    /// The name of a single scope.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scopes::INGEST => "ingest",
            Scopes::READ => "read",
            Scopes::MANAGE => "manage",
            Scopes::EXPORT => "export",
            Scopes::ERASE => "erase",
            _ => "all",
        }
    }
}

/// A key as it is kept.
#[derive(Clone)]
pub(crate) struct Key {
    /// The site it is for.
    pub(crate) site: i64,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// The key itself, for a public one.
    pub(crate) text: Option<String>,
    /// What it is called.
    pub(crate) name: String,
    /// When it was made, in ms.
    pub(crate) made: i64,
}

/// What a key is called where the key itself must not stand: the beginning of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct KeyId(pub(crate) u64);

impl KeyId {
    /// The id of the key with this SHA-256.
    pub(crate) fn of(hash: &[u8; 32]) -> KeyId {
        let mut id = [0; 8];
        id.copy_from_slice(&hash[..8]);
        KeyId(u64::from_be_bytes(id))
    }

    /// Reads the 16 hex digits of [`KeyId`]'s text.
    pub(crate) fn parse(text: &str) -> Option<KeyId> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| digits).map(KeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

/// A key as it is listed.
pub(crate) struct Listed {
    /// What it is called.
    pub(crate) id: KeyId,
    /// The key.
    pub(crate) key: Key,
    /// When it was revoked, in ms.
    pub(crate) revoked: Option<i64>,
}

/// A site.
#[derive(Clone)]
pub(crate) struct Site {
    /// Its number.
    pub(crate) id: i64,
    /// Its name; it seeds the holdout.
    pub(crate) name: String,
    /// Exact origins, or `https://*.host` for subdomains; empty means any.
    pub(crate) origins: Vec<String>,
    /// The share of visitors held out of offers.
    pub(crate) holdout: f64,
    /// Grows with every change of its documents.
    pub(crate) version: u32,
    /// The properties whose values are kept sealed.
    pub(crate) sensitive: Vec<String>,
    /// Days that raw events are kept; `None` for ever.
    pub(crate) retention: Option<i64>,
    /// Raw events from before this (ms) are gone; not changed by [`Write::put_site`].
    pub(crate) sealed_before: Option<i64>,
}

/// What kinds of documents a site has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Segments.
    Segment,
    /// Offers.
    Offer,
    /// Slots.
    Slot,
}

impl Kind {
    /// Its name in addresses.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Kind::Segment => "segments",
            Kind::Offer => "offers",
            Kind::Slot => "slots",
        }
    }
}

/// A document: its id and its JSON text.
pub(crate) struct Document {
    /// The id.
    pub(crate) id: String,
    /// The body as it was put.
    pub(crate) body: String,
}

/// An item of the catalogue, or as far as events told of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CatalogueItem {
    pub(crate) item_id: String,
    pub(crate) item_name: Option<String>,
    pub(crate) item_category: Option<String>,
    pub(crate) price: Option<Micro>,
    pub(crate) stock: Option<i64>,
    pub(crate) url: Option<String>,
    pub(crate) image: Option<String>,
}

/// A visitor as the store knows them.
pub(crate) struct Profile {
    /// The fold of their events.
    pub(crate) state: State,
    /// Whether a user id was joined to them.
    pub(crate) user_known: bool,
    /// What sent their latest event, without its context.
    pub(crate) client: Client,
}

/// A stored event, read back.
pub(crate) struct Stored {
    pub(crate) visitor: String,
    pub(crate) id: Id,
    pub(crate) time: i64,
    pub(crate) received: i64,
    pub(crate) event: Event,
    /// Its sealed properties.
    pub(crate) sealed: Option<Vec<u8>>,
}

/// A stored event with all that is known of it.
pub(crate) struct Exported {
    pub(crate) stored: Stored,
    /// Keyed hash of visitor and event as it was received.
    pub(crate) hash: [u8; 16],
    /// Keyed hash of the user id that came with it.
    pub(crate) user: Option<[u8; 16]>,
    /// Whether that user is joined to the visitor.
    pub(crate) joined: bool,
    pub(crate) device: Option<String>,
    pub(crate) os: Option<String>,
    pub(crate) browser: Option<String>,
    pub(crate) language: Option<String>,
}

/// Sums of a quarter of an hour for an event name.
pub(crate) struct Quarter {
    /// When it began, in ms.
    pub(crate) start: i64,
    /// The event's name.
    pub(crate) name: String,
    /// How many.
    pub(crate) n: i64,
}

/// Sums for an item over a time.
#[derive(Clone, Default)]
pub(crate) struct ItemTotals {
    pub(crate) item_id: String,
    pub(crate) item_name: Option<String>,
    pub(crate) item_category: Option<String>,
    pub(crate) views: i64,
    pub(crate) carts: i64,
    pub(crate) purchases: i64,
    pub(crate) quantity: Micro,
    pub(crate) revenue: Micro,
}

/// What an order was worth.
pub(crate) struct Order {
    /// As its first event said.
    pub(crate) told: Micro,
    /// As a secret key said, if one did.
    pub(crate) confirmed: Option<Micro>,
}

/// How much there is of a site.
#[derive(Default)]
pub(crate) struct Extent {
    pub(crate) events: i64,
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
}

/// A reason and how many events were not stored for it.
pub(crate) struct RejectCount {
    pub(crate) code: String,
    pub(crate) n: i64,
}

/// A storage engine: its writing and its reading half. Times are in ms, ranges half open.
pub(crate) trait Store: Write + Read {}

impl<T: Write + Read> Store for T {}

/// What changes the store.
pub(crate) trait Write: Send + Sync {
    /// Queues a batch; the receipt comes true once it is on disk. [`Error::Busy`] where the queue is full.
    fn append(&self, batch: Batch) -> Result<Receipt, Error>;
    /// Whether [`Write::append`] can take anything at the moment.
    fn has_room(&self) -> bool;
    /// Checks that something can be written.
    fn probe(&self) -> Result<(), Error>;
    /// Commits what is queued and stops taking more.
    fn close(&self);
    /// Keeps keys, all or none, each under its SHA-256.
    fn put_keys(&self, keys: Vec<([u8; 32], Key)>) -> Result<(), Error>;
    /// Revokes a key of a site at `now` (ms); false where none of this id holds.
    fn revoke_key(&self, site: i64, id: KeyId, now: i64) -> Result<bool, Error>;
    /// Makes a site with its keys; they get its number, which is returned. `None` where the name is taken.
    fn add_site(
        &self,
        name: &str,
        origins: &[String],
        holdout: f64,
        keys: Vec<([u8; 32], Key)>,
    ) -> Result<Option<i64>, Error>;
    /// Changes origins, holdout, sealed properties and retention of a site.
    fn put_site(&self, site: Site) -> Result<(), Error>;
    /// Keeps a document; true where there was none of this id.
    fn put_document(&self, site: i64, kind: Kind, document: Document) -> Result<bool, Error>;
    /// Drops a document; false where there was none of this id.
    fn delete_document(&self, site: i64, kind: Kind, id: &str) -> Result<bool, Error>;
    /// Keeps items of the catalogue.
    fn put_items(&self, site: i64, items: Vec<CatalogueItem>) -> Result<(), Error>;
    /// Erases a visitor or all that belongs to a user; it is gone from the disk when this returns, as far as the answer
    /// says so.
    fn erase(&self, erasure: &Erasure) -> Result<Erased, Error>;
    /// Looks after what goes with time: raw events beyond their retention, old rejects, erasures that broke off, and
    /// what nothing refers to any more. With `thorough` the latter however long ago it was last looked for. Without a
    /// time, where the clock is not believed, what goes by time stays.
    fn upkeep(&self, now: Option<i64>, thorough: bool) -> Result<Upkeep, Error>;
}

/// Makes the keyed hash of a visitor's id.
pub(crate) type VisitorHash = Arc<dyn Fn(&str) -> [u8; 16] + Send + Sync>;

/// What is to be erased of a site: one visitor, or all that belongs to a user.
#[derive(Clone)]
pub(crate) struct Erasure {
    pub(crate) site: i64,
    /// A visitor's id.
    pub(crate) visitor: Option<String>,
    /// The keyed hash of a user's id.
    pub(crate) user: Option<[u8; 16]>,
    /// What makes the keyed hash of a visitor's id, by which rejects are found.
    pub(crate) hash: VisitorHash,
    /// Whether the database is written anew however large it is: nothing can be written meanwhile.
    pub(crate) vacuum: bool,
}

/// What was erased.
#[derive(Default)]
pub(crate) struct Erased {
    pub(crate) visitors: u64,
    pub(crate) events: u64,
    pub(crate) sessions: u64,
    pub(crate) checkpoints: u64,
    pub(crate) rejects: u64,
    /// Items of the catalogue that only these events told of.
    pub(crate) items: u64,
    pub(crate) strings: u64,
    pub(crate) clients: u64,
    /// Whether nothing of it is left in the log.
    pub(crate) log_folded: bool,
    /// Whether the database was written anew.
    pub(crate) scrubbed: bool,
    /// The visitors, for what is kept in memory.
    pub(crate) names: Vec<String>,
    /// Their sessions, and those of others that an event was erased of.
    pub(crate) session_ids: Vec<Id>,
    /// Names of files in the folder that were copied before: what was erased is still in them.
    pub(crate) copies: Vec<String>,
}

impl Erased {
    /// What went, by name.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 8] {
        [
            ("visitors", self.visitors),
            ("events", self.events),
            ("sessions", self.sessions),
            ("checkpoints", self.checkpoints),
            ("rejects", self.rejects),
            ("items", self.items),
            ("strings", self.strings),
            ("clients", self.clients),
        ]
    }

    /// What is left to know or to do, in sentences.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.scrubbed {
            notes.push(
                "The rows were overwritten in place. Copies that SQLite made when it moved them between pages go when the \
                 database is written anew: erase again with `vacuum`."
                    .to_owned(),
            );
        }
        if !self.log_folded {
            notes.push("A reader holds the log: what was erased leaves it within the hour.".to_owned());
        }
        notes.extend(self.copies.iter().map(|name| format!("What was erased is still in {name}: delete it.")));
        notes
    }
}

/// What looking after the store did.
#[derive(Default)]
pub(crate) struct Upkeep {
    /// Raw events that were older than their site keeps them.
    pub(crate) events: u64,
    /// Rejects that were older than 14 days.
    pub(crate) rejects: u64,
    /// Strings that nothing referred to any more.
    pub(crate) strings: u64,
    /// The same of clients.
    pub(crate) clients: u64,
}

/// What looks into the store; never waits for a write.
pub(crate) trait Read: Send + Sync {
    /// Numbers about the store as it runs.
    fn figures(&self) -> Figures;
    /// The key with this SHA-256.
    fn key(&self, hash: &[u8; 32]) -> Result<Option<Key>, Error>;
    /// All keys of a site, oldest first, those that were revoked too.
    fn keys(&self, site: i64) -> Result<Vec<Listed>, Error>;
    /// Whether a key is there and was not revoked.
    fn holds_key(&self, site: i64, id: KeyId) -> Result<bool, Error>;
    /// All sites, oldest first.
    fn sites(&self) -> Result<Vec<Site>, Error>;
    /// The public keys of a site.
    fn public_keys(&self, site: i64) -> Result<Vec<String>, Error>;
    /// The site of this number.
    fn site(&self, site: i64) -> Result<Option<Site>, Error>;
    /// All documents of a kind, by id.
    fn documents(&self, site: i64, kind: Kind) -> Result<Vec<Document>, Error>;
    /// The items of these ids, as far as they are known.
    fn items(&self, site: i64, ids: &[String]) -> Result<HashMap<String, CatalogueItem>, Error>;
    /// A visitor's profile.
    fn profile(&self, site: i64, visitor: &str) -> Result<Option<Profile>, Error>;
    /// A visitor's latest events, newest first.
    fn timeline(&self, site: i64, visitor: &str, limit: usize) -> Result<Vec<Stored>, Error>;
    /// Events by quarter of an hour and name.
    fn quarters(&self, site: i64, range: &Range<i64>) -> Result<Vec<Quarter>, Error>;
    /// Orders: purchases with a transaction id.
    fn orders(&self, site: i64, range: &Range<i64>) -> Result<Vec<Order>, Error>;
    /// Sums by item.
    fn item_totals(&self, site: i64, range: &Range<i64>) -> Result<Vec<ItemTotals>, Error>;
    /// Sessions that touch the range: visitor number and session.
    fn sessions(&self, site: i64, range: &Range<i64>, each: &mut dyn FnMut(i64, Session)) -> Result<(), Error>;
    /// Times of events with one of these names, visitor by visitor: visitor number, index of the name, time.
    fn journeys(
        &self,
        site: i64,
        range: &Range<i64>,
        names: &[String],
        each: &mut dyn FnMut(i64, usize, i64),
    ) -> Result<(), Error>;
    /// Every look at, adding of and purchase of items, oldest first: the session it fell into, the visitor, its time,
    /// ids and categories of its items.
    #[allow(clippy::type_complexity, reason = "a row in place of a type of its own")]
    fn baskets(
        &self,
        site: i64,
        each: &mut dyn FnMut(Id, &str, i64, Vec<(String, Option<String>)>),
    ) -> Result<(), Error>;
    /// Every event of a time that is stored by now, in the order stored, until told to stop. No reader is held while
    /// `each` works, however long that takes.
    fn export(
        &self,
        site: i64,
        range: &Range<i64>,
        each: &mut dyn FnMut(Exported) -> ControlFlow<()>,
    ) -> Result<(), Error>;
    /// Events since a time among the latest `limit`, by time.
    fn since(&self, site: i64, time: i64, limit: usize) -> Result<Vec<Stored>, Error>;
    /// When the store was last looked after, in ms; where it never was, when the newest event was received. `None` where
    /// there is neither.
    fn last_upkeep(&self) -> Result<Option<i64>, Error>;
    /// How much there is.
    fn extent(&self, site: i64) -> Result<Extent, Error>;
    /// What was not stored, by reason.
    fn reject_counts(&self, site: i64) -> Result<Vec<RejectCount>, Error>;
    /// What was not stored, newest first.
    fn rejected(&self, site: i64, filter: &KeptFilter) -> Result<Vec<Kept>, Error>;
    /// What was not stored, by its numbers, as far as it is there.
    fn rejected_by_id(&self, site: i64, ids: &[i64]) -> Result<Vec<Kept>, Error>;
}

//! Ingest: the steps from what a sender sent to what the store takes.
//!
//! size -> form -> id -> name, time, values -> visitor -> clean and mask -> clock -> window -> hash; whatever does not
//! pass is answered and kept with its reason, and costs no other event.

pub(crate) mod agents;
pub(crate) mod native;
pub(crate) mod ndjson;
pub(crate) mod replay;
pub(crate) mod taobao;

use crate::error::Error;
use crate::secrets::Secrets;
use crate::store::{Batch, Client, Incoming, MAX_KEPT, Rejected, Verdict};
use engine::batch::{corrected, in_window};
use engine::clean;
use engine::event::{Code, Event, Reject, Warning, shorten};
use engine::id::Id;
use engine::mask;
use engine::time::RANGE;
use engine::value::{Map, Value};
use std::borrow::Cow;

/// Largest event, in bytes of its JSON.
pub(crate) const MAX_EVENT: usize = 32 * 1024;
/// Why a bot's event is not stored.
pub(crate) const BOT: &str = "bot";

/// Who sends, and when it arrived.
pub(crate) struct Sender<'a> {
    /// The site it is for.
    pub(crate) site: i64,
    /// A secret key: may name visitors as it likes, backdate, and join users.
    pub(crate) trusted: bool,
    /// When the request arrived, in ms.
    pub(crate) received: i64,
    /// What hashes and seals.
    pub(crate) secrets: &'a Secrets,
    /// The properties that the site keeps sealed.
    pub(crate) sensitive: &'a [String],
}

/// What an envelope gives to each of its events.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) sent_at: Option<i64>,
    pub(crate) visitor: Option<String>,
    pub(crate) user: Option<String>,
    /// Whether `user` was signed by the site's secret.
    pub(crate) signed: bool,
}

/// What to say of an event, once the store has spoken.
pub(crate) enum Outcome {
    /// It goes to the store; its verdict follows.
    Queued { id: Id, warnings: Vec<Warning> },
    /// It is a bot's: kept apart, and not stored.
    Filtered { id: Option<String> },
    /// It does not.
    Rejected { id: Option<String>, reject: Reject },
}

/// One event through all steps.
pub(crate) fn event(sender: &Sender<'_>, shared: &Shared, value: &Value) -> Result<(Incoming, Vec<Warning>), Reject> {
    let (mut event, mut warnings) = Event::read(value)?;
    // A name becomes part of the names of facts, where nothing is masked any more.
    if matches!(mask::text(&event.name), Cow::Owned(_)) {
        return Err(Reject::new(Code::BadName, "name", "expected a name that is no secret"));
    }
    let visitor = event.visitor.take().or_else(|| shared.visitor.clone());
    let visitor =
        visitor.ok_or_else(|| Reject::new(Code::BadId, "visitor", "expected a visitor, here or in the envelope"))?;
    // Masking it would make one visitor of many, and keeping it would keep personal data.
    if matches!(mask::id(&visitor), Cow::Owned(_)) {
        return Err(Reject::new(Code::BadId, "visitor", "expected an id that is no e-mail address"));
    }
    // From the page the id is the bearer secret of that browser, so it must be one that cannot be guessed.
    if !sender.trusted && Id::parse(&visitor).is_none() {
        return Err(Reject::new(Code::BadId, "visitor", "expected a UUID"));
    }
    if !sender.trusted && event.session.as_deref().is_some_and(|session| Id::parse(session).is_none()) {
        return Err(Reject::new(Code::BadId, "session", "expected a UUID"));
    }
    let time = corrected(event.at, shared.sent_at, sender.received);
    if !RANGE.contains(&time) {
        return Err(Reject::new(Code::BadTime, "at", "expected a time of the years 1 to 9999, corrected by `sent_at`"));
    }
    if !sender.trusted {
        in_window(time, sender.received)?;
    }
    let user = event.user.take();
    let signed = user.is_none() && shared.signed;
    let user = user.or_else(|| shared.user.clone());
    let hash = sender.secrets.hash(|feed| {
        feed(&sender.site.to_le_bytes());
        feed(visitor.as_bytes());
        value.digest(feed);
    });
    let transaction = event.transaction_id.as_ref().filter(|_| event.name == "purchase");
    let transaction = transaction.map(|id| sender.secrets.hash(|feed| feed(id.as_bytes())));
    let id = match event.id {
        Some(id) => id,
        None => {
            warnings.push(Warning { path: "id".to_owned(), detail: "made here, from the content of the event" });
            // Derived, not drawn: even without an id the same event sent again is the same event.
            Id::v7(event.at, u128::from_be_bytes(hash))
        }
    };
    let sealed = seal(sender, id, &mut event, &mut warnings);
    clean::event(&mut event);
    event.session = None;
    let incoming = Incoming {
        id,
        visitor_hash: sender.secrets.visitor(&visitor),
        visitor,
        time,
        hash,
        joins: user.is_some() && (sender.trusted || signed),
        user: user.map(|user| sender.secrets.user(sender.site, &user)),
        transaction,
        event,
        sealed,
    };
    Ok((incoming, warnings))
}

/// Takes what the site calls sensitive out of an event and seals it: nothing after this sees it. It is masked before
/// like all the rest, so that a lost key tells no e-mail address either.
fn seal(sender: &Sender<'_>, id: Id, event: &mut Event, warnings: &mut Vec<Warning>) -> Option<Vec<u8>> {
    let mut taken = Map::new();
    for name in sender.sensitive {
        if let Some(mut value) = event.props.remove(name) {
            clean::own(name, &mut value);
            taken.set(name.as_str(), value);
        }
    }
    if taken.is_empty() {
        return None;
    }
    let sealed = sender.secrets.seal(sender.site, id, &taken);
    if sealed.is_none() {
        let gone = taken
            .iter()
            .map(|(name, _)| Warning { path: format!("props.{name}"), detail: "could not be sealed: dropped" });
        warnings.extend(gone);
    }
    sealed
}

/// Takes what the site calls sensitive out of a value that is kept as it came, wherever it stands in it.
fn without(sensitive: &[String], value: &mut Value) {
    match value {
        Value::Map(map) => {
            for name in sensitive {
                map.remove(name);
            }
            map.iter_mut().for_each(|(_, value)| without(sensitive, value));
        }
        Value::List(list) => list.iter_mut().for_each(|value| without(sensitive, value)),
        _ => {}
    }
}

/// A batch while it is being put together.
pub(crate) struct Intake<'a> {
    sender: &'a Sender<'a>,
    shared: Shared,
    /// Whether a bot sends it: none of its events goes to the store.
    bot: bool,
    outcomes: Vec<Outcome>,
    batch: Batch,
}

impl<'a> Intake<'a> {
    /// Nothing yet, of this client.
    pub(crate) fn new(sender: &'a Sender<'a>, shared: Shared, client: Client, bot: bool) -> Self {
        let batch = Batch {
            site: sender.site,
            received: sender.received,
            trusted: sender.trusted,
            sent_at: shared.sent_at,
            client,
            bytes: 0,
            events: Vec::new(),
            rejected: Vec::new(),
            replayed: None,
        };
        Intake { sender, shared, bot, outcomes: Vec::new(), batch }
    }

    /// Takes an event in, with its size in bytes as it came.
    pub(crate) fn take(&mut self, value: &Value, size: usize) {
        self.batch.bytes += size;
        if self.bot {
            let id = id_of(value);
            self.keep(value, id.is_some(), BOT, "", "the user agent is a bot's", true);
            self.outcomes.push(Outcome::Filtered { id });
            return;
        }
        if size > MAX_EVENT {
            // Not worth looking through: its size is what is kept of it.
            let reject = Reject::new(Code::EventTooLarge, "", "expected at most 32 KiB");
            return self.refuse(&Value::Map(Map::new().with("size", size)), reject);
        }
        match event(self.sender, &self.shared, value) {
            Ok((incoming, warnings)) => {
                self.outcomes.push(Outcome::Queued { id: incoming.id, warnings });
                self.batch.events.push(incoming);
            }
            Err(reject) => self.refuse(value, reject),
        }
    }

    /// Notes what cannot be taken in.
    pub(crate) fn refuse(&mut self, value: &Value, mut reject: Reject) {
        // It names keys of the sender's own.
        reject.path = masked(&reject.path);
        let id = id_of(value);
        // An event with an id, and a line of a file, is the same one when it comes again.
        let known = id.is_some() || value.as_str().is_some();
        self.keep(value, known, reject.code.text(), &reject.path, &reject.detail, false);
        self.outcomes.push(Outcome::Rejected { id, reject });
    }

    /// Keeps what is not stored; `known` says whether it can be told when it comes again.
    fn keep(&mut self, value: &Value, known: bool, code: &'static str, path: &str, detail: &str, filtered: bool) {
        let sender = self.sender;
        let hash = known.then(|| {
            sender.secrets.hash(|feed| {
                feed(&sender.site.to_le_bytes());
                feed(code.as_bytes());
                value.digest(feed);
            })
        });
        let visitor = value.as_map().and_then(|map| map.str("visitor")).or(self.shared.visitor.as_deref());
        self.batch.rejected.push(Rejected {
            hash,
            filtered,
            visitor: visitor.map(|visitor| sender.secrets.visitor(visitor)),
            code,
            path: path.to_owned(),
            detail: detail.to_owned(),
            body: kept(value, visitor, sender.sensitive),
        });
    }

    /// What the store is to take, and what is to be said of each event.
    pub(crate) fn finish(self) -> (Batch, Vec<Outcome>) {
        (self.batch, self.outcomes)
    }
}

/// An event as it is kept where it is not stored: masked, whose it is told, without the user and what the site calls
/// sensitive, and at most 8 KiB of it.
fn kept(value: &Value, visitor: Option<&str>, sensitive: &[String]) -> String {
    let mut cleaned = value.clone();
    without(sensitive, &mut cleaned);
    if let Value::Map(map) = &mut cleaned {
        // The id of a user is never kept as it came, wanted or not.
        map.remove("user");
        if let Some(visitor) = visitor {
            map.set("visitor", visitor);
        }
    }
    clean::own("", &mut cleaned);
    shorten(&text(&cleaned), MAX_KEPT).to_owned()
}

/// The id that an event came with, if it is one.
fn id_of(value: &Value) -> Option<String> {
    value.as_map().and_then(|map| map.str("id")).filter(|id| Id::parse(id).is_some()).map(str::to_owned)
}

fn text(value: &Value) -> String {
    // A value tree has string keys and finite numbers: it always has a text.
    serde_json::to_string(value).unwrap_or_default()
}

/// How a verdict is said: status and code.
pub(crate) fn status(verdict: Verdict) -> (&'static str, Option<&'static str>) {
    match verdict {
        Verdict::Stored => ("stored", None),
        Verdict::Duplicate => ("duplicate", None),
        Verdict::SameTransaction => ("duplicate", Some("same_transaction")),
        Verdict::Gone => ("gone", None),
        Verdict::Conflict => ("rejected", Some(Code::IdConflict.text())),
        Verdict::Sealed(_) | Verdict::Buried(_) => ("rejected", Some(Code::TooOld.text())),
    }
}

/// Masks what goes into logs and answers.
pub(crate) fn masked(text: &str) -> String {
    mask::text(text).into_owned()
}

/// Waits for a receipt where there is no runtime.
pub(crate) fn wait(receipt: crate::store::Receipt) -> Result<Vec<Verdict>, Error> {
    receipt.blocking_recv().map_err(|_| Error::ShuttingDown)?
}

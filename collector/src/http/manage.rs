//! Segments, offers, slots, items and the site itself.

use super::caller::{Caller, Named};
use super::{Shared, blocking, body, json};
use crate::error::Error;
use crate::recommend::compile;
use crate::store::Scopes;
use crate::store::{CatalogueItem, Document, Kind};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::event::{MAX_ID, MAX_TEXT, MAX_URL, Micro, micro};
use engine::offer::{Offer, Slot};
use engine::segment::{Segment, is_id};
use engine::time;
use engine::value::{Map, Value};
use std::sync::Arc;

macro_rules! documents {
    ($kind:expr, $list:ident, $get:ident, $put:ident, $delete:ident, $what:literal) => {
        #[doc = concat!("All ", $what, "s.")]
        pub(super) async fn $list(app: State<Shared>, caller: Caller) -> Result<Response, Error> {
            list(app, caller, $kind).await
        }
        #[doc = concat!("One ", $what, ".")]
        pub(super) async fn $get(app: State<Shared>, caller: Caller, id: Named) -> Result<Response, Error> {
            get(app, caller, id, $kind).await
        }
        #[doc = concat!("Makes or replaces the ", $what, ".")]
        pub(super) async fn $put(
            app: State<Shared>,
            caller: Caller,
            id: Named,
            headers: HeaderMap,
            body: Body,
        ) -> Result<Response, Error> {
            put(app, caller, id, $kind, headers, body).await
        }
        #[doc = concat!("Drops the ", $what, ".")]
        pub(super) async fn $delete(app: State<Shared>, caller: Caller, id: Named) -> Result<Response, Error> {
            delete(app, caller, id, $kind).await
        }
    };
}

documents!(Kind::Segment, segments, segment, put_segment, delete_segment, "segment");
documents!(Kind::Offer, offers, offer, put_offer, delete_offer, "offer");
documents!(Kind::Slot, slots, slot, put_slot, delete_slot, "slot");

fn read(document: Document) -> Result<Map, Error> {
    let map: Map = serde_json::from_str(&document.body).map_err(|error| Error::Internal(error.into()))?;
    Ok(map.with("id", document.id))
}

async fn list(State(app): State<Shared>, caller: Caller, kind: Kind) -> Result<Response, Error> {
    let site = caller.may(Scopes::READ)?;
    let documents = blocking(move || app.store.documents(site, kind)).await?;
    let documents = documents.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    json(Map::new().with(kind.plural(), documents))
}

async fn get(State(app): State<Shared>, caller: Caller, Named(id): Named, kind: Kind) -> Result<Response, Error> {
    let site = caller.may(Scopes::READ)?;
    let documents = blocking(move || app.store.documents(site, kind)).await?;
    let found = documents.into_iter().find(|document| document.id == id);
    json(read(found.ok_or(Error::NotFound)?)?)
}

async fn put(
    State(app): State<Shared>,
    caller: Caller,
    Named(id): Named,
    kind: Kind,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let site = caller.may(Scopes::MANAGE)?;
    if !is_id(&id) {
        return Err(Error::invalid("id", "expected ^[a-z0-9][a-z0-9-]{0,63}$"));
    }
    body::content_type(&headers, false)?;
    let bytes = body::read(&headers, body, body::MAX_BODY).await?;
    let Value::Map(map) = serde_json::from_slice(&bytes)? else {
        return Err(Error::invalid("", "expected an object"));
    };
    check(kind, &id, &map)?;
    let text = serde_json::to_string(&map).map_err(|error| Error::Internal(error.into()))?;
    let body = map.with("id", id.as_str());
    let made = blocking(move || {
        let made = app.store.put_document(site, kind, Document { id, body: text })?;
        app.recommender.changed(site);
        Ok(made)
    })
    .await?;
    let status = if made { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, json(body)?).into_response())
}

async fn delete(State(app): State<Shared>, caller: Caller, Named(id): Named, kind: Kind) -> Result<Response, Error> {
    let site = caller.may(Scopes::MANAGE)?;
    let gone = blocking(move || {
        let gone = app.store.delete_document(site, kind, &id)?;
        app.recommender.changed(site);
        Ok(gone)
    })
    .await?;
    if gone { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(Error::NotFound) }
}

/// Refuses a document that could not be used.
fn check(kind: Kind, id: &str, map: &Map) -> Result<(), Error> {
    let name = map.get("name").filter(|name| !name.is_null());
    if name.is_some_and(|name| name.as_str().is_none_or(|name| name.len() > MAX_TEXT)) {
        return Err(Error::invalid("name", "expected text of at most 1024 bytes"));
    }
    match kind {
        Kind::Segment => {
            if let Some((key, _)) = map.iter().find(|(key, _)| !["id", "name", "condition", "private"].contains(key)) {
                return Err(Error::invalid(key, "unknown field; expected one of name, condition, private"));
            }
            if map.get("condition").is_none() {
                return Err(Error::invalid("condition", "expected an object"));
            }
            Segment::read(id, map, Some(&compile)).map(|_| ()).map_err(Error::Invalid)
        }
        Kind::Offer => Offer::read(id, map).map(|_| ()).map_err(|problem| Error::Invalid(vec![problem])),
        Kind::Slot => Slot::read(id, map).map(|_| ()).map_err(|problem| Error::Invalid(vec![problem])),
    }
}

/// Puts items of the catalogue.
pub(super) async fn put_items(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let site = caller.may(Scopes::MANAGE)?;
    body::content_type(&headers, false)?;
    let bytes = body::read(&headers, body, body::MAX_CATALOGUE).await?;
    let Value::List(list) = serde_json::from_slice(&bytes)? else {
        return Err(Error::invalid("", "expected a list of items"));
    };
    let items: Vec<CatalogueItem> =
        list.iter().enumerate().map(|(index, value)| item(index, value)).collect::<Result<_, _>>()?;
    let n = items.len();
    blocking(move || {
        app.store.put_items(site, items)?;
        app.recommender.changed(site);
        Ok(())
    })
    .await?;
    json(Map::new().with("items", n))
}

fn item(index: usize, value: &Value) -> Result<CatalogueItem, Error> {
    let wrong = |key: &str, detail: &str| Error::invalid(&format!("[{index}]{key}"), detail);
    let Value::Map(map) = value else { return Err(wrong("", "expected an object")) };
    const FIELDS: [&str; 7] = ["item_id", "item_name", "item_category", "price", "stock", "url", "image"];
    if let Some((key, _)) = map.iter().find(|(key, _)| !FIELDS.contains(key)) {
        return Err(wrong(&format!(".{key}"), &format!("unknown field; expected one of {}", FIELDS.join(", "))));
    }
    let text = |key: &str, max: usize| match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= max => Ok(Some(text.clone())),
        Some(_) => Err(wrong(&format!(".{key}"), &format!("expected text of at most {max} bytes"))),
    };
    let price: Option<Micro> = match map.get("price") {
        None | Some(Value::Null) => None,
        Some(Value::Number(price)) if (0.0..=1e9).contains(price) => Some(micro(*price)),
        Some(_) => return Err(wrong(".price", "expected a number from 0 to 1000000000")),
    };
    let stock = match map.get("stock") {
        None | Some(Value::Null) => None,
        Some(Value::Number(stock)) if stock.fract() == 0.0 && (0.0..=1e15).contains(stock) => Some(*stock as i64),
        Some(_) => return Err(wrong(".stock", "expected a whole number >= 0")),
    };
    let item_id =
        text("item_id", MAX_ID)?.filter(|id| !id.is_empty()).ok_or_else(|| wrong(".item_id", "expected text"))?;
    Ok(CatalogueItem {
        item_id,
        item_name: text("item_name", MAX_TEXT)?,
        item_category: text("item_category", MAX_ID)?,
        price,
        stock,
        url: text("url", MAX_URL)?,
        image: text("image", MAX_URL)?,
    })
}

/// What there is of the site.
pub(super) async fn site(State(app): State<Shared>, caller: Caller) -> Result<Response, Error> {
    let id = caller.may(Scopes::READ)?;
    describe(app, caller, id).await
}

async fn describe(app: Shared, caller: Caller, id: i64) -> Result<Response, Error> {
    // The secret that signs user ids is for the shop's server, not for every screen that shows a dashboard.
    let with_secret = caller.may(Scopes::ALL).is_ok();
    json(
        blocking(move || {
            let site = app.store.site(id)?.ok_or(Error::NotFound)?;
            let extent = app.store.extent(id)?;
            let rejected = app.store.reject_counts(id)?;
            let rejected = Map::from_pairs(rejected.into_iter().map(|count| (count.code, count.n.into())).collect());
            let mut map = Map::new()
                .with("site", site.name)
                .with("origins", site.origins)
                .with("holdout", site.holdout)
                .with("sensitive", site.sensitive)
                .with("retention", site.retention.map(|days| days as f64))
                .with("sealed_before", site.sealed_before.map(time::text))
                .with("events", extent.events)
                .with("first_event", extent.first.map(time::text))
                .with("last_event", extent.last.map(time::text))
                .with("rejected", rejected)
                .with("public_key", app.store.public_keys(id)?.into_iter().next())
                .with("version", env!("CARGO_PKG_VERSION"));
            if with_secret {
                map.set("user_secret", app.secrets.site_secret(id));
            }
            Ok(map)
        })
        .await?,
    )
}

/// What of a site can be changed.
const SITE_FIELDS: [&str; 4] = ["origins", "holdout", "sensitive", "retention"];
/// Fewest days that raw events are kept: a late one may be 7 days old and is folded in among them.
const MIN_RETENTION: f64 = 8.0;
/// Most of them: a hundred years.
const MAX_RETENTION: f64 = 36_525.0;

/// Changes the origins, the holdout, the sealed properties and the retention of the site; a field that is absent stays.
pub(super) async fn put_site(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let id = caller.may(Scopes::MANAGE)?;
    let map = body::object(&headers, body, &SITE_FIELDS).await?;
    let changing = Arc::clone(&app);
    blocking(move || {
        let app = changing;
        let mut site = app.store.site(id)?.ok_or(Error::NotFound)?;
        match map.get("origins") {
            None => {}
            Some(Value::List(list)) => {
                let origins: Option<Vec<String>> = list.iter().map(origin).collect();
                let wrong = "expected a list of origins such as https://shop.example or https://*.shop.example";
                site.origins = origins.ok_or_else(|| Error::invalid("origins", wrong))?;
            }
            Some(_) => return Err(Error::invalid("origins", "expected a list")),
        }
        match map.get("holdout") {
            None => {}
            Some(Value::Number(share)) if (0.0..=1.0).contains(share) => site.holdout = *share,
            Some(_) => return Err(Error::invalid("holdout", "expected a number from 0 to 1")),
        }
        if let Some(wanted) = map.get("sensitive") {
            site.sensitive = sensitive(wanted)?;
            if !site.sensitive.is_empty() && !app.secrets.can_seal() {
                return Err(Error::invalid(
                    "sensitive",
                    "the key file has no key for sealing, and none could be added",
                ));
            }
        }
        match map.get("retention") {
            None => {}
            Some(Value::Null) => site.retention = None,
            Some(Value::Number(days)) if days.fract() == 0.0 && (MIN_RETENTION..=MAX_RETENTION).contains(days) => {
                site.retention = Some(*days as i64);
            }
            Some(_) => {
                return Err(Error::invalid("retention", "expected whole days from 8 to 36525, or null for ever"));
            }
        }
        app.store.put_site(site)?;
        app.recommender.changed(id);
        Ok(())
    })
    .await?;
    describe(app, caller, id).await
}

/// Most properties that a site can have sealed.
const MAX_SENSITIVE: usize = 32;
/// What the engine itself reads of an event or its properties: facts could not be told without it.
const NEEDED: [&str; 18] = [
    "id",
    "name",
    "at",
    "visitor",
    "session",
    "user",
    "page",
    "items",
    "currency",
    "value",
    "transaction_id",
    "props",
    "promotion_id",
    "creative_slot",
    "creative_name",
    "decision_id",
    "propensity",
    "key",
];

/// Names of properties, each once.
fn sensitive(value: &Value) -> Result<Vec<String>, Error> {
    let wrong = |at: &str, detail: &str| Error::invalid(&format!("sensitive{at}"), detail);
    let Value::List(list) = value else { return Err(wrong("", "expected a list of names of properties")) };
    if list.len() > MAX_SENSITIVE {
        return Err(wrong("", "expected at most 32 names"));
    }
    let mut names: Vec<String> = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let at = format!("[{index}]");
        match value.as_str() {
            Some(name) if NEEDED.contains(&name) => {
                return Err(wrong(&at, "expected a property that Beckon does not read itself"));
            }
            Some(name) if (1..=64).contains(&name.len()) => {
                if !names.iter().any(|have| have == name) {
                    names.push(name.to_owned());
                }
            }
            _ => return Err(wrong(&at, "expected a name of 1 to 64 bytes")),
        }
    }
    names.sort();
    Ok(names)
}

/// An origin: scheme, host and port, nothing after it.
pub(super) fn origin(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let (scheme, host) = text.split_once("://")?;
    let plain = host.strip_prefix("*.").unwrap_or(host);
    let fits = matches!(scheme, "http" | "https")
        && !plain.is_empty()
        && plain.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte));
    // Browsers leave the scheme's own port out, and a port is a number.
    let port = plain.rsplit_once(':').filter(|_| !plain.ends_with(']')).map(|(_, port)| port.parse::<u16>());
    let own = if scheme == "https" { 443 } else { 80 };
    let port_fits = port.is_none_or(|port| port.is_ok_and(|port| port != own));
    let name_fits = plain.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'[');
    (fits && port_fits && name_fits).then(|| text.to_owned())
}

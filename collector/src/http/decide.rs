//! `POST /v1/decide`.

use super::caller::{Keys, check_origin};
use super::limits::Client;
use super::{App, Shared, blocking, body, json};
use crate::access::Grant;
use crate::clock;
use crate::error::Error;
use crate::recommend::{Asked, MAX_ITEMS, MAX_SLOTS, Question};
use crate::secrets::random;
use crate::store::Scopes;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use engine::event::{MAX_ID, is_visitor};
use engine::id::Id;
use engine::segment::is_id;
use engine::value::{Map, Value};
use std::sync::Arc;

/// Items of a slot that names no number.
const DEFAULT_ITEMS: usize = 8;

/// Decides for a visitor.
pub(super) async fn post(
    State(app): State<Shared>,
    client: Client,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, Error> {
    let keys = Keys::of(&headers, query.as_deref())?;
    let early = keys.early(&app)?;
    body::content_type(&headers, true)?;
    let bytes = body::read(&headers, body, body::MAX_BODY).await?;
    let Value::Map(map) = serde_json::from_slice(&bytes)? else { return Err(bad("", "expected an object")) };
    let grant = keys.late(&app, early, map.str("key"))?;
    check_origin(&app, &grant, &headers)?;
    app.limits.take(&grant, client)?;
    let question = question(&map, map.str("visitor").unwrap_or_default(), &grant)?;
    let told = !grant.is_public() && grant.need(Scopes::READ).is_ok();
    json(blocking(move || answer(&app, grant.site, &question, told)).await?)
}

/// The answer to a question, with an id of its own.
pub(super) fn answer(app: &Arc<App>, site: i64, question: &Question, told: bool) -> Result<Map, Error> {
    let now = clock::now();
    let bits = random::<16>().map_err(Error::Internal)?;
    let mut answer = app.recommender.decide(site, question, now, told)?;
    answer.set("decision_id", Id::v7(now, u128::from_be_bytes(bits)).text());
    Ok(answer)
}

fn bad(path: &str, detail: &str) -> Error {
    Error::BadRequest { path: path.to_owned(), detail: detail.to_owned() }
}

/// Reads a question. From the page the visitor must be a UUID: the answer tells their facts to who knows it.
pub(super) fn question(map: &Map, visitor: &str, grant: &Grant) -> Result<Question, Error> {
    if grant.is_public() && Id::parse(visitor).is_none() {
        return Err(bad("visitor", "expected a UUID"));
    }
    if !is_visitor(visitor) {
        return Err(bad("visitor", "expected 1 to 128 printable ASCII characters"));
    }
    let page = match map.get("page") {
        None | Some(Value::Null) => None,
        Some(Value::Map(page)) => Some(page),
        Some(_) => return Err(bad("page", "expected an object")),
    };
    let field = |key: &str| -> Result<Option<String>, Error> {
        match page.and_then(|page| page.get(key)) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() <= MAX_ID => Ok(Some(text.clone())),
            Some(_) => Err(bad(&format!("page.{key}"), "expected text of at most 256 bytes")),
        }
    };
    let slots = match map.get("slots") {
        Some(Value::List(slots)) if slots.len() <= MAX_SLOTS => slots,
        _ => return Err(bad("slots", "expected a list of at most 16 slots")),
    };
    let slots = slots.iter().enumerate().map(|(index, slot)| asked(index, slot)).collect::<Result<_, _>>()?;
    Ok(Question { visitor: visitor.to_owned(), item: field("item")?, category: field("category")?, slots })
}

fn asked(index: usize, value: &Value) -> Result<Asked, Error> {
    let wrong = |rest: &str, detail: &str| bad(&format!("slots[{index}]{rest}"), detail);
    let Value::Map(map) = value else { return Err(wrong("", "expected an object")) };
    let id = map.str("id").filter(|id| is_id(id)).ok_or_else(|| wrong(".id", "expected the id of a slot"))?;
    let items = match map.str("kind") {
        Some("offer") | None => false,
        Some("items") => true,
        Some(_) => return Err(wrong(".kind", "expected \"offer\" or \"items\"")),
    };
    let n = match map.get("n") {
        None | Some(Value::Null) => DEFAULT_ITEMS,
        Some(Value::Number(n)) if n.fract() == 0.0 && (1.0..=MAX_ITEMS as f64).contains(n) => *n as usize,
        Some(_) => return Err(wrong(".n", "expected a whole number from 1 to 50")),
    };
    let exclude = match map.get("exclude") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(list)) if list.len() <= 200 => {
            let texts: Option<_> = list.iter().map(|id| id.as_str().map(str::to_owned)).collect();
            texts.ok_or_else(|| wrong(".exclude", "expected a list of item ids"))?
        }
        Some(_) => return Err(wrong(".exclude", "expected a list of at most 200 item ids")),
    };
    let repeats = map.get("repeats").and_then(Value::as_bool).unwrap_or(false);
    Ok(Asked { id: id.to_owned(), items, n, exclude, repeats })
}

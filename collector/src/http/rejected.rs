//! `GET /v1/rejected` and `POST /v1/rejected/replay`: what was not stored, and once more.

use super::caller::Caller;
use super::{Shared, blocking, body, json};
use crate::error::Error;
use crate::ingest::{replay, status};
use crate::store::{Kept, KeptFilter, Scopes};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use engine::time;
use engine::value::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Most of them in one answer, and what is answered where nobody says.
const MAX_LISTED: usize = 1_000;
const LISTED: usize = 100;
/// Most of them that are tried again in one request.
const MAX_REPLAYED: usize = 500;

/// What was not stored, newest first.
pub(super) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(parameters): Query<HashMap<String, String>>,
) -> Result<Response, Error> {
    let site = caller.may(Scopes::READ)?;
    let filter = filter(&parameters)?;
    let limit = filter.limit;
    let kept = blocking(move || app.store.rejected(site, &filter)).await?;
    let next = kept.last().filter(|_| kept.len() == limit).map(|last| format!("{}.{}", last.received, last.id));
    json(Map::new().with("rejected", kept.into_iter().map(described).collect::<Vec<_>>()).with("next", next))
}

fn filter(parameters: &HashMap<String, String>) -> Result<KeptFilter, Error> {
    let bad = |path: &str, detail: &str| Error::BadRequest { path: path.to_owned(), detail: detail.to_owned() };
    const KNOWN: [&str; 6] = ["code", "from", "to", "limit", "cursor", "site"];
    if let Some(unknown) = parameters.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(bad(unknown, "unknown parameter; expected one of code, from, to, limit, cursor, site"));
    }
    let moment = |key: &str| match parameters.get(key) {
        None => Ok(None),
        Some(text) => time::parse(text).map(Some).ok_or_else(|| bad(key, "expected an RFC 3339 time with an offset")),
    };
    let limit = match parameters.get("limit") {
        None => LISTED,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_LISTED).contains(limit))
            .ok_or_else(|| bad("limit", "expected a whole number from 1 to 1000"))?,
    };
    let before = match parameters.get("cursor") {
        None => None,
        Some(text) => {
            let parts = text.split_once('.').and_then(|(time, id)| Some((time.parse().ok()?, id.parse().ok()?)));
            Some(parts.ok_or_else(|| bad("cursor", "expected `next` of an earlier answer"))?)
        }
    };
    let range = moment("from")?.unwrap_or(i64::MIN)..moment("to")?.unwrap_or(i64::MAX);
    Ok(KeptFilter { code: parameters.get("code").cloned(), range, before, limit })
}

fn described(kept: Kept) -> Map {
    let body = serde_json::from_str::<Value>(&kept.body);
    let cut = body.is_err();
    let map = Map::new()
        .with("id", kept.id)
        .with("received", time::text(kept.received))
        .with("sent_at", kept.sent_at.map(time::text))
        .with("trusted", kept.trusted)
        .with("filtered", kept.filtered)
        .with("code", kept.code)
        .with("path", kept.path)
        .with("detail", kept.detail);
    // Of a long one the beginning is kept, as text.
    if cut { map.with("body", kept.body).with("cut", true) } else { map.with("body", body.unwrap_or(Value::Null)) }
}

/// `{ids}`: takes them in once more, as if they came when they came and no bot had sent them.
pub(super) async fn replay(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    // It sends events in the name of who sent them, and changes what is kept: not for the dashboard.
    let site = caller.may(Scopes::INGEST)?;
    caller.may(Scopes::MANAGE)?;
    let map = body::object(&headers, body, &["ids"]).await?;
    let wrong = || Error::invalid("ids", "expected a list of 1 to 500 ids of rejects");
    let ids: Vec<i64> = match map.get("ids") {
        Some(Value::List(ids)) if (1..=MAX_REPLAYED).contains(&ids.len()) => {
            let whole = |id: &Value| id.as_f64().filter(|id| id.fract() == 0.0 && (1.0..9e15).contains(id));
            ids.iter().map(|id| whole(id).map(|id| id as i64)).collect::<Option<_>>().ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    };
    let reading = Arc::clone(&app);
    let wanted = ids.clone();
    let kept = blocking(move || reading.store.rejected_by_id(site, &wanted)).await?;
    let mut kept: HashMap<i64, Kept> = kept.into_iter().map(|kept| (kept.id, kept)).collect();
    let rules = app.recommender.rules(site)?;
    let mut tried = Vec::new();
    for id in ids {
        // One that is named twice is gone the second time.
        let Some(kept) = kept.remove(&id) else {
            tried.push((id, None));
            continue;
        };
        let read = replay::read(site, &app.secrets, &rules.sensitive, &kept);
        let queued = match read {
            Ok(batch) => {
                let event = batch.events.first().map(|event| event.id.text());
                Ok((event, app.store.append(batch)?))
            }
            Err(refused) => Err(refused),
        };
        tried.push((id, Some(queued)));
    }
    let mut results = Vec::new();
    for (id, queued) in tried {
        let map = Map::new().with("id", id);
        results.push(match queued {
            None => map.with("status", "gone"),
            Some(Err(refused)) => map
                .with("status", "rejected")
                .with("code", refused.code)
                .with("path", refused.path)
                .with("detail", refused.detail),
            Some(Ok((event, receipt))) => {
                let verdicts = receipt.await.map_err(|_| Error::ShuttingDown)??;
                let verdict = verdicts.first().copied();
                let verdict = verdict.ok_or_else(|| Error::Internal(anyhow::anyhow!("an event has no verdict")))?;
                let (status, code) = status(verdict);
                let mut map = map.with("status", status);
                map.set_some("code", code.map(str::to_owned));
                if let Some(reject) = verdict.reject() {
                    map.set("path", reject.path);
                    map.set("detail", reject.detail);
                }
                if status != "gone" {
                    map.set_some("event", event);
                }
                map
            }
        });
    }
    json(Map::new().with("results", results))
}

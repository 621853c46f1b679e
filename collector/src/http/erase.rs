//! `POST /v1/erase` and `POST /v1/upkeep`: what is to go, and what has had its time.

use super::caller::Caller;
use super::{Shared, blocking, body, json};
use crate::clock;
use crate::error::Error;
use crate::store::{Erased, Erasure, Scopes};
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use engine::event::{MAX_ID, is_visitor};
use engine::value::{Map, Value};
use std::sync::Arc;

/// Erases a visitor, or all that belongs to a user; answers once it is gone, with how much went.
pub(super) async fn post(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let site = caller.may(Scopes::ERASE)?;
    body::content_type(&headers, false)?;
    let bytes = body::read(&headers, body, body::MAX_BODY).await?;
    let Value::Map(map) = serde_json::from_slice(&bytes)? else { return Err(Error::invalid("", "expected an object")) };
    if let Some((key, _)) = map.iter().find(|(key, _)| !["visitor", "user", "vacuum"].contains(key)) {
        return Err(Error::invalid(key, "unknown field; expected one of visitor, user, vacuum"));
    }
    let text = |key: &str| match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if (1..=MAX_ID).contains(&text.len()) => Ok(Some(text.clone())),
        Some(_) => Err(Error::invalid(key, "expected an id")),
    };
    let (visitor, user) = (text("visitor")?, text("user")?);
    if visitor.is_some() == user.is_some() {
        return Err(Error::invalid("visitor", "expected either a visitor or a user"));
    }
    if visitor.as_deref().is_some_and(|visitor| !is_visitor(visitor)) {
        return Err(Error::invalid("visitor", "expected 1 to 128 printable ASCII characters"));
    }
    let vacuum = match map.get("vacuum") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(vacuum)) => *vacuum,
        Some(_) => return Err(Error::invalid("vacuum", "expected true or false")),
    };
    let erased = blocking(move || {
        let secrets = Arc::clone(&app.secrets);
        let erasure = Erasure {
            site,
            user: user.map(|user| secrets.user(site, &user)),
            visitor,
            hash: Arc::new(move |visitor| secrets.visitor(visitor)),
            vacuum,
        };
        let erased = app.store.erase(&erasure)?;
        let names = erased.names.iter().chain(&erasure.visitor);
        let names: Vec<&str> = names.map(String::as_str).collect();
        app.recommender.forget(site, &names, &erased.session_ids);
        app.live.forget(site, &names);
        Ok(erased)
    })
    .await?;
    json(told(&erased))
}

/// Does now what is done every hour, and all of what is done every day; answers with how much went.
pub(super) async fn upkeep(State(app): State<Shared>, caller: Caller) -> Result<Response, Error> {
    caller.may(Scopes::MANAGE)?;
    let done = blocking(move || app.store.upkeep(Some(clock::now()), true)).await?;
    json(
        Map::new()
            .with("events", done.events as f64)
            .with("rejects", done.rejects as f64)
            .with("strings", done.strings as f64)
            .with("clients", done.clients as f64),
    )
}

/// What was erased, in the form of the API.
fn told(erased: &Erased) -> Map {
    let mut map = Map::new();
    for (name, n) in erased.counts() {
        map.set(name, n as f64);
    }
    map.set("log_folded", erased.log_folded);
    map.set("scrubbed", erased.scrubbed);
    map.set("notes", erased.notes());
    map
}

//! `GET /v1/bundle`.

use super::Shared;
use super::caller::{Keys, check_origin};
use super::limits::Client;
use crate::error::Error;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The rules as the page may know them. Public, like the page itself: no names, no results, nothing private.
pub(super) async fn get(
    State(app): State<Shared>,
    client: Client,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let keys = Keys::of(&headers, query.as_deref())?;
    let early = keys.early(&app)?;
    let grant = keys.late(&app, early, None)?;
    check_origin(&app, &grant, &headers)?;
    app.limits.take(&grant, client)?;
    let rules = app.recommender.rules(grant.site)?;
    let etag = format!("\"{}\"", rules.bundle.version);
    let cache = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, "public, max-age=60, stale-while-revalidate=86400".to_owned()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|have| have.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, cache).into_response());
    }
    Ok((cache, [(header::CONTENT_TYPE, "application/json")], rules.public.clone()).into_response())
}

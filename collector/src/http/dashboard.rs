//! The dashboard: its page out of the binary, and its sign-in.

use super::caller::{COOKIE, own_origin};
use super::{Shared, body};
use crate::clock;
use crate::error::Error;
use crate::store::{DEFAULT_SITE, KeyId, Scopes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use engine::time::DAY;
use engine::value::Value;
use rust_embed::RustEmbed;
use std::collections::HashMap;
use std::sync::PoisonError;
use subtle::ConstantTimeEq;

#[derive(RustEmbed)]
#[folder = "dashboard/"]
struct Assets;

/// How long a session lasts.
const SESSION: i64 = 7 * DAY;

/// Only what the binary brings runs in the page.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// Everything that no route has: a file of the page, or 404.
pub(super) async fn asset(method: Method, uri: Uri, headers: HeaderMap) -> Result<Response, Error> {
    let name = match uri.path() {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    let file = Assets::get(name).ok_or(Error::NotFound)?;
    if !matches!(method, Method::GET | Method::HEAD) {
        return Err(Error::BadMethod);
    }
    let kind = match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let etag = format!("\"{}\"", crate::secrets::hex(&file.metadata.sha256_hash()[..8]));
    let common = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "same-origin".to_owned()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|have| have.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    Ok((common, [(header::CONTENT_TYPE, kind)], file.data.into_owned()).into_response())
}

/// The one-time link: signs in on its first use; later it leads to the sign-in form.
pub(super) async fn link(
    State(app): State<Shared>,
    method: Method,
    Query(parameters): Query<HashMap<String, String>>,
) -> Result<Response, Error> {
    let now = clock::now();
    let given = parameters.get("token").map_or("", String::as_str);
    let mut link = app.link.lock().unwrap_or_else(PoisonError::into_inner);
    let good = link.as_ref().is_some_and(|(token, until)| {
        let same: bool = token.as_bytes().ct_eq(given.as_bytes()).into();
        // Who only looks (a mail program checking links) must not use it up.
        same && now < *until && method == Method::GET
    });
    let mut response = Redirect::to("/").into_response();
    if good {
        *link = None;
        response.headers_mut().insert(header::SET_COOKIE, session_cookie(&app, DEFAULT_SITE, now, None)?);
    }
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// `POST /v1/session {secret_key}`: signs in.
pub(super) async fn sign_in(
    State(app): State<Shared>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, Error> {
    own_origin(&app, &headers)?;
    body::content_type(&headers, false)?;
    let bytes = body::read(&headers, body, body::MAX_BODY).await?;
    let fields: Value = serde_json::from_slice(&bytes)?;
    let key = fields.as_map().and_then(|map| map.str("secret_key"));
    let grant = app.access.key(key.ok_or(Error::BadKey)?)?;
    // A session reads, manages and exports: it must not grow what its key may do.
    for scope in [Scopes::READ, Scopes::MANAGE, Scopes::EXPORT] {
        grant.need(scope)?;
    }
    let cookie = session_cookie(&app, grant.site, clock::now(), grant.key)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// `DELETE /v1/session`: signs out.
pub(super) async fn sign_out(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Error> {
    own_origin(&app, &headers)?;
    let gone = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}

fn session_cookie(app: &Shared, site: i64, now: i64, key: Option<KeyId>) -> Result<HeaderValue, Error> {
    let session = app.secrets.sign_session(site, now + SESSION, key.map(|key| key.0));
    let tls = app.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let secure = if tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", SESSION / 1_000);
    HeaderValue::from_str(&cookie).map_err(|error| Error::Internal(error.into()))
}

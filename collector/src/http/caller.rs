//! Who calls: keys, sessions and origins.

use super::App;
use crate::access::Grant;
use crate::clock;
use crate::error::{Error, OriginRefused};
use crate::store::Scopes;
use axum::extract::{FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The cookie of the dashboard's session.
pub(super) const COOKIE: &str = "beckon_session";

/// The key in `Authorization: Bearer`, the only place for a secret one.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let first = values.next();
    if values.any(|value| Some(value) != first) {
        return Err(Error::TwoKeys);
    }
    match first {
        None => Ok(None),
        Some(value) => {
            let (scheme, key) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Error::BadKey)?;
            if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(key.trim())) } else { Err(Error::BadKey) }
        }
    }
}

/// The keys of a request on the public routes: header before body before query; two that differ are refused.
pub(super) struct Keys {
    header: Option<String>,
    query: Option<String>,
}

impl Keys {
    /// Reads what stands outside the body.
    pub(super) fn of(headers: &HeaderMap, query: Option<&str>) -> Result<Keys, Error> {
        let header = bearer(headers)?.map(str::to_owned);
        // Keys are of letters, digits and `_`: there is nothing to decode.
        let mut named =
            query.into_iter().flat_map(|query| query.split('&')).filter_map(|pair| pair.strip_prefix("key="));
        let query = named.next();
        if named.any(|other| Some(other) != query)
            || (header.is_some() && query.is_some() && header.as_deref() != query)
        {
            return Err(Error::TwoKeys);
        }
        let query = query.map(str::to_owned);
        Ok(Keys { header, query })
    }

    /// The grant of the key outside the body, where there is one: its refusal comes before any look at the body.
    pub(super) fn early(&self, app: &App) -> Result<Option<Grant>, Error> {
        match (&self.header, &self.query) {
            (Some(key), _) => app.access.key(key).map(Some),
            (None, Some(key)) => app.access.public_key(key).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The grant, with the key of the body now known.
    pub(super) fn late(&self, app: &App, early: Option<Grant>, body: Option<&str>) -> Result<Grant, Error> {
        let outside = self.header.as_deref().or(self.query.as_deref());
        match (early, outside, body) {
            (Some(_), Some(outside), Some(body)) if outside != body => Err(Error::TwoKeys),
            (Some(grant), ..) => Ok(grant),
            (None, _, Some(body)) => app.access.public_key(body),
            (None, _, None) => Err(Error::BadKey),
        }
    }
}

/// Refuses a public key from an origin that is not one of its site's.
pub(super) fn check_origin(app: &App, grant: &Grant, headers: &HeaderMap) -> Result<(), Error> {
    if !grant.is_public() || !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let rules = app.recommender.rules(grant.site)?;
    let is_allowed = |origin: &HeaderValue| {
        let origin = origin.to_str().unwrap_or("null");
        rules.origins.iter().any(|allowed| is_origin(allowed, origin))
    };
    // No browser sends two; who does must be allowed from both.
    if rules.origins.is_empty() || headers.get_all(header::ORIGIN).iter().all(is_allowed) {
        Ok(())
    } else {
        Err(Error::BadOrigin)
    }
}

/// Whether an origin is the allowed one, or a subdomain where that begins with `https://*.`.
fn is_origin(allowed: &str, origin: &str) -> bool {
    match allowed.split_once("://*.") {
        Some((scheme, domain)) => origin.split_once("://").is_some_and(|(have, host)| {
            have == scheme && host.strip_suffix(domain).is_some_and(|sub| sub.len() > 1 && sub.ends_with('.'))
        }),
        None => allowed == origin,
    }
}

/// Cross-origin answers on the public routes: every one of them, errors included, can be read by the page that asked.
///
/// Whether an origin may use a key is checked with the key; echoing it here only lets the page see the answer.
pub(super) async fn cors(request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = if request.method() == Method::OPTIONS {
        let headers = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, content-encoding"),
            (header::ACCESS_CONTROL_MAX_AGE, "7200"),
        ];
        (StatusCode::NO_CONTENT, headers).into_response()
    } else {
        next.run(request).await
    };
    // An origin that was refused is not echoed.
    let refused = response.extensions().get::<OriginRefused>().is_some();
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin.filter(|_| !refused) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    }
    response
}

/// A caller of the routes that are not for pages: a secret key, or the dashboard.
pub(super) struct Caller(pub(super) Grant);

impl Caller {
    /// The site, if the caller has the scope.
    pub(super) fn may(&self, scope: Scopes) -> Result<i64, Error> {
        self.0.need(scope)?;
        Ok(self.0.site)
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        if let Some(key) = bearer(&parts.headers)? {
            let grant = app.access.key(key)?;
            own_site(app, &grant, parts.uri.query())?;
            return Ok(Caller(grant));
        }
        let grant = app.access.session(cookie(&parts.headers).ok_or(Error::BadKey)?, clock::now())?;
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            own_origin(app, &parts.headers)?;
        }
        own_site(app, &grant, parts.uri.query())?;
        Ok(Caller(grant))
    }
}

/// A key belongs to one site. Who names another by `?site=` is told that there is none, and not shown their own.
fn own_site(app: &App, grant: &Grant, query: Option<&str>) -> Result<(), Error> {
    // Names of sites are of letters, digits and hyphens: there is nothing to decode.
    let Some(name) = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("site="))) else {
        return Ok(());
    };
    let own = app.store.site(grant.site)?.is_some_and(|site| site.name == name);
    if own { Ok(()) } else { Err(Error::NotFound) }
}

/// The session in the cookie.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|text| text.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// A write by cookie must come from our own page: its origin, and a header that no form can send.
pub(super) fn own_origin(app: &App, headers: &HeaderMap) -> Result<(), Error> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let origin = text(header::ORIGIN);
    let host = origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    // Behind a proxy the host we see may be another than the one in the browser: then `--public-url` says which.
    let public = app.public_url.as_deref().map(|url| url.trim_end_matches('/'));
    let own = (host.is_some() && host == text(header::HOST)) || (origin.is_some() && origin == public);
    if own && headers.get("x-beckon").is_some_and(|value| value == "1") { Ok(()) } else { Err(Error::BadOrigin) }
}

/// The last part of an address, a name of something; what cannot be decoded names nothing.
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path(name) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Error::NotFound)?;
        Ok(Named(name))
    }
}

#[cfg(test)]
mod tests {
    use super::is_origin;

    #[test]
    fn origins_are_exact_and_stars_are_subdomains() {
        assert!(is_origin("https://shop.example", "https://shop.example"));
        assert!(is_origin("https://*.shop.example", "https://a.b.shop.example"));
        for (allowed, origin) in [
            ("https://shop.example", "http://shop.example"),
            ("https://shop.example", "https://shop.example:8443"),
            ("https://*.shop.example", "https://shop.example"),
            ("https://*.shop.example", "https://evilshop.example"),
            ("https://*.shop.example", "https://.shop.example"),
            ("https://*.shop.example", "https://a.shop.example.evil.example"),
            ("https://shop.example", "null"),
        ] {
            assert!(!is_origin(allowed, origin), "{allowed} {origin}");
        }
    }
}

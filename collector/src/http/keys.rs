//! `/v1/keys` and `/v1/sites`: who may send and read, and for which shop.

use super::caller::{Caller, Named};
use super::manage::origin;
use super::{Shared, blocking, body, json};
use crate::access::new_key;
use crate::clock;
use crate::error::Error;
use crate::secrets::sha256;
use crate::store::{Key, KeyId, Listed, Scopes, Site};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::offer::HOLDOUT;
use engine::segment::is_id;
use engine::time;
use engine::value::{Map, Value};

/// Longest name of a key.
const MAX_NAME: usize = 128;

/// All keys of the site, also those that were revoked. Secret ones are not told: nobody has them.
pub(super) async fn list(State(app): State<Shared>, caller: Caller) -> Result<Response, Error> {
    let site = caller.may(Scopes::MANAGE)?;
    let keys = blocking(move || app.store.keys(site)).await?;
    json(Map::new().with("keys", keys.into_iter().map(listed).collect::<Vec<_>>()))
}

fn listed(Listed { id, key, revoked }: Listed) -> Map {
    described(id, &key).with("revoked", revoked.map(time::text))
}

fn described(id: KeyId, key: &Key) -> Map {
    Map::new()
        .with("id", id.to_string())
        .with("name", key.name.as_str())
        .with("kind", if key.scopes == Scopes::NONE { "public" } else { "secret" })
        .with("scopes", key.scopes.names().into_iter().map(Value::from).collect::<Vec<_>>())
        .with("key", key.text.clone())
        .with("made", time::text(key.made))
}

/// Makes a key: `{name, kind: "public"}`, or `{name, kind: "secret", scopes}` of scopes that the caller has. The answer is
/// the one place where a secret key stands.
pub(super) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let site = caller.may(Scopes::MANAGE)?;
    let map = body::object(&headers, body, &["name", "kind", "scopes"]).await?;
    let name = match map.get("name") {
        None | Some(Value::Null) => "",
        Some(Value::String(name)) if name.len() <= MAX_NAME && !name.contains(char::is_control) => name,
        Some(_) => return Err(Error::invalid("name", "expected text of at most 128 bytes")),
    };
    let scopes = match (map.str("kind"), map.get("scopes")) {
        (Some("public"), None | Some(Value::Null)) => Scopes::NONE,
        (Some("public"), Some(_)) => return Err(Error::invalid("scopes", "a public key has none: leave them out")),
        (Some("secret"), Some(Value::List(names))) => scopes(names)?,
        (Some("secret"), _) => return Err(Error::invalid("scopes", "expected a list of scopes")),
        _ => return Err(Error::invalid("kind", "expected \"public\" or \"secret\"")),
    };
    // Otherwise whoever manages could read, and whoever reads the dashboard could erase.
    for scope in Scopes::EACH.into_iter().filter(|scope| scopes.has(*scope)) {
        caller.may(scope)?;
    }
    let (made, key) = fresh(site, name, scopes)?;
    let described = described(KeyId::of(&made.0), &made.1).with("key", key);
    blocking(move || app.store.put_keys(vec![made])).await?;
    Ok((StatusCode::CREATED, json(described)?).into_response())
}

/// The scopes of these names, at least one.
fn scopes(names: &[Value]) -> Result<Scopes, Error> {
    let expected = || Error::invalid("scopes", "expected some of ingest, read, manage, export, erase");
    let named = names.iter().map(|name| name.as_str().and_then(Scopes::named));
    let scopes: Scopes =
        named.collect::<Option<Vec<Scopes>>>().ok_or_else(expected)?.into_iter().fold(Scopes::NONE, Scopes::and);
    if scopes == Scopes::NONE { Err(expected()) } else { Ok(scopes) }
}

/// A new key as it is kept, under its SHA-256, and the key itself.
fn fresh(site: i64, name: &str, scopes: Scopes) -> Result<(([u8; 32], Key), String), Error> {
    let public = scopes == Scopes::NONE;
    let key = new_key(if public { "pk" } else { "sk" }).map_err(Error::Internal)?;
    let text = public.then(|| key.clone());
    Ok(((sha256(&key), Key { site, scopes, text, name: name.to_owned(), made: clock::now() }), key))
}

/// Revokes a key: its next request is refused, and so is a dashboard that was signed in by it.
pub(super) async fn revoke(State(app): State<Shared>, caller: Caller, Named(id): Named) -> Result<Response, Error> {
    let site = caller.may(Scopes::MANAGE)?;
    let id = KeyId::parse(&id).ok_or(Error::NotFound)?;
    let revoked = blocking(move || {
        let revoked = app.store.revoke_key(site, id, clock::now())?;
        app.access.revoked();
        Ok(revoked)
    })
    .await?;
    if revoked { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(Error::NotFound) }
}

/// All sites of the store, by name.
pub(super) async fn sites(State(app): State<Shared>, caller: Caller) -> Result<Response, Error> {
    let own = caller.may(Scopes::MANAGE)?;
    let sites = blocking(move || app.store.sites()).await?;
    let told = |site: Site| {
        Map::new()
            .with("site", site.name)
            .with("origins", site.origins)
            .with("holdout", site.holdout)
            .with("own", site.id == own)
    };
    json(Map::new().with("sites", sites.into_iter().map(told).collect::<Vec<_>>()))
}

/// Makes a site: `{site, origins, holdout}`. It gets a public key, and a secret one of the caller's own scopes.
pub(super) async fn add_site(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    caller.may(Scopes::MANAGE)?;
    let map = body::object(&headers, body, &["site", "origins", "holdout"]).await?;
    let name = map.str("site").filter(|name| is_id(name));
    let name = name.ok_or_else(|| Error::invalid("site", "expected ^[a-z0-9][a-z0-9-]{0,63}$"))?.to_owned();
    let origins = match map.get("origins") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::List(list)) => list.iter().map(origin).collect(),
        Some(_) => None,
    };
    let wrong = "expected a list of origins such as https://shop.example or https://*.shop.example";
    let origins: Vec<String> = origins.ok_or_else(|| Error::invalid("origins", wrong))?;
    let holdout = match map.get("holdout") {
        None | Some(Value::Null) => HOLDOUT,
        Some(Value::Number(share)) if (0.0..=1.0).contains(share) => *share,
        Some(_) => return Err(Error::invalid("holdout", "expected a number from 0 to 1")),
    };
    let (public, public_key) = fresh(0, "", Scopes::NONE)?;
    let (secret, secret_key) = fresh(0, "", caller.0.scopes)?;
    let scopes = secret.1.scopes.names().into_iter().map(Value::from).collect::<Vec<_>>();
    let answer = Map::new()
        .with("site", name.as_str())
        .with("origins", origins.clone())
        .with("holdout", holdout)
        .with("public_key", public_key)
        .with("secret_key", secret_key)
        .with("scopes", scopes);
    let made = blocking(move || app.store.add_site(&name, &origins, holdout, vec![public, secret])).await?;
    if made.is_none() {
        return Err(Error::invalid("site", "there is a site of this name"));
    }
    Ok((StatusCode::CREATED, json(answer)?).into_response())
}

//! Who may do what: keys and their scopes.

use crate::error::Error;
use crate::secrets::{Secrets, hex, random, sha256};
use crate::store::{Key, Store};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

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

    fn has(self, scope: Scopes) -> bool {
        self.0 & scope.0 == scope.0
    }

    fn name(self) -> &'static str {
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

/// A caller that was recognised.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// The site it is about.
    pub(crate) site: i64,
    /// Public keys have none.
    pub(crate) scopes: Scopes,
}

impl Grant {
    /// Whether this is a public key, from the page.
    pub(crate) fn is_public(&self) -> bool {
        self.scopes == Scopes::NONE
    }

    /// Refuses who has not the scope.
    pub(crate) fn need(&self, scope: Scopes) -> Result<(), Error> {
        if self.scopes.has(scope) { Ok(()) } else { Err(Error::NoScope(scope.name())) }
    }
}

/// Recognises keys and sessions.
pub(crate) struct Access {
    store: Arc<dyn Store>,
    secrets: Arc<Secrets>,
    /// Keys that were looked up and found; unknown ones are not kept, as a stranger could send any number of them.
    known: RwLock<HashMap<[u8; 32], Grant>>,
}

impl Access {
    /// Over the keys of a store.
    pub(crate) fn new(store: Arc<dyn Store>, secrets: Arc<Secrets>) -> Self {
        Access { store, secrets, known: RwLock::default() }
    }

    /// The grant of a key.
    pub(crate) fn key(&self, key: &str) -> Result<Grant, Error> {
        let hash = sha256(key);
        if let Some(grant) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&hash) {
            return Ok(grant.clone());
        }
        let Key { site, scopes, .. } = self.store.key(&hash)?.ok_or(Error::BadKey)?;
        let grant = Grant { site, scopes };
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(hash, grant.clone());
        Ok(grant)
    }

    /// The grant of a public key, from a body or a query string, where a secret one must not stand.
    pub(crate) fn public_key(&self, key: &str) -> Result<Grant, Error> {
        self.key(key).and_then(|grant| if grant.is_public() { Ok(grant) } else { Err(Error::BadKey) })
    }

    /// The grant of a dashboard's session: everything but sending events and erasing.
    pub(crate) fn session(&self, session: &str, now: i64) -> Result<Grant, Error> {
        let site = self.secrets.read_session(session, now).ok_or(Error::BadKey)?;
        Ok(Grant { site, scopes: Scopes(Scopes::READ.0 | Scopes::MANAGE.0 | Scopes::EXPORT.0) })
    }
}

/// A new key: 160 random bits behind a prefix that says what it is.
pub(crate) fn new_key(prefix: &str) -> anyhow::Result<String> {
    Ok(format!("{prefix}_{}", hex(&random::<20>()?)))
}

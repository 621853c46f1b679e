//! Who may do what: keys and their scopes.

use crate::error::Error;
use crate::secrets::{Secrets, hex, random, sha256};
use crate::store::{Key, Scopes, Store};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// A caller that was recognised.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// The site it is about.
    pub(crate) site: i64,
    /// Tells one key from another; the dashboard's session has none.
    pub(crate) key: Option<u64>,
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
        let grant = Grant { site, key: hash.first_chunk().copied().map(u64::from_le_bytes), scopes };
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
        Ok(Grant { site, key: None, scopes: Scopes(Scopes::READ.0 | Scopes::MANAGE.0 | Scopes::EXPORT.0) })
    }
}

/// A new key: 160 random bits behind a prefix that says what it is.
pub(crate) fn new_key(prefix: &str) -> anyhow::Result<String> {
    Ok(format!("{prefix}_{}", hex(&random::<20>()?)))
}

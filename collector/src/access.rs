//! Who may do what: keys and their scopes.

use crate::error::Error;
use crate::secrets::{Secrets, hex, random, sha256};
use crate::store::{Key, KeyId, Scopes, Store};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

/// A caller that was recognised.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// The site it is about.
    pub(crate) site: i64,
    /// Tells one key from another; the dashboard's session has none.
    pub(crate) key: Option<KeyId>,
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
    known: RwLock<Known>,
}

/// Keys that were looked up and found; unknown ones are not kept, as a stranger could send any number of them.
#[derive(Default)]
struct Known {
    /// How often keys were revoked.
    generation: u64,
    grants: HashMap<[u8; 32], Grant>,
    /// Keys that signed in to the dashboard, by site.
    signed_in: HashSet<(i64, KeyId)>,
}

impl Access {
    /// Over the keys of a store.
    pub(crate) fn new(store: Arc<dyn Store>, secrets: Arc<Secrets>) -> Self {
        Access { store, secrets, known: RwLock::default() }
    }

    /// The grant of a key.
    pub(crate) fn key(&self, key: &str) -> Result<Grant, Error> {
        let hash = sha256(key);
        let generation = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(grant) = known.grants.get(&hash) {
                return Ok(grant.clone());
            }
            known.generation
        };
        let Key { site, scopes, .. } = self.store.key(&hash)?.ok_or(Error::BadKey)?;
        let grant = Grant { site, key: Some(KeyId::of(&hash)), scopes };
        self.keep(generation, |known| {
            known.grants.insert(hash, grant.clone());
        });
        Ok(grant)
    }

    /// Keeps what was looked up, unless a key was revoked meanwhile, which might be this one.
    fn keep(&self, generation: u64, keep: impl FnOnce(&mut Known)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.generation == generation {
            keep(&mut known);
        }
    }

    /// Forgets every key: to be called after one was revoked, whose next request is then refused.
    pub(crate) fn revoked(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = Known { generation: known.generation + 1, ..Known::default() };
    }

    /// The grant of a public key, from a body or a query string, where a secret one must not stand.
    pub(crate) fn public_key(&self, key: &str) -> Result<Grant, Error> {
        self.key(key).and_then(|grant| if grant.is_public() { Ok(grant) } else { Err(Error::BadKey) })
    }

    /// The grant of a dashboard's session: everything but sending events and erasing. It ends with the key that it was
    /// signed in by.
    pub(crate) fn session(&self, session: &str, now: i64) -> Result<Grant, Error> {
        let (site, key) = self.secrets.read_session(session, now).ok_or(Error::BadKey)?;
        let key = key.map(KeyId);
        if let Some(key) = key {
            let (generation, fresh) = {
                let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
                (known.generation, !known.signed_in.contains(&(site, key)))
            };
            if fresh {
                if !self.store.holds_key(site, key)? {
                    return Err(Error::BadKey);
                }
                self.keep(generation, |known| {
                    known.signed_in.insert((site, key));
                });
            }
        }
        Ok(Grant { site, key: None, scopes: Scopes(Scopes::READ.0 | Scopes::MANAGE.0 | Scopes::EXPORT.0) })
    }
}

/// A new key: 160 random bits behind a prefix that says what it is.
pub(crate) fn new_key(prefix: &str) -> anyhow::Result<String> {
    Ok(format!("{prefix}_{}", hex(&random::<20>()?)))
}

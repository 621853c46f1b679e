//! Sealing: the properties that a site calls sensitive, encrypted, one blob an event.
//!
//! `1 | key id, 4 | nonce, 24 | length of the names, 2 | names as JSON | XChaCha20-Poly1305 of the values as JSON`. All
//! before the cipher text, the site and the event's id are authenticated with it: a blob opens where it was made for
//! and nowhere else. The names are readable, so that what cannot be opened can still be named.

use super::file::SealingKey;
use super::{Secrets, random};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use engine::id::Id;
use engine::value::{Map, Value};

/// What a property reads as where it is not opened.
pub(crate) const SEALED: &str = "[sealed]";

const FORM: u8 = 1;
const KEY_AT: usize = 1;
const NONCE_AT: usize = 5;
const NAMES_AT: usize = 29;
const HEAD: usize = 31;

impl Secrets {
    /// Seals properties of an event; `None` where there is no key or the system gives no random numbers.
    pub(crate) fn seal(&self, site: i64, event: Id, props: &Map) -> Option<Vec<u8>> {
        let key = self.file.sealing.last()?;
        let names: Vec<&str> = props.iter().map(|(name, _)| name).collect();
        let names = serde_json::to_vec(&names).ok()?;
        let nonce: [u8; 24] = random().ok()?;
        let mut blob = vec![FORM];
        blob.extend(key.id);
        blob.extend(nonce);
        blob.extend(u16::try_from(names.len()).ok()?.to_le_bytes());
        blob.extend(names);
        let msg = serde_json::to_vec(props).ok()?;
        let aad = [site.to_le_bytes().as_slice(), &event.0.to_be_bytes(), &blob].concat();
        let cipher = XChaCha20Poly1305::new(&key.key.into());
        blob.extend(cipher.encrypt(&XNonce::from(nonce), Payload { msg: &msg, aad: &aad }).ok()?);
        Some(blob)
    }

    /// Puts the sealed properties of an event among its others. False where the key is not there any more or the blob
    /// is not whole: they read [`SEALED`] then.
    pub(crate) fn unseal(&self, site: i64, event: Id, blob: &[u8], props: &mut Map) -> bool {
        match self.opened(site, event, blob) {
            Some(sealed) => {
                sealed.iter().for_each(|(name, value)| props.set(name, value.clone()));
                true
            }
            None => {
                hide(blob, props);
                false
            }
        }
    }

    /// The same properties under the newest key; `None` where it is that already.
    ///
    /// # Errors
    /// Whether the key that sealed them is in the file: it is not, or the blob is not whole.
    pub(crate) fn reseal(&self, site: i64, event: Id, blob: &[u8]) -> Result<Option<Vec<u8>>, Unopened> {
        if key_id(blob).is_some_and(|id| self.file.sealing.last().is_some_and(|newest| newest.id == id)) {
            return Ok(None);
        }
        let known = key_id(blob).is_some_and(|id| self.key(id).is_some());
        let opened = self.opened(site, event, blob).ok_or(if known { Unopened::Damaged } else { Unopened::KeyLost })?;
        self.seal(site, event, &opened).map(Some).ok_or(Unopened::Damaged)
    }

    fn key(&self, id: [u8; 4]) -> Option<&SealingKey> {
        self.file.sealing.iter().find(|key| key.id == id)
    }

    fn opened(&self, site: i64, event: Id, blob: &[u8]) -> Option<Map> {
        let key = self.key(key_id(blob)?)?;
        let (head, text) = blob.split_at_checked(HEAD + names_length(blob)?)?;
        let nonce: [u8; 24] = head.get(NONCE_AT..NAMES_AT)?.try_into().ok()?;
        let aad = [site.to_le_bytes().as_slice(), &event.0.to_be_bytes(), head].concat();
        let cipher = XChaCha20Poly1305::new(&key.key.into());
        let plain = cipher.decrypt(&XNonce::from(nonce), Payload { msg: text, aad: &aad }).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// Why something sealed cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// Its key is not in the key file.
    KeyLost,
    /// Its key is there, and it is not what that key made.
    Damaged,
}

/// Names the sealed properties of an event without opening them.
pub(crate) fn hide(blob: &[u8], props: &mut Map) {
    let names = names_length(blob).and_then(|length| blob.get(HEAD..HEAD + length));
    let names = names.and_then(|names| serde_json::from_slice::<Vec<String>>(names).ok());
    for name in names.unwrap_or_else(|| vec!["sealed".to_owned()]) {
        props.put(name, Value::from(SEALED));
    }
}

fn key_id(blob: &[u8]) -> Option<[u8; 4]> {
    (blob.first() == Some(&FORM)).then(|| blob.get(KEY_AT..NONCE_AT)?.try_into().ok())?
}

fn names_length(blob: &[u8]) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(blob.get(NAMES_AT..HEAD)?.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::super::{Derived, file::KeyFile};
    use super::*;

    fn secrets(keys: &[u8]) -> Secrets {
        let sealing = keys.iter().map(|n| SealingKey { id: [*n; 4], key: [*n; 32] }).collect();
        Secrets { derived: Derived::of(&[7; 32]), file: KeyFile::of([7; 32], sealing) }
    }

    #[test]
    fn what_is_sealed_opens_only_where_it_was_sealed() {
        let own = secrets(&[1, 2]);
        let props = Map::new().with("iban", "DE02").with("age", 41.0);
        let blob = own.seal(1, Id(9), &props).unwrap();
        let open = |secrets: &Secrets, site, id, blob: &[u8]| {
            let mut found = Map::new();
            (secrets.unseal(site, Id(id), blob, &mut found), found)
        };
        let hidden = Map::new().with("iban", SEALED).with("age", SEALED);
        assert_eq!(open(&own, 1, 9, &blob), (true, props));
        assert_eq!(open(&own, 2, 9, &blob), (false, hidden.clone()));
        assert_eq!(open(&own, 1, 8, &blob), (false, hidden.clone()));
        assert_eq!(open(&secrets(&[1]), 1, 9, &blob), (false, hidden));
        for at in 0..blob.len() {
            let mut other = blob.clone();
            other[at] ^= 1;
            assert!(!open(&own, 1, 9, &other).0, "byte {at}");
        }
        assert!(!open(&own, 1, 9, &[]).0);
        assert!(!String::from_utf8_lossy(&blob).contains("DE02"));
        assert_ne!(own.seal(1, Id(9), &Map::new()), own.seal(1, Id(9), &Map::new()), "a nonce came twice");
    }

    #[test]
    fn sealing_again_moves_to_the_newest_key() {
        let blob = secrets(&[1]).seal(1, Id(9), &Map::new().with("a", "b")).unwrap();
        let both = secrets(&[1, 2]);
        let again = both.reseal(1, Id(9), &blob).unwrap().unwrap();
        assert_eq!(both.reseal(1, Id(9), &again), Ok(None));
        let mut found = Map::new();
        assert!(secrets(&[2]).unseal(1, Id(9), &again, &mut found));
        assert_eq!(found.str("a"), Some("b"));
        assert_eq!(secrets(&[2]).reseal(1, Id(9), &blob), Err(Unopened::KeyLost));
        assert_eq!(both.reseal(1, Id(8), &blob), Err(Unopened::Damaged));
    }
}

//! What the key file opens: hashes, signatures and seals.

mod file;
mod sealing;

pub(crate) use sealing::{Unopened, hide};

use anyhow::{Context, bail};
use file::{KeyFile, SealingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use siphasher::sip128::SipHasher24;
use std::fmt::Write as _;
use std::path::Path;
use subtle::ConstantTimeEq;

/// The key file and what is derived from it.
pub(crate) struct Secrets {
    derived: Derived,
    file: KeyFile,
}

/// Keys derived from the master key, one for each use; it never changes, as hashes are all that is kept of what they hide.
struct Derived {
    id: String,
    user: [u8; 32],
    signature: [u8; 32],
    session: [u8; 32],
    payload: [u8; 16],
}

impl Derived {
    fn of(master: &[u8]) -> Derived {
        let key = |label: &str| hmac(master, label.as_bytes());
        let mut payload = [0; 16];
        payload.copy_from_slice(&key("payload")[..16]);
        Derived {
            id: hex(&key("id")[..8]),
            user: key("user"),
            signature: key("signature"),
            session: key("session"),
            payload,
        }
    }
}

impl Secrets {
    /// Of a key that is nowhere on disk.
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn of(byte: u8) -> Secrets {
        Secrets { derived: Derived::of(&[byte; 32]), file: KeyFile::of([byte; 32], Vec::new()) }
    }

    /// Reads the key file; where there is none yet, makes one (mode 0600), unless there is `data` that was written with
    /// another.
    pub(crate) fn open(path: &Path, data: bool) -> anyhow::Result<Secrets> {
        let file = KeyFile::open(path, data)?;
        Ok(Secrets { derived: Derived::of(&file.master), file })
    }

    /// Reads the sealing keys again, and makes the first one where a file of the first form has none. To be called once
    /// the folder of the data is locked: before that another process could change them.
    ///
    /// # Errors
    /// The file cannot be read any more, or is another one now.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        let mut file = self.file.again()?;
        if file.master != self.file.master {
            bail!("the key file was replaced meanwhile");
        }
        if file.sealing.is_empty() {
            file.sealing.push(SealingKey::draw()?);
            if let Err(error) = file.write() {
                // Where it is mounted to be read only: everything but sealing works.
                tracing::warn!(%error, "the key file has no key for sealing, and none could be added");
                file.sealing.clear();
            }
        }
        self.file = file;
        Ok(())
    }

    /// Whether there is a key to seal with.
    pub(crate) fn can_seal(&self) -> bool {
        !self.file.sealing.is_empty()
    }

    /// How many sealing keys there are: more than one while keys are being rotated.
    pub(crate) fn sealing_keys(&self) -> usize {
        self.file.sealing.len()
    }

    /// Adds a sealing key, the newest from now on; it is on disk when this returns.
    pub(crate) fn add_sealing_key(&mut self) -> anyhow::Result<()> {
        self.file.sealing.push(SealingKey::draw()?);
        self.file.write()
    }

    /// Drops all sealing keys but the newest.
    pub(crate) fn drop_old_sealing_keys(&mut self) -> anyhow::Result<()> {
        let old = self.file.sealing.len().saturating_sub(1);
        self.file.sealing.drain(..old);
        self.file.write()
    }

    /// Names the key without telling it.
    pub(crate) fn id(&self) -> &str {
        &self.derived.id
    }

    /// What is kept of a shop's user id.
    pub(crate) fn user(&self, site: i64, user: &str) -> [u8; 16] {
        let mut hash = [0; 16];
        hash.copy_from_slice(&hmac(&self.derived.user, format!("{site}:{user}").as_bytes())[..16]);
        hash
    }

    /// By which what was refused of a visitor is found.
    pub(crate) fn visitor(&self, visitor: &str) -> [u8; 16] {
        self.hash(|feed| feed(visitor.as_bytes()))
    }

    /// The site's secret that its server signs user ids with.
    pub(crate) fn site_secret(&self, site: i64) -> String {
        hex(&hmac(&self.derived.signature, site.to_string().as_bytes()))
    }

    /// Whether `signature` is hex HMAC-SHA256(site secret, user).
    pub(crate) fn user_signed(&self, site: i64, user: &str, signature: &str) -> bool {
        let expected = hmac(self.site_secret(site).as_bytes(), user.as_bytes());
        unhex(signature).is_some_and(|given| given.ct_eq(&expected).into())
    }

    /// A keyed hash of 128 bits.
    pub(crate) fn hash(&self, feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> [u8; 16] {
        // In one piece: the hasher is slow at the many small ones that a value is fed in.
        let mut all = Vec::with_capacity(1024);
        feed(&mut |bytes| all.extend_from_slice(bytes));
        SipHasher24::new_with_key(&self.derived.payload).hash(&all).as_bytes()
    }

    /// The dashboard's session: which site, until when (ms), and the key it was signed in by, if by one; signed.
    pub(crate) fn sign_session(&self, site: i64, until: i64, key: Option<u64>) -> String {
        let key = key.map_or_else(|| "-".to_owned(), |key| format!("{key:016x}"));
        let text = format!("{site}.{until}.{key}");
        format!("{text}.{}", hex(&hmac(&self.derived.session, text.as_bytes())))
    }

    /// Site and key of a session that [`Secrets::sign_session`] signed and that has not ended by `now`.
    pub(crate) fn read_session(&self, session: &str, now: i64) -> Option<(i64, Option<u64>)> {
        let (text, signature) = session.rsplit_once('.')?;
        let expected = hmac(&self.derived.session, text.as_bytes());
        let good: bool = unhex(signature)?.ct_eq(&expected).into();
        let (site, rest) = text.split_once('.')?;
        let (until, key) = rest.split_once('.')?;
        let key = if key == "-" { None } else { Some(u64::from_str_radix(key, 16).ok()?) };
        (good && until.parse::<i64>().ok()? > now).then(|| Some((site.parse().ok()?, key)))?
    }
}

/// SHA-256, for keys of our own making: their 160 random bits need no slow hash.
pub(crate) fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length (RFC 2104, section 2), so this cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(bytes)
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of hex digits; `None` for any other text.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(byte: u8) -> Secrets {
        Secrets::of(byte)
    }

    #[test]
    fn sessions_end_and_cannot_be_forged() {
        let own = secrets(7);
        let session = own.sign_session(3, 1_000, None);
        assert_eq!(own.read_session(&session, 999), Some((3, None)));
        let key = 0x0102_0304_0506_07ff;
        assert_eq!(own.read_session(&own.sign_session(3, 1_000, Some(key)), 999), Some((3, Some(key))));
        assert_eq!(own.read_session(&session, 1_000), None);
        assert_eq!(own.read_session(&session.replace("3.", "4."), 999), None);
        assert_eq!(secrets(8).read_session(&session, 999), None);
        for junk in ["", ".", "3.1000", "3.1000.zz", "3.1000."] {
            assert_eq!(own.read_session(junk, 999), None);
        }
    }

    #[test]
    fn users_are_signed_by_the_sites_secret() {
        let own = secrets(7);
        let signature = hex(&hmac(own.site_secret(1).as_bytes(), b"42"));
        assert!(own.user_signed(1, "42", &signature));
        assert!(!own.user_signed(1, "43", &signature));
        assert!(!own.user_signed(2, "42", &signature));
    }

    #[test]
    fn hmac_sha256_as_in_rfc_4231() {
        assert_eq!(
            hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}

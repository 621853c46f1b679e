//! The key file: the one secret that everything signed or hashed here hangs on.

use anyhow::{Context, bail};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use siphasher::sip128::{Hasher128, SipHasher24};
use std::fmt::Write as _;
use std::fs;
use std::hash::Hasher;
use std::path::Path;
use subtle::ConstantTimeEq;

/// Keys derived from the key file, one for each use.
pub(crate) struct Secrets {
    id: String,
    user: [u8; 32],
    signature: [u8; 32],
    session: [u8; 32],
    payload: [u8; 16],
}

impl Secrets {
    /// Reads the key file; where there is none yet, makes one (mode 0600), unless there is `data` that was written with
    /// another.
    pub(crate) fn open(path: &Path, data: bool) -> anyhow::Result<Secrets> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && data => bail!(
                "there is no key file {}, and the data was written with one: bring it back, or say where it is by --key-file",
                path.display()
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = format!("beckon-key-1 {}\n", hex(&random::<32>()?));
                write_private(path, &text).with_context(|| format!("cannot write the key file {}", path.display()))?;
                text
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read the key file {}", path.display())),
        };
        let master = text.trim().strip_prefix("beckon-key-1 ").and_then(unhex);
        let Some(master) = master.filter(|master| master.len() == 32) else {
            bail!("the key file {} is not one: expected `beckon-key-1` and 64 hex digits", path.display());
        };
        Ok(Secrets::derive(&master))
    }

    fn derive(master: &[u8]) -> Secrets {
        let key = |label: &str| hmac(master, label.as_bytes());
        let mut payload = [0; 16];
        payload.copy_from_slice(&key("payload")[..16]);
        Secrets {
            id: hex(&key("id")[..8]),
            user: key("user"),
            signature: key("signature"),
            session: key("session"),
            payload,
        }
    }

    /// Names the key without telling it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What is kept of a shop's user id.
    pub(crate) fn user(&self, site: i64, user: &str) -> [u8; 16] {
        let mut hash = [0; 16];
        hash.copy_from_slice(&hmac(&self.user, format!("{site}:{user}").as_bytes())[..16]);
        hash
    }

    /// By which what was refused of a visitor is found.
    pub(crate) fn visitor(&self, visitor: &str) -> [u8; 16] {
        self.hash(|feed| feed(visitor.as_bytes()))
    }

    /// The site's secret that its server signs user ids with.
    pub(crate) fn site_secret(&self, site: i64) -> String {
        hex(&hmac(&self.signature, site.to_string().as_bytes()))
    }

    /// Whether `signature` is hex HMAC-SHA256(site secret, user).
    pub(crate) fn user_signed(&self, site: i64, user: &str, signature: &str) -> bool {
        let expected = hmac(self.site_secret(site).as_bytes(), user.as_bytes());
        unhex(signature).is_some_and(|given| given.ct_eq(&expected).into())
    }

    /// A keyed hash of 128 bits.
    pub(crate) fn hash(&self, feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_key(&self.payload);
        feed(&mut |bytes| hasher.write(bytes));
        hasher.finish128().as_bytes()
    }

    /// The dashboard's session: who and until when (ms), signed.
    pub(crate) fn sign_session(&self, site: i64, until: i64) -> String {
        let text = format!("{site}.{until}");
        format!("{text}.{}", hex(&hmac(&self.session, text.as_bytes())))
    }

    /// The site of a session that [`Secrets::sign_session`] signed and that has not ended by `now`.
    pub(crate) fn read_session(&self, session: &str, now: i64) -> Option<i64> {
        let (text, signature) = session.rsplit_once('.')?;
        let expected = hmac(&self.session, text.as_bytes());
        let good: bool = unhex(signature)?.ct_eq(&expected).into();
        let (site, until) = text.split_once('.')?;
        (good && until.parse::<i64>().ok()? > now).then(|| site.parse().ok())?
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

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// Creates a file that only its owner can read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // The name too: data without its key could not be opened.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_and_cannot_be_forged() {
        let secrets = Secrets::derive(&[7; 32]);
        let session = secrets.sign_session(3, 1_000);
        assert_eq!(secrets.read_session(&session, 999), Some(3));
        assert_eq!(secrets.read_session(&session, 1_000), None);
        assert_eq!(secrets.read_session(&session.replace("3.", "4."), 999), None);
        assert_eq!(Secrets::derive(&[8; 32]).read_session(&session, 999), None);
        for junk in ["", ".", "3.1000", "3.1000.zz", "3.1000."] {
            assert_eq!(secrets.read_session(junk, 999), None);
        }
    }

    #[test]
    fn users_are_signed_by_the_sites_secret() {
        let secrets = Secrets::derive(&[7; 32]);
        let signature = hex(&hmac(secrets.site_secret(1).as_bytes(), b"42"));
        assert!(secrets.user_signed(1, "42", &signature));
        assert!(!secrets.user_signed(1, "43", &signature));
        assert!(!secrets.user_signed(2, "42", &signature));
    }

    #[test]
    fn hmac_sha256_as_in_rfc_4231() {
        assert_eq!(
            hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}

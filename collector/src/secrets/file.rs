//! The key file: a line that says its form, the master key that everything hashed or signed hangs on, and the keys that
//! seal, each with its id, the newest last. Files of the first form hold the master alone.

use super::{hex, random, unhex};
use anyhow::{Context, bail};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A key that seals.
pub(crate) struct SealingKey {
    /// Names it in what it sealed; drawn, so that no two files ever mean different keys by one id.
    pub(super) id: [u8; 4],
    pub(super) key: [u8; 32],
}

impl SealingKey {
    /// A new one.
    pub(super) fn draw() -> anyhow::Result<SealingKey> {
        Ok(SealingKey { id: random()?, key: random()? })
    }
}

/// What stands in the file.
pub(super) struct KeyFile {
    path: PathBuf,
    pub(super) master: [u8; 32],
    pub(super) sealing: Vec<SealingKey>,
}

impl KeyFile {
    /// Reads the file; where there is none yet, makes one (mode 0600), unless there is `data` that was written with
    /// another. Says so in the log where others than its owner may look into it.
    pub(super) fn open(path: &Path, data: bool) -> anyhow::Result<KeyFile> {
        let missing = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
        match fs::read_to_string(path) {
            Ok(text) => {
                warn_of_readers(path);
                KeyFile::parse(path, &text)
            }
            Err(error) if missing(&error) && data => bail!(
                "there is no key file {}, and the data was written with one: bring it back, or say where it is by --key-file",
                path.display()
            ),
            Err(error) if missing(&error) => {
                let made = KeyFile { path: path.to_owned(), master: random()?, sealing: vec![SealingKey::draw()?] };
                made.put(path, |beside| {
                    // Unlike a rename this never replaces the file that another first start made meanwhile.
                    fs::hard_link(beside, path)?;
                    fs::remove_file(beside)
                })?;
                Ok(made)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read the key file {}", path.display())),
        }
    }

    /// One that is nowhere on disk.
    #[cfg(any(test, feature = "fuzz"))]
    pub(super) fn of(master: [u8; 32], sealing: Vec<SealingKey>) -> KeyFile {
        KeyFile { path: PathBuf::new(), master, sealing }
    }

    /// Reads the file once more; what there is to say of it was said the first time.
    pub(super) fn again(&self) -> anyhow::Result<KeyFile> {
        let read = fs::read_to_string(&self.path);
        let text = read.with_context(|| format!("cannot read the key file {}", self.path.display()))?;
        KeyFile::parse(&self.path, &text)
    }

    fn parse(path: &Path, text: &str) -> anyhow::Result<KeyFile> {
        match KeyFile::read(text) {
            Some((master, sealing)) => Ok(KeyFile { path: path.to_owned(), master, sealing }),
            None => bail!(
                "the key file {} is not one: expected `beckon-key-2` and lines `master` and `seal`, \
                 or `beckon-key-1` and 64 hex digits",
                path.display()
            ),
        }
    }

    fn read(text: &str) -> Option<([u8; 32], Vec<SealingKey>)> {
        let bytes = |text: &str| <[u8; 32]>::try_from(unhex(text)?).ok();
        if let Some(master) = text.trim().strip_prefix("beckon-key-1 ") {
            return Some((bytes(master)?, Vec::new()));
        }
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        if lines.next()?.trim() != "beckon-key-2" {
            return None;
        }
        let master = bytes(lines.next()?.strip_prefix("master ")?.trim())?;
        let sealing = lines.map(|line| {
            let (id, key) = line.strip_prefix("seal ")?.trim().split_once(' ')?;
            Some(SealingKey { id: unhex(id)?.try_into().ok()?, key: bytes(key)? })
        });
        Some((master, sealing.collect::<Option<_>>()?))
    }

    fn text(&self) -> String {
        let mut text = format!("beckon-key-2\nmaster {}\n", hex(&self.master));
        for SealingKey { id, key } in &self.sealing {
            text.extend(["seal ", &hex(id), " ", &hex(key), "\n"]);
        }
        text
    }

    /// Puts the file in the place of the old one, all of it or nothing, whatever happens meanwhile.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        // A link stays one: what it leads to is what is replaced.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        self.put(&path, |beside| fs::rename(beside, &path))
    }

    /// Writes the file beside its place, synced, and then puts it there: whoever looks, also after a power cut, finds all
    /// of it or none.
    fn put(&self, path: &Path, place: impl FnOnce(&Path) -> std::io::Result<()>) -> anyhow::Result<()> {
        let written = (|| {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(".new");
            let beside = path.with_file_name(name);
            let mut file = private(&beside, fs::OpenOptions::new().write(true).create(true).truncate(true))?;
            keep_owner(&file, path);
            file.write_all(self.text().as_bytes())?;
            file.sync_all()?;
            place(&beside)?;
            // The name too: data without its key could not be opened.
            sync_folder(path)
        })();
        written.with_context(|| format!("cannot write the key file {}", path.display()))
    }
}

/// Opens a file that, where it is made here, only its owner can read.
fn private(path: &Path, options: &mut fs::OpenOptions) -> std::io::Result<fs::File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// Gives a file to the owner of the one that it takes the place of: root may rotate keys for a service that runs as
/// somebody else, which is to read them still. Nobody but root can give a file away, nor needs to.
fn keep_owner(file: &fs::File, path: &Path) {
    #[cfg(unix)]
    if let Ok(old) = fs::metadata(path) {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    }
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

/// Says in the log that others can read the keys. It is no reason not to start: where a secret is mounted, its mode is
/// often not ours to set.
fn warn_of_readers(path: &Path) {
    #[cfg(unix)]
    if let Ok(about) = fs::metadata(path) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            tracing::warn!(
                file = %path.display(), mode = format!("{mode:o}"),
                "OTHERS THAN ITS OWNER CAN READ THE KEY FILE, and with it all that is sealed: set its mode to 600"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        let master = "ab".repeat(32);
        let (key, sealing) = KeyFile::read(&format!("beckon-key-1 {master}\n")).unwrap();
        assert_eq!((key, sealing.len()), ([0xab; 32], 0));
        let made =
            KeyFile { path: PathBuf::new(), master: [1; 32], sealing: vec![SealingKey { id: [2; 4], key: [3; 32] }] };
        let (key, sealing) = KeyFile::read(&made.text()).unwrap();
        assert_eq!((key, sealing[0].id, sealing[0].key), ([1; 32], [2; 4], [3; 32]));
        for wrong in [
            String::new(),
            "beckon-key-1 ab".to_owned(),
            format!("beckon-key-3\nmaster {master}\n"),
            "beckon-key-2\n".to_owned(),
            format!("beckon-key-2\nmaster {master}\nseal 01 {master}\n"),
            format!("beckon-key-2\nmaster {master}\nseal 01020304 ab\n"),
            format!("beckon-key-2\nmaster {master}\nother\n"),
        ] {
            assert!(KeyFile::read(&wrong).is_none(), "{wrong}");
        }
    }
}

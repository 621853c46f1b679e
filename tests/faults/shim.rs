//! The shim of `shim.c`: built once, loaded into a collector, and switched by its control file.

use crate::collector::{Collector, Folder};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

/// Words of the control file: `shim.c` says what each of them does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word {
    SyncDelayUs = 0,
    SyncError = 1,
    SyncFailures = 2,
    SyncForgets = 3,
    SyncLies = 4,
    WriteError = 5,
    WriteRoom = 6,
    ClockMs = 7,
    CutIn = 8,
    CutSeed = 9,
    Track = 10,
    KillAfter = 11,
    Syncs = 16,
    SyncsFailed = 17,
    WritesFailed = 18,
    Lost = 19,
}

const SIZE: usize = 4096;
/// Where the ends of the names of files begin.
const NAMES: u64 = 512;

/// The switches of one collector.
pub(crate) struct Faults {
    library: &'static Path,
    path: PathBuf,
    file: File,
}

impl Faults {
    /// For a collector over a folder; about files whose names end in one of `names`, parted by commas. `None`, said
    /// aloud, where there is no C compiler.
    pub(crate) fn new(folder: &Folder, names: &str) -> Option<Faults> {
        let library = library()?;
        let path = folder.path("control");
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).expect("a file");
        file.write_all_at(&[0; SIZE], 0).expect("an empty control file");
        file.write_all_at(names.as_bytes(), NAMES).expect("the names");
        Some(Faults { library, path, file })
    }

    /// Holds from the collector's next call on.
    pub(crate) fn set(&self, word: Word, value: i64) {
        self.file.write_all_at(&value.to_ne_bytes(), word as u64 * 8).expect("the control file");
    }

    pub(crate) fn get(&self, word: Word) -> i64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, word as u64 * 8).expect("the control file");
        i64::from_ne_bytes(bytes)
    }

    /// What makes a program load the shim.
    pub(crate) fn environment(&self) -> [(&str, &Path); 2] {
        [("LD_PRELOAD", self.library), ("BECKON_FAULTS", &self.path)]
    }

    /// A collector that these faults happen to.
    pub(crate) fn collector(&self, folder: &Arc<Folder>) -> Collector {
        Collector::with(folder, &[], &self.environment())
    }
}

/// The built shim.
fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/shim.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (fresh, library) = (folder.join(format!("shim-{}.so", std::process::id())), folder.join("shim.so"));
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let built = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([&fresh, &source])
            .args(["-ldl", "-lpthread"])
            .status();
        match built {
            Ok(status) => assert!(status.success(), "the shim could not be built"),
            Err(error) => {
                // Past the capture of a test that passes: a skip is to be seen.
                let _ = writeln!(std::io::stderr(), "skipped: faults of the disk need a C compiler ({error})");
                return None;
            }
        }
        // Another run may be loading the one that is there.
        fs::rename(&fresh, &library).expect("the shim in its place");
        Some(library)
    });
    built.as_deref()
}

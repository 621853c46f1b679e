//! `beckon backup`.

use crate::config::Backup;
use crate::store::sqlite;
use anyhow::bail;
use std::process::ExitCode;

/// Copies the data as of now into one file, beside a running collector or without one.
pub(crate) fn run(options: &Backup) -> anyhow::Result<ExitCode> {
    if options.file.exists() {
        bail!("{} is there already: a backup never replaces a file", options.file.display());
    }
    let bytes = sqlite::backup(&options.data.data, &options.file)?;
    println!("{}: {} MB", options.file.display(), bytes / 1_000_000);
    println!(
        "To restore, put it as beckon.db into an empty folder. The key file {} belongs to it.",
        options.data.key_file().display()
    );
    Ok(ExitCode::SUCCESS)
}

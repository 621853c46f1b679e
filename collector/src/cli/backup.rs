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
    println!("{}: {:.1} MB, checked", options.file.display(), bytes as f64 / 1e6);
    println!("To restore: mkdir DIR && cp {} DIR/beckon.db, with the key file as DIR.key", options.file.display());
    println!(
        "The key file {} is not in it and belongs to it: keep a copy elsewhere.",
        options.data.key_file().display()
    );
    Ok(ExitCode::SUCCESS)
}

//! `beckon erase`.

use super::keys::site;
use crate::clock;
use crate::config::Erase;
use crate::secrets::Secrets;
use crate::store::sqlite::Sqlite;
use crate::store::{Erasure, Gauges, Write as _};
use anyhow::{Context, bail};
use std::process::ExitCode;
use std::sync::Arc;

/// Erases a visitor, or all that belongs to a user, and writes the database anew.
pub(crate) fn run(options: &Erase) -> anyhow::Result<ExitCode> {
    let folder = &options.data.data;
    if !Sqlite::is_in(folder) {
        bail!("there is no data in {}", folder.display());
    }
    let mut secrets = Secrets::open(&options.data.key_file(), true)?;
    let store = Sqlite::open(folder, secrets.id(), clock::now(), Box::new(|_| ()), Gauges::new(clock::uptime))
        .context("nothing was erased; beside a running collector use POST /v1/erase")?;
    secrets.settle()?;
    let secrets = Arc::new(secrets);
    let hashing = Arc::clone(&secrets);
    let site = site(&store, &options.site)?;
    let erased = store.erase(&Erasure {
        site,
        visitor: options.visitor.clone(),
        user: options.user.as_ref().map(|user| secrets.user(site, user)),
        hash: Arc::new(move |visitor| hashing.visitor(visitor)),
        vacuum: true,
    })?;
    store.close();
    for (name, n) in erased.counts() {
        println!("{n:>9} {name}");
    }
    for note in erased.notes() {
        println!("{note}");
    }
    // The log goes with the last connection.
    Ok(if erased.scrubbed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

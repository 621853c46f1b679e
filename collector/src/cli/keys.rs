//! `beckon keys`.

use crate::clock;
use crate::config::Data;
use crate::secrets::{Secrets, Unopened};
use crate::store::Gauges;
use crate::store::Write as _;
use crate::store::sqlite::Sqlite;
use anyhow::bail;
use std::process::ExitCode;

/// Events whose properties are sealed anew in one transaction.
const BATCH: usize = 500;

/// Seals everything sealed under a new key, then drops the old one. It may end anywhere: both keys stay in the file
/// until nothing is under the old one, and the next run goes on.
pub(crate) fn rotate(data: &Data) -> anyhow::Result<ExitCode> {
    if !Sqlite::is_in(&data.data) {
        bail!("there is no data in {}", data.data.display());
    }
    let mut secrets = Secrets::open(&data.key_file(), true)?;
    let store = Sqlite::open(&data.data, secrets.id(), Box::new(|_| ()), Gauges::new(clock::uptime))?;
    secrets.settle()?;
    if !secrets.can_seal() {
        bail!("no key can be added to the key file {}", data.key_file().display());
    }
    if secrets.sealing_keys() == 1 {
        secrets.add_sealing_key()?;
    } else {
        println!("going on with a rotation that did not come to its end");
    }
    let (mut after, mut done, mut lost, mut damaged) = (0, 0, 0, 0);
    loop {
        let rows = store.sealed_after(after, BATCH)?;
        let Some(last) = rows.last() else { break };
        after = last.row;
        let mut again = Vec::with_capacity(rows.len());
        for mut row in rows {
            match secrets.reseal(row.site, row.id, &row.blob) {
                Ok(None) => {}
                Ok(Some(blob)) => {
                    row.blob = blob;
                    again.push(row);
                }
                Err(Unopened::KeyLost) => lost += 1,
                Err(Unopened::Damaged) => damaged += 1,
            }
        }
        done += again.len();
        if !again.is_empty() {
            store.put_sealed(again)?;
        }
        println!("{done} events sealed anew");
    }
    store.close();
    if lost > 0 {
        println!("{lost} events are sealed by keys that are not in the key file: they stay as they are");
    }
    if damaged > 0 {
        println!("{damaged} events cannot be opened with their key: the old key stays in the file");
        return Ok(ExitCode::FAILURE);
    }
    secrets.drop_old_sealing_keys()?;
    println!("The old key is gone. Backups from before need the key file from before.");
    Ok(ExitCode::SUCCESS)
}

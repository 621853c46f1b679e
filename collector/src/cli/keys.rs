//! `beckon keys`.

use crate::access::new_key;
use crate::clock;
use crate::config::{Data, KeyList, NewKey, OfSite, OldKey};
use crate::secrets::{Secrets, Unopened, sha256};
use crate::store::sqlite::{InUse, Sqlite};
use crate::store::{Gauges, Key, KeyId, Listed, Read, Scopes, Write as _};
use anyhow::{Context, bail};
use engine::time;
use std::process::ExitCode;

/// Events whose properties are sealed anew in one transaction.
const BATCH: usize = 500;

/// Shows every key of a site; of secret ones only what they may do, since nobody has them any more.
pub(crate) fn list(options: &KeyList) -> anyhow::Result<ExitCode> {
    let store = Sqlite::look(&options.data.data, Gauges::new(clock::uptime))?;
    let site = site(&store, &options.site)?;
    let keys = store.keys(site)?;
    let width = keys.iter().map(|listed| listed.key.name.chars().count()).max().unwrap_or(0).max("NAME".len());
    println!("{:16}  {:7}  {:24}  {:7}  {:width$}  WHAT", "ID", "KIND", "MADE", "STATE", "NAME");
    for Listed { id, key, revoked } in keys {
        let (kind, what) = match &key.text {
            Some(text) => ("public", text.clone()),
            None => ("secret", key.scopes.names().join(",")),
        };
        let state = if revoked.is_some() { "revoked" } else { "holds" };
        println!("{id}  {kind:7}  {}  {state:7}  {:width$}  {what}", time::text(key.made), key.name);
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a key and prints it.
pub(crate) fn create(options: &NewKey) -> anyhow::Result<ExitCode> {
    let store = open(&options.data, "POST /v1/keys")?;
    let site = site(&store, &options.site)?;
    let scopes = options.scopes.iter().filter_map(|name| Scopes::named(name)).fold(Scopes::NONE, Scopes::and);
    let key = new_key(if options.public { "pk" } else { "sk" })?;
    let (hash, text) = (sha256(&key), options.public.then(|| key.clone()));
    let made = Key { site, scopes, text, name: options.name.clone(), made: clock::now() };
    store.put_keys(vec![(hash, made)])?;
    store.close();
    println!("{key}");
    Ok(ExitCode::SUCCESS)
}

/// Revokes a key.
pub(crate) fn revoke(options: &OldKey) -> anyhow::Result<ExitCode> {
    let store = open(&options.data, "DELETE /v1/keys/{id}")?;
    let site = site(&store, &options.site)?;
    let id =
        KeyId::parse(&options.id).context("expected the id of a key, 16 hex digits: `beckon keys list` shows it")?;
    let revoked = store.revoke_key(site, id, clock::now())?;
    store.close();
    if !revoked {
        bail!("no key of the id {id} holds at this site");
    }
    println!("revoked");
    Ok(ExitCode::SUCCESS)
}

/// The store, to be changed; beside a running collector `instead` is the way.
fn open(data: &Data, instead: &str) -> anyhow::Result<Sqlite> {
    if !Sqlite::is_in(&data.data) {
        bail!("there is no data in {}", data.data.display());
    }
    let secrets = Secrets::open(&data.key_file(), true)?;
    Sqlite::open(&data.data, secrets.id(), clock::now(), Box::new(|_| ()), Gauges::new(clock::uptime)).map_err(
        |error| match error.downcast::<InUse>() {
            Ok(error) => anyhow::anyhow!("{error}, or ask it by `{instead}`"),
            Err(error) => error,
        },
    )
}

/// The number of a site.
pub(super) fn site(store: &dyn Read, named: &OfSite) -> anyhow::Result<i64> {
    let site = store.sites()?.into_iter().find(|site| site.name == named.site);
    site.map(|site| site.id).with_context(|| format!("there is no site `{}`", named.site))
}

/// Seals everything sealed under a new key, then drops the old one. It may end anywhere: both keys stay in the file
/// until nothing is under the old one, and the next run goes on.
pub(crate) fn rotate(data: &Data) -> anyhow::Result<ExitCode> {
    if !Sqlite::is_in(&data.data) {
        bail!("there is no data in {}", data.data.display());
    }
    let mut secrets = Secrets::open(&data.key_file(), true)?;
    let store = Sqlite::open(&data.data, secrets.id(), clock::now(), Box::new(|_| ()), Gauges::new(clock::uptime))?;
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

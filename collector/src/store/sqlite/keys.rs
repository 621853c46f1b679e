//! Keys and sites: few, small, and seldom changed.

use crate::error::Error;
use crate::store::{Key, KeyId, Listed, Scopes, Site};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What [`site`] reads, to be followed by a condition.
pub(super) const SITE: &str =
    "select id, name, origins, holdout, version, sensitive, retention, sealed_before from sites";

/// A site out of a row of [`SITE`].
pub(super) fn site(row: &Row<'_>) -> Result<Site, Error> {
    let list = |column: usize| -> Result<Vec<String>, Error> {
        serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| Error::Internal(error.into()))
    };
    Ok(Site {
        id: row.get(0)?,
        name: row.get(1)?,
        origins: list(2)?,
        holdout: row.get(3)?,
        version: row.get(4)?,
        sensitive: list(5)?,
        retention: row.get(6)?,
        sealed_before: row.get(7)?,
    })
}

/// Every site, oldest first.
pub(super) fn sites(connection: &Connection) -> Result<Vec<Site>, Error> {
    let mut statement = connection.prepare_cached(&format!("{SITE} order by id"))?;
    let mut rows = statement.query([])?;
    let mut sites = Vec::new();
    while let Some(row) = rows.next()? {
        sites.push(site(row)?);
    }
    Ok(sites)
}

/// Makes a site with its keys, each under its SHA-256; the number of the site in the keys is of no account. `None`
/// where there is one of this name.
pub(super) fn add_site(
    connection: &mut Connection,
    name: &str,
    origins: &str,
    holdout: f64,
    keys: Vec<([u8; 32], Key)>,
) -> Result<Option<i64>, Error> {
    let transaction = connection.transaction()?;
    let made = transaction.execute(
        "insert into sites (name, origins, holdout) values (?, ?, ?) on conflict do nothing",
        params![name, origins, holdout],
    )?;
    if made == 0 {
        return Ok(None);
    }
    let site = transaction.last_insert_rowid();
    let keys: Vec<_> = keys.into_iter().map(|(hash, key)| (hash, Key { site, ..key })).collect();
    put(&transaction, &keys)?;
    transaction.commit()?;
    Ok(Some(site))
}

/// Keeps keys; one that is there stays as it is, revoked or not.
pub(super) fn put(connection: &Connection, keys: &[([u8; 32], Key)]) -> Result<(), Error> {
    for (hash, key) in keys {
        connection.execute(
            "insert into keys (hash, site, scopes, text, name, made) values (?, ?, ?, ?, ?, ?) on conflict do nothing",
            params![hash, key.site, key.scopes.0, key.text, key.name, key.made],
        )?;
    }
    Ok(())
}

/// The keys of a site, those that were revoked too, oldest first.
pub(super) fn list(connection: &Connection, site: i64) -> Result<Vec<Listed>, Error> {
    let mut statement = connection.prepare_cached(
        "select hash, scopes, text, name, coalesce(made, 0), revoked from keys where site = ? order by made, hash",
    )?;
    let keys = statement.query_map([site], |row| {
        let hash: [u8; 32] = row.get(0)?;
        let key = Key { site, scopes: Scopes(row.get(1)?), text: row.get(2)?, name: row.get(3)?, made: row.get(4)? };
        Ok(Listed { id: KeyId::of(&hash), key, revoked: row.get(5)? })
    })?;
    Ok(keys.collect::<Result<_, _>>()?)
}

/// Whether a key is there and was not revoked.
pub(super) fn holds(connection: &Connection, site: i64, id: KeyId) -> Result<bool, Error> {
    let mut statement = connection
        .prepare_cached("select 1 from keys where site = ? and substr(hash, 1, 8) = ? and revoked is null")?;
    Ok(statement.query_row(params![site, id.0.to_be_bytes()], |_| Ok(())).optional()?.is_some())
}

/// Revokes a key of a site at `now` (ms); false where there is none of this id that holds.
pub(super) fn revoke(connection: &Connection, site: i64, id: KeyId, now: i64) -> Result<bool, Error> {
    let revoked = connection.execute(
        "update keys set revoked = ? where site = ? and substr(hash, 1, 8) = ? and revoked is null",
        params![now, site, id.0.to_be_bytes()],
    )?;
    Ok(revoked > 0)
}

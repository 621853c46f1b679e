//! Strings that repeat stand once and are referred to by number. They are found by a hash: an index over the texts
//! themselves would hold each of them a second time.

use crate::error::Error;
use rusqlite::{Connection, OptionalExtension, params};
use siphasher::sip::SipHasher13;

/// The number of a text, if it has one.
pub(super) fn find(connection: &Connection, text: &str) -> Result<Option<i64>, Error> {
    let mut statement = connection.prepare_cached("select id from strings where hash = ? and text = ?")?;
    Ok(statement.query_row(params![hash(text), text], |row| row.get(0)).optional()?)
}

/// The number of a text, given to it where it has none.
pub(super) fn number(connection: &Connection, text: &str) -> Result<i64, Error> {
    if let Some(id) = find(connection, text)? {
        return Ok(id);
    }
    connection.prepare_cached("insert into strings (hash, text) values (?, ?)")?.execute(params![hash(text), text])?;
    Ok(connection.last_insert_rowid())
}

/// The same for ever: it is on disk.
pub(super) fn hash(text: &str) -> i64 {
    SipHasher13::new_with_keys(0x6265_636b_6f6e, 1).hash(text.as_bytes()) as i64
}

//! What the writer remembers, and what makes it forget: for jobs that take rows away behind its back.

use super::Appender;
use crate::error::Error;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashSet;

/// Numbers that were given out since somebody began to look for those that nothing refers to.
#[derive(Default)]
pub(in crate::store) struct Used {
    /// Of strings.
    pub(in crate::store) strings: HashSet<i64>,
    /// Of clients.
    pub(in crate::store) clients: HashSet<i64>,
}

impl Appender {
    /// Forgets a visitor: their row has changed or is gone.
    pub(in crate::store) fn forget_visitor(&mut self, site: i64, visitor: &str) {
        self.visitors.take(&(site, visitor.to_owned()));
    }

    /// Forgets a string that is gone.
    pub(in crate::store) fn forget_string(&mut self, text: &str) {
        self.strings.take(text);
    }

    /// Forgets what was learned of an item.
    pub(in crate::store) fn forget_item(&mut self, site: i64, item: i64) {
        self.items.take(&(site, item));
    }

    /// Forgets all clients: some of them are gone.
    pub(in crate::store) fn forget_clients(&mut self) {
        self.clients = Appender::default().clients;
    }

    /// Forgets from when on sites take events.
    pub(in crate::store) fn forget_seals(&mut self) {
        self.sealed.clear();
    }

    /// From now on notes which strings and clients are referred to anew, until [`Appender::unwatch`].
    pub(in crate::store) fn watch(&mut self) {
        self.used = Some(Used::default());
    }

    /// What was referred to since [`Appender::watch`]; `None` where that is not known any more.
    pub(in crate::store) fn used(&self) -> Option<&Used> {
        self.used.as_ref()
    }

    /// Ends what [`Appender::watch`] began.
    pub(in crate::store) fn unwatch(&mut self) {
        self.used = None;
    }

    /// The time that a site's events must not be before: what was then is sealed, and only its sums are left.
    pub(super) fn sealed_before(&mut self, connection: &Connection, site: i64) -> Result<i64, Error> {
        if let Some(sealed) = self.sealed.get(&site) {
            return Ok(*sealed);
        }
        let sealed: Option<Option<i64>> = connection
            .prepare_cached("select sealed_before from sites where id = ?")?
            .query_row([site], |row| row.get(0))
            .optional()?;
        let sealed = sealed.flatten().unwrap_or(i64::MIN);
        self.sealed.insert(site, sealed);
        Ok(sealed)
    }
}

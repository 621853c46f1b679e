//! Raw events on their way out: what of them, in which form; the same for the command line and for HTTP.

use crate::error::Error;
use crate::secrets::{Secrets, hex, unhex};
use crate::store::{Exported, Read, Stored};
use engine::event::units;
use engine::time;
use engine::value::{Map, Value};
use std::io::{self, Write};
use std::ops::{ControlFlow, Range};

/// What is said of an event whose sealed properties cannot be opened.
pub(crate) const UNOPENED: &str = "what reads [sealed] was sealed by a key that is not in the key file";

/// Bytes gathered before they go out.
const CHUNK: usize = 64 * 1024;

/// How events are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// A JSON object a line, which `beckon import --format ndjson` reads again.
    Ndjson,
    /// RFC 4180, with the names of [`COLUMNS`] on top.
    Csv,
}

/// The columns of CSV, each with what it holds of an exported event.
const COLUMNS: &[(&str, Column)] = &[
    ("id", |exported| Some(exported.stored.id.text())),
    ("name", |exported| Some(exported.stored.event.name.clone())),
    ("time", |exported| Some(time::text(exported.stored.time))),
    ("at", |exported| Some(time::text(exported.stored.event.at))),
    ("received", |exported| Some(time::text(exported.stored.received))),
    ("visitor", |exported| Some(exported.stored.visitor.clone())),
    ("url", |exported| exported.stored.event.page.url.clone()),
    ("title", |exported| exported.stored.event.page.title.clone()),
    ("referrer", |exported| exported.stored.event.page.referrer.clone()),
    ("currency", |exported| exported.stored.event.currency.clone()),
    ("value", |exported| exported.stored.event.value.map(|value| units(value).to_string())),
    ("transaction_id", |exported| exported.stored.event.transaction_id.clone()),
    ("device", |exported| exported.device.clone()),
    ("os", |exported| exported.os.clone()),
    ("browser", |exported| exported.browser.clone()),
    ("language", |exported| exported.language.clone()),
    ("items", |exported| {
        let items = &exported.stored.event.items;
        (!items.is_empty()).then(|| json(&items.iter().map(engine::event::Item::to_value).collect::<Vec<_>>()))
    }),
    ("props", |exported| {
        let props = &exported.stored.event.props;
        (!props.is_empty()).then(|| json(props))
    }),
];

/// What a column holds of an event.
type Column = fn(&Exported) -> Cell;

/// The text of a cell; `None` for an empty one.
pub(crate) type Cell = Option<String>;

fn json(value: &impl serde::Serialize) -> String {
    // Values have string keys and finite numbers: they always have a text.
    serde_json::to_string(value).unwrap_or_default()
}

/// The range of corrected times from `from` to before `to`, each RFC 3339 or a day of UTC; all of them without.
///
/// # Errors
/// The name of the one that cannot be used.
pub(crate) fn range(from: Option<&str>, to: Option<&str>) -> Result<Range<i64>, &'static str> {
    let moment = |text: &str| time::parse(text).or_else(|| time::parse(&format!("{text}T00:00:00Z")));
    let from = from.map_or(Ok(i64::MIN), |from| moment(from).ok_or("from"))?;
    let to = to.map_or(Ok(i64::MAX), |to| moment(to).ok_or("to"))?;
    if from > to { Err("from") } else { Ok(from..to) }
}

/// What is expected of the bounds of a range.
pub(crate) const MOMENT: &str = "expected RFC 3339 or YYYY-MM-DD (UTC), `from` not after `to`";

/// Writes the events of a site in the order stored, piece by piece, until `piece` has enough; memory stays the same
/// however many there are. Sealed properties are opened by
/// `secrets`. Returns how many there were.
pub(crate) fn events(
    store: &dyn Read,
    secrets: &Secrets,
    site: i64,
    range: &Range<i64>,
    form: Form,
    piece: &mut dyn FnMut(Vec<u8>) -> ControlFlow<()>,
) -> Result<u64, Error> {
    let mut chunk = Vec::with_capacity(CHUNK + 4096);
    let mut n = 0;
    if form == Form::Csv {
        let names = COLUMNS.iter().map(|(name, _)| Some((*name).to_owned()));
        row(&mut chunk, names).map_err(|error| Error::Internal(error.into()))?;
    }
    let mut broken = None;
    store.export(site, range, &mut |mut exported| {
        let Stored { id, sealed, event, .. } = &mut exported.stored;
        let whole = sealed.as_deref().is_none_or(|blob| secrets.unseal(site, *id, blob, &mut event.props));
        let written = match form {
            Form::Ndjson => line(&mut chunk, &exported, whole),
            Form::Csv => row(&mut chunk, COLUMNS.iter().map(|(_, cell)| cell(&exported))),
        };
        if let Err(error) = written {
            broken = Some(error);
            return ControlFlow::Break(());
        }
        n += 1;
        if chunk.len() < CHUNK { ControlFlow::Continue(()) } else { piece(std::mem::take(&mut chunk)) }
    })?;
    match broken {
        Some(error) => Err(Error::Internal(error.into())),
        None => {
            // Who has enough of it gets no rest, and needs none.
            let _ = piece(chunk);
            Ok(n)
        }
    }
}

/// What is told of the client of an event.
const CLIENT: [&str; 4] = ["device", "os", "browser", "language"];

fn line(out: &mut Vec<u8>, exported: &Exported, whole: bool) -> io::Result<()> {
    let stored = &exported.stored;
    let mut map = stored.event.to_value();
    map.set_some("note", (!whole).then(|| UNOPENED.to_owned()));
    map.set("visitor", stored.visitor.as_str());
    map.set("time", time::text(stored.time));
    map.set("received", time::text(stored.received));
    let mut client = Map::new();
    for (key, value) in CLIENT.into_iter().zip([&exported.device, &exported.os, &exported.browser, &exported.language])
    {
        client.set_some(key, value.clone());
    }
    if !client.is_empty() {
        map.set("client", client);
    }
    let mut restore = Map::new().with("hash", hex(&exported.hash));
    if let Some(user) = &exported.user {
        restore.set("user", hex(user));
        restore.set("joined", exported.joined);
    }
    map.set("restore", restore);
    serde_json::to_writer(&mut *out, &map)?;
    out.write_all(b"\n")
}

/// What a line of an export says beside the event itself.
pub(crate) struct Beside {
    /// The corrected time, in ms.
    pub(crate) time: Option<i64>,
    /// Keyed hash of the payload as it once came.
    pub(crate) hash: Option<[u8; 16]>,
    /// Keyed hash of the user, and whether that user is the visitor.
    pub(crate) user: Option<([u8; 16], bool)>,
    /// Device, operating system, browser and language.
    pub(crate) client: [Option<String>; 4],
}

/// Takes what [`events`] added out of a line, so that the event is left.
pub(crate) fn beside(map: &mut Map) -> Beside {
    let mut inner = |key: &str| match map.remove(key) {
        Some(Value::Map(inner)) => inner,
        _ => Map::new(),
    };
    let (client, restore) = (inner("client"), inner("restore"));
    let time = map.remove("time").and_then(|time| time::parse(time.as_str()?));
    map.remove("received");
    map.remove("note");
    let joined = restore.get("joined").and_then(Value::as_bool).unwrap_or(false);
    Beside {
        time,
        hash: restore.str("hash").and_then(bytes),
        user: restore.str("user").and_then(bytes).map(|user| (user, joined)),
        client: CLIENT.map(|key| client.str(key).map(str::to_owned)),
    }
}

fn bytes(text: &str) -> Option<[u8; 16]> {
    unhex(text)?.try_into().ok()
}

/// Writes a row of CSV. A cell that a spreadsheet would take for a formula is told to be text, by an apostrophe before it.
pub(crate) fn row(out: &mut Vec<u8>, cells: impl Iterator<Item = Cell>) -> io::Result<()> {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let Some(cell) = cell else { continue };
        let cell = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell };
        if cell.contains(['"', ',', '\n', '\r']) {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.extend_from_slice(cell.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("=a,b", "\"'=a,b\""),
            ("1=1", "1=1"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            row(&mut out, [None, Some(cell.to_owned())].into_iter()).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), format!(",{expected}\r\n"), "{cell:?}");
        }
    }

    #[test]
    fn ranges_are_read_and_checked() {
        let day = 24 * 60 * 60 * 1_000;
        assert_eq!(range(None, None), Ok(i64::MIN..i64::MAX));
        assert_eq!(range(Some("1970-01-02"), Some("1970-01-03T00:00:00+01:00")), Ok(day..2 * day - day / 24));
        for (from, to, wrong) in [
            (Some("yesterday"), None, "from"),
            (None, Some("2026-02-30"), "to"),
            (Some("2026-01-02"), Some("2026-01-01"), "from"),
            (Some(""), None, "from"),
        ] {
            assert_eq!(range(from, to), Err(wrong));
        }
    }
}

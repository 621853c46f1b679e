//! Alibaba's UserBehavior (Tianchi): `user,item,category,behaviour,unix seconds`, a line an event, no header.

use engine::event::{Code, Reject};
use engine::id::Id;
use engine::time::{self, HOUR, SECOND};
use engine::value::{Map, Value};
use sha2::{Digest, Sha256};

/// The behaviours and the events they are.
const BEHAVIOURS: &[(&str, &str)] =
    &[("pv", "view_item"), ("cart", "add_to_cart"), ("fav", "add_to_wishlist"), ("buy", "purchase")];

/// The days that the file says it is about, 2017-11-25 to 2017-12-03 in Shanghai, as a half-open range of ms.
const DAYS: std::ops::Range<i64> = 1_511_539_200_000..1_512_316_800_000;

/// A line as an event of our own form.
///
/// Its id is derived from the line, so a file that is brought in twice is stored once.
///
/// # Errors
/// [`Code::BadLine`] with what was expected.
pub(crate) fn line(line: &str) -> Result<Value, Reject> {
    let bad = |detail| Reject::new(Code::BadLine, "", detail);
    let fields: Vec<&str> = line.split(',').collect();
    let &[user, item, category, behaviour, seconds] = fields.as_slice() else {
        return Err(bad("expected user,item,category,behaviour,unix seconds"));
    };
    for field in [user, item, category] {
        if field.is_empty() || field.len() > 64 || !field.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(bad("expected user, item and category of 1 to 64 printable ASCII characters"));
        }
    }
    let name = BEHAVIOURS.iter().find(|(have, _)| *have == behaviour).map(|(_, name)| *name);
    let name = name.ok_or_else(|| bad("expected the behaviour pv, cart, fav or buy"))?;
    // Some lines of the whole data set have times far off, even negative ones; years 1970 to 9999 have a text.
    let at = seconds.parse::<i64>().ok().filter(|seconds| (0..253_402_300_800).contains(seconds)).map(|s| s * SECOND);
    let at = at.ok_or_else(|| bad("expected whole seconds since 1970"))?;

    let digest = Sha256::digest(line.as_bytes());
    let mut bits = [0u8; 16];
    bits.copy_from_slice(&digest[..16]);
    let item = Map::new().with("item_id", item).with("item_category", category);
    Ok(Value::Map(
        Map::new()
            .with("id", Id::v7(at, u128::from_be_bytes(bits)).text())
            .with("name", name)
            .with("at", time::text(at))
            .with("visitor", user)
            .with("items", vec![item]),
    ))
}

/// Whether a time lies outside the days that the file is about.
pub(crate) fn is_outside(at: i64) -> bool {
    !DAYS.contains(&at)
}

/// The days of the file in words, for the note about what lies outside.
pub(crate) const DAYS_TEXT: &str = "2017-11-25 to 2017-12-03, Asia/Shanghai";

const _: () = assert!((DAYS.end - DAYS.start) == 9 * 24 * HOUR);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_event() {
        let value = line("1,2268318,2520377,pv,1511544070").unwrap();
        let (event, warnings) = engine::event::Event::read(&value).unwrap();
        assert_eq!((event.name.as_str(), event.at, warnings.len()), ("view_item", 1_511_544_070_000, 0));
        assert_eq!(event.items[0].item_category.as_deref(), Some("2520377"));
        assert_eq!(line("1,2268318,2520377,pv,1511544070").unwrap(), value);
        assert_ne!(line("2,2268318,2520377,pv,1511544070").unwrap(), value);
    }

    #[test]
    fn other_lines_are_refused() {
        for text in [
            "",
            "1,2,3,pv",
            "1,2,3,pv,",
            "1,2,3,look,1511544070",
            ",2,3,pv,1",
            "1,2,3,pv,-1",
            "1,2,3,pv,1,",
            "1,2,3,pv,1e9",
        ] {
            assert_eq!(line(text).unwrap_err().code, Code::BadLine, "{text}");
        }
    }

    #[test]
    fn the_days_of_the_file() {
        assert!(
            is_outside(DAYS.start - 1) && !is_outside(DAYS.start) && !is_outside(DAYS.end - 1) && is_outside(DAYS.end)
        );
        assert_eq!(time::text(DAYS.start + 8 * HOUR), "2017-11-25T00:00:00.000Z");
    }
}

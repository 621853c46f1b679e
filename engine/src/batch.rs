//! A batch: the envelope around the events of one request, and the correction of its sender's clock.

use crate::event::{Code, Reject, is_visitor};
use crate::time::{DAY, HOUR, SECOND, parse};
use crate::value::{Map, Value};
use alloc::string::String;

/// How old an event may be when it arrives, for senders that may not backdate.
pub const WINDOW_BACK: i64 = 7 * DAY;
/// How far ahead of the collector's clock an event may be.
pub const WINDOW_AHEAD: i64 = HOUR;
/// A sender's clock within this of ours counts as right.
pub const SKEW: i64 = 60 * SECOND;
/// Most events of one batch.
pub const MAX_EVENTS: usize = 500;

/// What an envelope says of all its events; an event's own fields win.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Envelope {
    /// The key, where it travels in the body.
    pub key: Option<String>,
    /// The sender's clock when it sent, in ms.
    pub sent_at: Option<i64>,
    /// Who.
    pub visitor: Option<String>,
    /// The sender's idea of the session.
    pub session: Option<String>,
    /// The shop's own id of a signed-in user.
    pub user: Option<String>,
    /// Hex HMAC-SHA256 of `user` by the site's secret.
    pub user_sig: Option<String>,
    /// SDK, locale, time zone, screen, consent: kept as it came, masked.
    pub context: Map,
}

impl Envelope {
    /// Reads everything but the events.
    ///
    /// # Errors
    /// A field that cannot be used, with its path; it costs the batch, as it is about every event of it.
    pub fn read(map: &Map) -> Result<Envelope, Reject> {
        let text = |key: &str| match map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() && text.len() <= 256 => Ok(Some(text.clone())),
            Some(_) => Err(Reject::new(Code::BadValue, key, "expected text of 1 to 256 bytes")),
        };
        let envelope = Envelope {
            key: text("key")?,
            sent_at: match map.get("sent_at") {
                None | Some(Value::Null) => None,
                Some(value) => match value.as_str().and_then(parse) {
                    Some(at) => Some(at),
                    None => {
                        return Err(Reject::new(Code::BadTime, "sent_at", "expected an RFC 3339 time with an offset"));
                    }
                },
            },
            visitor: text("visitor")?,
            session: text("session")?,
            user: text("user")?,
            user_sig: text("user_sig")?,
            context: match map.get("context") {
                None | Some(Value::Null) => Map::new(),
                Some(Value::Map(context))
                    if context.len() <= 32 && context.iter().all(|(_, value)| value.depth() <= 2) =>
                {
                    context.clone()
                }
                Some(_) => {
                    return Err(Reject::new(Code::BadValue, "context", "expected an object of at most 32 entries"));
                }
            },
        };
        match &envelope.visitor {
            Some(visitor) if !is_visitor(visitor) => {
                Err(Reject::new(Code::BadId, "visitor", "expected 1 to 128 printable ASCII characters"))
            }
            _ => Ok(envelope),
        }
    }
}

/// An event's time by the collector's clock: `at + (received - sent_at)` where the two clocks differ by more than a
/// minute, else `at`.
pub fn corrected(at: i64, sent_at: Option<i64>, received: i64) -> i64 {
    match sent_at {
        Some(sent) if (received - sent).abs() > SKEW => at + (received - sent),
        _ => at,
    }
}

/// Whether a corrected time is inside the accept window.
///
/// # Errors
/// [`Code::TooOld`] or [`Code::InFuture`].
pub fn in_window(time: i64, received: i64) -> Result<(), Reject> {
    if time < received - WINDOW_BACK {
        Err(Reject::new(Code::TooOld, "at", "expected a time of the last 7 days"))
    } else if time > received + WINDOW_AHEAD {
        Err(Reject::new(Code::InFuture, "at", "expected a time at most 1 hour ahead"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_corrected_and_a_slow_network_is_not() {
        let received = 1_000_000_000;
        assert_eq!(corrected(received - 5_000, Some(received - SKEW), received), received - 5_000);
        assert_eq!(corrected(5_000_000, Some(5_010_000), received), received - 10_000);
        assert_eq!(corrected(7, None, received), 7);
    }

    #[test]
    fn the_window_has_two_edges() {
        let now = 100 * DAY;
        assert_eq!(in_window(now - WINDOW_BACK, now), Ok(()));
        assert_eq!(in_window(now + WINDOW_AHEAD, now), Ok(()));
        assert_eq!(in_window(now - WINDOW_BACK - 1, now).unwrap_err().code, Code::TooOld);
        assert_eq!(in_window(now + WINDOW_AHEAD + 1, now).unwrap_err().code, Code::InFuture);
    }
}

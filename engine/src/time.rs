//! Times are milliseconds since 1970-01-01T00:00:00Z, in UTC, as `i64`; their text form is RFC 3339.

use crate::value::Value;
use alloc::string::String;

/// One second, minute, hour and day in milliseconds.
pub const SECOND: i64 = 1_000;
/// See [`SECOND`].
pub const MINUTE: i64 = 60 * SECOND;
/// See [`SECOND`].
pub const HOUR: i64 = 60 * MINUTE;
/// See [`SECOND`].
pub const DAY: i64 = 24 * HOUR;

/// A time as a document or an event says it: RFC 3339, or, without the feature `wire`, milliseconds: JavaScript has read
/// it then.
pub fn read(value: &Value) -> Option<i64> {
    if cfg!(feature = "wire") { value.as_str().and_then(parse) } else { value.as_f64().map(|ms| ms as i64) }
}

/// What [`read`] reads.
pub fn value(ms: i64) -> Value {
    if cfg!(feature = "wire") { text(ms).into() } else { ms.into() }
}

/// Reads an RFC 3339 time with an offset (`2026-11-22T08:00:01.250Z`); digits beyond the millisecond are cut.
///
/// `None` for anything else: no offset, a day that is not in the calendar, text around it. A leap second reads as
/// the second after it, as POSIX time has no name for it.
pub fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, len: usize| -> Option<i64> {
        let mut value = 0;
        for byte in bytes.get(from..from + len)? {
            if !byte.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i64::from(byte - b'0');
        }
        Some(value)
    };
    let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|byte| wanted.contains(byte));

    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    if !(1..=12).contains(&month)
        || day < 1
        || day > days_in_month(year, month)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }

    let mut at = 19;
    let mut ms = 0;
    if is(at, b".") {
        at += 1;
        let mut digits = 0;
        while bytes.get(at + digits).is_some_and(u8::is_ascii_digit) {
            digits += 1;
        }
        if digits == 0 {
            return None;
        }
        for place in 0..3 {
            ms = ms * 10 + if place < digits { number(at + place, 1)? } else { 0 };
        }
        at += digits;
    }
    let offset = if is(at, b"Zz") && bytes.len() == at + 1 {
        0
    } else if is(at, b"+-") && is(at + 3, b":") && bytes.len() == at + 6 {
        let (hours, minutes) = (number(at + 1, 2)?, number(at + 4, 2)?);
        if hours > 23 || minutes > 59 {
            return None;
        }
        (hours * HOUR + minutes * MINUTE) * if is(at, b"-") { -1 } else { 1 }
    } else {
        return None;
    };
    let at = days_from_civil(year, month, day) * DAY + hour * HOUR + minute * MINUTE + second * SECOND + ms - offset;
    RANGE.contains(&at).then_some(at)
}

/// The years 1 to 9999 in UTC: the times that have a text.
pub const RANGE: core::ops::Range<i64> = -62_135_596_800_000..253_402_300_800_000;

/// Writes a time as RFC 3339 in UTC with milliseconds, as JavaScript's `toISOString` does.
pub fn text(ms: i64) -> String {
    let (days, rest) = (ms.div_euclid(DAY), ms.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    let mut out = String::with_capacity(24);
    let mut put = |value: i64, width: u32, end: char| {
        for place in (0..width).rev() {
            out.push((b'0' + (value / 10i64.pow(place) % 10) as u8) as char);
        }
        out.push(end);
    };
    put(year, 4, '-');
    put(month, 2, '-');
    put(day, 2, 'T');
    put(rest / HOUR, 2, ':');
    put(rest / MINUTE % 60, 2, ':');
    put(rest / SECOND % 60, 2, '.');
    put(rest % SECOND, 3, 'Z');
    out
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar; counting years from March puts the leap day
/// last (E. M. Reingold, N. Dershowitz, "Calendrical Calculations", ch. 2).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times() {
        for (ms, words) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_511_544_070_000, "2017-11-24T17:21:10.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(text(ms), words);
            assert_eq!(parse(words), Some(ms));
        }
        assert_eq!(parse("2026-11-22T08:00:00.9+08:00"), parse("2026-11-22T00:00:00.900123Z"));
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for words in [
            "",
            "2026-11-22",
            "2026-11-22T08:00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T08:00:00.Z",
            "2026-11-22T08:00:00Zjunk",
            "2026-11-22T08:00:00+8:00",
            " 2026-11-22T08:00:00Z",
            "0000-01-01T00:00:00+23:59",
            "0000-12-31T23:59:59Z",
            "9999-12-31T23:59:59-00:01",
        ] {
            assert_eq!(parse(words), None, "{words}");
        }
    }

    proptest! {
        #[test]
        fn text_and_parse_are_inverse(ms in -62_135_596_800_000i64..253_402_300_799_999) {
            prop_assert_eq!(parse(&text(ms)), Some(ms));
        }

        #[test]
        fn parse_never_panics(words in ".{0,40}") {
            let _ = parse(&words);
        }
    }
}

//! Reports: a table of named questions; each answers with a table of its own.

mod funnel;
pub(crate) mod live;
mod orders;
mod sources;
mod top;
mod traffic;

use crate::error::Error;
use crate::store::Store;
use engine::time;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::ops::Range;

/// A report: what it is called, what it can be asked, and who answers.
pub(crate) struct Report {
    /// Its name in the address.
    pub(crate) name: &'static str,
    /// Its name for people.
    pub(crate) title: &'static str,
    /// Its own parameters beside `from`, `to` and `tz`, with what they take.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
    run: fn(&dyn Store, &Query) -> Result<Table, Error>,
}

/// Every report there is.
pub(crate) const REPORTS: &[Report] = &[traffic::REPORT, sources::REPORT, top::REPORT, orders::REPORT, funnel::REPORT];

/// The parameters that every report takes.
pub(crate) const COMMON: &[(&str, &str)] = &[
    ("from", "RFC 3339 or YYYY-MM-DD in `tz`; default: 24 hours before `to`"),
    ("to", "the end, exclusive, in the same forms; default: now"),
    ("tz", "an IANA time zone; default: UTC"),
];

/// Longest range of a report, in buckets.
const MAX_BUCKETS: usize = 20_000;

impl Report {
    /// The report of this name.
    pub(crate) fn find(name: &str) -> Option<&'static Report> {
        REPORTS.iter().find(|report| report.name == name)
    }

    /// Answers a query.
    pub(crate) fn run(
        &self,
        store: &dyn Store,
        site: i64,
        parameters: HashMap<String, String>,
        now: i64,
    ) -> Result<Answer, Error> {
        let known = |key: &str| COMMON.iter().chain(self.parameters).any(|(name, _)| *name == key);
        if let Some(unknown) = parameters.keys().find(|key| !known(key)) {
            let names: Vec<&str> = COMMON.iter().chain(self.parameters).map(|(name, _)| *name).collect();
            return Err(bad(unknown, &format!("unknown parameter; expected one of {}", names.join(", "))));
        }
        let query = Query::read(site, parameters, now)?;
        let table = (self.run)(store, &query)?;
        Ok(Answer { name: self.name, columns: table.columns, rows: table.rows, notes: table.notes })
    }
}

/// What a report answers, in the form of the API.
#[derive(Serialize)]
pub(crate) struct Answer {
    name: &'static str,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Value>>,
    pub(crate) notes: Vec<String>,
}

/// A column: its name, the type of its cells, and their unit.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    unit: Option<&'static str>,
}

/// A column in one line.
const fn column(name: &'static str, kind: &'static str, unit: Option<&'static str>) -> Column {
    Column { name, kind, unit }
}

/// What a report makes.
struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Value>>,
    notes: Vec<String>,
}

/// What was asked.
struct Query {
    site: i64,
    range: Range<i64>,
    tz: TimeZone,
    parameters: HashMap<String, String>,
}

fn bad(path: &str, detail: &str) -> Error {
    Error::BadRequest { path: path.to_owned(), detail: detail.to_owned() }
}

impl Query {
    fn read(site: i64, parameters: HashMap<String, String>, now: i64) -> Result<Query, Error> {
        let name = parameters.get("tz").map_or("UTC", String::as_str);
        let tz = TimeZone::get(name).map_err(|_| bad("tz", "expected an IANA time zone such as Europe/Berlin"))?;
        let moment = |key: &str| match parameters.get(key) {
            None => Ok(None),
            Some(text) => {
                let day = || text.parse::<Date>().ok().filter(|_| text.len() == 10)?.to_zoned(tz.clone()).ok();
                let at = time::parse(text).or_else(|| Some(day()?.timestamp().as_millisecond()));
                at.map(Some).ok_or_else(|| bad(key, "expected an RFC 3339 time or a day as YYYY-MM-DD"))
            }
        };
        // This very millisecond is part of what there is until now.
        let to = moment("to")?.unwrap_or(now + 1);
        let from = moment("from")?.unwrap_or(to - time::DAY);
        if from > to {
            return Err(bad("from", "expected a time that is not after `to`"));
        }
        Ok(Query { site, range: from..to, tz, parameters })
    }

    /// A parameter that names one of several things.
    fn choice(&self, key: &str, choices: &[&'static str]) -> Result<&'static str, Error> {
        let given = self.parameters.get(key).map(String::as_str);
        match given {
            None => choices.first().copied(),
            Some(given) => choices.iter().copied().find(|choice| *choice == given),
        }
        .ok_or_else(|| bad(key, &format!("expected one of {}", choices.join(", "))))
    }

    /// The starts of the hours or days that the range touches, by the calendar of the time zone, and the end.
    fn buckets(&self, step: &str) -> Result<Vec<i64>, Error> {
        let zoned = |ms: i64| Timestamp::from_millisecond(ms).map(|at| at.to_zoned(self.tz.clone()));
        let out = |_| bad("from", "expected times of the years 1 to 9999");
        let start = zoned(self.range.start).map_err(out)?;
        let mut at = if step == "day" { start.start_of_day() } else { hour_of(&start) }.map_err(out)?;
        let mut starts = Vec::new();
        while at.timestamp().as_millisecond() < self.range.end {
            starts.push(at.timestamp().as_millisecond());
            if starts.len() > MAX_BUCKETS {
                return Err(bad("from", "expected a range of at most 20000 steps"));
            }
            // A day is one of the calendar, of 23 to 25 hours; an hour is one of the clock on the wall's minutes.
            at = if step == "day" {
                at.checked_add(1.day()).and_then(|day| day.start_of_day())
            } else {
                at.checked_add(1.hour())
            }
            .map_err(out)?;
        }
        Ok(starts)
    }

    /// A time as text with the offset of the time zone.
    fn text(&self, ms: i64) -> String {
        Timestamp::from_millisecond(ms).map_or_else(
            |_| time::text(ms),
            |at| at.to_zoned(self.tz.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        )
    }
}

fn hour_of(at: &Zoned) -> Result<Zoned, jiff::Error> {
    at.round(jiff::ZonedRound::new().smallest(jiff::Unit::Hour).mode(jiff::RoundMode::Trunc))
}

/// Which bucket a time falls into.
fn bucket_of(starts: &[i64], time: i64) -> Option<usize> {
    starts.partition_point(|start| *start <= time).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(from: &str, to: &str, tz: &str) -> Query {
        let parameters = [("from", from), ("to", to), ("tz", tz)];
        let parameters = parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Query::read(1, parameters, 0).unwrap()
    }

    #[test]
    fn days_follow_the_calendar_over_changes_of_the_clock() {
        let days = |from, to| -> Vec<i64> {
            let query = query(from, to, "Europe/Berlin");
            let mut starts = query.buckets("day").unwrap();
            starts.push(query.range.end);
            starts.windows(2).map(|pair| (pair[1] - pair[0]) / time::HOUR).collect()
        };
        assert_eq!(days("2026-03-28", "2026-03-31"), [24, 23, 24]);
        assert_eq!(days("2026-10-24", "2026-10-27"), [24, 25, 24]);
    }

    #[test]
    fn hours_of_a_half_hour_zone_begin_at_its_hours() {
        let query = query("2026-01-01", "2026-01-02", "Asia/Kolkata");
        let starts = query.buckets("hour").unwrap();
        assert_eq!(starts.len(), 24);
        assert_eq!(query.text(starts[1]), "2026-01-01T01:00:00+05:30");
        assert_eq!(time::text(starts[0]), "2025-12-31T18:30:00.000Z");
    }
}

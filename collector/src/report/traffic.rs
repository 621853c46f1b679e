//! Traffic: visitors, sessions, page views and events by hour or day.

use super::{Column, Query, Report, Table, bucket_of, column};
use crate::error::Error;
use crate::store::Store;
use serde_json::Value;
use std::collections::HashSet;

pub(super) const REPORT: Report = Report {
    name: "traffic",
    title: "Visitors, sessions, page views and events over time",
    parameters: &[("step", "hour (default) or day")],
    run,
};

const COLUMNS: [Column; 5] = [
    column("start", "time", None),
    column("visitors", "integer", Some("visitors")),
    column("sessions", "integer", Some("sessions")),
    column("page_views", "integer", Some("events")),
    column("events", "integer", Some("events")),
];

fn run(store: &dyn Store, query: &Query) -> Result<Table, Error> {
    let starts = query.buckets(query.choice("step", &["hour", "day"])?)?;
    let mut visitors = vec![HashSet::new(); starts.len()];
    let mut counts = vec![[0i64; 3]; starts.len()];
    for quarter in store.quarters(query.site, &query.range)? {
        let Some(counts) = bucket_of(&starts, quarter.start).and_then(|at| counts.get_mut(at)) else { continue };
        counts[2] += quarter.n;
        if quarter.name == "page_view" {
            counts[1] += quarter.n;
        }
    }
    store.sessions(query.site, &query.range, &mut |visitor, session| {
        if query.range.contains(&session.start)
            && let Some(counts) = bucket_of(&starts, session.start).and_then(|at| counts.get_mut(at))
        {
            counts[0] += 1;
        }
        let first = bucket_of(&starts, session.start).unwrap_or(0);
        let last = bucket_of(&starts, session.end).unwrap_or(0);
        visitors.iter_mut().take(last + 1).skip(first).for_each(|visitors| {
            visitors.insert(visitor);
        });
    })?;
    let rows = starts.iter().zip(visitors).zip(counts).map(|((start, visitors), [sessions, page_views, events])| {
        vec![
            Value::from(query.text(*start)),
            Value::from(visitors.len()),
            Value::from(sessions),
            Value::from(page_views),
            Value::from(events),
        ]
    });
    Ok(Table {
        columns: COLUMNS.to_vec(),
        rows: rows.collect(),
        notes: vec![
            "A visitor counts in every step that one of their sessions touches, a session in the step it begins in."
                .to_owned(),
            "Events are summed by quarters of an hour: the ends of the range are widened to whole ones.".to_owned(),
        ],
    })
}

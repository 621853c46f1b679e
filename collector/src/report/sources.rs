//! Sources: what sessions came by.

use super::{Column, Query, Report, Table, column};
use crate::error::Error;
use crate::store::{Store, channel};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

pub(super) const REPORT: Report = Report {
    name: "sources",
    title: "Sessions by channel, referrer or campaign",
    parameters: &[("dimension", "channel (default), referrer, source, medium or campaign")],
    run,
};

const SUMS: [Column; 3] = [
    column("visitors", "integer", Some("visitors")),
    column("sessions", "integer", Some("sessions")),
    column("page_views", "integer", Some("events")),
];

fn run(store: &dyn Store, query: &Query) -> Result<Table, Error> {
    let dimension = query.choice("dimension", &["channel", "referrer", "source", "medium", "campaign"])?;
    let mut rows: HashMap<Option<String>, (HashSet<i64>, i64, i64)> = HashMap::new();
    store.sessions(query.site, &query.range, &mut |visitor, session| {
        if !query.range.contains(&session.start) {
            return;
        }
        let name = match dimension {
            "channel" => Some(channel::of(&session).to_owned()),
            "referrer" => session.referrer,
            _ => session.campaign.and_then(|campaign| match dimension {
                "source" => campaign.source,
                "medium" => campaign.medium,
                _ => campaign.name,
            }),
        };
        let (visitors, sessions, pages) = rows.entry(name).or_default();
        visitors.insert(visitor);
        *sessions += 1;
        *pages += i64::from(session.pages);
    })?;
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by(|(a, (_, more, _)), (b, (_, fewer, _))| fewer.cmp(more).then_with(|| a.cmp(b)));
    let rows = rows.into_iter().map(|(name, (visitors, sessions, pages))| {
        vec![Value::from(name), Value::from(visitors.len()), Value::from(sessions), Value::from(pages)]
    });
    Ok(Table {
        columns: std::iter::once(column(dimension, "text", None)).chain(SUMS).collect(),
        rows: rows.collect(),
        notes: vec!["A session counts where it begins; its way is that of its first page.".to_owned()],
    })
}

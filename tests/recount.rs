//! Facts, sessions and reports counted once more from the exported events, by other means: plain loops and maps, and
//! for facts the engine's fold from the very beginning.

use crate::collector::{Collector, Folder};
use engine::event::Event;
use engine::facts::State;
use engine::id::Id;
use engine::time::{self, HOUR, MINUTE};
use engine::value::Map;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An event, as far as reports look at it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) visitor: String,
    pub(crate) time: i64,
    /// Its place in the order of arrival.
    pub(crate) arrived: usize,
    pub(crate) name: String,
    /// What makes a new visit, where the address has one.
    pub(crate) source: Option<String>,
    pub(crate) items: Vec<Line>,
}

/// An item of an event; price and quantity in millionths.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) category: String,
    pub(crate) price: i64,
    pub(crate) quantity: i64,
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn millionths(value: &Value, absent: i64) -> i64 {
    value.as_f64().map_or(absent, |number| (number * 1e6).round() as i64)
}

/// Reads an export, in the order of time and id.
pub(crate) fn read(export: &[Value]) -> Vec<Seen> {
    let time = |event: &Value| time::parse(&text(&event["time"])).expect("a time");
    let mut events: Vec<(i64, String, usize, &Value)> =
        export.iter().enumerate().map(|(arrived, event)| (time(event), text(&event["id"]), arrived, event)).collect();
    events.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let line = |item: &Value| Line {
        id: text(&item["item_id"]),
        category: text(&item["item_category"]),
        price: millionths(&item["price"], 0),
        quantity: millionths(&item["quantity"], 1_000_000),
    };
    let seen = |(time, _, arrived, event): (i64, String, usize, &Value)| Seen {
        visitor: text(&event["visitor"]),
        time,
        arrived,
        name: text(&event["name"]),
        source: event["page"]["url"]
            .as_str()
            .and_then(|url| url.split_once("utm_source="))
            .map(|(_, to)| to.to_owned()),
        items: event["items"].as_array().into_iter().flatten().map(line).collect(),
    };
    events.into_iter().map(seen).collect()
}

/// How many visitors took the steps in their order.
pub(crate) fn funnel(events: &[Seen], steps: &[&str]) -> Vec<u64> {
    let mut at: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
    // One pass for each step, so that a step at the very time of the one before it counts, whatever their ids.
    let mut reached = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let before = at.clone();
        for event in events.iter().filter(|event| event.name == *step) {
            let since = before.get(event.visitor.as_str()).copied();
            let ready = match since {
                None => number == 0,
                Some((done, time)) => done == number && event.time >= time,
            };
            let have = at.entry(&event.visitor).or_insert((0, 0));
            if ready && have.0 == number {
                *have = (number + 1, event.time);
            }
        }
        reached.push(at.values().filter(|(done, _)| *done > number).count() as u64);
    }
    reached
}

/// A visit: whose, from when to when.
type Visit<'a> = (&'a str, i64, i64);

/// Visits: a new one after more than 30 minutes of silence or with another campaign.
fn visits(events: &[Seen]) -> Vec<Visit<'_>> {
    let mut open: BTreeMap<&str, (usize, Option<&str>)> = BTreeMap::new();
    let mut visits: Vec<Visit<'_>> = Vec::new();
    for event in events {
        let source = event.source.as_deref();
        match open.get(event.visitor.as_str()) {
            Some((at, from)) if event.time - visits[*at].2 <= 30 * MINUTE && (source.is_none() || source == *from) => {
                visits[*at].2 = event.time;
            }
            _ => {
                open.insert(&event.visitor, (visits.len(), source));
                visits.push((&event.visitor, event.time, event.time));
            }
        }
    }
    visits
}

/// By the start of an hour or day, given by its length and its distance from UTC: visitors, sessions, page views, events.
pub(crate) fn traffic(events: &[Seen], step: i64, offset: i64) -> BTreeMap<i64, [u64; 4]> {
    let bucket = |time: i64| (time + offset).div_euclid(step) * step - offset;
    let mut counts: BTreeMap<i64, [u64; 4]> = BTreeMap::new();
    let mut visitors: BTreeSet<(i64, &str)> = BTreeSet::new();
    for event in events {
        let row = counts.entry(bucket(event.time)).or_default();
        row[3] += 1;
        row[2] += u64::from(event.name == "page_view");
    }
    for (visitor, start, end) in visits(events) {
        counts.entry(bucket(start)).or_default()[1] += 1;
        let mut at = bucket(start);
        while at <= end {
            visitors.insert((at, visitor));
            at += step;
        }
    }
    for (start, _) in visitors {
        counts.entry(start).or_default()[0] += 1;
    }
    counts
}

/// By item, or by the category that the item was last said to be of: views, carts, purchases, quantity and revenue, the
/// latter two in millionths.
pub(crate) fn top(events: &[Seen], by_item: bool) -> BTreeMap<String, [i64; 5]> {
    let mut categories: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for event in events {
        for line in &event.items {
            let latest = categories.entry(&line.id).or_insert((event.arrived, &line.category));
            *latest = (event.arrived, line.category.as_str()).max(*latest);
        }
    }
    let mut sums: BTreeMap<String, [i64; 5]> = BTreeMap::new();
    for event in events {
        let Some(kind) = ["view_item", "add_to_cart", "purchase"].iter().position(|name| *name == event.name) else {
            continue;
        };
        for line in &event.items {
            let key = if by_item { &line.id } else { categories[line.id.as_str()].1 };
            let sum = sums.entry(key.to_owned()).or_default();
            sum[kind] += 1;
            if kind == 2 {
                sum[3] += line.quantity;
                sum[4] += line.price * (line.quantity / 1_000_000);
            }
        }
    }
    sums
}

/// Compares the reports of a collector with a recount of the events, over whole days of a time zone that is so far
/// ahead of UTC.
pub(crate) fn check_reports(collector: &Collector, events: &[Seen], zone: &str, offset: i64) {
    let day = |time: i64| (time + offset).div_euclid(24 * HOUR) * 24 * HOUR - offset;
    let (first, last) = (events.first().expect("an event").time, events.last().expect("an event").time);
    let (from, to) = (day(first), day(last) + 24 * HOUR);
    let report = |name: &str, more: &str| {
        let (from, to) = (time::text(from), time::text(to));
        collector.get(&format!("/v1/reports/{name}?from={from}&to={to}&tz={zone}{more}"))
    };
    let rows = |report: &Value| report["rows"].as_array().expect("rows").clone();
    let whole = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("a whole number: {value}"));

    let steps = ["view_item", "add_to_cart", "purchase"];
    let expected = funnel(events, &steps);
    let told: Vec<u64> = rows(&report("funnel", "")).iter().map(|row| whole(&row[1]) as u64).collect();
    assert_eq!(told, expected, "funnel");

    for (step, length) in [("hour", HOUR), ("day", 24 * HOUR)] {
        let mut expected = traffic(events, length, offset);
        for row in rows(&report("traffic", &format!("&step={step}"))) {
            let start = time::parse(row[0].as_str().expect("a time")).expect("a time");
            let told = [1, 2, 3, 4].map(|at| whole(&row[at]) as u64);
            assert_eq!(told, expected.remove(&start).unwrap_or_default(), "traffic by {step} at {}", row[0]);
        }
        assert!(expected.is_empty(), "traffic by {step} leaves out {expected:?}");
    }

    for (dimension, keys) in [("item", 3), ("category", 1)] {
        let mut expected = top(events, dimension == "item");
        let count = expected.len();
        let rows = rows(&report("top", &format!("&limit=1000&dimension={dimension}")));
        assert_eq!(rows.len(), count.min(1_000), "{dimension}");
        let mut before = i64::MAX;
        for row in rows {
            let cells = row.as_array().expect("cells");
            let expected = expected.remove(cells[0].as_str().expect("an id")).expect("an item that was there");
            let [views, carts, purchases] = [0, 1, 2].map(|at| whole(&cells[keys + at]));
            assert_eq!([views, carts, purchases], expected[..3], "{row}");
            let [quantity, revenue] = [3, 4].map(|at| millionths(&cells[keys + at], -1));
            assert_eq!([quantity, revenue], expected[3..], "{row}");
            assert!(views <= before, "the most looked at comes first");
            before = views;
        }
        // What the limit cut off was looked at no more often than what it left.
        assert!(expected.values().all(|sums| sums[0] <= before), "{dimension}");
    }
}

/// Compares facts as the collector tells them, and sessions as it keeps them, with the engine's fold of the export.
/// Returns how many visitors and sessions there were.
pub(crate) fn check_facts(collector: &Collector, export: &[Value]) -> (usize, usize) {
    let mut visitors: BTreeMap<String, Vec<(i64, Id, Event)>> = BTreeMap::new();
    for stored in export {
        let time = time::parse(&text(&stored["time"])).expect("a time");
        let value = serde_json::from_value(stored.clone()).expect("a value");
        let (event, _) = Event::read(&without_time(value)).expect("an event");
        let id = event.id.expect("an id");
        visitors.entry(text(&stored["visitor"])).or_default().push((time, id, event));
    }
    let mut sessions = Vec::new();
    for (visitor, events) in &mut visitors {
        events.sort_by_key(|(time, id, _)| (*time, *id));
        let mut state = State::default();
        for (time, id, event) in events.iter() {
            sessions.extend(state.fold(event, *time, *id).map(|session| (visitor.clone(), session)));
        }
        let answer = collector.decide(visitor, &json!([]));
        let now = time::parse(&text(&answer["at"])).expect("a time");
        let facts = state.facts(now, &Map::new().with("user.known", false));
        assert_eq!(answer["facts"], serde_json::to_value(&facts).expect("JSON"), "{visitor}");
        sessions.push((visitor.clone(), state.session));
    }
    let mut expected: Vec<String> = sessions
        .iter()
        .map(|(visitor, session)| {
            let source = session.campaign.as_ref().and_then(|campaign| campaign.source.clone()).unwrap_or_default();
            let landing = session.landing_path.clone().unwrap_or_default();
            let (start, end, events, pages) = (session.start, session.end, session.events, session.pages);
            format!("{visitor} {} {start} {end} {events} {pages} {landing} {source}", session.id.text())
        })
        .collect();
    expected.sort();
    assert_eq!(kept_sessions(&collector.folder), expected);
    (visitors.len(), expected.len())
}

/// `time` and `received` are said of an event, not by it.
fn without_time(value: engine::value::Value) -> engine::value::Value {
    let engine::value::Value::Map(mut map) = value else { panic!("an object") };
    map.remove("time");
    map.remove("received");
    map.remove("client");
    map.remove("restore");
    map.into()
}

/// The sessions as they are kept, in the form of [`check_facts`].
fn kept_sessions(folder: &Folder) -> Vec<String> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(folder.database(), flags).expect("the database");
    let mut statement = database
        .prepare(
            "select v.visitor, s.id, s.start, s.end, s.events, s.pages, \
             coalesce((select text from strings where id = s.landing), ''), \
             coalesce((select text from strings where id = s.source), '') \
             from sessions s join visitors v on v.id = s.visitor",
        )
        .expect("a statement");
    let rows = statement.query_map([], |row| {
        let id = Id(u128::from_be_bytes(row.get(1)?)).text();
        let (visitor, landing, source): (String, String, String) = (row.get(0)?, row.get(6)?, row.get(7)?);
        let [start, end, events, pages]: [i64; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        Ok(format!("{visitor} {id} {start} {end} {events} {pages} {landing} {source}"))
    });
    let mut sessions: Vec<String> = rows.expect("rows").map(|row| row.expect("a row")).collect();
    sessions.sort();
    sessions
}

#[test]
fn a_funnel_counts_steps_in_their_order() {
    let seen = |visitor: &str, time, name: &str| Seen {
        visitor: visitor.to_owned(),
        time,
        arrived: 0,
        name: name.to_owned(),
        source: None,
        items: Vec::new(),
    };
    let events = [
        seen("a", 1, "view"),
        seen("b", 1, "cart"),
        seen("a", 2, "buy"),
        seen("b", 2, "view"),
        seen("a", 3, "cart"),
        seen("c", 4, "cart"),
        seen("c", 4, "view"),
        seen("c", 4, "buy"),
    ];
    assert_eq!(funnel(&events, &["view", "cart", "buy"]), [3, 2, 1]);
}

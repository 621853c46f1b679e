//! Funnel: how many visitors took steps in their order.

use super::{Column, Query, Report, Table, bad, column};
use crate::error::Error;
use crate::store::Store;
use engine::event::is_name;
use serde_json::Value;

pub(super) const REPORT: Report = Report {
    name: "funnel",
    title: "Visitors who took steps in their order",
    parameters: &[("steps", "2 to 8 event names, comma separated; default view_item,add_to_cart,purchase")],
    run,
};

const COLUMNS: [Column; 4] = [
    column("step", "text", None),
    column("visitors", "integer", Some("visitors")),
    column("of_first", "number", Some("share")),
    column("of_previous", "number", Some("share")),
];

fn run(store: &dyn Store, query: &Query) -> Result<Table, Error> {
    let steps = query.parameters.get("steps").map_or("view_item,add_to_cart,purchase", String::as_str);
    let steps: Vec<String> = steps.split(',').map(str::to_owned).collect();
    if !(2..=8).contains(&steps.len()) || !steps.iter().all(|step| is_name(step)) {
        return Err(bad("steps", "expected 2 to 8 event names, comma separated"));
    }
    let mut reached = vec![0u64; steps.len()];
    let mut journey = Journey::new(steps.len());
    let mut current = None;
    store.journeys(query.site, &query.range, &steps, &mut |visitor, step, time| {
        if current != Some(visitor) {
            journey.count(&mut reached);
            current = Some(visitor);
        }
        journey.times[step].push(time);
    })?;
    journey.count(&mut reached);
    let share = |n: u64, of: u64| if of == 0 { Value::Null } else { Value::from(n as f64 / of as f64) };
    let rows = steps.iter().enumerate().map(|(at, step)| {
        let previous = if at == 0 { reached[0] } else { reached[at - 1] };
        vec![
            Value::from(step.as_str()),
            Value::from(reached[at]),
            share(reached[at], reached[0]),
            share(reached[at], previous),
        ]
    });
    Ok(Table {
        columns: COLUMNS.to_vec(),
        rows: rows.collect(),
        notes: vec![
            "A visitor counts once for a step: at or after the time of the step before it, within the range."
                .to_owned(),
        ],
    })
}

/// The times of a visitor's events, step by step, oldest first.
struct Journey {
    times: Vec<Vec<i64>>,
}

impl Journey {
    fn new(steps: usize) -> Self {
        Journey { times: vec![Vec::new(); steps] }
    }

    /// Counts the steps that were reached, and forgets the visitor.
    ///
    /// Taking the earliest event that is not before the step before it leaves the most room for the next.
    fn count(&mut self, reached: &mut [u64]) {
        let mut since = Some(i64::MIN);
        for (times, reached) in self.times.iter_mut().zip(reached) {
            since = since.and_then(|since| times.get(times.partition_point(|time| *time < since)).copied());
            *reached += u64::from(since.is_some());
            times.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_count_in_their_order_only() {
        for (times, expected) in [
            ([vec![1, 9], vec![2], vec![3]], [1, 1, 1]),
            ([vec![5], vec![2], vec![9]], [1, 0, 0]),
            ([vec![1], vec![4], vec![2]], [1, 1, 0]),
            ([vec![3], vec![3], vec![3]], [1, 1, 1]),
            ([vec![], vec![1], vec![2]], [0, 0, 0]),
        ] {
            let mut reached = [0; 3];
            Journey { times: times.to_vec() }.count(&mut reached);
            assert_eq!(reached, expected, "{times:?}");
        }
    }
}

//! Conditions and bucketing against the public conformance cases of GrowthBook's SDK specification.

use crate::collector::data;
use engine::bucket::share;
use engine::condition::{Condition, Regex};
use engine::value::{Map, Value};

/// The cases, or nothing where they are not at hand.
fn cases(kind: &str) -> Option<Vec<Vec<Value>>> {
    let text = std::fs::read(data("growthbook_cases.json")?).expect("the cases can be read");
    let all: Map = serde_json::from_slice(&text).expect("the cases are JSON");
    let list = all.get(kind).and_then(Value::as_list).expect("a list of cases");
    Some(list.iter().map(|case| case.as_list().expect("a case").to_vec()).collect())
}

fn compile(pattern: &str, ignore_case: bool) -> Option<Regex> {
    let regex = regex::RegexBuilder::new(pattern).case_insensitive(ignore_case).build().ok()?;
    Some(Box::new(move |text| regex.is_match(text)))
}

#[test]
fn every_condition_is_judged_as_specified() {
    let Some(cases) = cases("evalCondition") else { return };
    let mut wrong = Vec::new();
    for case in &cases {
        let [name, condition, facts, expected, rest @ ..] = case.as_slice() else { panic!("a case: {case:?}") };
        let groups = rest.first().and_then(Value::as_map);
        let group = |name: &str| groups.and_then(|groups| groups.get(name)).and_then(Value::as_list);
        // As in a dry-run: what cannot be understood is false, and the rest is judged all the same.
        let (parsed, _) = Condition::parse(condition, Some(&compile));
        if Some(parsed.matches(facts, &group)) != expected.as_bool() {
            wrong.push(format!("{name:?}: {condition:?} on {facts:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(cases.len(), 248);
}

#[test]
fn every_value_falls_into_its_bucket() {
    let Some(cases) = cases("hash") else { return };
    let mut tried = 0;
    for case in &cases {
        let [Value::String(seed), Value::String(value), version, expected] = case.as_slice() else {
            panic!("a case: {case:?}")
        };
        // Version 1 was left behind for its bias; Beckon has version 2 alone.
        if version.as_f64() == Some(2.0) {
            assert_eq!(Some(share(seed, value)), expected.as_f64(), "{seed} {value}");
            tried += 1;
        }
    }
    assert_eq!(tried, 7);
}

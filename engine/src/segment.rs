//! Segments: named conditions on facts.

use crate::condition::{Compile, Condition, Problem, needs_regex, no_groups};
use crate::text::{all, joined};
use crate::value::{Map, Value};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// A segment, compiled.
#[derive(Clone)]
pub struct Segment {
    /// `^[a-z0-9][a-z0-9-]{0,63}$`.
    pub id: String,
    /// Decided only by the collector, and never in the bundle.
    pub private: bool,
    /// `None` in the page for what only the collector can decide: the collector tells the membership.
    condition: Option<Arc<Condition>>,
}

/// Whether `id` can name a segment, an offer or a slot.
pub fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && !id.starts_with('-')
        && all(id, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether a document is decided only by the collector. What is neither true nor false is not taken for one of them:
/// it would tell everyone what was meant to be private.
pub(crate) fn is_private(document: &Map) -> Result<bool, Problem> {
    match document.get("private") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(private)) => Ok(*private),
        Some(_) => Err(Problem::new(&["private"], &["expected true or false"])),
    }
}

impl Segment {
    /// A segment from its document `{name, condition, private}`.
    ///
    /// # Errors
    /// What is wrong: with the condition, at paths below `condition`, or with `private`.
    pub fn read(id: &str, document: &Map, compile: Option<Compile<'_>>) -> Result<Segment, Vec<Problem>> {
        let private = is_private(document).map_err(|problem| vec![problem])?;
        let Some(value) = document.get("condition") else {
            return Ok(Segment { id: id.to_owned(), private, condition: None });
        };
        let (condition, mut problems) = Condition::parse(value, compile);
        if cfg!(feature = "wire") {
            for problem in &mut problems {
                let dot = if problem.path.is_empty() { "" } else { "." };
                problem.path = joined(&["condition", dot, &problem.path]);
            }
        }
        if problems.is_empty() {
            Ok(Segment { id: id.to_owned(), private, condition: Some(Arc::new(condition)) })
        } else {
            Err(problems)
        }
    }

    /// The form in which the page learns of it; `None` for a private one. One that needs a regular expression
    /// arrives without its condition, as a name that the collector tells the membership of.
    pub fn public(id: &str, document: &Map) -> Option<Map> {
        if document.get("private").and_then(Value::as_bool) == Some(true) {
            return None;
        }
        let mut public = Map::new().with("id", id);
        if let Some(condition) = document.get("condition").filter(|condition| !needs_regex(condition)) {
            public.set("condition", condition.clone());
        }
        Some(public)
    }
}

impl Segment {
    /// Whether the facts satisfy it; `told` are the segments that the collector said of this visitor, which count where it
    /// cannot be decided here.
    pub fn holds(&self, facts: &Value, told: &[String]) -> bool {
        match &self.condition {
            Some(condition) => condition.matches(facts, &no_groups),
            None => told.contains(&self.id),
        }
    }
}

/// The ids of the segments that hold, in the order of the segments.
pub fn matching(segments: &[Segment], facts: &Value, told: &[String]) -> Vec<String> {
    let mut matching = Vec::new();
    for segment in segments {
        if segment.holds(facts, told) {
            matching.push(segment.id.clone());
        }
    }
    matching
}

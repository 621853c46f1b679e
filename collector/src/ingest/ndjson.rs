//! Our own export, read again: ids, corrected times and hashes stay what they were.

use super::Intake;
use crate::export::{Beside, beside};
use engine::event::{Code, Reject};
use engine::value::Value;

/// A line as the event that it is, and what stands beside it.
pub(crate) fn line(text: &str) -> Result<(Value, Beside), Reject> {
    match serde_json::from_str(text) {
        Ok(Value::Map(mut map)) => {
            let beside = beside(&mut map);
            Ok((Value::Map(map), beside))
        }
        _ => Err(Reject::new(Code::BadLine, "", "expected an object of JSON")),
    }
}

impl Intake<'_> {
    /// Takes an exported event in.
    pub(crate) fn restore(&mut self, value: &Value, beside: &Beside, size: usize) {
        self.batch.bytes += size;
        // An export does not tell which purchases a secret key had confirmed.
        self.batch.trusted = false;
        match super::event(self.sender, &self.shared, value) {
            Ok((mut incoming, warnings)) => {
                incoming.time = beside.time.unwrap_or(incoming.time);
                incoming.hash = beside.hash.unwrap_or(incoming.hash);
                if let Some((user, joined)) = beside.user {
                    incoming.user = Some(user);
                    incoming.joins = joined;
                }
                self.outcomes.push(super::Outcome::Queued { id: incoming.id, warnings });
                self.batch.events.push(incoming);
            }
            Err(reject) => self.refuse(value, reject),
        }
    }
}

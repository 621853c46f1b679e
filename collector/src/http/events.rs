//! `POST /v1/events`.

use super::caller::{Keys, check_origin};
use super::{Shared, blocking, body, decide, json};
use crate::clock;
use crate::error::Error;
use crate::ingest::native::{self, Body};
use crate::ingest::{Outcome, Sender, status};
use crate::store::Scopes;
use crate::store::Verdict;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use engine::event::Reject;
use engine::value::{Map, Value};
use std::sync::Arc;

/// Takes a batch in; answers once it is on disk, with what became of each event.
pub(super) async fn post(
    State(app): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, Error> {
    let received = clock::now();
    let keys = Keys::of(&headers, query.as_deref())?;
    let early = keys.early(&app)?;
    body::content_type(&headers, true)?;
    let bytes = body::read(&headers, body, body::MAX_BODY).await?;
    let body = Body::read(&bytes)?;
    let grant = keys.late(&app, early, body.fields.str("key"))?;
    if !grant.is_public() {
        grant.need(Scopes::INGEST)?;
    }
    check_origin(&app, &grant, &headers)?;

    let question = match body.fields.get("decide") {
        None | Some(Value::Null) => None,
        Some(Value::Map(map)) => {
            let visitor = map.str("visitor").or_else(|| body.fields.str("visitor")).unwrap_or_default();
            Some(decide::question(map, visitor, &grant)?)
        }
        Some(_) => return Err(Error::BadRequest { path: "decide".into(), detail: "expected an object".into() }),
    };
    let sender = Sender { site: grant.site, trusted: !grant.is_public(), received, secrets: &app.secrets };
    let (batch, outcomes) = native::read(&sender, &body)?;
    let receipt = app.store.append(batch)?;
    let verdicts = receipt.await.map_err(|_| Error::ShuttingDown)??;
    let mut answer = Map::new().with("results", results(outcomes, &verdicts));
    if let Some(question) = question {
        let (app, told) = (Arc::clone(&app), !grant.is_public() && grant.need(Scopes::READ).is_ok());
        let decision = blocking(move || decide::answer(&app, grant.site, &question, told)).await;
        // The events are on disk: what fails here must not look as if they were not.
        match decision {
            Ok(decision) => answer.set("decision", decision),
            Err(error) => tracing::error!(cause = ?error, "a decision could not be made"),
        }
    }
    json(answer)
}

/// The results in the order of the events.
fn results(outcomes: Vec<Outcome>, verdicts: &[Verdict]) -> Vec<Map> {
    let mut verdicts = verdicts.iter();
    let said = |index: usize, outcome: Outcome, verdicts: &mut std::slice::Iter<'_, Verdict>| {
        let path = |rest: &str| {
            if rest.is_empty() { format!("events[{index}]") } else { format!("events[{index}].{rest}") }
        };
        let refused = |mut map: Map, reject: Reject| {
            map.set("status", "rejected");
            map.set("code", reject.code.text());
            map.set("path", path(&reject.path));
            map.set("detail", reject.detail);
            map
        };
        match outcome {
            Outcome::Rejected { id, reject } => refused(Map::new().with("id", id), reject),
            Outcome::Queued { id, warnings } => {
                let mut map = Map::new().with("id", id.text());
                match verdicts.next() {
                    Some(Verdict::Conflict) => return refused(map, Reject::conflict()),
                    Some(verdict) => {
                        let (status, code) = status(*verdict);
                        map.set("status", status);
                        map.set_some("code", code.map(str::to_owned));
                    }
                    None => map.set("status", "unknown"),
                }
                if !warnings.is_empty() {
                    let list = warnings
                        .iter()
                        .map(|warning| Map::new().with("path", path(&warning.path)).with("detail", warning.detail));
                    map.set("warnings", list.collect::<Vec<_>>());
                }
                map
            }
        }
    };
    outcomes.into_iter().enumerate().map(|(index, outcome)| said(index, outcome, &mut verdicts)).collect()
}

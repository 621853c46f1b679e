//! `POST /v1/events`.

use super::caller::{Keys, check_origin};
use super::limits::Client;
use super::{Shared, blocking, body, decide, json};
use crate::clock;
use crate::error::Error;
use crate::ingest::native::{self, Body, Browser};
use crate::ingest::{BOT, Outcome, Sender, masked, status};
use crate::store::Scopes;
use crate::store::Verdict;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use engine::event::{Reject, Warning};
use engine::value::{Map, Value};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use tokio::task::block_in_place;

/// A body beyond this, which can only be an unpacked one, is read on a thread that others do not wait for. More threads
/// for smaller ones cost more than the milliseconds that these take.
const INLINE: usize = 256 * 1024;

/// Takes a batch in; answers once it is on disk, with what became of each event.
pub(super) async fn post(
    State(app): State<Shared>,
    client: Client,
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
    if body.two_keys {
        return Err(Error::TwoKeys);
    }
    let grant = keys.late(&app, early, body.fields.str("key"))?;
    if !grant.is_public() {
        grant.need(Scopes::INGEST)?;
    }
    check_origin(&app, &grant, &headers)?;
    app.limits.take(&grant, client)?;
    if !app.store.has_room() {
        // Before the work of reading the events: who is busy has no time for those that will not be taken.
        body.events()?;
        return Err(Error::Busy);
    }

    let rules = app.recommender.rules(grant.site)?;
    let (secrets, sensitive) = (app.secrets.as_ref(), rules.sensitive.as_slice());
    let sender = Sender { site: grant.site, trusted: !grant.is_public(), received, secrets, sensitive };
    let text = |name| headers.get(name).map_or(Cow::Borrowed(""), |value| String::from_utf8_lossy(value.as_bytes()));
    let (user_agent, languages) = (text(header::USER_AGENT), text(header::ACCEPT_LANGUAGE));
    let browser = Browser { agents: &app.agents, user_agent: &user_agent, languages: &languages };
    let (batch, outcomes) = if bytes.len() > INLINE {
        block_in_place(|| native::read(&sender, &browser, &body))?
    } else {
        native::read(&sender, &browser, &body)?
    };
    // While the batch waits for the disk, what it was read from need not be there too.
    let fields = body.fields;
    drop(bytes);
    let receipt = app.store.append(batch)?;
    let verdicts = receipt.await.map_err(|_| Error::ShuttingDown)??;
    let results = results(outcomes, &verdicts)?;
    let mut answer = Answer { results, decision: None, decision_error: None };
    if let Some(wanted) = fields.get("decide").filter(|wanted| !wanted.is_null()) {
        // The events are on disk: what is wrong with the question, or fails here, must not look as if they were not.
        let question = match wanted {
            Value::Map(map) => {
                let visitor = map.str("visitor").or_else(|| fields.str("visitor")).unwrap_or_default();
                decide::question(map, visitor, &grant)
            }
            _ => Err(Error::BadRequest { path: String::new(), detail: "expected an object".into() }),
        };
        let told = !grant.is_public() && grant.need(Scopes::READ).is_ok();
        let decision = match question {
            Ok(question) => {
                let app = Arc::clone(&app);
                blocking(move || decide::answer(&app, grant.site, &question, told)).await
            }
            Err(error) => Err(error),
        };
        match decision {
            Ok(decision) => answer.decision = Some(decision),
            Err(Error::BadRequest { path, detail }) => {
                let path = if path.is_empty() { "decide".to_owned() } else { format!("decide.{path}") };
                answer.decision_error = Some(Map::new().with("path", path).with("detail", detail));
            }
            Err(error) => tracing::error!(cause = ?error, "a decision could not be made"),
        }
    }
    json(answer)
}

/// What a sender is told.
#[derive(Serialize)]
struct Answer {
    results: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Map>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_error: Option<Map>,
}

/// What became of an event.
#[derive(Serialize)]
struct Told {
    id: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Hint>,
}

/// What was put right in an event.
#[derive(Serialize)]
struct Hint {
    path: String,
    detail: &'static str,
}

/// The results in the order of the events.
fn results(outcomes: Vec<Outcome>, verdicts: &[Verdict]) -> Result<Vec<Told>, Error> {
    let mut verdicts = verdicts.iter();
    let said = |(index, outcome)| {
        let path = |rest: &str| {
            if rest.is_empty() { format!("events[{index}]") } else { format!("events[{index}].{rest}") }
        };
        let told = |id, status, code| Told { id, status, code, path: None, detail: None, warnings: Vec::new() };
        let refused = |id, reject: Reject| Told {
            path: Some(path(&reject.path)),
            detail: Some(reject.detail),
            ..told(id, "rejected", Some(reject.code.text()))
        };
        match outcome {
            Outcome::Filtered { id } => Ok(told(id, "filtered", Some(BOT))),
            Outcome::Rejected { id, reject } => Ok(refused(id, reject)),
            Outcome::Queued { id, warnings } => {
                let verdict =
                    *verdicts.next().ok_or_else(|| Error::Internal(anyhow::anyhow!("an event has no verdict")))?;
                if let Some(reject) = verdict.reject() {
                    return Ok(refused(Some(id.text()), reject));
                }
                let (status, code) = status(verdict);
                // A path names keys of the sender's own; behind its dot a number would be a part of something.
                let warned = |warned: &str| match warned.strip_prefix("props.") {
                    Some(key) => path(&format!("props.{}", masked(key))),
                    None => path(&masked(warned)),
                };
                let hint = |warning: &Warning| Hint { path: warned(&warning.path), detail: warning.detail };
                Ok(Told { warnings: warnings.iter().map(hint).collect(), ..told(Some(id.text()), status, code) })
            }
        }
    };
    outcomes.into_iter().enumerate().map(said).collect()
}

//! `GET /v1/export/events.ndjson` and `.csv`.

use super::Shared;
use super::caller::Caller;
use crate::error::Error;
use crate::export::{self, Form};
use crate::store::Scopes;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Every event of a time, a line each.
pub(super) async fn ndjson(app: State<Shared>, caller: Caller, query: Parameters) -> Result<Response, Error> {
    stream(app, &caller, &query, Form::Ndjson, "application/x-ndjson")
}

/// Every event of a time, a row each.
pub(super) async fn csv(app: State<Shared>, caller: Caller, query: Parameters) -> Result<Response, Error> {
    stream(app, &caller, &query, Form::Csv, "text/csv; charset=utf-8; header=present")
}

/// The query string.
type Parameters = Query<HashMap<String, String>>;

fn stream(
    State(app): State<Shared>,
    caller: &Caller,
    Query(parameters): &Parameters,
    form: Form,
    kind: &'static str,
) -> Result<Response, Error> {
    let site = caller.may(Scopes::EXPORT)?;
    let bad = |path: &str, detail: &str| Error::BadRequest { path: path.to_owned(), detail: detail.to_owned() };
    if let Some(key) = parameters.keys().find(|key| !["from", "to", "site"].contains(&key.as_str())) {
        return Err(bad(key, "unknown parameter; expected one of from, to, site"));
    }
    let text = |key: &str| parameters.get(key).map(String::as_str);
    let range = export::range(text("from"), text("to")).map_err(|path| bad(path, export::MOMENT))?;
    let (sender, receiver) = mpsc::channel::<Result<Vec<u8>, io::Error>>(4);
    tokio::task::spawn_blocking(move || {
        let done = export::events(app.store.as_ref(), &app.secrets, site, &range, form, &mut |chunk| {
            if sender.blocking_send(Ok(chunk)).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if let Err(error) = done {
            tracing::error!(cause = ?error, "an export broke off");
            // Breaks the connection, so that the reader sees that this was not all. One that has gone needs not see it.
            let _ = sender.blocking_send(Err(io::Error::other("the export broke off")));
        }
    });
    let body = Body::from_stream(ReceiverStream::new(receiver));
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], body).into_response())
}

//! `GET /v1/export/events.ndjson`.

use super::Shared;
use super::caller::Caller;
use crate::error::Error;
use crate::store::Scopes;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use engine::time;
use std::io;
use std::ops::ControlFlow;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Bytes gathered before they go out.
const CHUNK: usize = 64 * 1024;

/// What is said of an event whose sealed properties cannot be opened.
pub(super) const UNOPENED: &str = "what reads [sealed] was sealed by a key that is not in the key file";

/// Every event, a line each, in the order stored; memory stays the same however many there are.
pub(super) async fn ndjson(State(app): State<Shared>, caller: Caller) -> Result<Response, Error> {
    let site = caller.may(Scopes::EXPORT)?;
    let (sender, receiver) = mpsc::channel::<Result<Vec<u8>, io::Error>>(4);
    tokio::task::spawn_blocking(move || {
        let mut chunk = Vec::with_capacity(CHUNK + 4096);
        let done = app.store.export(site, &mut |stored| {
            let mut event = stored.event;
            let sealed = stored.sealed.as_deref();
            let whole = sealed.is_none_or(|blob| app.secrets.unseal(site, stored.id, blob, &mut event.props));
            let mut map = event.to_value();
            map.set_some("note", (!whole).then(|| UNOPENED.to_owned()));
            map.set("visitor", stored.visitor);
            map.set("time", time::text(stored.time));
            map.set("received", time::text(stored.received));
            if serde_json::to_writer(&mut chunk, &map).is_err() {
                return ControlFlow::Break(());
            }
            chunk.push(b'\n');
            if chunk.len() >= CHUNK && sender.blocking_send(Ok(std::mem::take(&mut chunk))).is_err() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        let last = match done {
            Ok(()) => Ok(chunk),
            Err(error) => {
                tracing::error!(cause = ?error, "an export broke off");
                // Breaks the connection, so that the reader sees that this was not all.
                Err(io::Error::other("the export broke off"))
            }
        };
        // A reader that has gone needs no rest.
        let _ = sender.blocking_send(last);
    });
    let body = Body::from_stream(ReceiverStream::new(receiver));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

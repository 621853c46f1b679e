//! `GET /v1/live`: server-sent events.

use super::Shared;
use super::caller::Caller;
use crate::clock;
use crate::error::Error;
use crate::store::Scopes;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

/// First a snapshot, then every event as it comes, and the totals once a second.
pub(super) async fn get(
    State(app): State<Shared>,
    caller: Caller,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let site = caller.may(Scopes::READ)?;
    let mut events = app.live.listen();
    let (sender, receiver) = mpsc::channel(256);
    tokio::spawn(async move {
        let totals = |recent| app.live.totals(site, clock::now(), recent).to_string();
        let mut closing = app.closing.clone();
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut next = Some(Event::default().event("snapshot").data(totals(true)));
        loop {
            if let Some(event) = next.take()
                && sender.send(Ok(event)).await.is_err()
            {
                return;
            }
            tokio::select! {
                _ = closing.wait_for(|closing| *closing) => return,
                () = sender.closed() => return,
                _ = second.tick() => next = Some(Event::default().event("totals").data(totals(false))),
                event = events.recv() => match event {
                    Ok((of, shown)) if of == site => next = Event::default().event("event").json_data(&*shown).ok(),
                    // What a slow listener lost is in the totals.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
            }
        }
    });
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()))
}

//! `/livez` and `/readyz`: status words only.

use super::{Shared, blocking};
use crate::clock::Stopwatch;
use crate::error::Error;
use axum::extract::State;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Anybody may ask, so a write is tried at most this often.
const EVERY: Duration = Duration::from_secs(1);

/// The process answers.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Events can be taken: something was written just now.
pub(super) async fn readyz(State(app): State<Shared>) -> Result<&'static str, Error> {
    let app = Arc::clone(&app);
    blocking(move || {
        // Held while the write is tried: who asks meanwhile waits for that answer.
        let mut probed = app.probed.lock().unwrap_or_else(PoisonError::into_inner);
        match probed.as_ref() {
            Some((when, None)) if when.elapsed() < EVERY => {}
            Some((when, Some(failed))) if when.elapsed() < EVERY => return Err(again(failed)),
            _ => {
                let failed = app.store.probe().err();
                let told = failed.as_ref().map(again);
                *probed = Some((Stopwatch::start(), failed));
                told.map_or(Ok(()), Err)?;
            }
        }
        let open = app.store.sites()?.iter().any(|site| site.origins.is_empty());
        Ok(if open { "ok\nwarning: any origin may use the public key\n" } else { "ok\n" })
    })
    .await
}

/// What a write failed for, told once more: to all who ask within [`EVERY`].
fn again(failed: &Error) -> Error {
    match failed {
        Error::Busy => Error::Busy,
        Error::ReadOnly => Error::ReadOnly,
        Error::ShuttingDown => Error::ShuttingDown,
        other => Error::Internal(anyhow::anyhow!("nothing could be written: {other:?}")),
    }
}

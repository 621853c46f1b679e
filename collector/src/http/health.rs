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
            Some((when, true)) if when.elapsed() < EVERY => {}
            Some((when, false)) if when.elapsed() < EVERY => return Err(Error::ReadOnly),
            _ => {
                let tried = app.store.probe();
                *probed = Some((Stopwatch::start(), tried.is_ok()));
                tried?;
            }
        }
        let open = app.store.sites()?.iter().any(|site| site.origins.is_empty());
        Ok(if open { "ok\nwarning: any origin may use the public key\n" } else { "ok\n" })
    })
    .await
}

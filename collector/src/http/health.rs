//! `/livez` and `/readyz`: status words only.

use super::{Shared, blocking};
use crate::error::Error;
use crate::store::DEFAULT_SITE;
use axum::extract::State;
use std::sync::Arc;

/// The process answers.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Events can be taken: something was just written.
pub(super) async fn readyz(State(app): State<Shared>) -> Result<&'static str, Error> {
    let app = Arc::clone(&app);
    blocking(move || {
        app.store.probe()?;
        let open = app.store.site(DEFAULT_SITE)?.is_some_and(|site| site.origins.is_empty());
        Ok(if open { "ok\nwarning: any origin may use the public key\n" } else { "ok\n" })
    })
    .await
}

//! The HTTP side: every route in one function, one file a resource.

pub(crate) mod body;
mod bundle;
mod caller;
mod connections;
mod dashboard;
mod decide;
mod erase;
mod events;
mod export;
mod health;
mod keys;
mod limits;
mod live;
mod manage;
mod metrics;
mod rejected;
mod reports;
mod requests;
mod visitors;

use crate::access::Access;
use crate::clock::Stopwatch;
use crate::error::Error;
use crate::ingest::agents::Agents;
use crate::recommend::Recommender;
use crate::report::live::Live;
use crate::secrets::Secrets;
use crate::store::Store;
pub(crate) use limits::Limits;
pub(crate) use requests::Requests;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// What every handler can reach.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) agents: Agents,
    pub(crate) access: Access,
    pub(crate) limits: Limits,
    pub(crate) recommender: Recommender,
    pub(crate) live: Arc<Live>,
    /// The token of the one-time link and until when it holds (ms); taken by its first use.
    pub(crate) link: Mutex<Option<(String, i64)>>,
    /// The address of the dashboard as browsers see it, where it is another than the one listened on.
    pub(crate) public_url: Option<String>,
    /// When a write was last tried for `/readyz`, and what it failed for.
    pub(crate) probed: Mutex<Option<(Stopwatch, Option<Error>)>>,
    /// What was asked and how it was answered, counted.
    pub(crate) requests: Requests,
    /// What opens `/metrics`; without one it is open to this machine alone.
    pub(crate) metrics_token: Option<String>,
    /// True once the collector is going down.
    pub(crate) closing: watch::Receiver<bool>,
}

type Shared = Arc<App>;

/// Serves until the collector is going down and what is under way has been answered. Who comes meanwhile is answered too,
/// with 503: a refused connection would not say that it is worth coming again.
pub(crate) async fn serve(listener: std::net::TcpListener, app: Shared, connections: usize) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let closing = app.closing.clone();
    connections::serve(listener, router(app), connections, closing).await
}

/// All routes.
fn router(app: Shared) -> Router {
    let public = Router::new()
        .route("/v1/events", post(events::post))
        .route("/v1/decide", post(decide::post))
        .route("/v1/bundle", get(bundle::get))
        // Here too, as a page wants to read this answer like any other.
        .method_not_allowed_fallback(|| async { Error::BadMethod })
        .layer(from_fn_with_state(Arc::clone(&app), limits::guard))
        .layer(from_fn_with_state(Arc::clone(&app), refuse_when_closing))
        .layer(from_fn(caller::cors));
    Router::new()
        .route("/v1/segments", get(manage::segments))
        .route("/v1/segments/{id}", put(manage::put_segment).get(manage::segment).delete(manage::delete_segment))
        .route("/v1/offers", get(manage::offers))
        .route("/v1/offers/{id}", put(manage::put_offer).get(manage::offer).delete(manage::delete_offer))
        .route("/v1/slots", get(manage::slots))
        .route("/v1/slots/{id}", put(manage::put_slot).get(manage::slot).delete(manage::delete_slot))
        .route("/v1/items", put(manage::put_items))
        .route("/v1/site", get(manage::site).put(manage::put_site))
        .route("/v1/keys", get(keys::list).post(keys::create))
        .route("/v1/keys/{id}", delete(keys::revoke))
        .route("/v1/sites", get(keys::sites).post(keys::add_site))
        .route("/v1/erase", post(erase::post))
        .route("/v1/upkeep", post(erase::upkeep))
        .route("/v1/visitors/{id}", get(visitors::get))
        .route("/v1/rejected", get(rejected::list))
        .route("/v1/rejected/replay", post(rejected::replay))
        .route("/v1/reports", get(reports::list))
        .route("/v1/reports/{name}", get(reports::get))
        .route("/v1/live", get(live::get))
        .route("/v1/export/events.ndjson", get(export::ndjson))
        .route("/v1/export/events.csv", get(export::csv))
        .route("/v1/session", post(dashboard::sign_in).delete(dashboard::sign_out))
        .route("/signin", get(dashboard::link))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::get))
        .fallback(dashboard::asset)
        .method_not_allowed_fallback(|| async { Error::BadMethod })
        .layer(from_fn_with_state(Arc::clone(&app), limits::guard))
        .layer(from_fn_with_state(Arc::clone(&app), refuse_when_closing))
        .merge(public)
        .layer(from_fn_with_state(Arc::clone(&app), requests::named))
        .with_state(app)
}

async fn refuse_when_closing(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if *app.closing.borrow() && request.uri().path() != "/livez" {
        return Error::ShuttingDown.into_response();
    }
    next.run(request).await
}

/// Runs what waits for the disk on a thread of its own.
async fn blocking<T: Send + 'static>(job: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(job).await.map_err(|error| Error::Internal(error.into()))?
}

/// An answer of JSON text.
fn json(text: impl serde::Serialize) -> Result<Response, Error> {
    let text = serde_json::to_string(&text).map_err(|error| Error::Internal(error.into()))?;
    let headers =
        [(axum::http::header::CONTENT_TYPE, "application/json"), (axum::http::header::CACHE_CONTROL, "no-store")];
    Ok((headers, text).into_response())
}

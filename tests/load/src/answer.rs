//! A server that parses a batch and answers every event, and stores nothing: what HTTP and JSON alone allow.

use crate::{Failure, Options};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use serde_json::{Value, json};

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let address = options.text("address")?.to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&address).await?;
        println!("listening on http://{}", listener.local_addr()?);
        axum::serve(listener, Router::new().route("/v1/events", post(events))).await?;
        Ok(())
    })
}

async fn events(body: Bytes) -> String {
    let parsed: Value = serde_json::from_slice(&body).unwrap_or_default();
    let results: Vec<Value> = parsed["events"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|event| json!({"id": event["id"], "status": "stored"}))
        .collect();
    json!({"results": results}).to_string()
}

//! `GET /v1/reports` and `GET /v1/reports/{name}`.

use super::caller::{Caller, Named};
use super::{Shared, blocking, json};
use crate::clock;
use crate::error::Error;
use crate::report::{COMMON, REPORTS, Report};
use crate::store::Scopes;
use axum::extract::{Query, State};
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The reports there are, with their parameters.
pub(super) async fn list(caller: Caller) -> Result<Response, Error> {
    caller.may(Scopes::READ)?;
    let reports: Vec<Value> = REPORTS
        .iter()
        .map(|report| {
            let parameters = COMMON.iter().chain(report.parameters);
            let parameters: Vec<Value> =
                parameters.map(|(name, takes)| json!({"name": name, "takes": takes})).collect();
            json!({"name": report.name, "title": report.title, "parameters": parameters})
        })
        .collect();
    json(json!({"reports": reports}))
}

/// One report.
pub(super) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Named(name): Named,
    Query(mut parameters): Query<HashMap<String, String>>,
) -> Result<Response, Error> {
    let site = caller.may(Scopes::READ)?;
    // The caller's own: another one was refused before.
    parameters.remove("site");
    let report = Report::find(&name).ok_or(Error::NotFound)?;
    let answer = blocking(move || report.run(app.store.as_ref(), site, parameters, clock::now())).await?;
    json(answer)
}

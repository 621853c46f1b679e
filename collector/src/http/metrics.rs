//! `GET /metrics`: what the process counts, in the text format that Prometheus reads.

use super::caller::bearer;
use super::{App, Shared, blocking};
use crate::clock;
use crate::error::Error;
use crate::store::{Classes, Figures};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use std::fmt::{Display, Write as _};
use std::net::SocketAddr;
use subtle::ConstantTimeEq;

/// What a proxy adds: then the peer is the proxy, and who asks is somebody else.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Everything that is counted, for who has the token, or where there is none, for who asks from this very machine.
pub(super) async fn get(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    may_read(&app, peer, &headers)?;
    let text = blocking(move || Ok(text(&app, &app.store.figures()))).await?;
    let headers =
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, text).into_response())
}

fn may_read(app: &App, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Error> {
    match &app.metrics_token {
        Some(token) => {
            let given = bearer(headers)?.ok_or(Error::BadKey)?;
            if token.as_bytes().ct_eq(given.as_bytes()).into() { Ok(()) } else { Err(Error::BadKey) }
        }
        // Without a token there is nothing that a stranger could do better.
        None if !peer.ip().to_canonical().is_loopback() => Err(Error::NotFound),
        None if FORWARDED.iter().any(|name| headers.contains_key(*name)) => Err(Error::NotFound),
        None => Ok(()),
    }
}

fn text(app: &App, figures: &Figures) -> String {
    let mut page = Page::default();
    page.head("beckon_build_info", "gauge", "The version that runs.");
    page.line("beckon_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.gauge("beckon_uptime_seconds", "Since the process began.", clock::uptime().as_secs_f64());

    page.head("beckon_requests_total", "counter", "Requests by route and status.");
    for (method, route, status, n) in app.requests.counts() {
        let status = status.to_string();
        page.line("beckon_requests_total", &[("method", method), ("route", &route), ("status", &status)], n);
    }
    page.head("beckon_events_total", "counter", "Events by what became of them and why; counted once it is on disk.");
    for ((result, reason), n) in &figures.results {
        page.line("beckon_events_total", &[("result", result), ("reason", reason)], n);
    }

    page.gauge("beckon_queue_events", "Events that wait to be written, and one for each batch.", figures.queued);
    page.gauge("beckon_queue_bytes", "Bytes that these hold.", figures.queued_bytes);
    page.histogram("beckon_commit_seconds", "How long a commit took, with its work.", &figures.commits, 1e-6);
    page.histogram("beckon_commit_events", "Events of a commit.", &figures.groups, 1.0);
    page.head("beckon_commits_failed_total", "counter", "Groups that could not be committed.");
    page.line("beckon_commits_failed_total", &[], figures.failed);
    if let Some(age) = figures.last_commit {
        page.gauge("beckon_last_commit_age_seconds", "Since events were last written.", age.as_secs_f64());
    }
    page.gauge("beckon_database_bytes", "Size of the database's file.", figures.database_bytes);
    page.gauge("beckon_wal_bytes", "Size of its write-ahead log.", figures.log_bytes);
    page.gauge("beckon_readers", "Readers at work.", figures.reading);
    page.0
}

/// The text while it is being written.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One sample. Labels are texts of ours, which hold neither quotes nor line ends.
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{text}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.line(name, &[], value);
    }

    /// `unit` is what 1 of the classes' numbers is worth.
    fn histogram(&mut self, name: &str, help: &str, classes: &Classes, unit: f64) {
        self.head(name, "histogram", help);
        let mut n = 0;
        let ends = classes.ends.iter().map(|end| (*end as f64 * unit).to_string());
        for (end, count) in ends.chain(["+Inf".to_owned()]).zip(&classes.counts) {
            n += count;
            self.line(&format!("{name}_bucket"), &[("le", &end)], n);
        }
        self.line(&format!("{name}_sum"), &[], classes.sum as f64 * unit);
        self.line(&format!("{name}_count"), &[], n);
    }
}

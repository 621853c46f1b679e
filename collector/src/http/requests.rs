//! Every request gets a name, a line in the log, and is counted: no ids of visitors, no query, no address, nothing that was sent.

use super::Shared;
use crate::clock::Stopwatch;
use crate::error::{CURRENT, Current};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Tells the caller what to ask the operator for.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How many there were of each method and status.
type Counts = BTreeMap<(&'static str, u16), u64>;

/// How often what was asked and how it was answered, by route.
#[derive(Default)]
pub(crate) struct Requests(Mutex<BTreeMap<String, Counts>>);

impl Requests {
    fn add(&self, route: &str, method: &'static str, status: u16) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(route) {
            Some(counts) => *counts.entry((method, status)).or_default() += 1,
            None => drop(counts.insert(route.to_owned(), BTreeMap::from([((method, status), 1)]))),
        }
    }

    /// Method, route, status, and how many; by route.
    pub(super) fn counts(&self) -> Vec<(&'static str, String, u16, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = counts.iter().flat_map(|(route, counts)| counts.iter().map(move |count| (route, count)));
        each.map(|(route, ((method, status), n))| (*method, route.clone(), *status, *n)).collect()
    }
}

/// Names a request, has it answered, and notes how that went.
pub(super) async fn named(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let took = Stopwatch::start();
    let id = fresh_id();
    let method = method(request.method());
    let route: Box<str> = request.extensions().get().map_or("-", MatchedPath::as_str).into();
    let current = Current { id: id.clone(), route: route.clone() };
    let mut response = CURRENT.scope(current, next.run(request)).await;
    // Hex digits: they always make a header.
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let status = response.status().as_u16();
    let ms = took.elapsed().as_micros() as f64 / 1e3;
    app.requests.add(&route, method, status);
    tracing::debug!(request_id = id, method, %route, status, ms, "answered");
    response
}

/// The method where it is one of ours: another one is text of the sender's own.
fn method(method: &Method) -> &'static str {
    const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];
    METHODS.into_iter().find(|known| method == known).unwrap_or("-")
}

/// A name that no other request of this process has, and hardly one of another: where the count began is drawn.
fn fresh_id() -> String {
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| {
        let mut bytes = [0; 8];
        // Without randomness the names are those of the process before, and still tell requests apart.
        let _ = getrandom::fill(&mut bytes);
        AtomicU64::new(u64::from_le_bytes(bytes))
    });
    format!("{:016x}", scattered(NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Another number for each number, without the order (the end of SplitMix64): a caller is not to see how many others
/// there were.
fn scattered(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

//! Every request gets a name, and a line in the log: no ids of visitors, no query, no address, nothing that was sent.

use crate::clock::Stopwatch;
use crate::error::{CURRENT, Current};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells the caller what to ask the operator for.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names a request, has it answered, and notes how that went.
pub(super) async fn named(request: Request, next: Next) -> Response {
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
    let ms = took.elapsed().as_secs_f64() * 1e3;
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

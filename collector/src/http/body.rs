//! Reading a body within its limits.

use crate::error::Error;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use std::time::Duration;
use tokio::time::timeout;

/// Largest body on the wire.
pub(super) const MAX_BODY: usize = 256 * 1024;
/// Largest body of the manage routes: a catalogue.
pub(super) const MAX_CATALOGUE: usize = 8 * 1024 * 1024;
/// How long a body may take to arrive.
const TIME: Duration = Duration::from_secs(15);

/// Refuses other content types than JSON; `text` also allows what a page sends without a preflight.
pub(super) fn content_type(headers: &HeaderMap, text: bool) -> Result<(), Error> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") || (text && essence.eq_ignore_ascii_case("text/plain")) {
        Ok(())
    } else {
        Err(Error::BadType { text })
    }
}

/// Reads a body of at most `max` bytes.
pub(super) async fn read(headers: &HeaderMap, body: Body, max: usize) -> Result<Vec<u8>, Error> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let too_large =
        || Error::TooLarge(if max == MAX_BODY { "expected at most 256 KiB" } else { "expected at most 8 MiB" });
    if declared.is_some_and(|length| length > max) {
        return Err(too_large());
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Error::BadEncoding);
    }
    match timeout(TIME, axum::body::to_bytes(body, max)).await {
        Err(_) => Err(Error::SlowBody),
        Ok(Ok(bytes)) => Ok(bytes.into()),
        // Either over the limit, or the connection broke and nobody reads this answer.
        Ok(Err(_)) => Err(too_large()),
    }
}

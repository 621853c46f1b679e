//! Reading a body within its limits, packed or not.

use crate::error::Error;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use engine::value::{Map, Value};
use flate2::read::MultiGzDecoder;
use std::io::{self, Read};
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use tokio_stream::StreamExt;

/// Largest body on the wire.
pub(super) const MAX_BODY: usize = 256 * 1024;
/// Largest body once it is unpacked.
const MAX_UNPACKED: usize = 1024 * 1024;
/// Largest body of the manage routes: a catalogue.
pub(super) const MAX_CATALOGUE: usize = 8 * 1024 * 1024;
/// Most bytes of bodies that are held at a time, of all requests together: they are read before anybody is asked for a
/// key that stands in them, so there is no other bound.
const MOST_HELD: usize = 64 * 1024 * 1024;
/// How long a body may take to arrive.
const TIME: Duration = Duration::from_secs(15);

/// As much of a body that is too large as is let go by, in bytes.
const MOST_PASSED: usize = 16 * 1024 * 1024;
/// And how long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes of all bodies that are held.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// The room that a body takes, until it is dropped.
struct Room(usize);

impl Room {
    /// Makes it so many bytes.
    ///
    /// # Errors
    /// [`Error::Busy`] where there is no room.
    fn resize(&mut self, bytes: usize) -> Result<(), Error> {
        if bytes <= self.0 {
            HELD.fetch_sub(self.0 - bytes, Ordering::Relaxed);
        } else if HELD.fetch_add(bytes - self.0, Ordering::Relaxed) + bytes - self.0 > MOST_HELD {
            HELD.fetch_sub(bytes - self.0, Ordering::Relaxed);
            return Err(Error::Busy);
        }
        self.0 = bytes;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        HELD.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// A body, read and unpacked.
pub(super) struct Whole {
    bytes: Vec<u8>,
    _room: Room,
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

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

/// Reads a body of at most `max` bytes on the wire, and unpacks it.
pub(super) async fn read(headers: &HeaderMap, body: Body, max: usize) -> Result<Whole, Error> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let too_large =
        || Error::TooLarge(if max == MAX_BODY { "expected at most 256 KiB" } else { "expected at most 8 MiB" });
    if declared.is_some_and(|length| length > max) {
        // Who waits to be told whether to send it at all is told at once.
        if !headers.contains_key(header::EXPECT) {
            pass_by(body).await;
        }
        return Err(too_large());
    }
    let mut room = Room(0);
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0));
    let mut pieces = body.into_data_stream();
    let all = async {
        while let Some(piece) = pieces.next().await {
            // Either over the limit, or the connection broke and nobody reads this answer.
            let piece = piece.ok().filter(|piece| bytes.len() + piece.len() <= max).ok_or_else(too_large)?;
            room.resize(bytes.len() + piece.len())?;
            bytes.extend_from_slice(&piece);
        }
        Ok::<(), Error>(())
    };
    timeout(TIME, all).await.map_err(|_| Error::SlowBody)??;
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(encoding) = encodings.next() else { return Ok(Whole { bytes, _room: room }) };
    if encodings.next().is_some() {
        return Err(Error::BadEncoding);
    }
    let encoding = encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase();
    if encoding == "identity" {
        return Ok(Whole { bytes, _room: room });
    }
    room.resize(bytes.len() + MAX_UNPACKED)?;
    let bytes = super::blocking(move || unpack(&encoding, &bytes)).await?;
    room.resize(bytes.len())?;
    Ok(Whole { bytes, _room: room })
}

/// Lets a body of no use go by, within bounds. A connection that is closed while its sender still writes breaks, and a proxy
/// then tells of a broken server in place of our answer.
async fn pass_by(body: Body) {
    let mut pieces = body.into_data_stream();
    let mut left = MOST_PASSED;
    let all = async {
        while let Some(Ok(piece)) = pieces.next().await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                break;
            }
        }
    };
    // A sender that takes longer gets its answer meanwhile.
    let _ = timeout(PATIENCE, all).await;
}

/// Reads a body that is to be a JSON object of no other fields than these.
pub(super) async fn object(headers: &HeaderMap, body: Body, fields: &[&str]) -> Result<Map, Error> {
    content_type(headers, false)?;
    let bytes = read(headers, body, MAX_BODY).await?;
    let Value::Map(map) = serde_json::from_slice(&bytes)? else { return Err(Error::invalid("", "expected an object")) };
    if let Some((key, _)) = map.iter().find(|(key, _)| !fields.contains(key)) {
        return Err(Error::invalid(key, &format!("unknown field; expected one of {}", fields.join(", "))));
    }
    Ok(map)
}

/// Unpacks a body, and no more of it than is allowed.
pub(crate) fn unpack(encoding: &str, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let unpacked = match encoding {
        "gzip" | "x-gzip" => limited(MultiGzDecoder::new(bytes)),
        "br" => limited(brotli_decompressor::Decompressor::new(bytes, 16 * 1024)),
        // A larger window than all that may come out of it would only cost memory.
        "zstd" => match ruzstd::decoding::StreamingDecoder::new_with_max_window_size(bytes, 8 * MAX_UNPACKED as u64) {
            Ok(decoder) => limited(decoder),
            Err(_) => return Err(Error::BadEncoding),
        },
        _ => return Err(Error::BadEncoding),
    };
    match unpacked {
        Ok(unpacked) if unpacked.len() > MAX_UNPACKED => Err(Error::TooLarge("expected at most 1 MiB once unpacked")),
        Ok(unpacked) => Ok(unpacked),
        Err(_) => Err(Error::BadEncoding),
    }
}

fn limited(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    reader.take(MAX_UNPACKED as u64 + 1).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    // `{"events":[]}`, packed by the reference programs.
    const BROTLI: &[u8] = &[11, 6, 128, 123, 34, 101, 118, 101, 110, 116, 115, 34, 58, 91, 93, 125, 3];
    const ZSTD: &[u8] = &[
        40, 181, 47, 253, 4, 88, 105, 0, 0, 123, 34, 101, 118, 101, 110, 116, 115, 34, 58, 91, 93, 125, 229, 106, 44,
        132,
    ];

    #[test]
    fn packed_bodies_are_unpacked() {
        let plain = b"{\"events\":[]}";
        assert_eq!(unpack("gzip", &gzip(plain)).unwrap(), plain);
        assert_eq!(unpack("br", BROTLI).unwrap(), plain);
        assert_eq!(unpack("zstd", ZSTD).unwrap(), plain);
    }

    #[test]
    fn what_is_broken_or_a_bomb_is_refused() {
        let whole = gzip(b"{\"events\":[]}");
        assert!(matches!(unpack("gzip", &whole[..whole.len() - 4]), Err(Error::BadEncoding)));
        assert!(matches!(unpack("br", b"no brotli at all"), Err(Error::BadEncoding)));
        assert!(matches!(unpack("zstd", b"no zstd at all"), Err(Error::BadEncoding)));
        assert!(matches!(unpack("deflate", &whole), Err(Error::BadEncoding)));
        let bomb = gzip(&vec![b' '; 100 * MAX_UNPACKED]);
        assert!(bomb.len() < MAX_BODY);
        assert!(matches!(unpack("gzip", &bomb), Err(Error::TooLarge(_))));
    }
}

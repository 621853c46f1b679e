//! A small HTTP/1.1 client over a plain socket: a test says every byte that it sends, and sees when a connection breaks.

use serde_json::Value;
use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No answer takes this long: a test that waits for one ends.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// A request while it is being put together.
#[derive(Clone)]
pub(crate) struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// With a method and a path; the query belongs to the path.
    pub(crate) fn new(method: &str, path: &str) -> Request {
        Request { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: &str) -> Request {
        Request::new("GET", path)
    }

    pub(crate) fn post(path: &str) -> Request {
        Request::new("POST", path)
    }

    pub(crate) fn put(path: &str) -> Request {
        Request::new("PUT", path)
    }

    pub(crate) fn delete(path: &str) -> Request {
        Request::new("DELETE", path)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The key, in the header.
    pub(crate) fn key(self, key: &str) -> Request {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn body(self, kind: &str, body: impl Into<Vec<u8>>) -> Request {
        self.bytes(body).header("content-type", kind)
    }

    /// A body of no content type.
    pub(crate) fn bytes(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, value: &Value) -> Request {
        self.body("application/json", value.to_string())
    }

    /// Whether it has such a header.
    pub(crate) fn has(&self, wanted: &str) -> bool {
        self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    }

    /// Whether its path begins so.
    pub(crate) fn is_about(&self, path: &str) -> bool {
        self.path.starts_with(path)
    }

    /// The request line and the headers, up to the empty line.
    fn head(&self) -> String {
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: collector.test\r\nconnection: close\r\n", self.method, self.path);
        if self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head = head.replace("host: collector.test\r\n", "");
        }
        let given = |wanted: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        if !given("content-length") && (!self.body.is_empty() || !["GET", "HEAD"].contains(&self.method.as_str())) {
            head = format!("{head}content-length: {}\r\n", self.body.len());
        }
        for (name, value) in &self.headers {
            head = format!("{head}{name}: {value}\r\n");
        }
        head + "\r\n"
    }

    /// Sends it and reads the answer to its end.
    pub(crate) fn send(&self, to: SocketAddr) -> io::Result<Answer> {
        let (mut answer, mut stream) = self.open(to)?;
        if self.method != "HEAD" && ![204, 304].contains(&answer.status) {
            stream.0.read_to_end(&mut answer.body)?;
        }
        Ok(answer)
    }

    /// Sends it and reads the head of the answer only; the body follows on the stream.
    pub(crate) fn open(&self, to: SocketAddr) -> io::Result<(Answer, Stream)> {
        let mut socket = TcpStream::connect_timeout(&to, BOUND)?;
        socket.set_read_timeout(Some(BOUND))?;
        socket.set_write_timeout(Some(BOUND))?;
        socket.set_nodelay(true)?;
        socket.write_all(self.head().as_bytes())?;
        // An answer may come before the body was read, as with one that is too large: what counts is the answer.
        let written = socket.write_all(&self.body);
        let mut reader = BufReader::new(socket);
        let (answer, left) = match head(&mut reader) {
            Ok(read) => read,
            Err(error) => return Err(written.err().unwrap_or(error)),
        };
        Ok((answer, Stream(BufReader::new(Body { reader, left }))))
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.text()))
    }

    /// Status and code of a problem, as `401 bad_key`; of any other answer the status alone.
    pub(crate) fn said(&self) -> String {
        let problem = self.header("content-type") == Some("application/problem+json");
        if !problem {
            return self.status.to_string();
        }
        let json = self.json();
        for field in ["type", "title", "detail", "code", "request_id"] {
            assert!(json[field].is_string(), "a problem without {field}: {json}");
        }
        assert_eq!(json["status"], self.status, "{json}");
        format!("{} {}", self.status, json["code"].as_str().unwrap_or_default())
    }
}

/// The body of an answer as it comes.
pub(crate) struct Stream(BufReader<Body>);

impl Stream {
    /// The next server-sent event, its name and data; `None` at the end of the stream.
    pub(crate) fn event(&mut self) -> io::Result<Option<(String, Value)>> {
        let (mut name, mut data) = (String::new(), String::new());
        let mut line = String::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end().split_once(": ") {
                Some(("event", rest)) => rest.clone_into(&mut name),
                Some(("data", rest)) => data.push_str(rest),
                None if line.trim_end().is_empty() && !data.is_empty() => {
                    return Ok(Some((name, serde_json::from_str(&data)?)));
                }
                _ => {}
            }
        }
    }
}

/// How much of a body is still to come.
enum Left {
    Bytes(u64),
    /// In the present chunk; `None` after the last one.
    Chunk(Option<u64>),
    UntilClosed,
}

struct Body {
    reader: BufReader<TcpStream>,
    left: Left,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Left::Chunk(Some(0)) = self.left {
            let size = line(&mut self.reader)?;
            let size = u64::from_str_radix(&size, 16).map_err(|_| broken("a chunk without its size"))?;
            self.left = Left::Chunk(Some(size).filter(|size| *size > 0));
        }
        let left = match &mut self.left {
            Left::Chunk(None) | Left::Bytes(0) => return Ok(0),
            Left::UntilClosed => return self.reader.read(buffer),
            Left::Bytes(left) | Left::Chunk(Some(left)) => left,
        };
        let most = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        let n = self.reader.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(broken("the connection ended inside a body"));
        }
        *left -= n as u64;
        if let Left::Chunk(Some(0)) = self.left {
            line(&mut self.reader)?;
        }
        Ok(n)
    }
}

fn head(reader: &mut BufReader<TcpStream>) -> io::Result<(Answer, Left)> {
    let first = line(reader)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| broken("the connection ended before an answer"))?;
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let answer = Answer { status, headers, body: Vec::new() };
    let left = match (answer.header("transfer-encoding"), answer.header("content-length")) {
        (Some("chunked"), _) => Left::Chunk(Some(0)),
        (_, Some(length)) => Left::Bytes(length.parse().map_err(|_| broken("a length that is no number"))?),
        _ => Left::UntilClosed,
    };
    Ok((answer, left))
}

/// A line of a head; empty at its end, and where the connection ended.
fn line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::ConnectionAborted, what)
}

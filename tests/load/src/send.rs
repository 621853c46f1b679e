//! Sends batches over keep-alive connections and counts what was acknowledged.

use crate::events::{Shoppers, now};
use crate::{Failure, Options};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What one connection saw.
#[derive(Default)]
struct Ledger {
    sent: u64,
    stored: u64,
    refused: u64,
    /// Answers other than 200 and 503.
    failed: u64,
    /// Answers of 503, each as the microseconds it took.
    busy: Vec<u64>,
    /// Of each request, in microseconds.
    times: Vec<u64>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let address = options.text("address")?.to_owned();
    let key = options.text("key")?.to_owned();
    let batch = options.number("batch", 20)?.max(1);
    let connections = options.number("connections", 64)?.max(1);
    let seconds = options.number("seconds", 10)?;
    let rate = options.number("rate", 0)?;
    let seed = options.number("seed", 1)?;
    let started = Instant::now();
    let end = started + Duration::from_secs(seconds);
    let threads: Vec<_> = (0..connections)
        .map(|number| {
            let (address, key) = (address.clone(), key.clone());
            // With a rate, requests are due at fixed times whatever the answers do (an open loop), so that a stall shows
            // in all the requests it delayed.
            let due = (rate > 0).then(|| {
                let every = Duration::from_secs_f64(connections as f64 * batch as f64 / rate as f64);
                (started + every.mul_f64(number as f64 / connections as f64), every)
            });
            let seed = seed.wrapping_mul(1_000_003).wrapping_add(number);
            std::thread::Builder::new()
                .stack_size(256 * 1024)
                .spawn(move || connection(&address, &key, batch, seed, end, due))
        })
        .collect::<Result<_, _>>()?;
    let mut ledger = Ledger::default();
    for thread in threads {
        let one = thread.join().map_err(|_| "a connection panicked")??;
        ledger.sent += one.sent;
        ledger.stored += one.stored;
        ledger.refused += one.refused;
        ledger.failed += one.failed;
        ledger.busy.extend(one.busy);
        ledger.times.extend(one.times);
    }
    let took = started.elapsed().as_secs_f64();
    ledger.times.sort_unstable();
    ledger.busy.sort_unstable();
    let at = |times: &[u64], share: f64| {
        let index = ((times.len() as f64 - 1.0) * share).round().max(0.0) as usize;
        times.get(index).map_or(0.0, |us| *us as f64 / 1e3)
    };
    println!(
        "{}",
        json!({
            "batch": batch, "connections": connections, "seconds": took, "sent": ledger.sent, "acknowledged": ledger.stored,
            "refused": ledger.refused, "failed": ledger.failed, "per_second": ledger.stored as f64 / took,
            "p50_ms": at(&ledger.times, 0.5), "p99_ms": at(&ledger.times, 0.99),
            "busy": ledger.busy.len(), "busy_p99_ms": at(&ledger.busy, 0.99),
        })
    );
    Ok(())
}

fn connection(
    address: &str,
    key: &str,
    batch: u64,
    seed: u64,
    end: Instant,
    mut due: Option<(Instant, Duration)>,
) -> Result<Ledger, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut shoppers = Shoppers::new(seed);
    let mut ledger = Ledger::default();
    let mut request = String::new();
    let mut body = String::new();
    let mut answer = vec![0; 128 * 1024];
    loop {
        let from = match &mut due {
            Some((next, every)) => {
                let at = *next;
                *next += *every;
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                at
            }
            None => Instant::now(),
        };
        if Instant::now() >= end {
            return Ok(ledger);
        }
        body.clear();
        body.push_str("{\"events\":[");
        let at = now();
        for index in 0..batch {
            if index > 0 {
                body.push(',');
            }
            shoppers.next(at).write(&mut body);
        }
        body.push_str("]}");
        request.clear();
        request.push_str(
            "POST /v1/events HTTP/1.1\r\nhost: bench\r\norigin: https://shop.example\r\nuser-agent: Mozilla/5.0 (X11; Linux \
             x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\naccept-language: \
             de-DE,de;q=0.9\r\ncontent-type: text/plain;charset=UTF-8\r\nauthorization: Bearer ",
        );
        request.push_str(key);
        request.push_str("\r\ncontent-length: ");
        request.push_str(&body.len().to_string());
        request.push_str("\r\n\r\n");
        request.push_str(&body);
        ledger.sent += batch;
        stream.write_all(request.as_bytes())?;
        let (status, text) = read_answer(&mut stream, &mut answer)?;
        let took = from.elapsed().as_micros() as u64;
        if status == 503 {
            ledger.busy.push(took);
            continue;
        }
        if status == 200 {
            let stored = text.matches("\"stored\"").count() as u64;
            ledger.stored += stored;
            ledger.refused += batch - stored;
        } else {
            ledger.failed += 1;
        }
        ledger.times.push(took);
    }
}

/// Reads one answer: status and body.
fn read_answer<'a>(stream: &mut TcpStream, buffer: &'a mut Vec<u8>) -> Result<(u16, &'a str), Failure> {
    let mut have = 0;
    let mut need = None;
    loop {
        if have == buffer.len() {
            buffer.resize(have * 2, 0);
        }
        let n = stream.read(&mut buffer[have..])?;
        if n == 0 {
            return Err("the connection was closed".into());
        }
        have += n;
        if need.is_none()
            && let Some(end) = buffer[..have].windows(4).position(|window| window == b"\r\n\r\n")
        {
            let head = std::str::from_utf8(&buffer[..end])?.to_ascii_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length:")).ok_or("no content-length")?;
            need = Some((head.get(9..12).unwrap_or_default().parse()?, end + 4, length.trim().parse::<usize>()?));
        }
        if let Some((status, from, length)) = need
            && have >= from + length
        {
            return Ok((status, std::str::from_utf8(&buffer[from..from + length])?));
        }
    }
}

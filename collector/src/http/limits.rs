//! How many requests a client or a key may make, and whose address a request comes from.
//!
//! Addresses serve this alone: they are kept in memory for as long as a bucket is not full again, and never logged.

use super::Shared;
use crate::access::Grant;
use crate::clock::Stopwatch;
use crate::config::{self, Network};
use crate::error::Error;
use crate::store::KeyId;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Most buckets of one kind that are kept: about 3 MB.
const MAX_BUCKETS: usize = 65_536;
/// A full table is looked through at most this often, in ns.
const SWEEP: u64 = 100_000_000;

/// Who is limited together: an IPv4 address, or the 64 bits that a customer of IPv6 gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Client::V4(address.to_bits()),
            IpAddr::V6(address) => Client::V6((address.to_bits() >> 64) as u64),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Put there by `guard`, which stands before every route.
        Ok(parts.extensions.get().copied().unwrap_or_else(|| Ipv4Addr::UNSPECIFIED.into()))
    }
}

impl From<Ipv4Addr> for Client {
    fn from(address: Ipv4Addr) -> Self {
        Client::V4(address.to_bits())
    }
}

/// The limits in force and what is left of each.
pub(crate) struct Limits {
    proxies: Vec<Network>,
    clock: Stopwatch,
    clients: Option<Mutex<Buckets<Client>>>,
    /// Requests that were answered with 401: whoever guesses keys must not do it faster than others ask.
    wrong: Option<Mutex<Buckets<Client>>>,
    keys: Option<Mutex<Buckets<KeyId>>>,
    warned: AtomicBool,
}

impl Limits {
    /// As set; every bucket is full.
    pub(crate) fn new(set: &config::Limits) -> Limits {
        let client = || Buckets::new(set.client_rate, set.client_burst).map(Mutex::new);
        Limits {
            proxies: set.trusted_proxies.clone(),
            clock: Stopwatch::start(),
            clients: client(),
            wrong: client(),
            keys: Buckets::new(set.key_rate, set.key_burst).map(Mutex::new),
            warned: AtomicBool::new(false),
        }
    }

    /// Takes one request from what the key may do, and with a public key from what the client may do: a shop's own
    /// server sends for all of its visitors.
    pub(super) fn take(&self, grant: &Grant, client: Client) -> Result<(), Error> {
        let now = self.now();
        if let (Some(keys), Some(key)) = (&self.keys, grant.key) {
            lock(keys).take(key, now).map_err(refused)?;
        }
        match &self.clients {
            Some(clients) if grant.is_public() => lock(clients).take(client, now).map_err(refused),
            _ => Ok(()),
        }
    }

    fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }

    /// Whose request this is: the peer's, or where that is a proxy of ours, the right-most address in
    /// `X-Forwarded-For` that is none. What stands left of that one anybody could have written; and an entry that is
    /// no address ends the walk, so that the last proxy that was certain answers for it.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let trusted = |address: IpAddr| self.proxies.iter().any(|network| network.holds(address));
        let lists = headers.get_all("x-forwarded-for");
        if !trusted(client) {
            if lists.iter().next().is_some() && !is_public(client) && !self.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "a proxy that `trusted_proxies` does not list forwards requests: all of its clients share one limit"
                );
            }
            return client;
        }
        let lists: Vec<&[u8]> = lists.iter().map(axum::http::HeaderValue::as_bytes).collect();
        for entry in lists.iter().rev().flat_map(|list| list.rsplit(|byte| *byte == b',')) {
            let Some(address) = address(entry) else { break };
            client = address;
            if !trusted(client) {
                break;
            }
        }
        client
    }
}

/// An entry of `X-Forwarded-For`; some proxies add the port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim();
    let address =
        entry.parse::<IpAddr>().or_else(|_| entry.parse::<SocketAddr>().map(|socket| socket.ip())).or_else(|error| {
            entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map_or(Err(error), str::parse)
        });
    address.ok().map(|address| address.to_canonical())
}

/// Whether an address is no neighbour's: then a header that it sends is its own invention, and nothing to warn of.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_private() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unique_local() && !address.is_unicast_link_local(),
    }
}

/// Before every route that takes a key: finds out whose request it is, and lets nobody guess keys in a hurry.
pub(super) async fn guard(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let client = Client::from(app.limits.client(peer, request.headers()));
    request.extensions_mut().insert(client);
    let path = request.uri().path();
    let Some(wrong) =
        app.limits.wrong.as_ref().filter(|_| path.starts_with("/v1/") || path == "/signin" || path == "/metrics")
    else {
        return next.run(request).await;
    };
    if let Err(wait) = lock(wrong).look(client, app.limits.now()) {
        // Before any look at the key: the answer must not tell a right one from a wrong one.
        return refused(wait).into_response();
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        // Whether it was the last one shows at the next.
        let _ = lock(wrong).take(client, app.limits.now());
    }
    response
}

fn refused(wait: u64) -> Error {
    Error::RateLimited(Duration::from_nanos(wait))
}

fn lock<K>(buckets: &Mutex<Buckets<K>>) -> std::sync::MutexGuard<'_, Buckets<K>> {
    buckets.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A bucket a key, each filled at the same rate, in the form of GCRA: of a bucket that is not full, the moment at which
/// it will be; of a full one nothing. Times are ns of one clock.
struct Buckets<K> {
    /// The time that one token takes to come back.
    every: u64,
    /// The time that an empty bucket takes to fill.
    whole: u64,
    full_at: HashMap<K, u64>,
    /// The one bucket of all that find no room in the table.
    rest: u64,
    /// When the table may be looked through again.
    sweep_at: u64,
    max: usize,
}

impl<K: Copy + Eq + Hash> Buckets<K> {
    /// `rate` tokens a second, at most `burst` of them saved up; `None` where the rate is 0, which is no limit.
    fn new(rate: u32, burst: u32) -> Option<Buckets<K>> {
        let every = 1_000_000_000_u64.checked_div(u64::from(rate))?;
        let whole = every * u64::from(burst.max(1));
        Some(Buckets { every, whole, full_at: HashMap::new(), rest: 0, sweep_at: 0, max: MAX_BUCKETS })
    }

    /// Takes a token, or says how long it is until there is one, in ns.
    fn take(&mut self, key: K, now: u64) -> Result<(), u64> {
        if self.full_at.len() >= self.max && !self.full_at.contains_key(&key) {
            self.make_room(now);
        }
        let (every, whole) = (self.every, self.whole);
        let bucket = if self.full_at.len() < self.max || self.full_at.contains_key(&key) {
            self.full_at.entry(key).or_default()
        } else {
            &mut self.rest
        };
        wait(*bucket, every, whole, now)?;
        *bucket = (*bucket).max(now) + every;
        Ok(())
    }

    /// Like [`Buckets::take`], and takes nothing.
    fn look(&self, key: K, now: u64) -> Result<(), u64> {
        let full_at = match self.full_at.get(&key) {
            Some(full_at) => *full_at,
            // Room is made when somebody takes: until then the table is as full as it was then.
            None if self.full_at.len() >= self.max => self.rest,
            None => return Ok(()),
        };
        wait(full_at, self.every, self.whole, now)
    }

    /// Forgets full buckets, and where that is not enough, those that have a token left. A limit that is in force is
    /// never lifted by it: who comes when all buckets are empty shares the one that is left.
    fn make_room(&mut self, now: u64) {
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = now + SWEEP;
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() > self.max / 2 {
            let (every, whole) = (self.every, self.whole);
            self.full_at.retain(|_, full_at| wait(*full_at, every, whole, now).is_err());
        }
    }
}

/// How long it is until a bucket has a token.
fn wait(full_at: u64, every: u64, whole: u64, now: u64) -> Result<(), u64> {
    let after = full_at.max(now) + every;
    if after <= now + whole { Ok(()) } else { Err(after - now - whole) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut buckets = Buckets::new(50, 200).unwrap();
        for _ in 0..200 {
            assert_eq!(buckets.take(1, 0), Ok(()));
        }
        assert_eq!(buckets.take(1, 0), Err(SECOND / 50));
        assert_eq!(buckets.take(2, 0), Ok(()), "another key");
        assert_eq!(buckets.take(1, SECOND / 50), Ok(()));
        assert_eq!(buckets.take(1, SECOND / 50), Err(SECOND / 50));
        let in_a_second = (0..1_000).filter(|n| buckets.take(1, SECOND + n * SECOND / 1_000).is_ok()).count();
        assert!((98..=99).contains(&in_a_second), "49 saved up in a second and 50 of another: {in_a_second}");
        assert_eq!(
            (0..300).filter(|_| buckets.take(1, 100 * SECOND).is_ok()).count(),
            200,
            "never more than the burst"
        );
        assert!(Buckets::<u64>::new(0, 200).is_none());
    }

    #[test]
    fn a_full_table_lifts_no_limit_that_is_in_force() {
        let mut buckets = Buckets::new(1, 2).unwrap();
        buckets.max = 100;
        for key in 0..50 {
            while buckets.take(key, 0).is_ok() {}
        }
        // Any number of strangers who ask once.
        for key in 1_000..100_000 {
            let _ = buckets.take(key, key);
        }
        assert!(buckets.full_at.len() <= 100);
        for key in 0..50 {
            assert!(buckets.take(key, SECOND / 2).is_err(), "{key}");
        }
        // All of them empty: newcomers share what is left, and no bucket is added.
        for key in 50..200 {
            while buckets.take(key, SECOND / 2 + SWEEP).is_ok() {}
        }
        assert!(buckets.full_at.len() <= 100);
        assert!((200..1_000).all(|key| buckets.take(key, SECOND / 2 + SWEEP).is_err()));
        assert!((200..1_000).all(|key| buckets.look(key, SECOND / 2 + SWEEP).is_err()));
        assert_eq!(buckets.look(200, 10 * SECOND), Ok(()), "the shared bucket fills again");
        for key in 0..50 {
            assert!(buckets.take(key, SECOND / 2 + 2 * SWEEP).is_err(), "{key}");
        }
        assert_eq!(buckets.take(0, 10 * SECOND), Ok(()));
        buckets.take(300, 100 * SECOND).unwrap();
        assert!(buckets.full_at.len() <= 100, "all full again");
    }

    #[test]
    fn the_client_is_whom_a_trusted_proxy_saw() {
        let limits = |proxies: &[&str]| {
            Limits::new(&config::Limits {
                connections: 1,
                trusted_proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
                client_rate: 50,
                client_burst: 200,
                key_rate: 0,
                key_burst: 200,
            })
        };
        let ours = limits(&["127.0.0.1", "10.0.0.0/8", "fd00::/8"]);
        for (peer, forwarded, client) in [
            // Nobody's own word.
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("203.0.113.9", &[], "203.0.113.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["6.6.6.6, 198.51.100.1, 10.1.2.3"], "198.51.100.1"),
            ("127.0.0.1", &["6.6.6.6", "198.51.100.1,10.1.2.3"], "198.51.100.1"),
            ("127.0.0.1", &["198.51.100.1", "10.1.2.3"], "198.51.100.1"),
            ("127.0.0.1", &["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
            ("127.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("127.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            // What is no address ends the walk at the last proxy that is certain.
            ("127.0.0.1", &["198.51.100.1, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1, unknown, 10.1.2.3"], "10.1.2.3"),
            ("127.0.0.1", &["198.51.100.1,"], "127.0.0.1"),
            ("127.0.0.1", &[""], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1, 1.2.3.4.5"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1, \u{e9}"], "127.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for list in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_bytes(list.as_bytes()).unwrap());
            }
            let found = ours.client(peer.parse().unwrap(), &headers);
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
            assert_eq!(
                limits(&[]).client(peer.parse().unwrap(), &headers),
                peer.parse::<IpAddr>().unwrap().to_canonical()
            );
        }
    }

    #[test]
    fn an_ipv6_client_is_its_64_bits() {
        let client = |text: &str| Client::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }
}

//! Connections: as many as there is room for, each ended when the head of its next request does not come.

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tower_service::Service;

/// How long the head of a request may take, from when the connection could have sent one: also how long one that is kept
/// open may be idle. Longer than proxies keep theirs (60 s), so that it is they who end them.
const HEAD: Duration = Duration::from_secs(75);
/// Most bytes that a connection holds of what has come and was not taken yet; a head beyond it is answered 431.
const BUFFER: usize = 64 * 1024;
/// How long nothing is accepted when the system has no more descriptors.
const PAUSE: Duration = Duration::from_secs(1);
/// Descriptors that are not connections': the store's, logs, what a report opens.
const OTHERS: usize = 64;

/// Serves until the collector is going down and every request that came before has been answered. Who connects
/// meanwhile is answered too.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    most: usize,
    mut closing: watch::Receiver<bool>,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(most.min(descriptors().saturating_sub(OTHERS).max(1))));
    // Each connection from before the end holds a sender: when the last one is dropped, they are done.
    let (sender, mut done) = mpsc::channel::<()>(1);
    let mut before = Some((sender, closing.clone()));
    loop {
        let accepted = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        tokio::select! {
            (permit, accepted) = accepted => match accepted {
                Ok((stream, peer)) => {
                    let served = connection(stream, peer, router.clone(), before.clone());
                    tokio::spawn(async move {
                        served.await;
                        drop(permit);
                    });
                }
                Err(error) if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
                ) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            () = closed(&mut closing), if before.is_some() => before = None,
            _ = done.recv(), if before.is_none() => return Ok(()),
        }
    }
}

/// One connection to its end. One from before the end of the collector ends with the request that it is at then; a
/// later one after its first.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    before: Option<(mpsc::Sender<()>, watch::Receiver<bool>)>,
) {
    // Answers are written whole: waiting for more only delays them. A connection that is gone already says so itself.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(BUFFER).keep_alive(before.is_some());
    let served = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    // How a connection breaks is the other side's matter: what it was told is told.
    let Some((_before, mut closing)) = before else {
        let _ = served.await;
        return;
    };
    tokio::select! {
        _ = served.as_mut() => return,
        () = closed(&mut closing) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = served.await;
}

/// Waits until the collector is going down.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is as good a reason to stop.
    let _ = closing.wait_for(|closing| *closing).await;
}

/// How many files the system lets this process open; many where it does not say.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(usize::MAX)
}

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use mucura_s3::Connection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service as _;

use crate::tls::Tls;

/// Connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 4096;
/// How long the head of a request may take to arrive, and how long a kept
/// connection may be silent.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a client may take nothing of an answer: what it does not take
/// holds memory that others wait for.
const STALLED_TIMEOUT: Duration = Duration::from_secs(120);
/// Bytes of a request's head, and the most that is read from a connection at once.
const HEAD_BYTES_MAX: usize = 256 << 10;
/// Headers of a request.
const HEADERS_MAX: usize = 128;
/// After an error of `accept`, such as too many open files.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// A connection as it was accepted.
pub(crate) type Wire = Pin<Box<TimeoutStream<TcpStream>>>;

/// A listener that serves HTTP/1.1, and tells what it serves the
/// [`Connection`] of each request.
pub(crate) struct HttpServer {
    cancel: CancellationToken,
    connections: TaskTracker,
}

/// What every connection of a listener is served with.
#[derive(Clone)]
struct Serving {
    router: Router,
    /// None where plain HTTP is spoken.
    tls: Option<Tls>,
    cancel: CancellationToken,
}

impl HttpServer {
    /// Binds an address.
    pub(crate) async fn bind(addr: SocketAddr) -> anyhow::Result<TcpListener> {
        TcpListener::bind(addr).await.with_context(|| format!("listen on {addr}"))
    }

    /// Serves what comes in, until [`HttpServer::stop`].
    pub(crate) fn start(listener: TcpListener, router: Router, tls: Option<Tls>) -> Self {
        let server = Self { cancel: CancellationToken::new(), connections: TaskTracker::new() };
        let serving = Serving { router, tls, cancel: server.cancel.clone() };
        let accept = accept(listener, serving, server.connections.clone());
        server.connections.spawn(accept);
        server
    }

    /// Takes no more connections, lets the requests under way finish until the
    /// deadline, and says whether all did.
    pub(crate) async fn stop(&self, deadline: Instant) -> bool {
        self.cancel.cancel();
        self.connections.close();
        timeout_at(deadline, self.connections.wait()).await.is_ok()
    }
}

async fn accept(listener: TcpListener, serving: Serving, connections: TaskTracker) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = serving.cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let serving = serving.clone();
                connections.spawn(async move {
                    serving.serve(stream, peer).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                sleep(AFTER_ERROR).await;
            }
        }
    }
}

impl Serving {
    async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        // Small answers would wait for acknowledgements of earlier ones.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALLED_TIMEOUT));
        let wire = Box::pin(stream);
        let Some(tls) = self.tls.clone() else {
            return self.speak(wire, Connection::plain(peer)).await;
        };
        let shaken = tokio::select! {
            () = self.cancel.cancelled() => return,
            shaken = tls.accept(wire) => shaken,
        };
        match shaken {
            Ok(stream) => self.speak(stream, Connection::secure(peer)).await,
            Err(error) => tracing::debug!(%peer, %error, "no TLS was spoken"),
        }
    }

    /// Answers the requests of one connection until either side ends it.
    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin, over: Connection) {
        let router = self.router;
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            let mut router = router.clone();
            request.extensions_mut().insert(over);
            // A router is always ready.
            async move { router.call(request.map(Body::new)).await.map_err(|never: Infallible| never) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.cancel.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn start(router: Router) -> (HttpServer, SocketAddr) {
        let listener = HttpServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        (HttpServer::start(listener, router, None), addr)
    }

    async fn ask(addr: SocketAddr, head: &str) -> String {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        // The server need not read all of it.
        stream.write_all(head.as_bytes()).await.ok();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok();
        answer
    }

    #[tokio::test]
    async fn a_request_under_way_finishes_when_the_server_stops() {
        let (begun, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (has_begun, may_go) = (begun.clone(), go.clone());
        let slow = move || async move {
            has_begun.add_permits(1);
            may_go.acquire().await.unwrap().forget();
            "done"
        };
        let (server, addr) = start(Router::new().route("/", get(slow))).await;
        let request = tokio::spawn(ask(addr, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
        begun.acquire().await.unwrap().forget();
        let early = server.stop(Instant::now() + Duration::from_millis(50)).await;
        assert!(!early, "it did not wait");
        go.add_permits(1);
        assert!(server.stop(Instant::now() + Duration::from_secs(10)).await);
        assert!(request.await.unwrap().ends_with("done"));
        assert!(TcpStream::connect(addr).await.is_err(), "it still listens");
    }

    /// The clock runs ahead whenever everybody waits.
    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_does_not_hold_its_answer_for_ever() {
        let piece = bytes::Bytes::from(vec![0; 1 << 20]);
        let endless = || async { Body::from_stream(stream::repeat(Ok::<_, Infallible>(piece))) };
        let (server, addr) = start(Router::new().route("/", get(endless))).await;
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        stream.readable().await.unwrap();
        while server.connections.len() > 1 {
            sleep(Duration::from_secs(1)).await;
        }
        drop(stream);
        server.stop(Instant::now() + Duration::from_secs(5)).await;
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_is_refused() {
        let (server, addr) = start(Router::new().route("/", get(|| async { "fine" }))).await;
        let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}", "y".repeat(2 * HEAD_BYTES_MAX));
        assert!(ask(addr, &long).await.starts_with("HTTP/1.1 431"));
        assert!(ask(addr, "GET / HTTP/1.1\r\nconnection: close\r\nhost: x\r\n\r\n").await.ends_with("fine"));
        server.stop(Instant::now() + Duration::from_secs(5)).await;
    }
}

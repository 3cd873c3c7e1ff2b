//! Answers on a real connection: what hyper makes of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use futures_util::{StreamExt, stream};
use mucura_s3_wire::ErrorCode;
use mucura_store::StoreError;
use mucura_telemetry::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

/// Answers every request by its path, without reading its body.
async fn serve() -> (std::net::SocketAddr, JoinHandle<()>) {
    let metrics = Arc::new(Metrics::new(&[]).unwrap());
    let tasks = Tasks::default();
    let take = move |request: Request| {
        let (metrics, tasks) = (metrics.clone(), tasks.clone());
        async move {
            let (parts, body) = request.into_parts();
            let payload = Payload::new(body, &parts.headers);
            let account = Account::begin(metrics, tracing::Span::none());
            let head = parts.method == http::Method::HEAD;
            let answer = match parts.uri.path() {
                "/304" => Answer::bare(StatusCode::NOT_MODIFIED).with(header::ETAG, "\"t\""),
                "/204" => Answer::no_content(),
                "/head" => Answer::bare(StatusCode::OK).with(header::CONTENT_LENGTH, "12345"),
                "/cut" => {
                    let pieces = [Ok(Bytes::from_static(b"ab")), Err(StoreError::Busy)];
                    Answer { content: Content::Stream(stream::iter(pieces).boxed(), 3), ..Answer::ok() }
                }
                _ => Answer::refusal(&ErrorCode::AccessDenied.into(), head, "/", "ID", "HOST"),
            };
            answer.send(payload, account, &tasks)
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(take);
    (address, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

/// Sends `request`, then reads until `enough` or the end.
async fn exchange(stream: &mut TcpStream, request: &[u8], enough: impl Fn(&str) -> bool) -> String {
    stream.write_all(request).await.unwrap();
    let mut got = Vec::new();
    let mut piece = [0; 4096];
    while !enough(std::str::from_utf8(&got).unwrap()) {
        match stream.read(&mut piece).await.unwrap() {
            0 => break,
            len => got.extend_from_slice(&piece[..len]),
        }
    }
    String::from_utf8(got).unwrap()
}

async fn one(request: &str) -> String {
    let (address, server) = serve().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{request}\r\nhost: h\r\nconnection: close\r\n\r\n");
    let got = exchange(&mut stream, request.as_bytes(), |_| false).await;
    server.abort();
    got
}

#[tokio::test]
async fn answers_without_a_body_announce_none() {
    let got = one("GET /304 HTTP/1.1").await;
    assert!(got.starts_with("HTTP/1.1 304 ") && got.contains("etag: \"t\""), "{got}");
    assert!(!got.contains("content-length") && !got.contains("transfer-encoding"), "{got}");
    let got = one("DELETE /204 HTTP/1.1").await;
    assert!(got.starts_with("HTTP/1.1 204 "), "{got}");
    assert!(!got.contains("content-length") && !got.contains("transfer-encoding"), "{got}");
}

#[tokio::test]
async fn a_head_has_the_length_of_the_object_and_no_body() {
    let got = one("HEAD /head HTTP/1.1").await;
    assert!(got.contains("content-length: 12345") && got.ends_with("\r\n\r\n"), "{got}");
    let got = one("HEAD /denied HTTP/1.1").await;
    assert!(got.starts_with("HTTP/1.1 403 ") && got.ends_with("\r\n\r\n"), "{got}");
    assert!(!got.contains("content-length"), "that of no answer: {got}");
}

#[tokio::test]
async fn an_answer_that_is_cut_off_ends_short_of_its_length() {
    let got = one("GET /cut HTTP/1.1").await;
    let (head, body) = got.split_once("\r\n\r\n").unwrap_or((&got, ""));
    assert!(head.is_empty() || head.contains("content-length: 3"), "{got}");
    assert!(body.len() < 3, "{got}");
}

fn is_whole(got: &str) -> bool {
    got.ends_with("</Error>")
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    const LEN: usize = 1 << 20;
    let (address, server) = serve().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("PUT /b/k HTTP/1.1\r\nhost: h\r\ncontent-length: {LEN}\r\n\r\n").into_bytes();
    request.resize(request.len() + LEN, b'x');
    // The same connection serves the next request.
    for _ in 0..2 {
        let got = exchange(&mut stream, &request, is_whole).await;
        assert!(got.starts_with("HTTP/1.1 403 ") && is_whole(&got), "{got}");
    }
    server.abort();
}

#[tokio::test]
async fn a_refused_client_that_waits_is_not_told_to_go_on() {
    let (address, server) = serve().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"PUT /b/k HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 9999\r\n\r\n";
    let got = exchange(&mut stream, request, |_| false).await;
    assert!(got.starts_with("HTTP/1.1 403 ") && got.contains("connection: close"), "{got}");
    server.abort();
}

#[tokio::test]
async fn a_client_that_waits_with_nothing_to_send_does_not_keep_its_connection() {
    let (address, server) = serve().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"PUT /b/k HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 0\r\n\r\n";
    let got = exchange(&mut stream, request, |_| false).await;
    assert!(!got.contains("100 Continue") && got.contains("connection: close"), "{got}");
    server.abort();
}

//! The courier against a server that answers what a test tells it to.

use super::*;
use crate::tls::test_papers::Papers;
use mucura_metadata::RequestIds;
use mucura_types::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Answers one request, and gives what it was.
async fn answer_one(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "the request is cut");
        request.extend_from_slice(&piece[..read]);
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

async fn call(secret: Option<&str>, answer: &'static str) -> (Result<(), NotDelivered>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events?x=1", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        answer_one(stream, answer).await
    });
    let result = deliver(RootCertStore::empty(), &url, secret).await;
    (result, server.await.unwrap())
}

async fn deliver(authorities: RootCertStore, url: &str, secret: Option<&str>) -> Result<(), NotDelivered> {
    let to = Webhook { name: "hook".into(), url: url.to_owned(), secret: secret.map(Into::into) };
    let event = Event::Test { bucket: "b".into(), at: Timestamp(0), request: RequestIds::default() };
    HttpCourier::new("lyon".into(), authorities).unwrap().deliver(&to, &[event]).await
}

/// A call of a webhook that shows these papers, by who trusts those.
async fn call_by_tls(shown: &Papers, trusted: &Papers) -> (Result<(), NotDelivered>, Option<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let acceptor = TlsAcceptor::from(shown.server_config());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(stream).await.ok()?;
        Some(answer_one(stream, "HTTP/1.1 204 No Content\r\n\r\n").await)
    });
    (deliver(trusted.authorities(), &url, None).await, server.await.unwrap())
}

#[tokio::test]
async fn a_webhook_by_https_is_called_if_its_certificate_is_trusted() {
    let (papers, others) = (Papers::issue(), Papers::issue());
    let (result, request) = call_by_tls(&papers, &papers).await;
    assert_eq!(result, Ok(()));
    assert!(request.unwrap().starts_with("POST / HTTP/1.1\r\n"));
    let (result, request) = call_by_tls(&papers, &others).await;
    let Err(NotDelivered(why)) = result else { panic!("it was called") };
    assert!(why.contains("invalid peer certificate"), "{why}");
    assert_eq!(request, None);
}

#[tokio::test]
async fn events_are_posted_as_json_and_signed_if_there_is_a_secret() {
    let (result, request) = call(Some("s3cret"), "HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(result, Ok(()));
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /events?x=1 HTTP/1.1\r\n"), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains("\r\ncontent-type: application/json"), "{head}");
    assert!(head.contains(&format!("\r\nx-mucura-signature: {}", signature(b"s3cret", body.as_bytes()))));
    assert!(body.contains("s3:TestEvent"), "{body}");
    let (result, request) = call(None, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(result, Ok(()));
    assert!(!request.to_lowercase().contains("x-mucura-signature"));
}

#[tokio::test]
async fn only_2xx_takes_events_over_and_redirects_are_not_followed() {
    for answer in [
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "nonsense\r\n\r\n",
        "",
    ] {
        let (result, _) = call(None, answer).await;
        assert!(result.is_err(), "{answer}");
    }
}

#[tokio::test]
async fn a_webhook_that_says_yes_has_taken_events_over_though_its_answer_never_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer_one(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
        std::future::pending::<()>().await;
    });
    assert_eq!(deliver(RootCertStore::empty(), &url, None).await, Ok(()));
    server.abort();
}

#[test]
fn a_signature_is_the_hmac_of_rfc_4231() {
    let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(signature(b"Jefe", b"what do ya want for nothing?"), format!("sha256={expected}"));
}

#[test]
fn only_urls_of_http_and_https_without_passwords_can_be_called() {
    for url in ["http://127.0.0.1:8080/x?y", "https://example.org", "http://[::1]:1/"] {
        assert_eq!(check_url(url), Ok(()), "{url}");
    }
    for url in ["", "x", "/x", "ftp://example.org/", "http://", "http://a:b@example.org/", "http://a b/"] {
        assert!(check_url(url).is_err(), "{url}");
    }
}

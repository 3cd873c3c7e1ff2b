use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use mucura_s3::Connection;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::http_server::HttpServer;
use crate::tls::Tls;
use crate::tls::test_papers::Papers;

type Client = TlsStream<TcpStream>;

/// A server that answers with what it knows of the connection.
async fn start(tls: &Tls) -> (HttpServer, SocketAddr) {
    let tell =
        |Extension(over): Extension<Connection>| async move { format!("{} {}", over.scheme(), over.peer) };
    serve(tls, Router::new().route("/", get(tell))).await
}

async fn serve(tls: &Tls, router: Router) -> (HttpServer, SocketAddr) {
    let listener = HttpServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (HttpServer::start(listener, router, Some(tls.clone())), addr)
}

fn client(trusted: &[&Papers], versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for papers in trusted {
        roots.add(CertificateDer::from_pem_slice(papers.ca.as_bytes()).unwrap()).unwrap();
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

async fn connect(addr: SocketAddr, config: &ClientConfig) -> std::io::Result<Client> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    // Shares the sessions to resume with clones of it.
    TlsConnector::from(Arc::new(config.clone())).connect(name, stream).await
}

/// One request on a connection that is kept.
async fn ask(client: &mut Client) -> String {
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 1000];
    let length = client.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

/// Whether this is the certificate that the client was shown.
fn shows(client: &Client, papers: &Papers) -> bool {
    let expected = CertificateDer::from_pem_slice(papers.certificate.as_bytes()).unwrap();
    client.get_ref().1.peer_certificates().unwrap()[0] == expected
}

#[tokio::test]
async fn both_versions_are_spoken_and_the_request_knows() {
    let papers = Papers::issue();
    let (server, addr) = start(&Tls::new(papers.server_config())).await;
    for version in [&TLS12, &TLS13] {
        let mut offers = client(&[&papers], &[version]);
        offers.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut client = connect(addr, &offers).await.unwrap();
        assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let from = client.get_ref().0.local_addr().unwrap();
        assert!(ask(&mut client).await.ends_with(&format!("https {from}")));
    }
    let mut only_h2 = client(&[&papers], &[&TLS13]);
    only_h2.alpn_protocols = vec![b"h2".to_vec()];
    assert!(connect(addr, &only_h2).await.is_err(), "a protocol that is not spoken");
    assert!(server.stop(Instant::now() + Duration::from_secs(5)).await);
}

#[tokio::test]
async fn plain_http_is_refused_in_its_own_language() {
    let (server, addr) = start(&Tls::new(Papers::issue().server_config())).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(b"PUT /bucket/key HTTP/1.1\r\nhost: x\r\ncontent-length: 20000\r\n\r\n").await.unwrap();
    stream.readable().await.unwrap();
    // A client that sends on before it reads is not cut off.
    for _ in 0..10 {
        stream.write_all(&[b'x'; 2000]).await.unwrap();
        yield_now().await;
    }
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.contains("<Code>InvalidRequest</Code>"), "{answer}");
    server.stop(Instant::now() + Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_is_no_tls_ends_its_connection_alone() {
    let papers = Papers::issue();
    let (server, addr) = start(&Tls::new(papers.server_config())).await;
    let silent = TcpStream::connect(addr).await.unwrap();
    for nonsense in [&b"\x16\x03\x01\xff\xff\xff\xff\xff"[..], b"\x00\x00\x00\x00\x00\x00", b"\x80\x2e\x01"] {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(nonsense).await.unwrap();
        stream.shutdown().await.unwrap();
        // Closed, perhaps after an alert.
        stream.read_to_end(&mut Vec::new()).await.ok();
    }
    // The one that says nothing holds up nobody, not even the end.
    let mut client = connect(addr, &client(&[&papers], &[&TLS13])).await.unwrap();
    assert!(ask(&mut client).await.contains("https"));
    assert!(server.stop(Instant::now() + Duration::from_secs(5)).await);
    drop(silent);
}

/// The clock runs ahead whenever everybody waits.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_end_is_ended() {
    let (server, addr) = start(&Tls::new(Papers::issue().server_config())).await;
    for said in [&b""[..], b"\x16", b"G"] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(said).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.ok();
        assert!(begun.elapsed() < Duration::from_secs(15));
    }
    server.stop(Instant::now() + Duration::from_secs(5)).await;
}

/// The clock runs ahead whenever everybody waits.
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_does_not_hold_its_answer_for_ever() {
    let papers = Papers::issue();
    let piece = Bytes::from(vec![0; 1 << 20]);
    let endless = || async { Body::from_stream(stream::repeat(Ok::<_, Infallible>(piece))) };
    let (server, addr) =
        serve(&Tls::new(papers.server_config()), Router::new().route("/", get(endless))).await;
    let mut client = connect(addr, &client(&[&papers], &[&TLS13])).await.unwrap();
    assert!(ask(&mut client).await.contains("200 OK"));
    assert!(server.stop(Instant::now() + Duration::from_secs(600)).await);
    drop(client);
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections() {
    let (old, new) = (Papers::issue(), Papers::issue());
    let tls = Tls::new(old.server_config());
    let (server, addr) = start(&tls).await;
    for version in [&TLS12, &TLS13] {
        tls.replace(old.server_config());
        let config_of_client = client(&[&old, &new], &[version]);
        let mut before = connect(addr, &config_of_client).await.unwrap();
        assert!(ask(&mut before).await.contains("200 OK") && shows(&before, &old));
        let mut resumed = connect(addr, &config_of_client).await.unwrap();
        assert!(ask(&mut resumed).await.contains("200 OK"));
        assert_eq!(resumed.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
        tls.replace(new.server_config());
        // Neither is an old session resumed.
        let mut after = connect(addr, &config_of_client).await.unwrap();
        assert!(ask(&mut after).await.contains("200 OK") && shows(&after, &new));
        assert!(ask(&mut before).await.contains("200 OK"), "the old connection goes on");
    }
    server.stop(Instant::now() + Duration::from_secs(5)).await;
}

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use mucura_s3_wire::{ErrorCode, S3Error};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::http_server::Wire;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// What is read of a client that is refused, so that it sees the refusal: a
/// connection that is closed with bytes unread is reset.
const UNREAD_BYTES_MAX: u64 = 64 << 10;

/// Speaks TLS with the certificate of the moment. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

/// A connection that did not get as far as speaking TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("TLS handshake: {0}")]
    Failed(#[source] io::Error),
    #[error("the client speaks plain HTTP")]
    Plain,
    #[error("the client said nothing")]
    Silent,
    #[error("the handshake did not end in time")]
    Late,
}

impl Tls {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// New connections are spoken with like this from now on. Sessions of
    /// before are not resumed: they are kept with what they began with.
    pub(crate) fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// Begins to speak TLS with a client. One that speaks plain HTTP is told
    /// so, in its language.
    ///
    /// # Errors
    /// [`HandshakeError`]: the connection is over.
    pub(crate) async fn accept(&self, wire: Wire) -> Result<TlsStream<Wire>, HandshakeError> {
        timeout(HANDSHAKE, self.shake_hands(wire)).await.map_err(|_| HandshakeError::Late)?
    }

    async fn shake_hands(&self, mut wire: Wire) -> Result<TlsStream<Wire>, HandshakeError> {
        let mut first = [0];
        match wire.get_ref().peek(&mut first).await.map_err(HandshakeError::Failed)? {
            0 => return Err(HandshakeError::Silent),
            // The method of a request; a record of TLS begins with its type, 22 (RFC 8446, 5.1).
            _ if first[0].is_ascii_alphabetic() => {
                refuse(&mut wire).await.map_err(HandshakeError::Failed)?;
                return Err(HandshakeError::Plain);
            }
            _ => {}
        }
        let config = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        TlsAcceptor::from(config).accept(wire).await.map_err(HandshakeError::Failed)
    }
}

async fn refuse(wire: &mut Wire) -> io::Result<()> {
    let error = S3Error::with_message(ErrorCode::InvalidRequest, "This endpoint speaks HTTPS only.");
    let xml = error.to_xml("", "", "");
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        xml.len()
    );
    wire.write_all(head.as_bytes()).await?;
    wire.write_all(xml.as_bytes()).await?;
    wire.shutdown().await?;
    let mut unread = wire.take(UNREAD_BYTES_MAX);
    tokio::io::copy(&mut unread, &mut tokio::io::sink()).await.map(drop)
}

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mucura_runtime::Clock;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::ring::cipher_suite::{
    TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::IdentityError;
use crate::identity::{NodeIdentity, crypto, fingerprint_der};

/// The application protocol of nodes among themselves.
pub(crate) const ALPN_MESH: &[u8] = b"mucura/1";
/// The application protocol of a machine that wants to become a node.
pub(crate) const ALPN_JOIN: &[u8] = b"mucura-join/1";

/// TLS as this node speaks it, to both sides.
pub(crate) struct Tls {
    pub(crate) server: Arc<QuicServerConfig>,
    pub(crate) client: Arc<QuicClientConfig>,
}

impl Tls {
    pub(crate) fn new(identity: &NodeIdentity, clock: Arc<dyn Clock>) -> Result<Self, IdentityError> {
        let failed = |e: rustls::Error| crypto("set up TLS", e);
        let (provider, time) = (provider(), Arc::new(WallClock(clock)));
        let ca = identity.ca_cert()?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone()).map_err(failed)?;
        let roots = Arc::new(roots);
        // The CA goes along, so that a joiner can hold it against its token.
        let chain = vec![identity.cert()?, ca];

        // A joiner has no certificate, and shares the port. The acceptor turns
        // away whoever comes without one under the nodes' protocol.
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|e| crypto("set up TLS", e))?;
        let mut server = rustls::ServerConfig::builder_with_details(provider.clone(), time.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(failed)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), identity.key()?)
            .map_err(failed)?;
        server.alpn_protocols = vec![ALPN_MESH.to_vec(), ALPN_JOIN.to_vec()];
        // No resumption: every connection proves its certificate anew.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;

        let mut client = rustls::ClientConfig::builder_with_details(provider, time)
            .with_protocol_versions(&[&TLS13])
            .map_err(failed)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, identity.key()?)
            .map_err(failed)?;
        client.alpn_protocols = vec![ALPN_MESH.to_vec()];
        client.resumption = Resumption::disabled();
        Ok(Self {
            server: Arc::new(QuicServerConfig::try_from(server).map_err(|e| crypto("set up TLS", e))?),
            client: Arc::new(QuicClientConfig::try_from(client).map_err(|e| crypto("set up TLS", e))?),
        })
    }
}

/// TLS of a joiner: no certificate of its own, and the peer's must hang from
/// the CA that the token names.
pub(crate) fn joiner(
    ca_fingerprint: [u8; 32],
    clock: Arc<dyn Clock>,
) -> Result<Arc<QuicClientConfig>, IdentityError> {
    let client = joiner_config(ca_fingerprint, clock, ALPN_JOIN)?;
    Ok(Arc::new(QuicClientConfig::try_from(client).map_err(|e| crypto("set up TLS", e))?))
}

fn joiner_config(
    ca_fingerprint: [u8; 32],
    clock: Arc<dyn Clock>,
    alpn: &[u8],
) -> Result<rustls::ClientConfig, IdentityError> {
    let provider = provider();
    let pinned = PinnedCa { ca_fingerprint, algorithms: provider.signature_verification_algorithms };
    let mut client = rustls::ClientConfig::builder_with_details(provider, Arc::new(WallClock(clock)))
        .with_protocol_versions(&[&TLS13])
        .map_err(|e| crypto("set up TLS", e))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth();
    client.alpn_protocols = vec![alpn.to_vec()];
    client.resumption = Resumption::disabled();
    Ok(client)
}

/// TLS of a dialler that shows no certificate where one is asked for.
#[cfg(test)]
pub(crate) fn anonymous(ca_fingerprint: [u8; 32], clock: Arc<dyn Clock>) -> Arc<QuicClientConfig> {
    let config = joiner_config(ca_fingerprint, clock, ALPN_MESH).unwrap();
    Arc::new(QuicClientConfig::try_from(config).unwrap())
}

/// ring, with the cipher first that costs least on machines with AES.
fn provider() -> Arc<CryptoProvider> {
    let cipher_suites =
        vec![TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256];
    Arc::new(CryptoProvider { cipher_suites, ..rustls::crypto::ring::default_provider() })
}

struct WallClock(Arc<dyn Clock>);

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.now_ms())))
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

#[derive(Debug)]
struct PinnedCa {
    ca_fingerprint: [u8; 32],
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for PinnedCa {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // Which node answers does not matter, only that the site stands behind it.
        let ca = intermediates
            .iter()
            .find(|cert| fingerprint_der(cert) == self.ca_fingerprint)
            .ok_or(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        let cert = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&cert, &roots, &[], now, self.algorithms.all)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // QUIC has no TLS 1.2.
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

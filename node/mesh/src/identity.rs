//! The site's own CA, and the certificates that name its nodes.
//!
//! Keys are ECDSA P-256. They are made with the randomness of the system
//! through ring, which takes no other.

use std::time::Duration;

use mucura_types::{NodeId, SiteId};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use ring::digest;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::error::IdentityError;

/// How far a certificate's life begins before it is made: clocks differ.
const BACKDATE_MS: u64 = 3_600_000;
/// The CA lives for twenty years: replacing it means visiting every node.
const CA_LIFE: Duration = Duration::from_secs(20 * 365 * 86_400);

/// The site's certificate authority. Whoever has its key can be any node.
#[derive(Clone)]
pub struct SiteCa {
    /// The certificate, PEM.
    pub cert_pem: String,
    /// The private key, PEM (PKCS #8).
    pub key_pem: String,
}

/// What a node shows to its peers, and what it holds them against.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeIdentity {
    /// The certificate of the site's CA, PEM.
    pub ca_cert_pem: String,
    /// The node's certificate, PEM.
    pub cert_pem: String,
    /// The node's private key, PEM (PKCS #8).
    pub key_pem: String,
}

/// A new key, and the request to certify it.
pub struct KeyRequest {
    /// The private key, PEM (PKCS #8); it stays where it was made.
    pub key_pem: String,
    /// The signing request, PEM; it proves possession of the key.
    pub csr_pem: String,
}

/// What a node certificate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeName {
    /// The site.
    pub site: SiteId,
    /// The node.
    pub node: NodeId,
}

/// Makes the CA of a site.
///
/// # Errors
/// [`IdentityError::Crypto`]: no key could be made.
pub fn make_ca(site: SiteId, now_ms: u64) -> Result<SiteCa, IdentityError> {
    let key = new_key()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(format!("Mucura site {site} CA"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_life(&mut params, now_ms, CA_LIFE);
    params.serial_number = Some(serial(&key, now_ms));
    let cert = params.self_signed(&key).map_err(|e| crypto("sign the CA certificate", e))?;
    Ok(SiteCa { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
}

/// Makes a key for a node and certifies it for `life` from now.
///
/// # Errors
/// [`IdentityError`]: the CA cannot be read, or no key could be made.
pub fn issue(
    ca: &SiteCa,
    site: SiteId,
    node: NodeId,
    now_ms: u64,
    life: Duration,
) -> Result<NodeIdentity, IdentityError> {
    let key = new_key()?;
    let cert_pem = certify(ca, &key, NodeName { site, node }, now_ms, life)?;
    Ok(NodeIdentity { ca_cert_pem: ca.cert_pem.clone(), cert_pem, key_pem: key.serialize_pem() })
}

/// Makes a key and a request to certify it, for joining and for renewal.
///
/// # Errors
/// [`IdentityError::Crypto`]: no key could be made.
pub fn request() -> Result<KeyRequest, IdentityError> {
    let key = new_key()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name("Mucura node".to_owned());
    let csr = params.serialize_request(&key).map_err(|e| crypto("sign the request", e))?;
    let csr_pem = csr.pem().map_err(|e| crypto("sign the request", e))?;
    Ok(KeyRequest { key_pem: key.serialize_pem(), csr_pem })
}

/// Certifies the key of a request, for `life` from now. Names that the request
/// asks for are ignored: the signer says who the node is.
///
/// # Errors
/// [`IdentityError::Malformed`]: the request is not one, or is not signed by
/// its own key; else as [`issue`].
pub fn sign_request(
    ca: &SiteCa,
    csr_pem: &str,
    site: SiteId,
    node: NodeId,
    now_ms: u64,
    life: Duration,
) -> Result<String, IdentityError> {
    let csr =
        CertificateSigningRequestParams::from_pem(csr_pem).map_err(|e| malformed("signing request", e))?;
    certify(ca, &csr.public_key, NodeName { site, node }, now_ms, life)
}

/// The SHA-256 of a CA certificate, by which a joiner knows its site.
///
/// # Errors
/// [`IdentityError::Malformed`].
pub fn fingerprint(ca_cert_pem: &str) -> Result<[u8; 32], IdentityError> {
    Ok(fingerprint_der(&read_cert(ca_cert_pem, "CA certificate")?))
}

pub(crate) fn fingerprint_der(cert: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, cert).as_ref());
    bytes
}

impl NodeIdentity {
    /// Checks that the three texts are what they should be.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`].
    pub fn parse(ca_cert_pem: &str, cert_pem: &str, key_pem: &str) -> Result<Self, IdentityError> {
        let identity = Self {
            ca_cert_pem: ca_cert_pem.to_owned(),
            cert_pem: cert_pem.to_owned(),
            key_pem: key_pem.to_owned(),
        };
        identity.ca_cert()?;
        identity.key()?;
        identity.name()?;
        Ok(identity)
    }

    /// The node that the certificate names.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`].
    pub fn name(&self) -> Result<NodeName, IdentityError> {
        node_name(&self.cert()?)
    }

    /// When the certificate should be replaced: at two thirds of its life.
    /// Unix time in milliseconds.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`].
    pub fn renew_at_ms(&self) -> Result<u64, IdentityError> {
        let cert = self.cert()?;
        let (_, parsed) = X509Certificate::from_der(&cert).map_err(|e| malformed("certificate", e))?;
        let ms = |seconds: i64| u64::try_from(seconds).unwrap_or(0).saturating_mul(1000);
        let from = ms(parsed.validity().not_before.timestamp());
        let until = ms(parsed.validity().not_after.timestamp());
        Ok(from + until.saturating_sub(from) / 3 * 2)
    }

    pub(crate) fn ca_cert(&self) -> Result<CertificateDer<'static>, IdentityError> {
        read_cert(&self.ca_cert_pem, "CA certificate")
    }

    pub(crate) fn cert(&self) -> Result<CertificateDer<'static>, IdentityError> {
        read_cert(&self.cert_pem, "certificate")
    }

    pub(crate) fn key(&self) -> Result<PrivateKeyDer<'static>, IdentityError> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).map_err(|e| malformed("private key", e))
    }
}

/// The node that a certificate names. Says nothing about who signed it.
///
/// # Errors
/// [`IdentityError::Malformed`]: it names none, or several.
pub fn node_name(cert_der: &[u8]) -> Result<NodeName, IdentityError> {
    let (_, cert) = X509Certificate::from_der(cert_der).map_err(|e| malformed("certificate", e))?;
    let names = cert.subject_alternative_name().map_err(|e| malformed("certificate", e))?;
    let mut uris = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    match (uris.next(), uris.next()) {
        (Some(uri), None) => {
            parse_uri(uri).ok_or_else(|| malformed("certificate", format!("its name is {uri:?}")))
        }
        _ => Err(malformed("certificate", "it does not name one node")),
    }
}

/// The name that TLS verifies when this node is dialled.
pub(crate) fn dns_name(site: SiteId, node: NodeId) -> String {
    format!("node-{node}.site-{site}.mucura")
}

fn uri(name: NodeName) -> String {
    format!("mucura://site-{}/node-{}", name.site, name.node)
}

fn parse_uri(text: &str) -> Option<NodeName> {
    let (site, node) = text.strip_prefix("mucura://site-")?.split_once("/node-")?;
    let name = NodeName { site: site.parse().ok()?, node: node.parse().ok()? };
    // One spelling only: no leading zeros or signs.
    (uri(name) == text).then_some(name)
}

fn certify(
    ca: &SiteCa,
    key: &impl PublicKeyData,
    name: NodeName,
    now_ms: u64,
    life: Duration,
) -> Result<String, IdentityError> {
    let ca_key = KeyPair::from_pem(&ca.key_pem).map_err(|e| malformed("CA key", e))?;
    let issuer =
        Issuer::from_ca_cert_pem(&ca.cert_pem, ca_key).map_err(|e| malformed("CA certificate", e))?;
    let text = |text: String| Ia5String::try_from(text).map_err(|e| crypto("name the node", e));
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(format!("Mucura site {} node {}", name.site, name.node));
    params.subject_alt_names =
        vec![SanType::URI(text(uri(name))?), SanType::DnsName(text(dns_name(name.site, name.node))?)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(serial(key, now_ms));
    set_life(&mut params, now_ms, life);
    let cert = params.signed_by(key, &issuer).map_err(|e| crypto("sign the certificate", e))?;
    Ok(cert.pem())
}

fn new_key() -> Result<KeyPair, IdentityError> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|e| crypto("make a key", e))
}

fn common_name(name: String) -> rcgen::DistinguishedName {
    let mut dn = rcgen::DistinguishedName::new();
    dn.push(DnType::CommonName, name);
    dn
}

fn set_life(params: &mut CertificateParams, now_ms: u64, life: Duration) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = Duration::from_millis(now_ms);
    params.not_before = epoch + now.saturating_sub(Duration::from_millis(BACKDATE_MS));
    params.not_after = epoch + (now + life);
}

/// Differs with key and time, so that a renewal has its own.
fn serial(key: &impl PublicKeyData, now_ms: u64) -> SerialNumber {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(key.der_bytes());
    hash.update(&now_ms.to_be_bytes());
    let mut bytes = hash.finish().as_ref()[..16].to_vec();
    // Positive, and of constant length.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from(bytes)
}

fn read_cert(pem: &str, what: &'static str) -> Result<CertificateDer<'static>, IdentityError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| malformed(what, e))
}

fn malformed(what: &'static str, reason: impl std::fmt::Display) -> IdentityError {
    IdentityError::Malformed { what, reason: reason.to_string() }
}

pub(crate) fn crypto(what: &'static str, reason: impl std::fmt::Display) -> IdentityError {
    IdentityError::Crypto { what, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_790_000_000_000;
    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_node_certificate_names_its_node_and_renews_at_two_thirds() {
        let ca = make_ca(SiteId(7), NOW).unwrap();
        let identity = issue(&ca, SiteId(7), NodeId(3), NOW, 30 * DAY).unwrap();
        assert_eq!(identity.name().unwrap(), NodeName { site: SiteId(7), node: NodeId(3) });
        let from = NOW - BACKDATE_MS;
        let life = 30 * 86_400_000 + BACKDATE_MS;
        let renew = identity.renew_at_ms().unwrap();
        assert!(renew.abs_diff(from + life / 3 * 2) < 2000, "{renew}");
        let again =
            NodeIdentity::parse(&identity.ca_cert_pem, &identity.cert_pem, &identity.key_pem).unwrap();
        assert!(again == identity);
        assert!(NodeIdentity::parse(&identity.ca_cert_pem, &identity.key_pem, &identity.cert_pem).is_err());
    }

    #[test]
    fn a_signed_request_names_the_node_the_signer_chose() {
        let ca = make_ca(SiteId(7), NOW).unwrap();
        let request = request().unwrap();
        let cert_pem = sign_request(&ca, &request.csr_pem, SiteId(7), NodeId(9), NOW, DAY).unwrap();
        let identity = NodeIdentity::parse(&ca.cert_pem, &cert_pem, &request.key_pem).unwrap();
        assert_eq!(identity.name().unwrap().node, NodeId(9));
        // A CA certificate, and anything else that names no node, is nobody.
        assert!(node_name(&identity.ca_cert().unwrap()).is_err());
        assert!(sign_request(&ca, &ca.cert_pem, SiteId(7), NodeId(9), NOW, DAY).is_err());
    }

    #[test]
    fn names_have_one_spelling() {
        let name = NodeName { site: SiteId(1), node: NodeId(3) };
        assert_eq!(uri(name), "mucura://site-1/node-3");
        assert_eq!(parse_uri("mucura://site-1/node-3"), Some(name));
        for bad in
            ["mucura://site-01/node-3", "mucura://site-1/node-+3", "mucura://site-1/node-3/", "site-1/node-3"]
        {
            assert_eq!(parse_uri(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_certificate_reader_panic(bytes: Vec<u8>, cut in 0usize..900, flip in 0usize..900) {
            drop(node_name(&bytes));
            let mut cert = CERT.with(|cert| cert.to_vec());
            cert.truncate(cut);
            if let Some(byte) = cert.get_mut(flip) {
                *byte ^= 0x55;
            }
            drop(node_name(&cert));
        }
    }

    thread_local! {
        static CERT: CertificateDer<'static> = {
            let ca = make_ca(SiteId(7), NOW).unwrap();
            issue(&ca, SiteId(7), NodeId(3), NOW, DAY).unwrap().cert().unwrap()
        };
    }
}

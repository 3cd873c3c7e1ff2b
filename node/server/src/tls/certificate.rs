use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mucura_runtime::{Disk, read_file};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, ServerConfig};

use crate::config::{ConfigError, Fault, S3Settings};
use crate::reload::Seen;

/// A chain of some certificates is a few KiB.
const PEM_BYTES_MAX: usize = 1 << 20;

/// The files of an endpoint that speaks HTTPS, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    /// The endpoint's certificate, and after it those that it is signed with.
    pub(crate) certificate: PathBuf,
    /// Its private key (PKCS #8, PKCS #1 or SEC 1), without a password.
    pub(crate) key: PathBuf,
}

/// What stands in the files.
pub(crate) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// Files that HTTPS cannot be served with, and all that is wrong with them.
#[derive(Debug, thiserror::Error)]
pub(crate) struct CertificateError(Vec<CertificateFault>);

#[derive(Debug)]
struct CertificateFault {
    file: PemFile,
    path: PathBuf,
    reason: Reason,
}

#[derive(Clone, Copy, Debug)]
enum PemFile {
    Certificate,
    Key,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("cannot be read: {0}")]
    Io(io::Error),
    #[error("is not PEM: {0}")]
    NotPem(pem::Error),
    #[error("holds no certificate")]
    NoCertificate,
    #[error("begins with a certificate that is damaged")]
    BadCertificate,
    #[error("holds no private key that can be read without a password")]
    NoKey,
    #[error("holds a private key of a kind that is not supported, or a damaged one")]
    BadKey,
    #[error("is not the key of the certificate in {}", .0.display())]
    Mismatch(PathBuf),
    #[error("cannot be served: {0}")]
    Refused(rustls::Error),
}

impl CertificateFiles {
    /// The files that the settings name; none if they ask for plain HTTP.
    pub(crate) fn of(settings: &S3Settings) -> Option<Self> {
        settings
            .speaks_https()
            .then(|| Self { certificate: settings.tls_certificate.clone(), key: settings.tls_key.clone() })
    }

    /// Reads both files. Blocks.
    ///
    /// # Errors
    /// The system's, with the file.
    pub(crate) fn read(&self, disk: &dyn Disk) -> Result<Contents, CertificateError> {
        let read = |file| {
            let bytes = read_file(disk, self.path(file), PEM_BYTES_MAX);
            bytes.map_err(|error| self.fault(file, Reason::Io(error)))
        };
        let (certificate, key) = both(read(PemFile::Certificate), read(PemFile::Key))?;
        Ok(Contents { certificate, key })
    }

    /// What a server needs to speak with them.
    ///
    /// # Errors
    /// They are not a certificate and the key that fits it.
    pub(crate) fn server_config(&self, contents: &Contents) -> Result<Arc<ServerConfig>, CertificateError> {
        let provider = Arc::new(crypto::ring::default_provider());
        let chain = chain(&contents.certificate).map_err(|reason| self.fault(PemFile::Certificate, reason));
        let key = signing_key(&contents.key, &provider).map_err(|reason| self.fault(PemFile::Key, reason));
        let (chain, key) = both(chain, key)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(_) => {
                let reason = Reason::Mismatch(self.certificate.clone());
                return Err(CertificateError(vec![self.fault(PemFile::Key, reason)]));
            }
        }
        let refused =
            |error| CertificateError(vec![self.fault(PemFile::Certificate, Reason::Refused(error))]);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(refused)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn path(&self, file: PemFile) -> &PathBuf {
        match file {
            PemFile::Certificate => &self.certificate,
            PemFile::Key => &self.key,
        }
    }

    fn fault(&self, file: PemFile, reason: Reason) -> CertificateFault {
        CertificateFault { file, path: self.path(file).clone(), reason }
    }
}

impl Contents {
    /// Differs when they do.
    pub(crate) fn seen(&self) -> Seen {
        Seen::contents([&self.certificate[..], &self.key])
    }
}

/// Both, or all that is wrong with either.
fn both<A, B>(
    a: Result<A, CertificateFault>,
    b: Result<B, CertificateFault>,
) -> Result<(A, B), CertificateError> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => Err(CertificateError(a.err().into_iter().chain(b.err()).collect())),
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Reason> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(Reason::NotPem)?;
    let first = chain.first().ok_or(Reason::NoCertificate)?;
    ParsedCertificate::try_from(first).map_err(|_| Reason::BadCertificate)?;
    Ok(chain)
}

fn signing_key(pem: &[u8], provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>, Reason> {
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound => Reason::NoKey,
        error => Reason::NotPem(error),
    })?;
    provider.key_provider.load_private_key(key).map_err(|_| Reason::BadKey)
}

impl CertificateError {
    /// As faults of the configuration at `path`, which names the files.
    pub(crate) fn in_config(&self, path: PathBuf) -> ConfigError {
        let fault = |fault: &CertificateFault| {
            let key = match fault.file {
                PemFile::Certificate => "s3.tls_certificate",
                PemFile::Key => "s3.tls_key",
            };
            Fault::at(None, key, &fault.to_string())
        };
        ConfigError { path, faults: self.0.iter().map(fault).collect() }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::test_papers::{Papers, files_in};
    use mucura_runtime::RealDisk;
    use proptest::prelude::*;

    fn told(certificate: &str, key: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let files = files_in(dir.path(), certificate, key);
        let contents = files.read(&RealDisk).unwrap();
        files.server_config(&contents).map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn a_certificate_and_its_key_can_be_served() {
        let papers = Papers::issue();
        assert_eq!(told(&papers.certificate, &papers.key), "");
        let chain = format!("{}{}", papers.certificate, papers.ca);
        let commented = format!("Bag Attributes\n{chain}");
        assert_eq!(told(&commented, &papers.key), "");
    }

    #[test]
    fn what_is_wrong_is_said_with_the_files_name() {
        let (one, other) = (Papers::issue(), Papers::issue());
        let cut = &one.certificate[..one.certificate.len() / 2];
        let damaged = one.certificate.replacen("MII", "AAA", 1);
        for (certificate, key, expected) in [
            (one.certificate.as_str(), other.key.as_str(), "s3.key is not the key of the certificate in"),
            ("", &one.key, "s3.pem holds no certificate"),
            (&one.key, &one.key, "s3.pem holds no certificate"),
            (cut, &one.key, "s3.pem is not PEM"),
            (&damaged, &one.key, "s3.pem begins with a certificate that is damaged"),
            (&one.certificate, "", "s3.key holds no private key"),
            (&one.certificate, &one.certificate, "s3.key holds no private key"),
            (
                &one.certificate,
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "s3.key holds a private key of a kind",
            ),
        ] {
            let told = told(certificate, key);
            assert!(told.contains(expected), "{expected:?} is not in {told:?}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let files = CertificateFiles { certificate: "/nowhere/c.pem".into(), key: "/nowhere/k.pem".into() };
        let error = files.read(&RealDisk).err().unwrap().in_config("/srv/mucura.toml".into());
        let keys: Vec<_> = error.faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["s3.tls_certificate", "s3.tls_key"]);
        assert!(error.to_string().contains("/nowhere/k.pem cannot be read"), "{error}");
        assert!(told("", "").contains("; "));
    }

    #[test]
    fn contents_are_told_apart() {
        let contents = |certificate: &str, key: &str| Contents {
            certificate: certificate.as_bytes().to_vec(),
            key: key.as_bytes().to_vec(),
        };
        let one = contents("ab", "c").seen();
        assert_eq!(one, contents("ab", "c").seen());
        assert_ne!(one, contents("a", "bc").seen());
        assert_ne!(one, contents("ab", "d").seen());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, cut in 0usize..900, flip in 0usize..900) {
            let files = CertificateFiles { certificate: "c".into(), key: "k".into() };
            let spoil = |text: &str| {
                let mut spoilt = text.as_bytes()[..cut.min(text.len())].to_vec();
                if let Some(byte) = spoilt.get_mut(flip) {
                    *byte ^= 0x55;
                }
                spoilt
            };
            PAPERS.with(|papers| {
                drop(files.server_config(&Contents { certificate: bytes.clone(), key: bytes }));
                let certificate = spoil(&papers.certificate);
                drop(files.server_config(&Contents { certificate, key: spoil(&papers.key) }));
            });
        }
    }

    thread_local! {
        static PAPERS: Papers = Papers::issue();
    }
}

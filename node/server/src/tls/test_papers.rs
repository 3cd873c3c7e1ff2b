use std::path::Path;
use std::sync::Arc;

use mucura_runtime::RealDisk;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{RootCertStore, ServerConfig};

use crate::demo::Authority;
use crate::tls::certificate::CertificateFiles;

const NOW: u64 = 1_790_000_000_000;

/// A certificate for this machine with its key, and the authority that signed
/// it, which signed nothing else.
pub(crate) struct Papers {
    pub(crate) ca: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Papers {
    pub(crate) fn issue() -> Self {
        let authority = Authority::make(NOW).unwrap();
        let (certificate, key) = authority.issue(NOW).unwrap();
        Self { ca: authority.certificate_pem(), certificate, key }
    }

    /// What a server shows them with.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let dir = tempfile::tempdir().unwrap();
        let files = files_in(dir.path(), &self.certificate, &self.key);
        files.server_config(&files.read(&RealDisk).unwrap()).unwrap()
    }

    /// What a client trusts that knows the authority.
    pub(crate) fn authorities(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.as_bytes()).unwrap()).unwrap();
        roots
    }
}

/// Files of this text.
pub(crate) fn files_in(dir: &Path, certificate: &str, key: &str) -> CertificateFiles {
    let files = CertificateFiles { certificate: dir.join("s3.pem"), key: dir.join("s3.key") };
    std::fs::write(&files.certificate, certificate).unwrap();
    std::fs::write(&files.key, key).unwrap();
    files
}

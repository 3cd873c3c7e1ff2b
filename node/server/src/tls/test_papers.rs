use std::path::Path;

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
}

/// Files of this text.
pub(crate) fn files_in(dir: &Path, certificate: &str, key: &str) -> CertificateFiles {
    let files = CertificateFiles { certificate: dir.join("s3.pem"), key: dir.join("s3.key") };
    std::fs::write(&files.certificate, certificate).unwrap();
    std::fs::write(&files.key, key).unwrap();
    files
}

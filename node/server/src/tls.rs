//! HTTPS: a certificate from files, which may be replaced while it is served,
//! and the beginning of a connection.
//!
//! Invariants: TLS 1.2 and 1.3 only, by ring. A connection keeps the
//! certificate that it began with. Files that cannot be used change nothing.

mod certificate;
mod handshake;
mod keeper;
#[cfg(test)]
pub(crate) mod test_papers;
#[cfg(test)]
mod tests;

pub(crate) use certificate::CertificateFiles;
pub(crate) use handshake::Tls;
pub(crate) use keeper::CertificateKeeper;

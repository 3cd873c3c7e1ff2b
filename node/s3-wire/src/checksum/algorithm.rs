//! The algorithms, their values, and a hasher over any of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, Digest as CrcDigest};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A checksum algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChecksumAlgorithm {
    /// CRC-32 as in zip.
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl ChecksumAlgorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The name in headers and XML, `CRC32C`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The algorithm of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The header that carries a value, `x-amz-checksum-crc32c`.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The algorithm of that header, in any case.
    pub fn from_header(header: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(header))
    }

    /// The XML element that carries a value, `ChecksumCRC32C`.
    pub fn element(self) -> &'static str {
        match self {
            Self::Crc32 => "ChecksumCRC32",
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64Nvme => "ChecksumCRC64NVME",
            Self::Sha1 => "ChecksumSHA1",
            Self::Sha256 => "ChecksumSHA256",
        }
    }

    /// How many bytes a value has.
    pub fn digest_len(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether values of pieces can be combined into the value of the whole.
    pub fn is_crc(self) -> bool {
        self.crc().is_some()
    }

    pub(crate) fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// The value of one algorithm over some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    /// Bytes behind the algorithm's length are zero.
    bytes: [u8; 32],
}

impl Checksum {
    /// From raw bytes; `None` unless they are as many as the algorithm gives.
    pub fn from_bytes(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != algorithm.digest_len() {
            return None;
        }
        let mut padded = [0; 32];
        padded[..bytes.len()].copy_from_slice(bytes);
        Some(Self { algorithm, bytes: padded })
    }

    /// From the base64 form of headers and XML.
    pub fn from_base64(algorithm: ChecksumAlgorithm, text: &str) -> Option<Self> {
        Self::from_bytes(algorithm, &STANDARD.decode(text).ok()?)
    }

    pub(crate) fn from_crc(algorithm: ChecksumAlgorithm, value: u64) -> Self {
        let mut bytes = [0; 32];
        let length = algorithm.digest_len().min(8);
        bytes[..length].copy_from_slice(&value.to_be_bytes()[8 - length..]);
        Self { algorithm, bytes }
    }

    pub(crate) fn crc_value(&self) -> u64 {
        self.as_bytes().iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    /// The algorithm.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The raw bytes; CRCs are big-endian.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.digest_len()]
    }

    /// The form of headers and XML.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.as_bytes())
    }
}

impl std::fmt::Debug for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.to_base64())
    }
}

/// Computes one checksum over a stream of bytes.
#[derive(Clone, Debug)]
pub struct ChecksumHasher {
    algorithm: ChecksumAlgorithm,
    state: State,
}

#[derive(Clone)]
enum State {
    Crc(CrcDigest),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl ChecksumHasher {
    /// Over no bytes yet.
    pub fn new(algorithm: ChecksumAlgorithm) -> Self {
        let state = match algorithm {
            ChecksumAlgorithm::Crc32 => State::Crc(CrcDigest::new(CrcAlgorithm::Crc32IsoHdlc)),
            ChecksumAlgorithm::Crc32c => State::Crc(CrcDigest::new(CrcAlgorithm::Crc32Iscsi)),
            ChecksumAlgorithm::Crc64Nvme => State::Crc(CrcDigest::new(CrcAlgorithm::Crc64Nvme)),
            ChecksumAlgorithm::Sha1 => State::Sha1(Sha1::new()),
            ChecksumAlgorithm::Sha256 => State::Sha256(Sha256::new()),
        };
        Self { algorithm, state }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Crc(digest) => digest.update(bytes),
            State::Sha1(digest) => digest.update(bytes),
            State::Sha256(digest) => digest.update(bytes),
        }
    }

    /// The value over all bytes added.
    pub fn finish(self) -> Checksum {
        let mut bytes = [0; 32];
        match self.state {
            State::Crc(digest) => return Checksum::from_crc(self.algorithm, digest.finalize()),
            State::Sha1(digest) => bytes[..20].copy_from_slice(&digest.finalize()),
            State::Sha256(digest) => bytes.copy_from_slice(&digest.finalize()),
        }
        Checksum { algorithm: self.algorithm, bytes }
    }

    /// The value over these bytes.
    pub fn checksum(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Checksum {
        let mut hasher = Self::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_the_published_ones() {
        // Check values of the CRC catalogue and of FIPS 180.
        for (algorithm, text, value) in [
            (ChecksumAlgorithm::Crc32, "123456789", "cbf43926"),
            (ChecksumAlgorithm::Crc32c, "123456789", "e3069283"),
            (ChecksumAlgorithm::Crc64Nvme, "123456789", "ae8b14860a799888"),
            (ChecksumAlgorithm::Sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                ChecksumAlgorithm::Sha256,
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
        ] {
            let checksum = ChecksumHasher::checksum(algorithm, text.as_bytes());
            assert_eq!(hex::encode(checksum.as_bytes()), value);
        }
    }

    #[test]
    fn values_of_another_length_are_refused() {
        assert_eq!(Checksum::from_base64(ChecksumAlgorithm::Crc32, "AAAAAAA="), None);
        assert_eq!(Checksum::from_base64(ChecksumAlgorithm::Crc32, "AAAA"), None);
        assert_eq!(Checksum::from_base64(ChecksumAlgorithm::Crc32, "*"), None);
    }

    proptest! {
        #[test]
        fn split_anywhere_gives_the_same(bytes: Vec<u8>, at: prop::sample::Index) {
            let at = at.index(bytes.len() + 1);
            for algorithm in ChecksumAlgorithm::ALL {
                let mut hasher = ChecksumHasher::new(algorithm);
                hasher.update(&bytes[..at]);
                hasher.update(&bytes[at..]);
                let checksum = hasher.finish();
                prop_assert_eq!(checksum, ChecksumHasher::checksum(algorithm, &bytes));
                prop_assert_eq!(Checksum::from_base64(algorithm, &checksum.to_base64()), Some(checksum));
                prop_assert_eq!(ChecksumAlgorithm::from_header(algorithm.header()), Some(algorithm));
                prop_assert_eq!(ChecksumAlgorithm::from_name(algorithm.name()), Some(algorithm));
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".*") {
            for algorithm in ChecksumAlgorithm::ALL {
                Checksum::from_base64(algorithm, &text);
            }
        }
    }
}

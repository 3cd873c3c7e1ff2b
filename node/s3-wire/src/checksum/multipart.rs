//! The checksum of an object that was uploaded in parts.

use crc_fast::checksum_combine;

use crate::checksum::algorithm::{Checksum, ChecksumAlgorithm, ChecksumHasher};

/// What the checksum of a multipart object covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChecksumType {
    /// The bytes of the object.
    FullObject,
    /// The checksums of the parts; its text ends in `-` and their number.
    Composite,
}

impl ChecksumType {
    /// The name in headers and XML.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    /// The type of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::FullObject, Self::Composite].into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The type a multipart upload gets when the client names none.
    pub fn default_of(algorithm: ChecksumAlgorithm) -> Self {
        match algorithm {
            ChecksumAlgorithm::Crc64Nvme => Self::FullObject,
            _ => Self::Composite,
        }
    }

    /// Whether S3 has this type for this algorithm.
    pub fn fits(self, algorithm: ChecksumAlgorithm) -> bool {
        match self {
            Self::FullObject => algorithm.is_crc(),
            Self::Composite => algorithm != ChecksumAlgorithm::Crc64Nvme,
        }
    }
}

/// Checksum and length of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartChecksum {
    /// The checksum of its bytes.
    pub checksum: Checksum,
    /// How many bytes.
    pub len: u64,
}

/// The checksum of a stored object, as answers show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectChecksum {
    /// The value.
    pub value: Checksum,
    /// What it covers.
    pub kind: ChecksumType,
    /// The number of parts, shown with a composite value.
    pub parts: u32,
}

impl ObjectChecksum {
    /// The form of headers and XML: base64, and for a composite value `-` and the number of parts.
    pub fn to_text(&self) -> String {
        match self.kind {
            ChecksumType::FullObject => self.value.to_base64(),
            ChecksumType::Composite => format!("{}-{}", self.value.to_base64(), self.parts),
        }
    }
}

/// The checksum over the checksums of the parts, in order; `None` if one is of another algorithm.
///
/// Its text is the base64 of this value, `-`, and the number of parts.
pub fn composite(algorithm: ChecksumAlgorithm, parts: &[PartChecksum]) -> Option<Checksum> {
    let mut hasher = ChecksumHasher::new(algorithm);
    for part in parts {
        if part.checksum.algorithm() != algorithm {
            return None;
        }
        hasher.update(part.checksum.as_bytes());
    }
    Some(hasher.finish())
}

/// The checksum of the whole object from those of its parts; `None` if the algorithm is no CRC or
/// a part is of another algorithm.
pub fn combine(algorithm: ChecksumAlgorithm, parts: &[PartChecksum]) -> Option<Checksum> {
    let crc = algorithm.crc()?;
    let mut whole = ChecksumHasher::new(algorithm).finish().crc_value();
    for part in parts {
        if part.checksum.algorithm() != algorithm {
            return None;
        }
        if part.len > 0 {
            whole = checksum_combine(crc, whole, part.checksum.crc_value(), part.len);
        }
    }
    Some(Checksum::from_crc(algorithm, whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn combined_parts_have_the_checksum_of_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6)) {
            for algorithm in ChecksumAlgorithm::ALL {
                let checksums: Vec<_> = parts
                    .iter()
                    .map(|part| PartChecksum {
                        checksum: ChecksumHasher::checksum(algorithm, part),
                        len: part.len() as u64,
                    })
                    .collect();
                let whole = ChecksumHasher::checksum(algorithm, &parts.concat());
                let expected = algorithm.is_crc().then_some(whole);
                prop_assert_eq!(combine(algorithm, &checksums), expected);

                let values: Vec<u8> =
                    checksums.iter().flat_map(|part| part.checksum.as_bytes().to_vec()).collect();
                let over_values = ChecksumHasher::checksum(algorithm, &values);
                prop_assert_eq!(composite(algorithm, &checksums), Some(over_values));
            }
        }
    }

    #[test]
    fn parts_of_another_algorithm_do_not_combine() {
        let part =
            PartChecksum { checksum: ChecksumHasher::checksum(ChecksumAlgorithm::Crc32, b"a"), len: 1 };
        assert_eq!(combine(ChecksumAlgorithm::Crc32c, &[part]), None);
        assert_eq!(composite(ChecksumAlgorithm::Sha1, &[part]), None);
    }

    #[test]
    fn types_fit_algorithms_as_s3_documents() {
        assert!(!ChecksumType::FullObject.fits(ChecksumAlgorithm::Sha256));
        assert!(!ChecksumType::Composite.fits(ChecksumAlgorithm::Crc64Nvme));
        for algorithm in ChecksumAlgorithm::ALL {
            assert!(ChecksumType::default_of(algorithm).fits(algorithm));
        }
    }
}

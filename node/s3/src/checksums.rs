//! Checksums as the protocol has them and as they are kept.

use bytes::Bytes;
use mucura_metadata::{Checksum as Kept, ChecksumAlgorithm as KeptAlgorithm, ChecksumKind, PartRecord};
use mucura_s3_wire::checksum::{
    Checksum, ChecksumAlgorithm, ChecksumType, ObjectChecksum, PartChecksum, combine, composite,
};
use mucura_s3_wire::{ErrorCode, S3Error};

pub(crate) fn kept_algorithm(algorithm: ChecksumAlgorithm) -> KeptAlgorithm {
    match algorithm {
        ChecksumAlgorithm::Crc32 => KeptAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32c => KeptAlgorithm::Crc32c,
        ChecksumAlgorithm::Crc64Nvme => KeptAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1 => KeptAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256 => KeptAlgorithm::Sha256,
    }
}

pub(crate) fn wire_algorithm(algorithm: KeptAlgorithm) -> ChecksumAlgorithm {
    match algorithm {
        KeptAlgorithm::Crc32 => ChecksumAlgorithm::Crc32,
        KeptAlgorithm::Crc32c => ChecksumAlgorithm::Crc32c,
        KeptAlgorithm::Crc64Nvme => ChecksumAlgorithm::Crc64Nvme,
        KeptAlgorithm::Sha1 => ChecksumAlgorithm::Sha1,
        KeptAlgorithm::Sha256 => ChecksumAlgorithm::Sha256,
    }
}

/// What is kept of a checksum over a whole body.
pub(crate) fn from_digest(algorithm: KeptAlgorithm, value: Bytes) -> Kept {
    Kept { algorithm, kind: ChecksumKind::FullObject, value }
}

/// A kept checksum as answers show it; none if its length is wrong.
pub(crate) fn shown(kept: &Kept) -> Option<ObjectChecksum> {
    let value = Checksum::from_bytes(wire_algorithm(kept.algorithm), &kept.value)?;
    let (kind, parts) = match kept.kind {
        ChecksumKind::FullObject => (ChecksumType::FullObject, 0),
        ChecksumKind::Composite(parts) => (ChecksumType::Composite, u32::from(parts)),
    };
    Some(ObjectChecksum { value, kind, parts })
}

/// Algorithm and type as listings show them.
pub(crate) fn shown_kind(kept: &Kept) -> (ChecksumAlgorithm, ChecksumType) {
    let kind = match kept.kind {
        ChecksumKind::FullObject => ChecksumType::FullObject,
        ChecksumKind::Composite(_) => ChecksumType::Composite,
    };
    (wire_algorithm(kept.algorithm), kind)
}

/// What an upload was begun with, as answers show it.
pub(crate) fn shown_of_upload((algorithm, full): (KeptAlgorithm, bool)) -> (ChecksumAlgorithm, ChecksumType) {
    let kind = if full { ChecksumType::FullObject } else { ChecksumType::Composite };
    (wire_algorithm(algorithm), kind)
}

/// The checksum of an object made of `parts`, of the kind that its upload was
/// begun with; none if a part has no checksum of that algorithm.
pub(crate) fn of_parts((algorithm, full): (KeptAlgorithm, bool), parts: &[PartRecord]) -> Option<Kept> {
    let wire = wire_algorithm(algorithm);
    let sums: Option<Vec<PartChecksum>> = parts
        .iter()
        .map(|part| {
            let kept = part.checksum.as_ref().filter(|kept| kept.algorithm == algorithm)?;
            Some(PartChecksum { checksum: Checksum::from_bytes(wire, &kept.value)?, len: part.size })
        })
        .collect();
    let sums = sums?;
    let (value, kind) = if full {
        (combine(wire, &sums)?, ChecksumKind::FullObject)
    } else {
        (composite(wire, &sums)?, ChecksumKind::Composite(u16::try_from(sums.len()).ok()?))
    };
    Some(Kept { algorithm, kind, value: Bytes::copy_from_slice(value.as_bytes()) })
}

/// A part must be sent with the algorithm that its upload was begun with, or
/// with none: then we compute it.
pub(crate) fn check_part_algorithm(
    upload: Option<KeptAlgorithm>,
    sent: Option<ChecksumAlgorithm>,
) -> Result<(), S3Error> {
    match (upload, sent) {
        (Some(upload), Some(sent)) if wire_algorithm(upload) != sent => Err(S3Error::with_message(
            ErrorCode::InvalidRequest,
            format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                wire_algorithm(upload).name().to_ascii_lowercase(),
                sent.name().to_ascii_lowercase()
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_metadata::Body;
    use mucura_s3_wire::checksum::ChecksumHasher;
    use mucura_types::{Timestamp, WriteId};

    fn part(bytes: &[u8], algorithm: ChecksumAlgorithm) -> PartRecord {
        let value = ChecksumHasher::checksum(algorithm, bytes);
        PartRecord {
            size: bytes.len() as u64,
            md5: [0; 16],
            modified: Timestamp(0),
            checksum: Some(from_digest(kept_algorithm(algorithm), Bytes::copy_from_slice(value.as_bytes()))),
            body: Body::Chunks(WriteId::default()),
            seal: None,
        }
    }

    #[test]
    fn algorithms_survive_the_way_there_and_back() {
        for algorithm in ChecksumAlgorithm::ALL {
            assert_eq!(wire_algorithm(kept_algorithm(algorithm)), algorithm);
        }
    }

    #[test]
    fn the_parts_give_the_checksum_of_the_object() {
        for algorithm in ChecksumAlgorithm::ALL {
            let kept = kept_algorithm(algorithm);
            let parts = [part(b"1234", algorithm), part(b"", algorithm), part(b"56789", algorithm)];
            let whole = of_parts((kept, true), &parts).map(|sum| shown(&sum).unwrap());
            let expected =
                algorithm.is_crc().then(|| ChecksumHasher::checksum(algorithm, b"123456789").to_base64());
            assert_eq!(whole.map(|sum| sum.to_text()), expected, "{algorithm:?}");
            let sums: Vec<u8> =
                parts.iter().flat_map(|part| part.checksum.clone().unwrap().value.to_vec()).collect();
            let composite = shown(&of_parts((kept, false), &parts).unwrap()).unwrap();
            let expected = format!("{}-3", ChecksumHasher::checksum(algorithm, &sums).to_base64());
            assert_eq!(composite.to_text(), expected);
        }
    }

    #[test]
    fn a_part_of_another_algorithm_leaves_the_object_without() {
        let parts = [part(b"1", ChecksumAlgorithm::Crc32), part(b"2", ChecksumAlgorithm::Sha1)];
        assert_eq!(of_parts((KeptAlgorithm::Crc32, false), &parts), None);
    }

    #[test]
    fn a_part_is_sent_with_the_algorithm_of_its_upload_or_with_none() {
        let crc = Some(KeptAlgorithm::Crc32);
        assert!(check_part_algorithm(crc, Some(ChecksumAlgorithm::Crc32)).is_ok());
        assert!(check_part_algorithm(crc, None).is_ok());
        assert!(check_part_algorithm(None, Some(ChecksumAlgorithm::Sha1)).is_ok());
        let refused = check_part_algorithm(crc, Some(ChecksumAlgorithm::Sha1)).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidRequest);
    }
}

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

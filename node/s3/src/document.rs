use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use mucura_s3_wire::ErrorCode;
use mucura_s3_wire::checksum::{ChecksumAlgorithm, ChecksumHasher};
use mucura_s3_wire::request::RequestBody;
use mucura_store::{Body, BodyPlan, Digests};

use crate::call::Call;
use crate::checksums::wire_algorithm;
use crate::errors::Failure;
use crate::payload::Payload;

/// Reads a body of XML whole, and verifies it. Its length was bounded when the
/// request was parsed.
pub(crate) async fn read_document(
    call: &Call<'_>,
    said: RequestBody,
    payload: &mut Payload,
) -> Result<Bytes, Failure> {
    let len = usize::try_from(said.len).map_err(|_| ErrorCode::MaxMessageLengthExceeded)?;
    let mut body = call.upload(said, payload)?;
    let mut document = BytesMut::new();
    loop {
        match body.next().await {
            Ok(Some(piece)) => document.extend_from_slice(&piece),
            Ok(None) => break,
            Err(_) => return Err(body.into_failure()),
        }
    }
    debug_assert_eq!(document.len(), len);
    let document = document.freeze();
    let plan = body.plan();
    let hashed = document.clone();
    let digests = call.shared.compute(move || digests(&hashed, plan)).await?;
    match body.check(&digests) {
        Ok(_) => Ok(document),
        Err(_) => Err(body.into_failure()),
    }
}

fn digests(document: &Bytes, plan: BodyPlan) -> Digests {
    let of = |algorithm| ChecksumHasher::checksum(algorithm, document);
    let sha256 = plan.sha256.then(|| of(ChecksumAlgorithm::Sha256));
    Digests {
        md5: Md5::digest(document).into(),
        sha256: sha256.and_then(|sum| sum.as_bytes().try_into().ok()),
        checksum: plan
            .checksum
            .map(|kept| (kept, Bytes::copy_from_slice(of(wire_algorithm(kept)).as_bytes()))),
    }
}

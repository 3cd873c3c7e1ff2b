use std::time::Duration;

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use mucura_s3_wire::checksum::{ChecksumAlgorithm, ChecksumHasher};
use mucura_s3_wire::request::RequestBody;
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::{Body, BodyPlan, Digests, Md5Plan};
use tokio::time::{Instant, timeout, timeout_at};

use crate::call::Call;
use crate::checksums::wire_algorithm;
use crate::errors::Failure;
use crate::payload::Payload;

/// How long a client may take to send a document.
const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a document waits for memory.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads a body of XML whole, verifies it, and reads it by `parse`. Its length
/// was bounded when the request was parsed.
pub(crate) async fn read_document<T: Send + 'static>(
    call: &Call<'_>,
    said: RequestBody,
    payload: &mut Payload,
    parse: fn(&[u8]) -> Result<T, S3Error>,
) -> Result<T, Failure> {
    let document = read_bytes(call, said, payload).await?;
    Ok(call.shared.compute(move || parse(&document)).await??)
}

/// Reads a body whole, and verifies it.
pub(crate) async fn read_bytes(
    call: &Call<'_>,
    said: RequestBody,
    payload: &mut Payload,
) -> Result<Bytes, Failure> {
    let kib =
        u32::try_from(said.len.most().div_ceil(1024)).map_err(|_| ErrorCode::MaxMessageLengthExceeded)?;
    let memory = timeout(MEMORY_TIMEOUT, call.shared.documents.acquire_many(kib)).await;
    let _memory = memory.ok().and_then(Result::ok).ok_or(ErrorCode::SlowDown)?;
    let mut body = call.upload(said, payload)?;
    let mut document = BytesMut::new();
    let deadline = Instant::now() + DOCUMENT_TIMEOUT;
    loop {
        match timeout_at(deadline, body.next()).await {
            Ok(Ok(Some(piece))) => document.extend_from_slice(&piece),
            Ok(Ok(None)) => break,
            Ok(Err(_)) => return Err(body.into_failure()),
            Err(_) => return Err(ErrorCode::RequestTimeout.into()),
        }
    }
    let document = document.freeze();
    let plan = body.plan();
    let hashed = document.clone();
    let digests = call.shared.compute(move || digests(&hashed, plan)).await?;
    if body.check(&digests).is_err() {
        return Err(body.into_failure());
    }
    Ok(document)
}

/// What `plan` asks for.
pub(crate) fn digests(document: &[u8], plan: BodyPlan) -> Digests {
    let of = |algorithm| ChecksumHasher::checksum(algorithm, document);
    let sha256 = plan.sha256.then(|| of(ChecksumAlgorithm::Sha256));
    Digests {
        md5: (plan.md5 == Md5Plan::Wanted).then(|| Md5::digest(document).into()),
        sha256: sha256.and_then(|sum| sum.as_bytes().try_into().ok()),
        checksum: plan
            .checksum
            .map(|kept| (kept, Bytes::copy_from_slice(of(wire_algorithm(kept)).as_bytes()))),
    }
}

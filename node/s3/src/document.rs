use std::time::Duration;

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use mucura_s3_wire::checksum::{ChecksumAlgorithm, ChecksumHasher};
use mucura_s3_wire::request::RequestBody;
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::{Body, BodyPlan, Digests, Md5Plan};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use crate::call::Call;
use crate::checksums::wire_algorithm;
use crate::errors::Failure;
use crate::payload::Payload;

/// How long a client may take to send a document.
const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// What every document may have at once, so that small ones never wait. The
/// number of connections bounds them.
const FREE_BYTES: usize = 16 << 10;
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
    let (document, _memory) = read(call, said, payload).await?;
    Ok(call.shared.compute(move || parse(&document)).await??)
}

/// Reads a body whole, and verifies it.
pub(crate) async fn read_bytes(
    call: &Call<'_>,
    said: RequestBody,
    payload: &mut Payload,
) -> Result<Bytes, Failure> {
    read(call, said, payload).await.map(|(document, _)| document)
}

/// The same, with the memory that it was given.
async fn read<'c>(
    call: &'c Call<'_>,
    said: RequestBody,
    payload: &mut Payload,
) -> Result<(Bytes, Memory<'c>), Failure> {
    let announced = usize::try_from(said.len.most()).unwrap_or(usize::MAX);
    let mut body = call.upload(said, payload)?;
    let mut document = BytesMut::new();
    let mut memory = Memory { all: &call.shared.documents, taken: None };
    let deadline = Instant::now() + DOCUMENT_TIMEOUT;
    loop {
        match timeout_at(deadline, body.next()).await {
            Ok(Ok(Some(piece))) => {
                let len = document.len() + piece.len();
                if len > FREE_BYTES {
                    memory.take_for(len.max(announced)).await?;
                }
                document.extend_from_slice(&piece);
            }
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
    Ok((document, memory))
}

/// The memory of a document. It is taken once something has come, and then for
/// all that was announced: who sends nothing holds up nobody, and none who has
/// some waits for more.
struct Memory<'a> {
    all: &'a Semaphore,
    taken: Option<SemaphorePermit<'a>>,
}

impl Memory<'_> {
    /// Waits until there is room for so many bytes of this document.
    async fn take_for(&mut self, bytes: usize) -> Result<(), S3Error> {
        let missing = bytes
            .saturating_sub(FREE_BYTES)
            .div_ceil(1024)
            .saturating_sub(self.taken.as_ref().map_or(0, SemaphorePermit::num_permits));
        if missing == 0 {
            return Ok(());
        }
        let missing = u32::try_from(missing).map_err(|_| ErrorCode::MaxMessageLengthExceeded)?;
        let more = timeout(MEMORY_TIMEOUT, self.all.acquire_many(missing)).await;
        let more = more.ok().and_then(Result::ok).ok_or(ErrorCode::SlowDown)?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn memory_is_taken_for_what_came_and_given_back() {
        let all = Semaphore::new(100);
        let mut small = Memory { all: &all, taken: None };
        small.take_for(FREE_BYTES).await.unwrap();
        assert_eq!(all.available_permits(), 100);
        let mut large = Memory { all: &all, taken: None };
        for (bytes, left) in [(1, 99), (1024, 99), (1025, 98), (100 * 1024, 0)] {
            large.take_for(FREE_BYTES + bytes).await.unwrap();
            assert_eq!(all.available_permits(), left, "{bytes}");
        }
        let refused = small.take_for(FREE_BYTES + 1).await;
        assert_eq!(refused.unwrap_err().code, ErrorCode::SlowDown);
        drop(large);
        small.take_for(FREE_BYTES + 1).await.unwrap();
    }
}

use std::future::Future;

use bytes::{Bytes, BytesMut};
use quinn::{ReadError, ReadExactError, RecvStream, SendStream, WriteError};
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant};

use crate::codes::stream_error;
use crate::error::{CallError, Refused};
use crate::service::Refusal;

/// The most bytes of a header, as encoded.
pub(crate) const HEADER_BYTES_MAX: usize = 1024;
/// The longest deadline that a header can carry, and that anything may have.
pub(crate) const DEADLINE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Opens a call, a join, or a bulk stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallHeader {
    pub(crate) method: u16,
    /// What is left of the deadline, in milliseconds.
    pub(crate) deadline_ms: u32,
    /// The trace id of the request that this is part of; 0 if none.
    pub(crate) trace: u64,
    /// Bytes that follow: the payload of a call, the header of a bulk stream.
    pub(crate) len: u32,
}

/// Opens the answer to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ReplyHeader {
    /// Carried out; so many bytes of answer follow.
    Done(u32),
    /// Not carried out.
    Refused(Refusal),
}

/// One length-prefixed message: four bytes of length, big-endian, then its bytes.
pub(crate) fn message(body: &[u8]) -> Bytes {
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut bytes = BytesMut::with_capacity(4 + body.len());
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(body);
    bytes.freeze()
}

/// A header as a message.
pub(crate) fn header(fields: &impl Serialize) -> Bytes {
    // Writing to a vector does not fail; an empty header would be refused.
    message(&postcard::to_stdvec(fields).unwrap_or_default())
}

/// Fields that a later version appends are ignored.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, CallError> {
    postcard::take_from_bytes(bytes).map(|(fields, _later)| fields).map_err(|_| Refused::Malformed.into())
}

/// Reads one message of at most `max` bytes.
pub(crate) async fn read_message(recv: &mut RecvStream, max: usize) -> Result<Vec<u8>, CallError> {
    let mut len = [0; 4];
    recv.read_exact(&mut len).await.map_err(read_exact_error)?;
    let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
    if len > max {
        return Err(CallError::TooLarge);
    }
    let mut bytes = vec![0; len];
    recv.read_exact(&mut bytes).await.map_err(read_exact_error)?;
    Ok(bytes)
}

/// Reads the rest of a stream, which must be `len` bytes. Memory grows with
/// what arrives, not with what is announced; and the bytes are copied, so that
/// a small message that is kept does not keep a whole receive buffer.
pub(crate) async fn read_rest(recv: &mut RecvStream, len: usize) -> Result<Bytes, CallError> {
    let mut bufs: [Bytes; 16] = Default::default();
    let mut bytes = BytesMut::with_capacity(len.min(64 << 10));
    while let Some(count) = recv.read_chunks(&mut bufs).await.map_err(read_error)? {
        for chunk in &bufs[..count] {
            if bytes.len() + chunk.len() > len {
                return Err(Refused::Malformed.into());
            }
            bytes.extend_from_slice(chunk);
        }
    }
    if bytes.len() == len { Ok(bytes.freeze()) } else { Err(Refused::Malformed.into()) }
}

/// Writes a header and what follows it, without copying the latter.
pub(crate) async fn write(send: &mut SendStream, header: Bytes, body: Bytes) -> Result<(), CallError> {
    send.write_all_chunks(&mut [header, body]).await.map_err(write_error)
}

/// Ends `work` at the deadline with [`CallError::Timeout`].
pub(crate) async fn by<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    tokio::time::timeout_at(deadline, work).await.unwrap_or(Err(CallError::Timeout))
}

pub(crate) fn read_error(error: ReadError) -> CallError {
    match error {
        ReadError::Reset(code) => stream_error(code),
        _ => CallError::PeerClosed,
    }
}

pub(crate) fn read_exact_error(error: ReadExactError) -> CallError {
    match error {
        ReadExactError::FinishedEarly(_) => CallError::PeerClosed,
        ReadExactError::ReadError(error) => read_error(error),
    }
}

pub(crate) fn write_error(error: WriteError) -> CallError {
    match error {
        WriteError::Stopped(code) => stream_error(code),
        _ => CallError::PeerClosed,
    }
}

/// What is left until `deadline`, for a header: at least 1 ms, so that it is
/// the serving side's clock that ends it and not a rounding.
pub(crate) fn remaining_ms(deadline: Instant) -> u32 {
    let left = deadline.saturating_duration_since(Instant::now()).min(DEADLINE_MAX);
    u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// The deadline that a header asks for.
pub(crate) fn deadline(header: &CallHeader) -> Instant {
    Instant::now() + Duration::from_millis(u64::from(header.deadline_ms)).min(DEADLINE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_keep_their_bytes() {
        let call = CallHeader { method: 300, deadline_ms: 1500, trace: 7, len: 4096 };
        assert_eq!(hex::encode(header(&call)), "00000007ac02dc0b078020");
        assert_eq!(decode::<CallHeader>(&header(&call)[4..]), Ok(call));
        for (reply, golden) in [
            (ReplyHeader::Done(4096), "00000003008020"),
            (ReplyHeader::Refused(Refusal::Busy), "000000020100"),
            (ReplyHeader::Refused(Refusal::Starting), "000000020101"),
            (ReplyHeader::Refused(Refusal::UnknownMethod), "000000020102"),
            (ReplyHeader::Refused(Refusal::Malformed), "000000020103"),
            (ReplyHeader::Refused(Refusal::TooLarge), "000000020104"),
            (ReplyHeader::Refused(Refusal::TimedOut), "000000020105"),
            (ReplyHeader::Refused(Refusal::Failed("no".to_owned())), "000000050106026e6f"),
        ] {
            assert_eq!(hex::encode(header(&reply)), golden);
            assert_eq!(decode::<ReplyHeader>(&header(&reply)[4..]), Ok(reply));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoders_panic(bytes: Vec<u8>) {
            drop((decode::<CallHeader>(&bytes), decode::<ReplyHeader>(&bytes)));
        }
    }
}

use std::future::ready;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use mucura_runtime::Blocking;

use crate::encryption::layout::{
    BATCH_SEGMENTS, BLOCKING_BYTES_MIN, SEALED_SEGMENT_BYTES, SEGMENT_BYTES, SealedSpan,
};
use crate::encryption::segments::BodyKey;
use crate::error::StoreError;
use crate::objects::ObjectStream;

/// Batches that are opened ahead of the client.
const OPEN_AHEAD: usize = 2;

/// The plaintext of `span`, from a stream of the bytes [`SealedSpan::sealed`].
/// Every segment was authenticated before a byte of it is given.
///
/// # Errors
/// `Internal`: a segment of the first batch does not open, or is not all
/// there. Later ones end the stream with the same error; nothing follows it.
/// What the sealed stream fails with, it fails with.
pub async fn open_sealed(
    sealed: ObjectStream,
    key: Arc<BodyKey>,
    span: SealedSpan,
    blocking: Blocking,
) -> Result<ObjectStream, StoreError> {
    let next = span.segments.start;
    let batches = Batches { sealed, piece: Bytes::new(), span, next };
    let opened = stream::try_unfold(batches, |mut batches| async move {
        Ok::<_, StoreError>(batches.next().await?.map(|batch| (batch, batches)))
    })
    .map(move |batch| {
        let (key, blocking) = (key.clone(), blocking.clone());
        async move { batch?.open(key, &blocking).await }
    })
    .buffered(OPEN_AHEAD)
    .map_ok(|pieces| stream::iter(pieces.into_iter().map(Ok)))
    .try_flatten()
    // What was opened behind a segment that does not open is not given.
    .scan(false, |failed, item| {
        let item = (!*failed).then_some(item);
        *failed = !matches!(item, Some(Ok(_)));
        ready(item)
    });
    // The first bytes before the answer, as they are read.
    let mut opened = Box::pin(opened);
    Ok(match opened.next().await.transpose()? {
        Some(first) => Box::pin(stream::iter([Ok(first)]).chain(opened)),
        None => opened,
    })
}

/// Cuts a stream of sealed bytes into batches of whole segments.
struct Batches {
    sealed: ObjectStream,
    piece: Bytes,
    span: SealedSpan,
    next: u64,
}

impl Batches {
    async fn next(&mut self) -> Result<Option<Batch>, StoreError> {
        let first = self.next;
        let end = (first + BATCH_SEGMENTS).min(self.span.segments.end);
        if first == end {
            return Ok(None);
        }
        let range = self.span.layout.sealed_range(first..end);
        let mut memory = vec![0; usize::try_from(range.end - range.start).map_err(StoreError::internal)?];
        let mut rest = memory.as_mut_slice();
        while !rest.is_empty() {
            if self.piece.is_empty() {
                let piece = self.sealed.next().await.transpose()?;
                self.piece = piece.ok_or_else(|| StoreError::internal("a sealed body ends early"))?;
            }
            let len = self.piece.len().min(rest.len());
            self.piece.copy_to_slice(&mut rest[..len]);
            rest = &mut rest[len..];
        }
        self.next = end;
        Ok(Some(Batch { span: self.span.clone(), first, memory }))
    }
}

/// Whole segments, as they are stored.
struct Batch {
    span: SealedSpan,
    /// The number of the first.
    first: u64,
    memory: Vec<u8>,
}

impl Batch {
    /// The plaintext of the range in them.
    async fn open(mut self, key: Arc<BodyKey>, blocking: &Blocking) -> Result<Vec<Bytes>, StoreError> {
        let len = self.memory.len();
        let work = move || {
            key.open(self.span.layout, self.first, &mut self.memory).map_err(StoreError::internal)?;
            Ok(self.pieces())
        };
        match len {
            ..BLOCKING_BYTES_MIN => work(),
            _ => blocking.run(work).await.map_err(StoreError::internal)?,
        }
    }

    /// The parts of the range, once the segments are open.
    fn pieces(self) -> Vec<Bytes> {
        let memory = Bytes::from(self.memory);
        let mut pieces = Vec::new();
        for (number, at) in (self.first..).zip((0..memory.len()).step_by(SEALED_SEGMENT_BYTES)) {
            let plain = self.span.layout.plain_range(number);
            let within = self.span.plain.start.max(plain.start)..self.span.plain.end.min(plain.end);
            if within.start < within.end {
                // Both lie in one segment.
                let offset = |byte: u64| usize::try_from(byte - plain.start).unwrap_or(SEGMENT_BYTES);
                pieces.push(memory.slice(at + offset(within.start)..at + offset(within.end)));
            }
        }
        pieces
    }
}

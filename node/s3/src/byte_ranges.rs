//! Several ranges in one answer: `multipart/byteranges` (RFC 9110, section 14.6).

use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use mucura_metadata::VersionRecord;
use mucura_s3_wire::range::ByteSpan;
use mucura_store::{ObjectReader, ObjectStream, StoreError};

use crate::attributes::content_type;

/// Ranges of an object, each with what stands before it in the answer.
pub(crate) struct ByteRanges {
    boundary: String,
    parts: Vec<(Bytes, ByteSpan)>,
    end: Bytes,
}

impl ByteRanges {
    /// `boundary` must not occur in the object: it is made at random.
    pub(crate) fn new(spans: Vec<ByteSpan>, record: &VersionRecord, boundary: String) -> Self {
        let (of, size) = (content_type(&record.attributes), record.summary.size);
        let parts = spans.into_iter().map(|span| {
            let range = span.content_range(size);
            let head = format!("\r\n--{boundary}\r\nContent-Type: {of}\r\nContent-Range: {range}\r\n\r\n");
            (Bytes::from(head), span)
        });
        Self { parts: parts.collect(), end: format!("\r\n--{boundary}--\r\n").into(), boundary }
    }

    pub(crate) fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// Bytes of the whole answer.
    pub(crate) fn byte_len(&self) -> u64 {
        let parts = self.parts.iter().map(|(head, span)| head.len() as u64 + span.byte_len());
        parts.sum::<u64>() + self.end.len() as u64
    }

    /// The bytes of the answer. A range is opened when its turn comes; the
    /// first one before the answer, so that what cannot be read is told by a
    /// status.
    pub(crate) async fn open(self, reader: ObjectReader) -> Result<ObjectStream, StoreError> {
        let mut parts = self.parts.into_iter();
        let Some(first) = parts.next() else { return Ok(Box::pin(stream::empty())) };
        let first = open_part(&reader, first).await?;
        let rest = stream::iter(parts).then(move |part| {
            let reader = reader.clone();
            async move {
                open_part(&reader, part).await.unwrap_or_else(|error| Box::pin(stream::iter([Err(error)])))
            }
        });
        Ok(Box::pin(first.chain(rest.flatten()).chain(stream::iter([Ok(self.end)]))))
    }
}

type Part = Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

async fn open_part(reader: &ObjectReader, (head, span): (Bytes, ByteSpan)) -> Result<Part, StoreError> {
    let bytes = reader.open(span.start..span.end).await?;
    Ok(Box::pin(stream::iter([Ok(head)]).chain(bytes)))
}

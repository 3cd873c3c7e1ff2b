use mucura_metadata::{Body, Checksum};
use mucura_s3_wire::ErrorCode;
use mucura_s3_wire::range::ByteSpan;
use mucura_store::{ObjectInfo, StoreError};

use crate::call::Call;
use crate::errors::Failure;

const PAGE: usize = 1000;

/// A part of an object.
pub(crate) struct PartOfObject {
    /// Where it lies; none if it has no bytes.
    pub(crate) span: Option<ByteSpan>,
    /// How many parts the object has, if it was uploaded in parts.
    pub(crate) count: Option<u16>,
    /// Its checksum.
    pub(crate) checksum: Option<Checksum>,
}

/// Finds one part of an object, counted from 1 in the order of its parts
/// (whatever numbers they were uploaded under). An object that was stored at
/// once is its own first part.
pub(crate) async fn part_span(
    call: &Call<'_>,
    object: &ObjectInfo,
    number: u16,
) -> Result<PartOfObject, Failure> {
    let summary = &object.record.summary;
    let count = summary.etag.parts;
    let Body::Parts(upload) = &object.record.body else {
        let whole = ByteSpan { start: 0, end: summary.size };
        return match number {
            1 => {
                let span = Some(whole).filter(|span| span.start < span.end);
                Ok(PartOfObject { span, count, checksum: summary.checksum.clone() })
            }
            _ => Err(ErrorCode::InvalidPartNumber.into()),
        };
    };
    if count.is_some_and(|count| number > count) {
        return Err(ErrorCode::InvalidPartNumber.into());
    }
    let (mut start, mut place, mut after) = (0_u64, 0_u16, 0_u16);
    loop {
        let page = call.fresh.parts(*upload, after, PAGE).await?;
        for (uploaded_as, part) in &page.parts {
            place += 1;
            let end = start + part.size;
            if place == number {
                let span = Some(ByteSpan { start, end }).filter(|span| span.start < span.end);
                return Ok(PartOfObject { span, count, checksum: part.checksum.clone() });
            }
            (start, after) = (end, *uploaded_as);
        }
        if !page.truncated {
            // Overwritten since its head was read.
            return Err(
                StoreError::Unavailable { reason: "the parts of an object are gone".to_owned() }.into()
            );
        }
    }
}

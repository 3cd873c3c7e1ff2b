use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use mucura_s3_wire::range::{ByteSpan, ResolvedRange, resolve};
use mucura_s3_wire::request::GetObject;
use mucura_s3_wire::time::http_date;
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::ObjectInfo;

use crate::answer::{Answer, Content, quoted, set};
use crate::attributes;
use crate::call::Call;
use crate::errors::Failure;
use crate::part_span::part_span;
use crate::put_object::show_checksum;

const PARTS_COUNT: HeaderName = HeaderName::from_static("x-amz-mp-parts-count");

pub(crate) async fn get(call: &Call<'_>, request: GetObject) -> Result<Answer, Failure> {
    let (object, mut answer, span) = look_up(call, request).await?;
    if answer.status != StatusCode::NOT_MODIFIED {
        answer.content = if span.start < span.end {
            Content::Stream(call.fresh.open(&object, span.start..span.end).await?, span.byte_len())
        } else {
            Content::Whole(Bytes::new())
        };
    }
    Ok(answer)
}

pub(crate) async fn head(call: &Call<'_>, request: GetObject) -> Result<Answer, Failure> {
    Ok(look_up(call, request).await?.1)
}

/// The object, the head of the answer, and which bytes are asked for.
async fn look_up(call: &Call<'_>, request: GetObject) -> Result<(ObjectInfo, Answer, ByteSpan), Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    let object = call.fresh.object(bucket.id, &request.key).await?;
    let object =
        object.ok_or_else(|| S3Error::new(ErrorCode::NoSuchKey).field("Key", request.key.clone()))?;
    let summary = &object.record.summary;
    let whole = ByteSpan { start: 0, end: summary.size };
    let mut headers = identity(&object);
    if let Err(error) = request.conditions.check(&summary.etag.to_string(), summary.modified.0) {
        if error.code == ErrorCode::NotModified {
            return Ok((object, Answer { headers, ..Answer::bare(StatusCode::NOT_MODIFIED) }, whole));
        }
        return Err(error.into());
    }
    let span = match (&request.part_number, &request.range) {
        (Some(number), _) => {
            let (span, count) = part_span(call, &object, *number).await?;
            if let Some(count) = count {
                headers.insert(PARTS_COUNT, HeaderValue::from(count));
            }
            span
        }
        (None, Some(ranges)) => one_span(resolve(ranges, summary.size)?),
        (None, None) => None,
    };
    describe(&object, &request, span, &mut headers);
    let status = if span.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let answer = Answer { status, headers, content: Content::Nothing };
    Ok((object, answer, span.unwrap_or(whole)))
}

/// Several ranges are answered with the whole object, as S3 does.
fn one_span(range: ResolvedRange) -> Option<ByteSpan> {
    match range {
        ResolvedRange::Spans(spans) => match spans[..] {
            [span] => Some(span),
            _ => None,
        },
        ResolvedRange::Whole => None,
    }
}

/// What says which object it is: all that a 304 carries.
fn identity(object: &ObjectInfo) -> HeaderMap {
    let summary = &object.record.summary;
    let mut headers = HeaderMap::new();
    set(&mut headers, header::ETAG, &quoted(summary.etag));
    set(&mut headers, header::LAST_MODIFIED, &http_date(summary.modified.0));
    headers
}

fn describe(object: &ObjectInfo, request: &GetObject, span: Option<ByteSpan>, headers: &mut HeaderMap) {
    let summary = &object.record.summary;
    attributes::show(&object.record.attributes, headers);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(span.map_or(summary.size, ByteSpan::byte_len)));
    match (span, &summary.checksum) {
        (Some(span), _) => set(headers, header::CONTENT_RANGE, &span.content_range(summary.size)),
        // That of the whole object: clients would hold it against the range.
        (None, Some(checksum)) if request.checksum_mode => show_checksum(checksum, headers),
        (None, _) => {}
    }
    for (name, value) in &request.overrides {
        headers.insert(name, value.clone());
    }
}

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use mucura_s3_wire::policy::Action;
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
use crate::versions::parse_version;

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
    let version = parse_version(request.version.as_deref())?;
    let action = if version.is_some() { Action::GetObjectVersion } else { Action::GetObject };
    if call.is_anonymous() && !request.overrides.is_empty() {
        return Err(S3Error::with_message(
            ErrorCode::InvalidRequest,
            "Request specific response headers cannot be used for anonymous GET requests.",
        )
        .into());
    }
    let bucket = call.bucket(&request.bucket).await?;
    let object = call.find(&bucket, action, &request.key, version).await?;
    let summary = &object.record.summary;
    let whole = ByteSpan { start: 0, end: summary.size };
    let mut headers = identity(&object);
    bucket.show_version(object.version_id(), &mut headers);
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

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_metadata::{
        Attributes, Body, Checksum, ChecksumAlgorithm, ChecksumKind, ETag, VersionRecord, VersionSummary,
    };
    use mucura_s3_wire::range::RangeSpec;
    use mucura_types::{Order, Timestamp, UserId};

    fn object() -> ObjectInfo {
        let summary = VersionSummary {
            delete_marker: false,
            null: true,
            size: 100,
            etag: ETag { md5: [0xab; 16], parts: Some(2) },
            modified: Timestamp(784_111_777_500),
            owner: UserId(1),
            checksum: Some(Checksum {
                algorithm: ChecksumAlgorithm::Crc32,
                kind: ChecksumKind::Composite(2),
                value: Bytes::from_static(&[0, 0, 0, 1]),
            }),
        };
        let attributes = Attributes {
            headers: vec![("content-type".to_owned(), "text/x".to_owned())],
            user: vec![("a".to_owned(), "1".to_owned())],
            ..Attributes::default()
        };
        let record = VersionRecord { summary, body: Body::Inline(Bytes::new()), seal: None, attributes };
        ObjectInfo { order: Order::default(), record }
    }

    fn request() -> GetObject {
        GetObject {
            bucket: "b".to_owned(),
            key: "k".to_owned(),
            version: None,
            range: None,
            part_number: None,
            conditions: mucura_s3_wire::conditions::ReadConditions::default(),
            checksum_mode: true,
            overrides: Vec::new(),
        }
    }

    fn described(request: &GetObject, span: Option<ByteSpan>) -> Vec<(String, String)> {
        let object = object();
        let mut headers = identity(&object);
        describe(&object, request, span, &mut headers);
        let mut shown: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()))
            .collect();
        shown.sort();
        shown
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_whole_object_is_described_with_its_checksum() {
        let expected = [
            ("accept-ranges", "bytes"),
            ("content-length", "100"),
            ("content-type", "text/x"),
            ("etag", "\"abababababababababababababababab-2\""),
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("x-amz-checksum-crc32", "AAAAAQ==-2"),
            ("x-amz-checksum-type", "COMPOSITE"),
            ("x-amz-meta-a", "1"),
        ];
        assert_eq!(described(&request(), None), pairs(&expected));
    }

    #[test]
    fn a_range_is_described_without_the_checksum_of_the_whole() {
        let expected = [
            ("accept-ranges", "bytes"),
            ("content-length", "10"),
            ("content-range", "bytes 5-14/100"),
            ("content-type", "text/x"),
            ("etag", "\"abababababababababababababababab-2\""),
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("x-amz-meta-a", "1"),
        ];
        assert_eq!(described(&request(), Some(ByteSpan { start: 5, end: 15 })), pairs(&expected));
    }

    #[test]
    fn overrides_take_the_place_of_what_is_stored() {
        let mut request = request();
        request.overrides = vec![(header::CONTENT_TYPE, HeaderValue::from_static("text/y"))];
        assert!(described(&request, None).contains(&("content-type".to_owned(), "text/y".to_owned())));
    }

    #[test]
    fn a_304_carries_no_more_than_which_object_it_is() {
        let headers = identity(&object());
        assert_eq!(headers.len(), 2);
        assert!(headers.contains_key(header::ETAG) && headers.contains_key(header::LAST_MODIFIED));
    }

    #[test]
    fn several_ranges_are_answered_with_the_whole() {
        let span = |ranges: &[RangeSpec]| one_span(resolve(ranges, 100).unwrap());
        assert_eq!(span(&[RangeSpec::Between(0, 9)]), Some(ByteSpan { start: 0, end: 10 }));
        assert_eq!(span(&[RangeSpec::Between(0, 9), RangeSpec::Between(20, 29)]), None);
        assert_eq!(
            span(&[RangeSpec::Between(0, 9), RangeSpec::From(100)]),
            Some(ByteSpan { start: 0, end: 10 })
        );
    }
}

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::range::{ByteSpan, ResolvedRange, resolve};
use mucura_s3_wire::request::GetObject;
use mucura_s3_wire::time::{http_date, iso8601};
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::{ObjectInfo, ObjectReader};

use crate::access::Bucket;
use crate::answer::{Answer, Content, quoted, set};
use crate::byte_ranges::ByteRanges;
use crate::call::Call;
use crate::errors::Failure;
use crate::lifecycle::{Current, Lifecycle};
use crate::part_span::part_span;
use crate::put_object::{CHECKSUM_TYPE, show_checksum};
use crate::versions::parse_version;
use crate::{attributes, checksums, encryption, settings, storage_class};

const PARTS_COUNT: HeaderName = HeaderName::from_static("x-amz-mp-parts-count");
const TAGGING_COUNT: HeaderName = HeaderName::from_static("x-amz-tagging-count");
const LOCK_MODE: HeaderName = HeaderName::from_static("x-amz-object-lock-mode");
const RETAIN_UNTIL: HeaderName = HeaderName::from_static("x-amz-object-lock-retain-until-date");
const LEGAL_HOLD: HeaderName = HeaderName::from_static("x-amz-object-lock-legal-hold");

pub(crate) async fn get(call: &Call<'_>, request: GetObject) -> Result<Answer, Failure> {
    let (bucket, object) = look_up(call, &request).await?;
    show(call, &bucket, &object, &request).await?.with_bytes().await
}

pub(crate) async fn head(call: &Call<'_>, request: GetObject) -> Result<Answer, Failure> {
    let (bucket, object) = look_up(call, &request).await?;
    Ok(show(call, &bucket, &object, &request).await?.answer)
}

/// An object that may be read, the head of the answer, and which bytes are asked for.
pub(crate) struct Found {
    reader: ObjectReader,
    /// For HEAD this is all.
    pub(crate) answer: Answer,
    spans: Spans,
}

enum Spans {
    One(ByteSpan),
    Several(ByteRanges),
}

impl Found {
    /// The answer to GET.
    pub(crate) async fn with_bytes(self) -> Result<Answer, Failure> {
        let Self { reader, mut answer, spans } = self;
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(answer);
        }
        answer.content = match spans {
            // Even if nothing is to be read of it, what is sealed must open.
            Spans::One(span) => Content::Stream(reader.open(span.start..span.end).await?, span.byte_len()),
            Spans::Several(ranges) => {
                let len = ranges.byte_len();
                Content::Stream(ranges.open(reader).await?, len)
            }
        };
        Ok(answer)
    }
}

async fn look_up(call: &Call<'_>, request: &GetObject) -> Result<(Bucket, ObjectInfo), Failure> {
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
    Ok((bucket, object))
}

/// What there is to show of an object that the caller may read.
pub(crate) async fn show(
    call: &Call<'_>,
    bucket: &Bucket,
    object: &ObjectInfo,
    request: &GetObject,
) -> Result<Found, Failure> {
    let encryption = object.record.attributes.encryption.as_ref();
    let customer = encryption::of_read(&call.conditions.head, encryption)?;
    let reader = call.fresh.reader(bucket.record.id, &request.key, object, customer.as_ref())?;
    let summary = &object.record.summary;
    let whole = ByteSpan { start: 0, end: summary.size };
    let mut headers = identity(object);
    encryption::show(encryption, &mut headers);
    bucket.show_version(object.version_id(), &mut headers);
    if let Err(error) = request.conditions.check(&summary.etag.to_string(), summary.modified.0) {
        if error.code == ErrorCode::NotModified {
            let answer = Answer { headers, ..Answer::bare(StatusCode::NOT_MODIFIED) };
            return Ok(Found { reader, answer, spans: Spans::One(whole) });
        }
        return Err(error.into());
    }
    let mut part_checksum = None;
    let (partial, spans) = match (&request.part_number, &request.range) {
        (Some(number), _) => {
            let part = part_span(call, object, *number).await?;
            if let Some(count) = part.count {
                headers.insert(PARTS_COUNT, HeaderValue::from(count));
            }
            part_checksum = part.checksum;
            let none = ByteSpan { start: 0, end: 0 };
            (part.span.is_some(), Spans::One(part.span.unwrap_or(none)))
        }
        (None, Some(ranges)) => match resolve(ranges, summary.size)? {
            ResolvedRange::Whole => (false, Spans::One(whole)),
            ResolvedRange::Spans(spans) => match spans[..] {
                [span] => (true, Spans::One(span)),
                _ => (true, Spans::Several(ByteRanges::new(spans, &object.record, call.shared.boundary()))),
            },
        },
        (None, None) => (false, Spans::One(whole)),
    };
    attributes::show(&object.record.attributes, &mut headers);
    storage_class::show(summary.storage_class.as_deref(), &mut headers);
    if request.version.is_none() {
        let attributes = &object.record.attributes;
        let (key, modified_ms) = (&request.key, summary.modified.0);
        let current = Current { key, size: summary.size, modified_ms, attributes };
        Lifecycle::of(call, bucket).await?.show_expiration(&current, &mut headers);
    }
    show_lock(call, bucket, &request.key, object, &mut headers);
    show_tag_count(call, bucket, request, object, &mut headers);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    for (name, value) in &request.overrides {
        headers.insert(name, value.clone());
    }
    describe_bytes(&spans, partial, summary.size, &mut headers);
    if request.checksum_mode {
        match (&part_checksum, &summary.checksum) {
            (Some(of_part), of_object) => {
                show_checksum(of_part, &mut headers);
                // The type is that of the object, whose checksum is made of this one.
                if let Some(of_object) = of_object {
                    set(&mut headers, CHECKSUM_TYPE, checksums::shown_kind(of_object).1.name());
                }
            }
            // That of the whole object: clients would hold it against the range.
            (None, Some(checksum)) if !partial => show_checksum(checksum, &mut headers),
            _ => {}
        }
    }
    let status = if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let answer = Answer { status, headers, content: Content::Nothing };
    Ok(Found { reader, answer, spans })
}

/// Says which bytes the answer has, and how many.
fn describe_bytes(spans: &Spans, partial: bool, size: u64, headers: &mut HeaderMap) {
    let len = match spans {
        Spans::One(span) => {
            if partial {
                set(headers, header::CONTENT_RANGE, &span.content_range(size));
            }
            span.byte_len()
        }
        Spans::Several(ranges) => {
            set(headers, header::CONTENT_TYPE, &ranges.content_type());
            ranges.byte_len()
        }
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
}

/// Says what keeps a version from being deleted, to those who may know.
fn show_lock(call: &Call<'_>, bucket: &Bucket, key: &str, object: &ObjectInfo, headers: &mut HeaderMap) {
    let lock = &object.record.attributes.lock;
    let may = |action| call.allow_object(bucket, action, key, Some(object)).is_ok();
    if let Some(retention) = lock.retention.map(settings::shown_retention)
        && may(Action::GetObjectRetention)
    {
        set(headers, LOCK_MODE, retention.mode.as_str());
        set(headers, RETAIN_UNTIL, &iso8601(retention.until_ms));
    }
    if lock.legal_hold && may(Action::GetObjectLegalHold) {
        set(headers, LEGAL_HOLD, settings::shown_hold(true).as_str());
    }
}

/// Says how many tags a version has, to those who may read them.
fn show_tag_count(
    call: &Call<'_>,
    bucket: &Bucket,
    request: &GetObject,
    object: &ObjectInfo,
    headers: &mut HeaderMap,
) {
    let count = object.record.attributes.tags.len();
    let action = match request.version {
        Some(_) => Action::GetObjectVersionTagging,
        None => Action::GetObjectTagging,
    };
    if count > 0 && call.allow_object(bucket, action, &request.key, Some(object)).is_ok() {
        headers.insert(TAGGING_COUNT, HeaderValue::from(count));
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

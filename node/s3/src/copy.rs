use http::{HeaderMap, HeaderName};
use mucura_metadata::{Act, ChecksumAlgorithm};
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::range::ByteSpan;
use mucura_s3_wire::request::{self as wire, MAX_OBJECT_PART_LEN, UploadPartCopy};
use mucura_s3_wire::xml::{self, CopyResult};
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::encryption::CustomerKey;
use mucura_store::{BodySize, CopySource, ObjectInfo, PutObjectRequest, PutPartRequest, StoreError};

use crate::access::Bucket;
use crate::answer::{Answer, set};
use crate::call::Call;
use crate::checksums::{self, kept_algorithm};
use crate::errors::Failure;
use crate::lifecycle::{Current, Lifecycle};
use crate::new_object::NewObject;
use crate::put_object::check_early;
use crate::versions::parse_version;
use crate::{conditions, encryption, uploads};

const COPY_SOURCE_VERSION: HeaderName = HeaderName::from_static("x-amz-copy-source-version-id");

pub(crate) async fn copy_object(call: &Call<'_>, request: wire::CopyObject) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    // Who may not write is told so, whatever is to be copied.
    call.allow_object(&bucket, Action::PutObject, &request.key, None)?;
    let source = find_source(call, &request.source).await?;
    let new = NewObject::prepare(
        call,
        &bucket,
        &request.key,
        &call.conditions.head,
        request.attributes.as_ref(),
        &request.settings,
    )
    .await?;
    check_early(call, &bucket, &request.key, &request.condition).await?;
    let record = &source.object.record;
    let span = ByteSpan { start: 0, end: record.summary.size };
    let algorithm = request.checksum_algorithm.map(kept_algorithm).or(record
        .summary
        .checksum
        .as_ref()
        .map(|checksum| checksum.algorithm));
    let mut attributes = new.attributes;
    if request.attributes.is_none() {
        attributes.user.clone_from(&record.attributes.user);
        let redirect = std::mem::take(&mut attributes.headers);
        attributes.headers.clone_from(&record.attributes.headers);
        // A redirect is of its own object, not of those made from it.
        attributes.headers.retain(|(name, _)| !name.starts_with("x-amz-"));
        attributes.headers.extend(redirect);
    }
    if request.settings.tags.is_none() && !record.attributes.tags.is_empty() {
        source.allow_tags(call)?;
        call.allow_new(&bucket, Action::PutObjectTagging, &request.key, new.owner)?;
        attributes.tags.clone_from(&record.attributes.tags);
    }
    let lifecycle = Lifecycle::of(call, &bucket).await?;
    let size = check_len(span)?;
    let put = PutObjectRequest {
        bucket: bucket.record.id,
        key: request.key.clone(),
        owner: new.owner,
        size: BodySize::Exact(size),
        attributes: attributes.clone(),
        condition: conditions::of_write(&request.condition),
        origin: call.origin(&bucket, Act::Copy),
        seal: new.seal,
    };
    let mut headers = HeaderMap::new();
    encryption::show_new(put.seal.as_ref(), &mut headers);
    let mut body = open(call, &source, span, algorithm).await?;
    let stored = match call.store_object(put, &mut body).await {
        Ok(stored) => stored,
        Err(error) => return Err(explain(error, body)),
    };
    let document = xml::copy_object_result(&CopyResult {
        last_modified_ms: stored.order.time.timestamp().0,
        etag: stored.etag.to_string(),
        checksum: stored.checksum.as_ref().and_then(checksums::shown),
    });
    let mut answer = Answer::xml(document);
    answer.headers.extend(headers);
    source.show(&mut answer.headers);
    bucket.show_new_version(stored.version, &mut answer.headers);
    let (key, modified_ms) = (&request.key, stored.order.time.timestamp().0);
    let current = Current { key, size, modified_ms, attributes: &attributes };
    lifecycle.show_expiration(&current, &mut answer.headers);
    Ok(answer)
}

pub(crate) async fn copy_part(call: &Call<'_>, request: UploadPartCopy) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    call.allow_object(&bucket, Action::PutObject, &request.key, None)?;
    let source = find_source(call, &request.source).await?;
    let (id, upload) = uploads::find(call, &bucket, &request.key, &request.upload_id).await?;
    let size = source.object.record.summary.size;
    let span = request.source_range.unwrap_or(ByteSpan { start: 0, end: size });
    if span.end > size {
        return Err(S3Error::new(ErrorCode::InvalidRange).field("ActualObjectSize", size.to_string()).into());
    }
    let part = PutPartRequest {
        bucket: bucket.record.id,
        key: request.key,
        owner: upload.owner,
        upload: id,
        number: request.part_number,
        size: BodySize::Exact(check_len(span)?),
        customer_key: encryption::of_part(&call.conditions.head, upload.attributes.encryption.as_ref())?,
        encryption: upload.attributes.encryption,
    };
    let mut headers = HeaderMap::new();
    encryption::show(part.encryption.as_ref(), &mut headers);
    let algorithm = upload.checksum.map(|(algorithm, _)| algorithm);
    let mut body = open(call, &source, span, algorithm).await?;
    let stored = match call.store_part(part, &mut body).await {
        Ok(stored) => stored,
        Err(error) => return Err(explain(error, body)),
    };
    let document = xml::copy_part_result(&CopyResult {
        last_modified_ms: call.shared.runtime.clock.now_ms(),
        etag: stored.etag.to_string(),
        checksum: stored.checksum.as_ref().and_then(checksums::shown),
    });
    let mut answer = Answer::xml(document);
    answer.headers.extend(headers);
    source.show(&mut answer.headers);
    Ok(answer)
}

/// What a copy is made from.
struct Source {
    bucket: Bucket,
    key: String,
    object: ObjectInfo,
    /// Whether the request names the version.
    named: bool,
    /// The key that the request brings for it.
    customer: Option<CustomerKey>,
}

impl Source {
    /// Says which version was copied.
    fn show(&self, headers: &mut HeaderMap) {
        if self.bucket.keeps_versions() {
            set(headers, COPY_SOURCE_VERSION, &self.object.version_id().to_string());
        }
    }

    /// Whether the caller may know its tags.
    fn allow_tags(&self, call: &Call<'_>) -> Result<(), Failure> {
        let action = if self.named { Action::GetObjectVersionTagging } else { Action::GetObjectTagging };
        call.allow_object(&self.bucket, action, &self.key, Some(&self.object))
    }
}

/// The object to copy, if the caller may read it and it is as expected.
async fn find_source(call: &Call<'_>, source: &wire::CopySource) -> Result<Source, Failure> {
    let version = parse_version(source.version.as_deref())?;
    let bucket = call.bucket_of(&source.bucket, source.expected_bucket_owner.as_deref()).await?;
    let action = if version.is_some() { Action::GetObjectVersion } else { Action::GetObject };
    let object = call.find(&bucket, action, &source.key, version).await.map_err(|failure| match failure {
        // A copy cannot be made from a delete marker, by whatever name.
        Failure::DeleteMarker { error, .. } if version.is_some() => S3Error {
            code: ErrorCode::InvalidRequest,
            message:
                "The source of a copy request may not specifically refer to a delete marker by version id."
                    .into(),
            ..error
        }
        .into(),
        other => other,
    })?;
    let summary = &object.record.summary;
    source.conditions.check_source(&summary.etag.to_string(), summary.modified.0)?;
    let encryption = object.record.attributes.encryption.as_ref();
    let customer = encryption::of_copy_source(&call.conditions.head, encryption)?;
    Ok(Source { bucket, key: source.key.clone(), object, named: version.is_some(), customer })
}

/// A copy is one PUT, and may be no larger.
fn check_len(span: ByteSpan) -> Result<u64, S3Error> {
    match span.byte_len() {
        len if len > MAX_OBJECT_PART_LEN => Err(S3Error::with_message(
            ErrorCode::InvalidRequest,
            format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: \
                 {MAX_OBJECT_PART_LEN}"
            ),
        )),
        len => Ok(len),
    }
}

async fn open(
    call: &Call<'_>,
    source: &Source,
    span: ByteSpan,
    algorithm: Option<ChecksumAlgorithm>,
) -> Result<CopySource, Failure> {
    let Source { bucket, key, object, customer, .. } = source;
    let reader = call.fresh.reader(bucket.record.id, key, object, customer.as_ref())?;
    let stream = reader.open(span.start..span.end).await?;
    Ok(CopySource::new(stream, algorithm))
}

/// A copy fails on either side; the source knows of its own.
fn explain(error: StoreError, mut source: CopySource) -> Failure {
    match error {
        StoreError::Body => source.take_error().unwrap_or(StoreError::Body).into(),
        error => error.into(),
    }
}

use http::StatusCode;
use mucura_metadata::ChecksumAlgorithm;
use mucura_s3_wire::range::ByteSpan;
use mucura_s3_wire::request::{self as wire, MAX_OBJECT_PART_LEN, UploadPartCopy};
use mucura_s3_wire::xml::{self, CopyResult};
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::{CopySource, ObjectInfo, PutObjectRequest, PutPartRequest, StoreError};

use crate::answer::Answer;
use crate::call::Call;
use crate::checksums::{self, kept_algorithm};
use crate::errors::Failure;
use crate::put_object::check_early;
use crate::{attributes, conditions, uploads};

pub(crate) async fn copy_object(call: &Call<'_>, request: wire::CopyObject) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    let source = find_source(call, &request.source).await?;
    check_early(call, bucket.id, &request.key, &request.condition).await?;
    let record = &source.record;
    let span = ByteSpan { start: 0, end: record.summary.size };
    let algorithm = request.checksum_algorithm.map(kept_algorithm).or(record
        .summary
        .checksum
        .as_ref()
        .map(|checksum| checksum.algorithm));
    let put = PutObjectRequest {
        bucket: bucket.id,
        key: request.key,
        owner: call.user,
        size: check_len(span)?,
        attributes: request.attributes.map_or_else(|| record.attributes.clone(), attributes::kept),
        condition: conditions::of_write(&request.condition),
    };
    let mut body = open(call, &source, span, algorithm).await?;
    let stored = match call.store_object(put, &mut body).await {
        Ok(stored) => stored,
        Err(error) => return Err(explain(error, body)),
    };
    answer(
        xml::copy_object_result,
        CopyResult {
            last_modified_ms: stored.order.time.timestamp().0,
            etag: stored.etag.to_string(),
            checksum: stored.checksum.as_ref().and_then(checksums::shown),
        },
    )
}

pub(crate) async fn copy_part(call: &Call<'_>, request: UploadPartCopy) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    let source = find_source(call, &request.source).await?;
    let (id, upload) = uploads::find(call, bucket.id, &request.key, &request.upload_id).await?;
    let size = source.record.summary.size;
    let span = request.source_range.unwrap_or(ByteSpan { start: 0, end: size });
    if span.end > size {
        return Err(S3Error::new(ErrorCode::InvalidRange).field("ActualObjectSize", size.to_string()).into());
    }
    let part = PutPartRequest {
        bucket: bucket.id,
        key: request.key,
        owner: call.user,
        upload: id,
        number: request.part_number,
        size: check_len(span)?,
    };
    let mut body = open(call, &source, span, upload.checksum.map(|(algorithm, _)| algorithm)).await?;
    let stored = match call.store_part(part, &mut body).await {
        Ok(stored) => stored,
        Err(error) => return Err(explain(error, body)),
    };
    answer(
        xml::copy_part_result,
        CopyResult {
            last_modified_ms: call.shared.runtime.clock.now_ms(),
            etag: stored.etag.to_string(),
            checksum: stored.checksum.as_ref().and_then(checksums::shown),
        },
    )
}

fn answer(document: fn(&CopyResult) -> String, copy: CopyResult) -> Result<Answer, Failure> {
    Ok(Answer { status: StatusCode::OK, ..Answer::xml(document(&copy)) })
}

/// The object to copy, if the caller may read it and it is as expected.
async fn find_source(call: &Call<'_>, source: &wire::CopySource) -> Result<ObjectInfo, Failure> {
    let bucket = call.bucket_of(&source.bucket, source.expected_bucket_owner.as_deref()).await?;
    let object = call.fresh.object(bucket.id, &source.key).await?;
    let object = object.ok_or_else(|| S3Error::new(ErrorCode::NoSuchKey).field("Key", source.key.clone()))?;
    let summary = &object.record.summary;
    source.conditions.check_source(&summary.etag.to_string(), summary.modified.0)?;
    Ok(object)
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
    source: &ObjectInfo,
    span: ByteSpan,
    algorithm: Option<ChecksumAlgorithm>,
) -> Result<CopySource, Failure> {
    let stream = call.fresh.open(source, span.start..span.end).await?;
    Ok(CopySource::new(stream, algorithm))
}

/// A copy fails on either side; the source knows of its own.
fn explain(error: StoreError, mut source: CopySource) -> Failure {
    match error {
        StoreError::Body => source.take_error().unwrap_or(StoreError::Body).into(),
        error => error.into(),
    }
}

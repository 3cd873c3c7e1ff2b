use md5::{Digest, Md5};
use mucura_metadata::{Checksum, ETag, PartRecord, UploadRecord};
use mucura_s3_wire::request::CompleteMultipartUpload;
use mucura_s3_wire::xml::{self, CompletedPart, parse_complete};
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::CompleteRequest;

use crate::answer::Answer;
use crate::call::Call;
use crate::checksums;
use crate::conditions;
use crate::document::read_document;
use crate::errors::Failure;
use crate::payload::Payload;
use crate::uploads::parse_id;

pub(crate) async fn complete(
    call: &Call<'_>,
    request: CompleteMultipartUpload,
    payload: &mut Payload,
) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    let id = parse_id(&request.upload_id)?;
    let listed = read_document(call, request.body.clone(), payload, parse_complete).await?;
    let parts = listed.iter().map(tag_of).collect::<Result<Vec<_>, S3Error>>()?;
    let etag = etag_of(&parts);
    // An upload that is over is answered by what is remembered of it.
    let checksum = match call.fresh.upload(bucket.id, &request.key, id).await? {
        None => None,
        Some(upload) => {
            let numbers = parts.iter().map(|(number, _)| *number).collect();
            let stored = call.fresh.parts_named(id, numbers).await?;
            verify(&request, &upload, &listed, stored)?
        }
    };
    let complete = CompleteRequest {
        bucket: bucket.id,
        key: request.key.clone(),
        upload: id,
        parts,
        etag,
        checksum,
        condition: conditions::of_write(&request.condition),
    };
    let stored = call.store().complete_upload(complete).await?;
    let shown = stored.checksum.as_ref().and_then(checksums::shown);
    Ok(Answer::xml(xml::complete_multipart_upload(
        &call.url,
        &request.bucket,
        &request.key,
        &stored.etag.to_string(),
        shown.as_ref(),
    )))
}

/// Number and MD5 of a part of the list. A tag that no part can have names none.
fn tag_of(part: &CompletedPart) -> Result<(u16, [u8; 16]), S3Error> {
    match part.etag.parse::<ETag>() {
        Ok(ETag { md5, parts: None }) => Ok((part.part_number, md5)),
        _ => Err(invalid_part(part.part_number)),
    }
}

fn invalid_part(number: u16) -> S3Error {
    S3Error::new(ErrorCode::InvalidPart).field("PartNumber", number.to_string())
}

/// The tag of an object in parts: the MD5 of their MD5s, and their number.
fn etag_of(parts: &[(u16, [u8; 16])]) -> ETag {
    let mut md5 = Md5::new();
    for (_, part) in parts {
        md5.update(part);
    }
    // A list has 10,000 parts at most.
    ETag { md5: md5.finalize().into(), parts: Some(u16::try_from(parts.len()).unwrap_or(u16::MAX)) }
}

/// Holds the list against the parts that are there, as far as the state machine
/// does not do it; gives the checksum of the object.
fn verify(
    request: &CompleteMultipartUpload,
    upload: &UploadRecord,
    listed: &[CompletedPart],
    stored: Vec<Option<PartRecord>>,
) -> Result<Option<Checksum>, S3Error> {
    let mut parts = Vec::with_capacity(stored.len());
    for (listed, stored) in listed.iter().zip(stored) {
        let part = stored.ok_or_else(|| invalid_part(listed.part_number))?;
        let kept = part.checksum.as_ref().and_then(checksums::shown).map(|shown| shown.value);
        if listed.checksum.is_some_and(|said| kept != Some(said)) {
            return Err(invalid_part(listed.part_number));
        }
        parts.push(part);
    }
    if request.object_len.is_some_and(|said| said != parts.iter().map(|part| part.size).sum::<u64>()) {
        return Err(S3Error::with_message(
            ErrorCode::InvalidRequest,
            "The provided 'x-amz-mp-object-size' header value does not match what was computed.",
        ));
    }
    if let (Some(said), Some(kind)) = (request.checksum_type, upload.checksum.map(checksums::shown_of_upload))
        && said != kind.1
    {
        return Err(S3Error::with_message(
            ErrorCode::InvalidRequest,
            "The checksum type of the upload is another than that of x-amz-checksum-type.",
        ));
    }
    let checksum = upload.checksum.and_then(|kind| checksums::of_parts(kind, &parts));
    if let Some(said) = request.checksum
        && checksum.as_ref().and_then(checksums::shown).map(|shown| shown.value) != Some(said)
    {
        return Err(S3Error::with_message(
            ErrorCode::BadDigest,
            format!("The {} you specified did not match the calculated checksum.", said.algorithm().name()),
        ));
    }
    Ok(checksum)
}

use md5::{Digest, Md5};
use mucura_metadata::{Act, Checksum, ETag, PartRecord, UploadRecord};
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::CompleteMultipartUpload;
use mucura_s3_wire::xml::{self, CompletedPart, parse_complete};
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::CompleteRequest;

use crate::answer::Answer;
use crate::call::Call;
use crate::checksums;
use crate::document::read_document;
use crate::errors::Failure;
use crate::lifecycle::{Current, Lifecycle};
use crate::payload::Payload;
use crate::uploads::parse_id;
use crate::{conditions, encryption, put_object, uploads};

pub(crate) async fn complete(
    call: &Call<'_>,
    request: CompleteMultipartUpload,
    payload: &mut Payload,
) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    call.allow_object(&bucket, Action::PutObject, &request.key, None)?;
    let id = parse_id(&request.upload_id)?;
    put_object::allow_condition(call, &bucket, &request.key, &request.condition).await?;
    let listed = read_document(call, request.body.clone(), payload, parse_complete).await?;
    let parts = listed.iter().map(tag_of).collect::<Result<Vec<_>, S3Error>>()?;
    let etag = etag_of(&parts);
    let mut encrypted = None;
    // An upload that is over is answered by what is remembered of it.
    let mut told = None;
    let checksum = match call.fresh.upload(bucket.record.id, &request.key, id).await? {
        None => None,
        Some(upload) => {
            uploads::check_who_goes_on(call, &bucket, &upload)?;
            encrypted = upload.attributes.encryption.clone();
            let has_checksum = upload.checksum.is_some();
            let customer =
                encryption::of_completion(&call.conditions.head, encrypted.as_ref(), has_checksum)?;
            if let (Some(encryption), Some(customer)) = (&encrypted, &customer) {
                call.fresh.check_key(bucket.record.id, &request.key, encryption, Some(customer))?;
            }
            let numbers = parts.iter().map(|(number, _)| *number).collect();
            let stored = call.fresh.parts_named(id, numbers).await?;
            let size = stored.iter().flatten().map(|part| part.size).sum::<u64>();
            let checksum = verify(&request, &upload, &listed, stored)?;
            told = Some((size, upload.attributes));
            checksum
        }
    };
    let lifecycle = Lifecycle::of(call, &bucket).await?;
    let complete = CompleteRequest {
        bucket: bucket.record.id,
        key: request.key.clone(),
        upload: id,
        parts,
        etag,
        checksum,
        condition: conditions::of_write(&request.condition),
        origin: call.origin(&bucket, Act::Complete),
    };
    let stored = call.store().complete_upload(complete).await?;
    let shown = stored.checksum.as_ref().and_then(checksums::shown);
    let etag = stored.etag.to_string();
    let document =
        xml::complete_multipart_upload(&call.url, &request.bucket, &request.key, &etag, shown.as_ref());
    let mut answer = Answer::xml(document);
    bucket.show_new_version(stored.version, &mut answer.headers);
    if let Some((size, attributes)) = &told {
        let (key, modified_ms) = (&request.key, stored.order.time.timestamp().0);
        let current = Current { key, size: *size, modified_ms, attributes };
        lifecycle.show_expiration(&current, &mut answer.headers);
    }
    encryption::show(encrypted.as_ref(), &mut answer.headers);
    Ok(answer)
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
        // Another one came meanwhile: what follows from this one would be said of that.
        if tag_of(listed)?.1 != part.md5 {
            return Err(invalid_part(listed.part_number));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use mucura_metadata::{Attributes, Body, ChecksumAlgorithm as Kept};
    use mucura_s3_wire::checksum::{self as wire, ChecksumAlgorithm, ChecksumHasher};
    use mucura_s3_wire::conditions::WriteCondition;
    use mucura_s3_wire::request::{BodyLen, RequestBody};
    use mucura_s3_wire::sigv4::PayloadMode;
    use mucura_types::{Timestamp, UserId, WriteId};

    fn crc(bytes: &[u8]) -> wire::Checksum {
        ChecksumHasher::checksum(ChecksumAlgorithm::Crc32, bytes)
    }

    fn stored(bytes: &[u8]) -> Option<PartRecord> {
        Some(PartRecord {
            size: bytes.len() as u64,
            md5: Md5::digest(bytes).into(),
            modified: Timestamp(0),
            checksum: Some(checksums::from_digest(
                Kept::Crc32,
                Bytes::copy_from_slice(crc(bytes).as_bytes()),
            )),
            body: Body::Chunks(WriteId::default()),
            seal: None,
        })
    }

    fn listed(number: u16, bytes: &[u8], checksum: Option<wire::Checksum>) -> CompletedPart {
        CompletedPart { part_number: number, etag: hex::encode(Md5::digest(bytes)), checksum }
    }

    fn request() -> CompleteMultipartUpload {
        CompleteMultipartUpload {
            bucket: "b".to_owned(),
            key: "k".to_owned(),
            upload_id: "1-1".to_owned(),
            condition: WriteCondition::default(),
            checksum: None,
            checksum_type: None,
            object_len: None,
            body: RequestBody {
                len: BodyLen::Exactly(0),
                payload: PayloadMode::Unsigned,
                md5: None,
                checksum: None,
            },
        }
    }

    fn verified(
        change: impl FnOnce(&mut CompleteMultipartUpload, &mut Vec<CompletedPart>),
    ) -> Result<String, ErrorCode> {
        let mut request = request();
        let mut list = vec![listed(1, b"ab", Some(crc(b"ab"))), listed(3, b"c", None)];
        change(&mut request, &mut list);
        let upload = UploadRecord {
            created: Timestamp(0),
            initiator: UserId(1),
            owner: UserId(1),
            attributes: Attributes::default(),
            checksum: Some((Kept::Crc32, true)),
        };
        verify(&request, &upload, &list, vec![stored(b"ab"), stored(b"c")])
            .map(|sum| checksums::shown(&sum.unwrap()).unwrap().to_text())
            .map_err(|error| error.code)
    }

    #[test]
    fn the_tag_is_the_md5_of_the_md5s_and_their_number() {
        let parts = [(1, Md5::digest(b"a").into()), (7, Md5::digest(b"b").into())];
        let joined = [Md5::digest(b"a"), Md5::digest(b"b")].concat();
        assert_eq!(etag_of(&parts).to_string(), format!("{}-2", hex::encode(Md5::digest(joined))));
    }

    #[test]
    fn a_tag_that_no_part_has_is_an_invalid_part() {
        for etag in ["", "x", "0123-1", "d41d8cd98f00b204e9800998ecf8427e-1"] {
            let part = CompletedPart { part_number: 1, etag: etag.to_owned(), checksum: None };
            assert_eq!(tag_of(&part).unwrap_err().code, ErrorCode::InvalidPart, "{etag}");
        }
        assert!(tag_of(&listed(1, b"x", None)).is_ok());
    }

    #[test]
    fn what_the_client_says_of_parts_and_object_must_be_so() {
        assert_eq!(verified(|_, _| {}), Ok(crc(b"abc").to_base64()));
        assert_eq!(verified(|_, list| list[0].checksum = Some(crc(b"xx"))), Err(ErrorCode::InvalidPart));
        let replaced = |_: &mut _, list: &mut Vec<CompletedPart>| list[1] = listed(3, b"d", None);
        assert_eq!(verified(replaced), Err(ErrorCode::InvalidPart));
        assert_eq!(verified(|request, _| request.object_len = Some(3)), Ok(crc(b"abc").to_base64()));
        assert_eq!(verified(|request, _| request.object_len = Some(4)), Err(ErrorCode::InvalidRequest));
        assert_eq!(verified(|request, _| request.checksum = Some(crc(b"abc"))), Ok(crc(b"abc").to_base64()));
        assert_eq!(verified(|request, _| request.checksum = Some(crc(b"abd"))), Err(ErrorCode::BadDigest));
        assert_eq!(
            verified(|request, _| request.checksum_type = Some(wire::ChecksumType::Composite)),
            Err(ErrorCode::InvalidRequest)
        );
    }

    #[test]
    fn a_part_that_is_not_there_is_an_invalid_part() {
        let upload = UploadRecord {
            created: Timestamp(0),
            initiator: UserId(1),
            owner: UserId(1),
            attributes: Attributes::default(),
            checksum: None,
        };
        let refused = verify(&request(), &upload, &[listed(9, b"x", None)], vec![None]).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidPart);
    }
}

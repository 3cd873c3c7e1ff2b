use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use mucura_metadata::{UploadQuery, UploadRecord};
use mucura_s3_wire::checksum::ChecksumType;
use mucura_s3_wire::policy::Action;
use mucura_s3_wire::request::{
    AbortMultipartUpload, CreateMultipartUpload, ListMultipartUploads, ListParts, UploadPart,
};
use mucura_s3_wire::xml::{self, ListedPart, ListedUpload, UploadPage};
use mucura_s3_wire::{ErrorCode, S3Error};
use mucura_store::{NewUpload, PutPartRequest, ROOT_USER};
use mucura_types::{UserId, WriteId};

use crate::access::Bucket;
use crate::answer::{Answer, quoted, set};
use crate::call::Call;
use crate::checksums::{self, kept_algorithm};
use crate::errors::Failure;
use crate::lifecycle::Lifecycle;
use crate::listing::text;
use crate::new_object::NewObject;
use crate::payload::Payload;
use crate::{encryption, put_object, storage_class, upload_body};

const ALGORITHM: HeaderName = HeaderName::from_static("x-amz-checksum-algorithm");
const TYPE: HeaderName = HeaderName::from_static("x-amz-checksum-type");

pub(crate) async fn create(call: &Call<'_>, request: CreateMultipartUpload) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    let checksum = request
        .checksum
        .map(|(algorithm, kind)| (kept_algorithm(algorithm), kind == ChecksumType::FullObject));
    let new = NewObject::prepare(
        call,
        &bucket,
        &request.key,
        &call.conditions.head,
        Some(&request.attributes),
        &request.settings,
    )
    .await?;
    let mut headers = HeaderMap::new();
    encryption::show_new(new.seal.as_ref(), &mut headers);
    let now_ms = call.shared.runtime.clock.now_ms();
    Lifecycle::of(call, &bucket).await?.show_abort(&request.key, now_ms, &mut headers);
    let begun = NewUpload {
        bucket: bucket.record.id,
        key: request.key.clone(),
        initiator: call.user,
        owner: new.owner,
        attributes: new.attributes,
        checksum,
        seal: new.seal,
    };
    let upload = call.store().create_upload(begun, call.deadline()).await?;
    let document = xml::create_multipart_upload(&request.bucket, &request.key, &upload.to_string());
    let mut answer = Answer::xml(document);
    answer.headers.extend(headers);
    if let Some((algorithm, kind)) = request.checksum {
        set(&mut answer.headers, ALGORITHM, algorithm.name());
        set(&mut answer.headers, TYPE, kind.name());
    }
    Ok(answer)
}

pub(crate) async fn put_part(
    call: &Call<'_>,
    request: UploadPart,
    payload: &mut Payload,
) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    call.allow_object(&bucket, Action::PutObject, &request.key, None)?;
    let (id, upload) = find(call, &bucket, &request.key, &request.upload_id).await?;
    let algorithm = upload.checksum.map(|(algorithm, _)| algorithm);
    checksums::check_part_algorithm(algorithm, request.body.checksum.map(|sent| sent.algorithm))?;
    let part = PutPartRequest {
        bucket: bucket.record.id,
        key: request.key,
        owner: upload.owner,
        upload: id,
        number: request.part_number,
        size: upload_body::size_of(&request.body),
        customer_key: encryption::of_part(&call.conditions.head, upload.attributes.encryption.as_ref())?,
        encryption: upload.attributes.encryption,
    };
    let mut answer = Answer::ok();
    encryption::show(part.encryption.as_ref(), &mut answer.headers);
    let mut body = call.upload(request.body, payload)?.wanting(algorithm);
    let stored = match call.store_part(part, &mut body).await {
        Ok(stored) => stored,
        Err(error) => return Err(body.explain(error)),
    };
    answer = answer.with(header::ETAG, &quoted(stored.etag));
    if let Some(checksum) = &stored.checksum {
        put_object::show_checksum(checksum, &mut answer.headers);
        answer.headers.remove(TYPE);
    }
    Ok(answer)
}

pub(crate) async fn abort(call: &Call<'_>, request: AbortMultipartUpload) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    let id = parse_id(&request.upload_id)?;
    let upload = call.fresh.upload(bucket.record.id, &request.key, id).await?;
    call.allow_upload(&bucket, Action::AbortMultipartUpload, &request.key, upload.as_ref())?;
    call.store().abort_upload(bucket.record.id, &request.key, id, call.deadline()).await?;
    Ok(Answer::no_content())
}

pub(crate) async fn list_parts(call: &Call<'_>, request: ListParts) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    let id = parse_id(&request.upload_id)?;
    let upload = call.fresh.upload(bucket.record.id, &request.key, id).await?;
    call.allow_upload(&bucket, Action::ListMultipartUploadParts, &request.key, upload.as_ref())?;
    let upload = upload.ok_or(ErrorCode::NoSuchUpload)?;
    let after = u16::try_from(request.part_number_marker).unwrap_or(u16::MAX);
    let max = usize::try_from(request.max_parts).unwrap_or(usize::MAX);
    let page = call.fresh.parts(id, after, max).await?;
    let parts: Vec<ListedPart> = page
        .parts
        .iter()
        .map(|(number, part)| ListedPart {
            part_number: *number,
            last_modified_ms: part.modified.0,
            etag: hex::encode(part.md5),
            size: part.size,
            checksum: part.checksum.as_ref().and_then(checksums::shown).map(|shown| shown.value),
        })
        .collect();
    let next = parts.last().filter(|_| page.truncated).map(|part| part.part_number);
    let (initiator, owner) = (call.shown(upload.initiator).await?, call.shown(upload.owner).await?);
    let checksum = upload.checksum.map(checksums::shown_of_upload);
    let class = storage_class::listed(upload.attributes.storage_class);
    let mut answer =
        Answer::xml(xml::list_parts(&request, &initiator, &owner, &class, checksum, &parts, next));
    let lifecycle = Lifecycle::of(call, &bucket).await?;
    lifecycle.show_abort(&request.key, upload.created.0, &mut answer.headers);
    Ok(answer)
}

pub(crate) async fn list(call: &Call<'_>, request: ListMultipartUploads) -> Result<Answer, Failure> {
    let bucket = call.bucket(&request.bucket).await?;
    call.allow_listing(&bucket, Action::ListBucketMultipartUploads)?;
    let after_id =
        match &request.upload_id_marker[..] {
            "" => None,
            _ if request.key_marker.is_empty() => None,
            marker => Some(marker.parse::<WriteId>().map_err(|_| {
                S3Error::invalid_argument("Invalid uploadId marker", "upload-id-marker", marker)
            })?),
        };
    let query = UploadQuery {
        prefix: Bytes::from(request.prefix.clone()),
        delimiter: Bytes::from(request.delimiter.clone().unwrap_or_default()),
        after: Bytes::from(request.key_marker.clone()),
        after_id,
        max: usize::try_from(request.max_uploads).unwrap_or(usize::MAX),
    };
    let found = call.fresh.list_uploads(bucket.record.id, query).await?;
    let users = found.uploads.iter().flat_map(|upload| [upload.record.initiator, upload.record.owner]);
    let users = call.shown_all(users).await?;
    let uploads: Vec<ListedUpload> = found
        .uploads
        .into_iter()
        .map(|upload| ListedUpload {
            initiator: users.of(upload.record.initiator),
            owner: users.of(upload.record.owner),
            key: text(&upload.key),
            upload_id: upload.id.to_string(),
            initiated_ms: upload.record.created.0,
            storage_class: storage_class::listed(upload.record.attributes.storage_class),
            checksum: upload.record.checksum.map(checksums::shown_of_upload),
        })
        .collect();
    let common_prefixes: Vec<String> = found.common_prefixes.iter().map(text).collect();
    let next = found.truncated.then(|| last_of(&uploads, &common_prefixes));
    let page = UploadPage { uploads, common_prefixes, next };
    Ok(Answer::xml(xml::list_multipart_uploads(&request, &page)))
}

/// What the page ended with: an upload, or a common prefix, which has no id.
fn last_of(uploads: &[ListedUpload], common_prefixes: &[String]) -> (String, String) {
    let upload = uploads.last().map(|upload| (upload.key.clone(), upload.upload_id.clone()));
    let prefix = common_prefixes.last().map(|prefix| (prefix.clone(), String::new()));
    upload.into_iter().chain(prefix).max().unwrap_or_default()
}

/// An upload that is under way, and that the caller may go on with.
pub(crate) async fn find(
    call: &Call<'_>,
    bucket: &Bucket,
    key: &str,
    id: &str,
) -> Result<(WriteId, UploadRecord), Failure> {
    let id = parse_id(id)?;
    let upload = call.fresh.upload(bucket.record.id, key, id).await?.ok_or(ErrorCode::NoSuchUpload)?;
    check_who_goes_on(call, bucket, &upload)?;
    Ok((id, upload))
}

/// `AccessDenied` unless the caller may add parts to an upload and complete it,
/// provided that they may write there at all.
pub(crate) fn check_who_goes_on(
    call: &Call<'_>,
    bucket: &Bucket,
    upload: &UploadRecord,
) -> Result<(), Failure> {
    if goes_on(call.user, upload, bucket.record.owner) {
        return Ok(());
    }
    tracing::debug!("deny: another began the upload");
    Err(ErrorCode::AccessDenied.into())
}

/// Who began it, who owns the bucket, and operators: what another adds would
/// become theirs who began it.
fn goes_on(user: UserId, upload: &UploadRecord, bucket_owner: UserId) -> bool {
    [upload.initiator, bucket_owner, ROOT_USER].contains(&user)
}

pub(crate) fn parse_id(id: &str) -> Result<WriteId, ErrorCode> {
    id.parse().map_err(|_| ErrorCode::NoSuchUpload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_metadata::Attributes;
    use mucura_s3_wire::xml::Owner;
    use mucura_store::ANONYMOUS_USER;
    use mucura_types::Timestamp;

    #[test]
    fn a_page_of_uploads_ends_with_whatever_sorts_last() {
        let upload = |key: &str| ListedUpload {
            key: key.to_owned(),
            upload_id: "1-2".to_owned(),
            initiated_ms: 0,
            initiator: Owner { id: String::new(), display_name: String::new() },
            owner: Owner { id: String::new(), display_name: String::new() },
            storage_class: "STANDARD".into(),
            checksum: None,
        };
        let pair = |key: &str, id: &str| (key.to_owned(), id.to_owned());
        assert_eq!(last_of(&[upload("b")], &["a/".to_owned()]), pair("b", "1-2"));
        assert_eq!(last_of(&[upload("a")], &["b/".to_owned()]), pair("b/", ""));
        assert_eq!(last_of(&[], &["b/".to_owned()]), pair("b/", ""));
    }

    #[test]
    fn an_upload_is_gone_on_with_by_who_began_it() {
        let upload = UploadRecord {
            created: Timestamp(0),
            initiator: UserId(8),
            owner: UserId(9),
            attributes: Attributes::default(),
            checksum: None,
        };
        let may = |user| goes_on(user, &upload, UserId(7));
        assert!(may(UserId(8)) && may(UserId(7)) && may(ROOT_USER));
        assert!(!may(UserId(9)) && !may(UserId(10)) && !may(ANONYMOUS_USER));
    }

    #[test]
    fn what_is_no_id_names_no_upload() {
        for id in ["", "x", "../..", "ü", "1", "1-", "-1", "1-2-3", "1-G"] {
            assert_eq!(parse_id(id), Err(ErrorCode::NoSuchUpload), "{id}");
        }
        assert_eq!(parse_id("a-1f").map(|id| id.to_string()), Ok("a-1f".to_owned()));
    }
}

use std::collections::BTreeSet;

use bytes::Bytes;
use mucura_types::{BucketId, Timestamp, WriteId};

use crate::codec::encode;
use crate::command::{CompleteUpload, CreateUpload, PutPart, Rewrap};
use crate::decide::garbage::{discard, discard_body, discard_upload};
use crate::decide::notification::{Happened, tell};
use crate::decide::object::{self, check_said, store_body};
use crate::decide::version::{Slot, lock_of};
use crate::decide::{Decided, accept};
use crate::execute::Stamps;
use crate::keys;
use crate::overlay::Overlay;
use crate::query;
use crate::record::{
    Attributes, Body, CompletedRecord, Garbage, GarbageClass, Lock, Origin, PartRecord, UploadRecord,
    VersionRecord, VersionSummary,
};
use crate::reply::{MalformedCommand, Rejection, Reply};

/// The largest part number (S3, multipart upload limits).
const PART_NUMBER_MAX: u16 = 10_000;
/// The largest object, bytes (S3, multipart upload limits).
const OBJECT_BYTES_MAX: u64 = 50 << 40;

pub(super) fn create(create: &CreateUpload, now: Timestamp, rows: &Overlay<'_>) -> Decided {
    accept!(check_said(&create.key, &create.attributes));
    let Some(bucket) = query::bucket_by_id(rows, create.bucket)? else {
        return Ok(Err(Rejection::NoSuchBucket));
    };
    if bucket.lock.is_none() && create.attributes.lock != Lock::default() {
        return Ok(Err(Rejection::NoObjectLock));
    }
    let record = UploadRecord {
        created: now,
        initiator: create.initiator,
        owner: create.owner,
        attributes: create.attributes.clone(),
        checksum: create.checksum,
    };
    rows.put(keys::upload(create.bucket, &create.key, create.upload), encode(&record));
    Ok(Ok(Reply::Done))
}

pub(super) fn rewrap(
    bucket: BucketId,
    key: &Bytes,
    upload: WriteId,
    change: &Rewrap,
    rows: &Overlay<'_>,
) -> Decided {
    let Some(mut record) = query::upload(rows, bucket, key, upload)? else {
        return Ok(Err(Rejection::NoSuchUpload));
    };
    accept!(object::rewrap(&mut record.attributes, change));
    accept!(check_said(key, &record.attributes));
    rows.put(keys::upload(bucket, key, upload), encode(&record));
    Ok(Ok(Reply::Done))
}

pub(super) fn put_part(part: &PutPart, stamps: &mut Stamps, rows: &Overlay<'_>) -> Decided {
    if part.number == 0 || part.number > PART_NUMBER_MAX {
        return Ok(Err(Rejection::Malformed(MalformedCommand::PartNumber)));
    }
    if query::upload(rows, part.bucket, &part.key, part.upload)?.is_none() {
        return Ok(Err(Rejection::NoSuchUpload));
    }
    let body = accept!(store_body(&part.body, part.size, part.seal, rows)?);
    if let Some(old) = query::part(rows, part.upload, part.number)? {
        discard_body(&old.body, GarbageClass::AtOnce, stamps, rows);
    }
    let record = PartRecord {
        size: part.size,
        md5: part.md5,
        modified: stamps.timestamp(),
        checksum: part.checksum.clone(),
        body,
        seal: part.seal,
    };
    rows.put(keys::part(part.upload, part.number), encode(&record));
    Ok(Ok(Reply::Done))
}

pub(super) fn complete(
    complete: &CompleteUpload,
    origin: Option<&Origin>,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Decided {
    let Some(upload) = query::upload(rows, complete.bucket, &complete.key, complete.upload)? else {
        return repeated(complete, rows);
    };
    if complete.parts.is_empty() || !complete.parts.is_sorted_by(|a, b| a.0 < b.0) {
        return Ok(Err(Rejection::InvalidPartOrder));
    }
    let mut size = 0u64;
    for (place, (number, md5)) in complete.parts.iter().enumerate() {
        let part = match query::part(rows, complete.upload, *number)? {
            Some(part) if part.md5 == *md5 => part,
            _ => return Ok(Err(Rejection::InvalidPart { number: *number })),
        };
        if part.size < complete.part_bytes_min && place + 1 < complete.parts.len() {
            return Ok(Err(Rejection::PartTooSmall { number: *number, size: part.size }));
        }
        size = size.saturating_add(part.size);
    }
    if size > OBJECT_BYTES_MAX {
        return Ok(Err(Rejection::ObjectTooLarge));
    }
    let Some(bucket) = query::bucket_by_id(rows, complete.bucket)? else {
        return Ok(Err(Rejection::NoSuchBucket));
    };
    let slot = Slot::open(&bucket, &complete.key, rows)?;
    accept!(slot.check_write(&complete.condition));
    let lock = accept!(lock_of(&bucket, upload.attributes.lock, stamps.timestamp()));

    // Nothing may be rejected from here on. What was not chosen goes; the rows
    // of the others become the version's list.
    let chosen: BTreeSet<u16> = complete.parts.iter().map(|(number, _)| *number).collect();
    for (number, part) in query::parts_of_upload(rows, complete.upload, 0, usize::MAX)? {
        if !chosen.contains(&number) {
            rows.delete(keys::part(complete.upload, number));
            discard_body(&part.body, GarbageClass::AtOnce, stamps, rows);
        }
    }
    let null = slot.make_room(stamps, rows)?;
    let order = stamps.order();
    let version = VersionRecord {
        summary: VersionSummary {
            delete_marker: false,
            null,
            size,
            etag: complete.etag,
            modified: order.time.timestamp(),
            owner: upload.owner,
            checksum: complete.checksum.clone(),
            storage_class: upload.attributes.storage_class.clone(),
        },
        body: Body::Parts(complete.upload),
        seal: None,
        attributes: Attributes { lock, storage_class: None, ..upload.attributes },
    };
    slot.put(order, &version, rows);
    rows.delete(keys::upload(complete.bucket, &complete.key, complete.upload));
    let completed = CompletedRecord {
        bucket: complete.bucket,
        key: complete.key.clone(),
        order,
        null,
        etag: complete.etag,
        checksum: complete.checksum.clone(),
    };
    rows.put(keys::completed(complete.upload), encode(&completed));
    if let Some(origin) = origin {
        tell(&bucket, &Happened::made(&complete.key, order, &version, origin), origin, stamps, rows)?;
    }
    discard(GarbageClass::Tombstone, Garbage::Completed(complete.upload), stamps, rows);
    Ok(Ok(Reply::Completed { order, null, etag: complete.etag, checksum: complete.checksum.clone() }))
}

/// A Complete of an upload that is over: the same answer if it asks the same.
fn repeated(complete: &CompleteUpload, rows: &Overlay<'_>) -> Decided {
    match query::completed_upload(rows, complete.upload)? {
        Some(done)
            if done.bucket == complete.bucket && done.key == complete.key && done.etag == complete.etag =>
        {
            let CompletedRecord { order, null, etag, checksum, .. } = done;
            Ok(Ok(Reply::Completed { order, null, etag, checksum }))
        }
        _ => Ok(Err(Rejection::NoSuchUpload)),
    }
}

pub(super) fn abort(
    bucket: BucketId,
    key: &Bytes,
    upload: WriteId,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Decided {
    if query::upload(rows, bucket, key, upload)?.is_none() {
        return Ok(Err(Rejection::NoSuchUpload));
    }
    rows.delete(keys::upload(bucket, key, upload));
    discard_upload(upload, stamps, rows);
    Ok(Ok(Reply::Done))
}

use bytes::Bytes;
use mucura_types::{CHUNK_BYTES_MAX, ChunkId, INLINE_BYTES_MAX};

use crate::codec::encode;
use crate::command::{ChangeVersion, DeleteObject, PutObject, Rewrap, VersionChange, Written};
use crate::decide::notification::{Happened, tell};
use crate::decide::version::{Slot, has_tags, lock_of};
use crate::decide::{Decided, accept};
use crate::execute::{ExecuteError, Stamps};
use crate::keys;
use crate::overlay::Overlay;
use crate::query;
use crate::record::{
    Attributes, Body, ETag, Encryption, EncryptionMethod, Origin, Seal, VersionId, VersionRecord,
    VersionSummary, Versioning,
};
use crate::reply::{MalformedCommand, Rejection, Reply};

/// The longest key (S3, object keys), bytes.
const KEY_BYTES_MAX: usize = 1024;
/// The most bytes of headers and user metadata together (S3, object metadata).
const HEADER_BYTES_MAX: usize = 8 << 10;
/// The most bytes of tags: ten of the longest that S3 allows.
const TAG_BYTES_MAX: usize = 12 << 10;
/// The most grants of an access control list (S3, access control list overview).
pub(super) const GRANTS_MAX: usize = 100;
/// The most bytes of the name of a storage class.
const CLASS_BYTES_MAX: usize = 64;
/// The most bytes of a wrapped key and of the name of another's key.
const KEY_TEXT_MAX: usize = 2 << 10;
/// What the lengths of a name and a value take in a row, at most, bytes: so
/// many empty ones are not nothing.
const PAIR_BYTES: usize = 4;
/// Bytes that sealing adds to an inline body, at most: those of the site key
/// and of an object's own.
const SEAL_BYTES_MAX: usize = 96;

/// Bounds what a client may say of an object besides its bytes, so that a row
/// stays under 32 KiB.
pub(super) fn check_said(key: &[u8], said: &Attributes) -> Result<(), Rejection> {
    let len = |pairs: &[(String, String)]| {
        pairs.iter().map(|(name, value)| name.len() + value.len() + PAIR_BYTES).sum::<usize>()
    };
    let fits = !key.is_empty()
        && key.len() <= KEY_BYTES_MAX
        && len(&said.headers) + len(&said.user) <= HEADER_BYTES_MAX
        && len(&said.tags) <= TAG_BYTES_MAX
        && said.storage_class.as_ref().is_none_or(|class| class.len() <= CLASS_BYTES_MAX)
        && said.acl.as_ref().is_none_or(|acl| acl.grants.len() <= GRANTS_MAX)
        && said.encryption.as_ref().is_none_or(|encryption| encode(encryption).len() <= KEY_TEXT_MAX);
    if fits { Ok(()) } else { Err(Rejection::Malformed(MalformedCommand::TextLength)) }
}

pub(super) fn put(
    put: &PutObject,
    origin: Option<&Origin>,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Decided {
    accept!(check_said(&put.key, &put.attributes));
    let Some(bucket) = query::bucket_by_id(rows, put.bucket)? else {
        return Ok(Err(Rejection::NoSuchBucket));
    };
    let slot = Slot::open(&bucket, &put.key, rows)?;
    accept!(slot.check_write(&put.condition));
    let lock = accept!(lock_of(&bucket, put.attributes.lock, stamps.timestamp()));
    let body = accept!(store_body(&put.body, put.size, put.seal, rows)?);
    let null = slot.make_room(stamps, rows)?;
    let order = stamps.order();
    let record = VersionRecord {
        summary: VersionSummary {
            delete_marker: false,
            null,
            size: put.size,
            etag: put.etag,
            modified: order.time.timestamp(),
            owner: put.owner,
            checksum: put.checksum.clone(),
            storage_class: put.attributes.storage_class.clone(),
        },
        body,
        seal: put.seal,
        attributes: Attributes { lock, storage_class: None, ..put.attributes.clone() },
    };
    slot.put(order, &record, rows);
    if let Some(origin) = origin {
        tell(&bucket, &Happened::made(&put.key, order, &record, origin), origin, stamps, rows)?;
    }
    Ok(Ok(Reply::Stored { order, null }))
}

pub(super) fn delete(
    delete: &DeleteObject,
    origin: Option<&Origin>,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Decided {
    let Some(bucket) = query::bucket_by_id(rows, delete.bucket)? else {
        return Ok(Err(Rejection::NoSuchBucket));
    };
    let slot = Slot::open(&bucket, &delete.key, rows)?;
    let deleted = match delete.version {
        Some(id) => delete_version(&slot, id, delete, stamps, rows)?,
        None => delete_current(&slot, delete, bucket.versioning == Versioning::Never, stamps, rows)?,
    };
    if let (Some(origin), Ok(reply)) = (origin, &deleted)
        && let Some(happened) = Happened::deleted(delete, reply, origin)
    {
        tell(&bucket, &happened, origin, stamps, rows)?;
    }
    Ok(deleted)
}

/// Deletes an object: for good, or by a delete marker.
fn delete_current(
    slot: &Slot<'_>,
    delete: &DeleteObject,
    for_good: bool,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Decided {
    accept!(check_key(&delete.key));
    accept!(slot.check_delete(
        &delete.condition,
        slot.newest().filter(|(_, v)| !v.summary.delete_marker),
        rows
    )?);
    let existed = slot.current().is_some();
    let null = slot.make_room(stamps, rows)?;
    if for_good {
        return Ok(Ok(Reply::Deleted { existed, version: None, marker: false }));
    }
    let order = stamps.order();
    let marker = VersionRecord {
        summary: VersionSummary {
            delete_marker: true,
            null,
            size: 0,
            etag: ETag::default(),
            modified: order.time.timestamp(),
            owner: delete.by,
            checksum: None,
            storage_class: None,
        },
        body: Body::Inline(Bytes::new()),
        seal: None,
        attributes: Attributes::default(),
    };
    slot.put(order, &marker, rows);
    let version = if null { VersionId::Null } else { VersionId::At(order) };
    Ok(Ok(Reply::Deleted { existed, version: Some(version), marker: true }))
}

/// Deletes one version for good.
fn delete_version(
    slot: &Slot<'_>,
    id: VersionId,
    delete: &DeleteObject,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Decided {
    let found = slot.find(id, rows)?;
    accept!(slot.check_delete(&delete.condition, found.as_ref(), rows)?);
    let Some((order, version)) = found else {
        return Ok(Ok(Reply::Deleted { existed: false, version: Some(id), marker: false }));
    };
    if !version.attributes.lock.allows_deletion(stamps.wall(), delete.bypass) {
        return Ok(Err(Rejection::Locked));
    }
    slot.remove(order, &version, stamps, rows);
    let marker = version.summary.delete_marker;
    Ok(Ok(Reply::Deleted { existed: true, version: Some(id), marker }))
}

/// Changes what is said of a version besides its bytes.
pub(super) fn change(
    change: &ChangeVersion,
    origin: Option<&Origin>,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Decided {
    let Some(bucket) = query::bucket_by_id(rows, change.bucket)? else {
        return Ok(Err(Rejection::NoSuchBucket));
    };
    let slot = Slot::open(&bucket, &change.key, rows)?;
    let (order, mut version) = accept!(slot.named(change.version, rows)?);
    if change.at.is_some_and(|at| at != order) {
        return Ok(Err(Rejection::PreconditionFailed));
    }
    let said = &mut version.attributes;
    match &change.change {
        VersionChange::Tags(tags) => said.tags.clone_from(tags),
        VersionChange::Acl(acl) => said.acl.clone_from(acl),
        VersionChange::Retention { .. } | VersionChange::LegalHold(_) if bucket.lock.is_none() => {
            return Ok(Err(Rejection::NoObjectLock));
        }
        VersionChange::Retention { retention, bypass } => {
            if !said.lock.allows_change(*retention, stamps.wall(), *bypass) {
                return Ok(Err(Rejection::Locked));
            }
            said.lock.retention = *retention;
        }
        VersionChange::LegalHold(hold) => said.lock.legal_hold = *hold,
        VersionChange::StorageClass { from, tags, .. }
            if version.summary.storage_class != *from || !has_tags(said, tags) =>
        {
            return Ok(Err(Rejection::PreconditionFailed));
        }
        VersionChange::StorageClass { to, .. } => {
            accept!(check_said(
                &change.key,
                &Attributes { storage_class: to.clone(), ..Attributes::default() }
            ));
            version.summary.storage_class.clone_from(to);
        }
        VersionChange::Rewrap(change) => accept!(rewrap(said, change)),
    }
    accept!(check_said(&change.key, &version.attributes));
    slot.put(order, &version, rows);
    let etag = version.summary.etag;
    let version = if version.summary.null { VersionId::Null } else { VersionId::At(order) };
    if let Some(origin) = origin {
        tell(&bucket, &Happened::changed(&change.key, version, etag, origin), origin, stamps, rows)?;
    }
    Ok(Ok(Reply::Changed { version }))
}

/// Wraps the data key anew, if it is the site's and as expected.
pub(super) fn rewrap(said: &mut Attributes, change: &Rewrap) -> Result<(), Rejection> {
    match &mut said.encryption {
        Some(Encryption {
            method: EncryptionMethod::SseS3 | EncryptionMethod::SseKms { .. },
            wrapped_key,
        }) if *wrapped_key == change.replaces => {
            wrapped_key.clone_from(&change.wrapped_key);
            Ok(())
        }
        _ => Err(Rejection::PreconditionFailed),
    }
}

fn check_key(key: &[u8]) -> Result<(), Rejection> {
    check_said(key, &Attributes::default())
}

/// Checks a stored body and writes the rows of its chunks.
pub(super) fn store_body(
    body: &Written,
    size: u64,
    seal: Option<Seal>,
    rows: &Overlay<'_>,
) -> Result<Result<Body, Rejection>, ExecuteError> {
    let (write, chunks, epoch) = match body {
        Written::Inline(sealed) if sealed.len() > INLINE_BYTES_MAX + SEAL_BYTES_MAX => {
            return Ok(Err(Rejection::Malformed(MalformedCommand::InlineLength)));
        }
        Written::Inline(sealed) => return Ok(Ok(Body::Inline(sealed.clone()))),
        Written::Chunks { write, chunks, epoch } => (*write, chunks, *epoch),
    };
    // The session is what keeps the shards from being collected as garbage.
    if query::session(rows, write.session)?.is_none() {
        return Ok(Err(Rejection::WriteSessionEnded));
    }
    match query::site(rows)? {
        None => return Ok(Err(Rejection::NotInitialised)),
        Some(site) if site.epoch != epoch => return Ok(Err(Rejection::StaleEpoch { current: site.epoch })),
        Some(_) => {}
    }
    let stored = seal.map_or(size, |seal| seal.stored);
    // All chunks but the last are as long as the first, so that offsets follow from numbers.
    let sound = chunks.first().zip(chunks.last()).is_some_and(|(first, last)| {
        usize::try_from(first.len).is_ok_and(|len| len <= CHUNK_BYTES_MAX)
            && (1..=first.len).contains(&last.len)
            && chunks.iter().rev().skip(1).all(|chunk| chunk.len == first.len)
    });
    if !sound || chunks.iter().map(|c| u64::from(c.len)).sum::<u64>() != stored {
        return Ok(Err(Rejection::Malformed(MalformedCommand::ChunkSizes)));
    }
    if chunks.iter().any(|c| c.exceptions.iter().any(|e| usize::from(e.position) >= c.profile.shards())) {
        return Ok(Err(Rejection::Malformed(MalformedCommand::ShardPosition)));
    }
    for (number, record) in (0u32..).zip(chunks) {
        let id = ChunkId { write, number };
        rows.put(keys::chunk(id), encode(record));
        if !record.exceptions.is_empty() {
            rows.put(keys::chunk_at_risk(id), Vec::new());
        }
    }
    Ok(Ok(Body::Chunks(write)))
}

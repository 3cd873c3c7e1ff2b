use bytes::Bytes;
use mucura_types::{BucketId, CHUNK_BYTES_MAX, ChunkId, INLINE_BYTES_MAX, PlantedBug, is_planted};

use crate::codec::encode;
use crate::command::{DeleteCondition, PutObject, WriteCondition, Written};
use crate::decide::Decided;
use crate::decide::accept;
use crate::decide::garbage::discard_body;
use crate::execute::{ExecuteError, Stamps};
use crate::keys;
use crate::overlay::Overlay;
use crate::query;
use crate::record::{Attributes, Body, ETag, GarbageClass, VersionRecord, VersionSummary};
use crate::reply::{MalformedCommand, Rejection, Reply};

/// The longest key (S3, object keys), bytes.
const KEY_BYTES_MAX: usize = 1024;
/// The most bytes of headers and user metadata: what HTTP lets through, and
/// some more.
const ATTRIBUTE_BYTES_MAX: usize = 16 << 10;
/// Bytes that sealing adds to an inline body, at most.
const SEAL_BYTES_MAX: usize = 64;

/// Bounds what a client may say of an object besides its bytes, so that a row
/// stays well under 32 KiB.
pub(super) fn check_said(key: &[u8], attributes: &Attributes) -> Result<(), Rejection> {
    let said =
        attributes.headers.iter().chain(&attributes.user).map(|(name, value)| name.len() + value.len());
    match !key.is_empty() && key.len() <= KEY_BYTES_MAX && said.sum::<usize>() <= ATTRIBUTE_BYTES_MAX {
        true => Ok(()),
        false => Err(Rejection::Malformed(MalformedCommand::TextLength)),
    }
}

pub(super) fn put(put: &PutObject, stamps: &mut Stamps, rows: &Overlay<'_>) -> Decided {
    accept!(check_said(&put.key, &put.attributes));
    if !query::bucket_exists(rows, put.bucket)? {
        return Ok(Err(Rejection::NoSuchBucket));
    }
    accept!(check_condition(&put.condition, put.bucket, &put.key, rows)?);
    let body = accept!(store_body(&put.body, put.size, rows)?);
    let order = stamps.order();
    let record = VersionRecord {
        summary: VersionSummary {
            delete_marker: false,
            null: true,
            size: put.size,
            etag: put.etag,
            modified: order.time.timestamp(),
            owner: put.owner,
            checksum: put.checksum.clone(),
        },
        body,
        attributes: put.attributes.clone(),
    };
    replace_current(put.bucket, &put.key, stamps, rows)?;
    rows.put(keys::version(put.bucket, &put.key, order), encode(&record));
    Ok(Ok(Reply::Stored { order }))
}

pub(super) fn delete(
    bucket: BucketId,
    key: &Bytes,
    condition: &DeleteCondition,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Decided {
    if !query::bucket_exists(rows, bucket)? {
        return Ok(Err(Rejection::NoSuchBucket));
    }
    let current = query::current_version(rows, bucket, key)?;
    if let (Some(tags), Some((_, current))) = (&condition.if_match, &current)
        && !matches(tags, current.summary.etag)
    {
        return Ok(Err(Rejection::PreconditionFailed));
    }
    let existed = replace_current(bucket, key, stamps, rows)?;
    Ok(Ok(Reply::Deleted { existed }))
}

/// Removes the current version of a key of an unversioned bucket; its bytes
/// become garbage.
pub(super) fn replace_current(
    bucket: BucketId,
    key: &[u8],
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Result<bool, ExecuteError> {
    let Some((order, current)) = query::current_version(rows, bucket, key)? else {
        return Ok(false);
    };
    rows.delete(keys::version(bucket, key, order));
    discard_body(&current.body, GarbageClass::AfterGrace, stamps, rows);
    Ok(true)
}

/// Checks a stored body and writes the rows of its chunks.
pub(super) fn store_body(
    body: &Written,
    size: u64,
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
    // All chunks but the last are full, so that offsets follow from numbers.
    let full = chunks.iter().rev().skip(1).all(|c| usize::try_from(c.len) == Ok(CHUNK_BYTES_MAX));
    let last = chunks
        .last()
        .is_some_and(|c| c.len > 0 && usize::try_from(c.len).is_ok_and(|n| n <= CHUNK_BYTES_MAX));
    if !full || !last || chunks.iter().map(|c| u64::from(c.len)).sum::<u64>() != size {
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

pub(super) fn check_condition(
    condition: &WriteCondition,
    bucket: BucketId,
    key: &[u8],
    rows: &Overlay<'_>,
) -> Result<Result<(), Rejection>, ExecuteError> {
    if condition.if_match.is_none() && condition.if_none_match.is_none() {
        return Ok(Ok(()));
    }
    let current = query::current_version(rows, bucket, key)?.map(|(_, version)| version.summary.etag);
    if let Some(tags) = &condition.if_match {
        match current {
            None => return Ok(Err(Rejection::NoSuchKey)),
            Some(tag) if !matches(tags, tag) && !is_planted(PlantedBug::LostUpdate) => {
                return Ok(Err(Rejection::PreconditionFailed));
            }
            Some(_) => {}
        }
    }
    if let (Some(tags), Some(tag)) = (&condition.if_none_match, current)
        && matches(tags, tag)
    {
        return Ok(Err(Rejection::PreconditionFailed));
    }
    Ok(Ok(()))
}

fn matches(tags: &[ETag], tag: ETag) -> bool {
    tags.is_empty() || tags.contains(&tag)
}

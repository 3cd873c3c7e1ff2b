use mucura_types::{BucketId, Timestamp, UserId};

use crate::codec::encode;
use crate::decide::garbage::discard_upload;
use crate::decide::people::FIRST_USER;
use crate::decide::{Decided, accept, check_text, next_number};
use crate::execute::Stamps;
use crate::keys;
use crate::overlay::Overlay;
use crate::query::{self, UploadQuery};
use crate::record::BucketRecord;
use crate::reply::{Rejection, Reply};

/// The most uploads under way that a deletion of their bucket aborts.
const UPLOADS_ABORTED_MAX: usize = 1000;

pub(super) fn create(name: &str, owner: UserId, limit: u32, now: Timestamp, rows: &Overlay<'_>) -> Decided {
    accept!(check_text(name));
    if owner.0 >= FIRST_USER && query::user(rows, owner)?.is_none() {
        return Ok(Err(Rejection::NoSuchUser));
    }
    if let Some(bucket) = query::bucket(rows, name)? {
        return Ok(Err(Rejection::BucketExists { by_you: bucket.owner == owner }));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if query::buckets_of(rows, owner, limit)?.len() >= limit {
        return Ok(Err(Rejection::TooManyBuckets));
    }
    let id = BucketId(next_number(rows, |c| {
        c.bucket += 1;
        c.bucket
    })?);
    rows.put(keys::bucket(name), encode(&BucketRecord { id, owner, created: now }));
    rows.put(keys::bucket_id(id), name.as_bytes().to_vec());
    rows.put(keys::bucket_of_user(owner, name), Vec::new());
    Ok(Ok(Reply::Bucket(id)))
}

pub(super) fn delete(name: &str, id: BucketId, stamps: &mut Stamps, rows: &Overlay<'_>) -> Decided {
    let Some(bucket) = query::bucket(rows, name)?.filter(|b| b.id == id) else {
        return Ok(Err(Rejection::NoSuchBucket));
    };
    if !query::bucket_by_id_is_empty(rows, id)? {
        return Ok(Err(Rejection::BucketNotEmpty));
    }
    let query = UploadQuery { max: UPLOADS_ABORTED_MAX, ..UploadQuery::default() };
    let page = query::list_uploads(rows, id, &query)?;
    if page.truncated {
        return Ok(Err(Rejection::BucketNotEmpty));
    }
    for upload in page.uploads {
        rows.delete(keys::upload(id, &upload.key, upload.id));
        discard_upload(upload.id, stamps, rows);
    }
    rows.delete(keys::bucket(name));
    rows.delete(keys::bucket_id(id));
    rows.delete(keys::bucket_of_user(bucket.owner, name));
    Ok(Ok(Reply::Done))
}

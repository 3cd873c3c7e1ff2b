use std::ops::ControlFlow;

use bytes::Bytes;
use mucura_types::{BucketId, Timestamp, UserId};

use crate::codec::encode;
use crate::command::{BucketChange, NewBucket, Notification};
use crate::decide::garbage::discard_upload;
use crate::decide::notification;
use crate::decide::object::GRANTS_MAX;
use crate::decide::people::FIRST_USER;
use crate::decide::{Decided, accept, check_text, next_number};
use crate::execute::{ExecuteError, Stamps};
use crate::keys;
use crate::overlay::Overlay;
use crate::query::{self, UploadQuery};
use crate::record::{Acl, BucketDocument, BucketRecord, Grantee, ObjectLock, Ownership, Versioning};
use crate::reply::{MalformedCommand, Rejection, Reply};
use crate::view::View;

/// The most uploads under way that a deletion of their bucket aborts.
const UPLOADS_ABORTED_MAX: usize = 1000;
/// The longest document, bytes: a lifecycle of a thousand rules.
const DOCUMENT_BYTES_MAX: usize = 240 << 10;
/// What of a document is in one row, bytes: rows stay under 32 KiB.
const DOCUMENT_PAGE_BYTES: usize = 24 << 10;

pub(super) fn create(
    name: &str,
    owner: UserId,
    limit: u32,
    settings: &NewBucket,
    now: Timestamp,
    rows: &Overlay<'_>,
) -> Decided {
    accept!(check_text(name));
    accept!(check_acl(settings.acl.as_ref(), settings.ownership));
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
    let record = BucketRecord {
        id,
        owner,
        created: now,
        versioning: if settings.lock { Versioning::Enabled } else { Versioning::Never },
        lock: settings.lock.then(ObjectLock::default),
        acl: settings.acl.clone(),
        ownership: settings.ownership,
        public_access: None,
        documents: Vec::new(),
    };
    rows.put(keys::bucket(name), encode(&record));
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
    accept!(notification::set_rules(id, name, None, stamps, rows)?);
    for document in bucket.documents {
        remove_document(id, document, rows)?;
    }
    rows.delete(keys::bucket(name));
    rows.delete(keys::bucket_id(id));
    rows.delete(keys::bucket_of_user(bucket.owner, name));
    Ok(Ok(Reply::Done))
}

/// Changes a setting.
pub(super) fn change(
    id: BucketId,
    change: &BucketChange,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Decided {
    let Some(name) = query::bucket_name(rows, id)? else { return Ok(Err(Rejection::NoSuchBucket)) };
    let Some(mut bucket) = query::bucket(rows, &name)? else { return Ok(Err(Rejection::NoSuchBucket)) };
    match change {
        BucketChange::Versioning(Versioning::Never) => return Ok(Err(Rejection::BucketState)),
        // What is locked must not be replaced.
        BucketChange::Versioning(Versioning::Suspended) if bucket.lock.is_some() => {
            return Ok(Err(Rejection::BucketState));
        }
        BucketChange::Versioning(versioning) => bucket.versioning = *versioning,
        BucketChange::Lock(_) if bucket.versioning != Versioning::Enabled => {
            return Ok(Err(Rejection::BucketState));
        }
        BucketChange::Lock(default) => bucket.lock = Some(ObjectLock { default: *default }),
        BucketChange::Acl(acl) => {
            accept!(check_acl(acl.as_ref(), bucket.ownership));
            bucket.acl.clone_from(acl);
        }
        BucketChange::Ownership(ownership) => {
            if *ownership == Some(Ownership::BucketOwnerEnforced) && grants_to_others(&bucket) {
                return Ok(Err(Rejection::AclNotPrivate));
            }
            bucket.ownership = *ownership;
        }
        BucketChange::PublicAccess(block) => bucket.public_access = *block,
        BucketChange::Notification(new) => {
            accept!(set_notification(&name, &mut bucket, new.as_ref(), stamps, rows)?);
        }
        BucketChange::Document { document, text } => {
            if *document == BucketDocument::Notification {
                // A text alone has no rules.
                accept!(text.as_ref().map_or(Ok(()), check_document));
                accept!(notification::set_rules(id, &name, None, stamps, rows)?);
            }
            accept!(set_document(&mut bucket, *document, text.as_ref(), rows)?);
        }
    }
    rows.put(keys::bucket(&name), encode(&bucket));
    Ok(Ok(Reply::Done))
}

fn set_notification(
    name: &str,
    bucket: &mut BucketRecord,
    new: Option<&Notification>,
    stamps: &mut Stamps,
    rows: &Overlay<'_>,
) -> Result<Result<(), Rejection>, ExecuteError> {
    if let Some(new) = new
        && let Err(rejection) = check_document(&new.text).and(notification::check_request(&new.request))
    {
        return Ok(Err(rejection));
    }
    if let Err(rejection) = notification::set_rules(bucket.id, name, new, stamps, rows)? {
        return Ok(Err(rejection));
    }
    set_document(bucket, BucketDocument::Notification, new.map(|new| &new.text), rows)
}

fn check_document(text: &Bytes) -> Result<(), Rejection> {
    match text.len() <= DOCUMENT_BYTES_MAX {
        true => Ok(()),
        false => Err(Rejection::Malformed(MalformedCommand::TextLength)),
    }
}

fn check_acl(acl: Option<&Acl>, ownership: Option<Ownership>) -> Result<(), Rejection> {
    match acl {
        Some(acl) if acl.grants.len() > GRANTS_MAX => Err(Rejection::Malformed(MalformedCommand::TextLength)),
        Some(_) if ownership == Some(Ownership::BucketOwnerEnforced) => Err(Rejection::AclsDisabled),
        _ => Ok(()),
    }
}

fn grants_to_others(bucket: &BucketRecord) -> bool {
    let owner = Grantee::User(bucket.owner);
    bucket.acl.iter().flat_map(|acl| &acl.grants).any(|grant| grant.grantee != owner)
}

fn set_document(
    bucket: &mut BucketRecord,
    document: BucketDocument,
    text: Option<&Bytes>,
    rows: &Overlay<'_>,
) -> Result<Result<(), Rejection>, ExecuteError> {
    if let Some(Err(rejection)) = text.map(check_document) {
        return Ok(Err(rejection));
    }
    remove_document(bucket.id, document, rows)?;
    bucket.documents.retain(|there| *there != document);
    if let Some(text) = text {
        // Also an empty one has a row.
        let pages = text.chunks(DOCUMENT_PAGE_BYTES).chain(text.is_empty().then_some(&[][..]));
        for (page, bytes) in (0u8..).zip(pages) {
            rows.put(keys::bucket_document_page(bucket.id, document, page), text.slice_ref(bytes));
        }
        bucket.documents.push(document);
        bucket.documents.sort_unstable();
    }
    Ok(Ok(()))
}

fn remove_document(id: BucketId, document: BucketDocument, rows: &Overlay<'_>) -> Result<(), ExecuteError> {
    let (from, to) = keys::all(&keys::bucket_document(id, document));
    let mut pages = Vec::new();
    rows.scan(&from, &to, &mut |key, _| {
        pages.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    pages.into_iter().for_each(|key| rows.delete(key));
    Ok(())
}

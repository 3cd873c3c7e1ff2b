//! Reading rows: what the use cases and `decide` itself ask of a view.

mod chunks;
mod listing;
mod notification;
mod people;
mod topology;
mod uploads;
mod versions;

use std::ops::ControlFlow;

use bytes::Bytes;
use mucura_types::{BucketId, UserId};
use serde::de::DeserializeOwned;

use crate::codec::decode;
use crate::execute::ExecuteError;
use crate::keys;
use crate::record::{BucketDocument, BucketRecord};
use crate::view::View;

pub use chunks::{chunk, chunks_at_risk, chunks_from, chunks_of_write, garbage, garbage_of_write};
pub use listing::{ListPage, ListQuery, ListedObject, list_objects};
pub use notification::{events, notification_rules, queue, queues, webhook, webhooks};
pub use people::{keys_of_user, user, user_by_key, user_by_name, users};
pub use topology::{drives, node, nodes, session, sessions, site, table, tables};
pub use uploads::{
    ListedPart, ListedUpload, PartPage, UploadPage, UploadQuery, completed_upload, list_parts, list_uploads,
    part, parts_of_upload, parts_within, upload,
};
pub use versions::{
    ListedVersion, VersionPage, VersionQuery, current_version, list_versions, newest_version, places,
    version, versions_from, visit_versions,
};
pub(crate) use versions::{has_versions, version_of};

type Found<T> = Result<T, ExecuteError>;

fn get<T: DeserializeOwned>(view: &dyn View, what: &'static str, key: &[u8]) -> Found<Option<T>> {
    match view.get(key)? {
        Some(bytes) => Ok(Some(decode(what, &bytes)?)),
        None => Ok(None),
    }
}

/// Visits the rows of a range; the visitor may fail, and says whether to go on.
fn each(
    view: &dyn View,
    (from, to): (Vec<u8>, Vec<u8>),
    mut visit: impl FnMut(&[u8], &[u8]) -> Found<ControlFlow<()>>,
) -> Found<()> {
    let mut result = Ok(());
    view.scan(&from, &to, &mut |key, value| match visit(key, value) {
        Ok(flow) => flow,
        Err(error) => {
            result = Err(error);
            ControlFlow::Break(())
        }
    })?;
    result
}

/// A big-endian number behind the table byte of a key.
fn number<const N: usize>(what: &'static str, key: &[u8]) -> Found<[u8; N]> {
    key.get(1..).and_then(|rest| rest.try_into().ok()).ok_or(ExecuteError::Key { what })
}

/// The bucket of a name.
///
/// # Errors
/// Rows cannot be read.
pub fn bucket(view: &dyn View, name: &str) -> Found<Option<BucketRecord>> {
    get(view, "bucket", &keys::bucket(name))
}

/// The name of the bucket of a number.
///
/// # Errors
/// Rows cannot be read.
pub fn bucket_name(view: &dyn View, id: BucketId) -> Found<Option<String>> {
    let Some(name) = view.get(&keys::bucket_id(id))? else { return Ok(None) };
    let name = std::str::from_utf8(&name).map_err(|_| ExecuteError::Key { what: "bucket" })?;
    Ok(Some(name.to_owned()))
}

/// The bucket of a number.
pub(crate) fn bucket_by_id(view: &dyn View, id: BucketId) -> Found<Option<BucketRecord>> {
    match bucket_name(view, id)? {
        Some(name) => bucket(view, &name),
        None => Ok(None),
    }
}

/// A document of a bucket.
///
/// # Errors
/// Rows cannot be read.
pub fn bucket_document(view: &dyn View, id: BucketId, document: BucketDocument) -> Found<Option<Bytes>> {
    let mut text: Option<Vec<u8>> = None;
    each(view, keys::all(&keys::bucket_document(id, document)), |_, page| {
        text.get_or_insert_default().extend_from_slice(page);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(text.map(Bytes::from))
}

/// Up to `max` buckets behind the name `after`, in order of name.
///
/// # Errors
/// Rows cannot be read.
pub fn buckets_from(view: &dyn View, after: &str, max: usize) -> Found<Vec<(String, BucketRecord)>> {
    let (first, end) = keys::all(keys::ALL_BUCKETS);
    let from = if after.is_empty() { first } else { [keys::bucket(after), vec![0]].concat() };
    let mut found = Vec::new();
    if max > 0 {
        each(view, (from, end), |key, value| {
            let name = std::str::from_utf8(&key[1..]).map_err(|_| ExecuteError::Key { what: "bucket" })?;
            found.push((name.to_owned(), decode("bucket", value)?));
            Ok(if found.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
    }
    Ok(found)
}

/// How far background work came.
///
/// # Errors
/// Rows cannot be read.
pub fn progress(view: &dyn View, work: &str) -> Found<Option<Bytes>> {
    Ok(view.get(&keys::progress(work))?)
}

/// The first `max` buckets of a user, by name.
///
/// # Errors
/// Rows cannot be read.
pub fn buckets_of(view: &dyn View, user: UserId, max: usize) -> Found<Vec<(String, BucketRecord)>> {
    let prefix = keys::buckets_of_user(user);
    let mut names = Vec::new();
    if max > 0 {
        each(view, keys::all(&prefix), |key, _| {
            let name = std::str::from_utf8(&key[prefix.len()..])
                .map_err(|_| ExecuteError::Key { what: "bucket" })?;
            names.push(name.to_owned());
            Ok(if names.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
    }
    let mut buckets = Vec::with_capacity(names.len());
    for name in names {
        if let Some(record) = bucket(view, &name)? {
            buckets.push((name, record));
        }
    }
    Ok(buckets)
}

/// Whether a bucket holds no version at all.
///
/// # Errors
/// Rows cannot be read.
pub fn bucket_by_id_is_empty(view: &dyn View, id: BucketId) -> Found<bool> {
    let mut empty = true;
    each(view, keys::all(&keys::versions_prefix(id, &[])), |_, _| {
        empty = false;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(empty)
}

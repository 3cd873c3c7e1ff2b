//! Reading rows: what the use cases and `decide` itself ask of a view.

mod chunks;
mod listing;
mod people;
mod topology;
mod uploads;

use std::ops::ControlFlow;

use mucura_types::{BucketId, Order, UserId};
use serde::de::DeserializeOwned;

use crate::codec::decode;
use crate::execute::ExecuteError;
use crate::keys;
use crate::record::{BucketRecord, VersionRecord};
use crate::view::View;

pub use chunks::{chunk, chunks_at_risk, chunks_from, chunks_of_write, garbage, garbage_of_write};
pub use listing::{ListPage, ListQuery, ListedObject, list_objects};
pub use people::{keys_of_user, user, user_by_key, user_by_name, users};
pub use topology::{drives, node, nodes, session, sessions, site, table, tables};
pub use uploads::{
    ListedPart, ListedUpload, PartPage, UploadPage, UploadQuery, completed_upload, list_parts, list_uploads,
    part, parts_of_upload, upload,
};

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

/// Whether there is a bucket of this number.
pub(crate) fn bucket_exists(view: &dyn View, id: BucketId) -> Found<bool> {
    Ok(view.get(&keys::bucket_id(id))?.is_some())
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

/// The newest version of a key, with its place in the order.
///
/// # Errors
/// Rows cannot be read.
pub fn current_version(
    view: &dyn View,
    bucket: BucketId,
    key: &[u8],
) -> Found<Option<(Order, VersionRecord)>> {
    let mut found = None;
    each(view, keys::all(&keys::versions_of(bucket, key)), |row, value| {
        let (_, order) = keys::parse_version(row).ok_or(ExecuteError::Key { what: "version" })?;
        found = Some((order, decode("version", value)?));
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

use std::ops::ControlFlow;

use bytes::Bytes;
use mucura_types::{BucketId, Order};

use super::listing::{behind, common_prefix};
use super::{Found, each, get};
use crate::codec::{decode, decode_front};
use crate::execute::ExecuteError;
use crate::keys;
use crate::record::{VersionId, VersionRecord, VersionSummary};
use crate::view::View;

/// The newest version of a key, with its place in the order; it may be a
/// delete marker.
///
/// # Errors
/// Rows cannot be read.
pub fn newest_version(
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

/// The current version of a key; none if the object is deleted.
///
/// # Errors
/// Rows cannot be read.
pub fn current_version(
    view: &dyn View,
    bucket: BucketId,
    key: &[u8],
) -> Found<Option<(Order, VersionRecord)>> {
    Ok(newest_version(view, bucket, key)?.filter(|(_, version)| !version.summary.delete_marker))
}

/// A version of a key by its id; it may be a delete marker.
///
/// # Errors
/// Rows cannot be read.
pub fn version(
    view: &dyn View,
    bucket: BucketId,
    key: &[u8],
    id: VersionId,
) -> Found<Option<(Order, VersionRecord)>> {
    let newest = match id {
        VersionId::Null => newest_version(view, bucket, key)?,
        VersionId::At(_) => None,
    };
    version_of(view, bucket, key, id, newest.as_ref())
}

/// The same, where the newest version is known already.
pub(crate) fn version_of(
    view: &dyn View,
    bucket: BucketId,
    key: &[u8],
    id: VersionId,
    newest: Option<&(Order, VersionRecord)>,
) -> Found<Option<(Order, VersionRecord)>> {
    let order = match (id, newest) {
        (VersionId::Null, Some(newest)) if newest.1.summary.null => return Ok(Some(newest.clone())),
        (VersionId::Null, None) => return Ok(None),
        (VersionId::Null, Some(_)) => get::<Order>(view, "version null", &keys::null_version(bucket, key))?,
        (VersionId::At(order), _) => Some(order),
    };
    let Some(order) = order else { return Ok(None) };
    let found: Option<VersionRecord> = get(view, "version", &keys::version(bucket, key, order))?;
    // Clients know the version `null` by no other name.
    Ok(found
        .filter(|version| version.summary.null == (id == VersionId::Null))
        .map(|version| (order, version)))
}

/// Whether a key has at least so many versions, delete markers among them.
pub(crate) fn has_versions(view: &dyn View, bucket: BucketId, key: &[u8], count: usize) -> Found<bool> {
    let mut seen = 0;
    each(view, keys::all(&keys::versions_of(bucket, key)), |_, _| {
        seen += 1;
        Ok(if seen < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(seen >= count)
}

/// The places of up to `max` versions of a key, the newest first, or from this
/// place on.
///
/// # Errors
/// Rows cannot be read.
pub fn places(
    view: &dyn View,
    bucket: BucketId,
    key: &[u8],
    from: Option<Order>,
    max: usize,
) -> Found<Vec<Order>> {
    let (first, end) = keys::all(&keys::versions_of(bucket, key));
    let first = from.map_or(first, |from| keys::version(bucket, key, from));
    let mut found = Vec::new();
    if max == 0 {
        return Ok(found);
    }
    each(view, (first, end), |row, _| {
        let (_, order) = keys::parse_version(row).ok_or(ExecuteError::Key { what: "version" })?;
        found.push(order);
        Ok(if found.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

/// A version of a listing or walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion<T = VersionSummary> {
    /// The key.
    pub key: Bytes,
    /// Its place.
    pub order: Order,
    /// Whether it is the newest of its key.
    pub newest: bool,
    /// What is known of it.
    pub version: T,
}

/// What a listing of versions asks for.
#[derive(Clone, Debug, Default)]
pub struct VersionQuery {
    /// Keys that begin with this.
    pub prefix: Bytes,
    /// As in a listing of objects.
    pub delimiter: Bytes,
    /// Keys that sort after this; with an id: also the older versions of it.
    pub after: Bytes,
    /// See `after`.
    pub after_id: Option<VersionId>,
    /// The most versions and common prefixes together.
    pub max: usize,
}

/// A page of a listing of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionPage {
    /// In order of key, then newest first.
    pub versions: Vec<ListedVersion>,
    /// Common prefixes in order of bytes.
    pub common_prefixes: Vec<Bytes>,
    /// Where the next page begins, if there is one: a key or common prefix,
    /// and the place of a version of that key.
    pub next: Option<(Bytes, Option<Order>)>,
}

/// A page of all versions of a bucket. Like a listing of objects, it seeks past
/// a common prefix.
///
/// # Errors
/// Rows cannot be read.
pub fn list_versions(view: &dyn View, bucket: BucketId, query: &VersionQuery) -> Found<VersionPage> {
    let mut page = VersionPage::default();
    if query.max == 0 {
        return Ok(page);
    }
    let (first, end) = keys::all(&keys::versions_prefix(bucket, &query.prefix));
    let delimited = |key: &[u8]| common_prefix(key, &query.prefix, &query.delimiter);
    let start = start(view, bucket, query)?;
    // The key of the row before, so that only the first of each is the newest.
    let mut before = match query.after_id {
        Some(_) => key_before(view, bucket, &query.after, &start)?,
        None => None,
    };
    let mut from = first.max(start);
    let mut last = None;
    loop {
        let mut skip = None;
        let mut full = false;
        each(view, (from.clone(), end.clone()), |row, value| {
            let (key, order) = keys::parse_version(row).ok_or(ExecuteError::Key { what: "version" })?;
            if page.versions.len() + page.common_prefixes.len() == query.max {
                full = true;
                return Ok(ControlFlow::Break(()));
            }
            if let Some(common) = delimited(&key) {
                skip = Some(keys::after(&keys::versions_prefix(bucket, &common)));
                let common = Bytes::from(common);
                last = Some((common.clone(), None));
                page.common_prefixes.push(common);
                return Ok(ControlFlow::Break(()));
            }
            let (version, _): (VersionSummary, _) = decode_front("version", value)?;
            let key = Bytes::from(key);
            let newest = before.as_ref() != Some(&key);
            before = Some(key.clone());
            last = Some((key.clone(), Some(order)));
            page.versions.push(ListedVersion { key, order, newest, version });
            Ok(ControlFlow::Continue(()))
        })?;
        if full {
            page.next = last;
            return Ok(page);
        }
        match skip {
            Some(next) => from = next,
            None => return Ok(page),
        }
    }
}

/// Where a page begins.
fn start(view: &dyn View, bucket: BucketId, query: &VersionQuery) -> Found<Vec<u8>> {
    if query.after.is_empty() {
        return Ok(Vec::new());
    }
    let is_shown = query.after.starts_with(&query.prefix)
        && common_prefix(&query.after, &query.prefix, &query.delimiter).is_none();
    let order = match query.after_id {
        Some(VersionId::At(order)) if is_shown => Some(order),
        Some(VersionId::Null) if is_shown => {
            version(view, bucket, &query.after, VersionId::Null)?.map(|(order, _)| order)
        }
        _ => None,
    };
    Ok(match order {
        Some(order) => behind_version(bucket, &query.after, order),
        None => behind(bucket, &query.prefix, &query.delimiter, &query.after),
    })
}

/// Where what follows a version begins.
fn behind_version(bucket: BucketId, key: &[u8], order: Order) -> Vec<u8> {
    // Row keys are of equal length: the next one is behind it.
    [keys::version(bucket, key, order), vec![0]].concat()
}

/// The key of the row before `from`, if that is a version of `key`. The version
/// that the page before ended with may be gone, and what follows be the newest.
fn key_before(view: &dyn View, bucket: BucketId, key: &[u8], from: &[u8]) -> Found<Option<Bytes>> {
    let mut before = None;
    each(view, (keys::versions_of(bucket, key), from.to_vec()), |_, _| {
        before = Some(Bytes::copy_from_slice(key));
        Ok(ControlFlow::Break(()))
    })?;
    Ok(before)
}

/// Up to `max` versions of a bucket behind a place, in order of key, then
/// newest first, with all that is known of each: a walk over all of them.
///
/// # Errors
/// Rows cannot be read.
pub fn versions_from(
    view: &dyn View,
    bucket: BucketId,
    after: Option<(&[u8], Order)>,
    max: usize,
) -> Found<Vec<ListedVersion<VersionRecord>>> {
    let mut found = Vec::new();
    if max == 0 {
        return Ok(found);
    }
    visit_versions(view, bucket, after, |listed| {
        found.push(listed);
        if found.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found)
}

/// The same, one by one until `visit` has enough.
///
/// # Errors
/// Rows cannot be read.
pub fn visit_versions(
    view: &dyn View,
    bucket: BucketId,
    after: Option<(&[u8], Order)>,
    mut visit: impl FnMut(ListedVersion<VersionRecord>) -> ControlFlow<()>,
) -> Found<()> {
    let (first, end) = keys::all(&keys::versions_prefix(bucket, &[]));
    let from = match after {
        Some((key, order)) => behind_version(bucket, key, order),
        None => first,
    };
    let mut before = match after {
        Some((key, _)) => key_before(view, bucket, key, &from)?,
        None => None,
    };
    each(view, (from, end), |row, value| {
        let (key, order) = keys::parse_version(row).ok_or(ExecuteError::Key { what: "version" })?;
        let key = Bytes::from(key);
        let newest = before.as_ref() != Some(&key);
        before = Some(key.clone());
        Ok(visit(ListedVersion { key, order, newest, version: decode("version", value)? }))
    })
}

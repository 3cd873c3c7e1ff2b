use std::ops::ControlFlow;

use bytes::Bytes;
use mucura_types::{BucketId, Order};

use super::{Found, each};
use crate::codec::decode_front;
use crate::execute::ExecuteError;
use crate::keys;
use crate::record::VersionSummary;
use crate::view::View;

/// What a listing asks for.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Keys that begin with this.
    pub prefix: Bytes,
    /// Keys that share the part up to this, behind the prefix, count as one;
    /// empty: none do.
    pub delimiter: Bytes,
    /// Keys, and common prefixes, that sort after this.
    pub after: Bytes,
    /// The most keys and common prefixes together.
    pub max: usize,
}

/// A key of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// The key.
    pub key: Bytes,
    /// The place of its current version.
    pub order: Order,
    /// What a listing shows of it.
    pub summary: VersionSummary,
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Keys in order of bytes.
    pub objects: Vec<ListedObject>,
    /// Common prefixes in order of bytes.
    pub common_prefixes: Vec<Bytes>,
    /// Whether there is more.
    pub truncated: bool,
    /// The last key or common prefix of the page: the next page comes after it.
    pub last: Bytes,
}

/// What stopped a scan, and from where to go on.
enum Step {
    /// The rest of a key's versions, or of a common prefix, is skipped.
    Skip(Vec<u8>),
    /// The page is full and there is more.
    Full,
}

/// A page of the objects of a bucket, each by its current version. It seeks
/// past a common prefix: the cost does not depend on how many keys it hides.
///
/// # Errors
/// Rows cannot be read.
pub fn list_objects(view: &dyn View, bucket: BucketId, query: &ListQuery) -> Found<ListPage> {
    let mut page = ListPage::default();
    let (first, end) = keys::all(&keys::versions_prefix(bucket, &query.prefix));
    let mut from = match query.after.is_empty() {
        true => first,
        false => first.max(behind(bucket, &query.prefix, &query.delimiter, &query.after)),
    };
    if query.max == 0 {
        return Ok(page);
    }
    loop {
        let mut step = None;
        each(view, (from.clone(), end.clone()), |row, value| {
            let (key, order) = keys::parse_version(row).ok_or(ExecuteError::Key { what: "version" })?;
            if page.objects.last().is_some_and(|last| last.key == key) {
                step = Some(Step::Skip(keys::versions_after(bucket, &key)));
                return Ok(ControlFlow::Break(()));
            }
            let (summary, _): (VersionSummary, _) = decode_front("version", value)?;
            if summary.delete_marker {
                step = Some(Step::Skip(keys::versions_after(bucket, &key)));
                return Ok(ControlFlow::Break(()));
            }
            if page.objects.len() + page.common_prefixes.len() == query.max {
                step = Some(Step::Full);
                return Ok(ControlFlow::Break(()));
            }
            if let Some(common) = common_prefix(&key, &query.prefix, &query.delimiter) {
                step = Some(Step::Skip(keys::after(&keys::versions_prefix(bucket, &common))));
                page.last = Bytes::from(common);
                page.common_prefixes.push(page.last.clone());
                return Ok(ControlFlow::Break(()));
            }
            page.last = Bytes::from(key);
            page.objects.push(ListedObject { key: page.last.clone(), order, summary });
            Ok(ControlFlow::Continue(()))
        })?;
        match step {
            None => return Ok(page),
            Some(Step::Full) => {
                page.truncated = true;
                return Ok(page);
            }
            Some(Step::Skip(next)) => from = next,
        }
    }
}

/// The part of a key up to the first delimiter behind the prefix.
pub(super) fn common_prefix(key: &[u8], prefix: &[u8], delimiter: &[u8]) -> Option<Vec<u8>> {
    if delimiter.is_empty() {
        return None;
    }
    let rest = key.get(prefix.len()..)?;
    let at = rest.windows(delimiter.len()).position(|window| window == delimiter)?;
    key.get(..prefix.len() + at + delimiter.len()).map(<[u8]>::to_vec)
}

/// Where a page after `after` begins: behind the whole common prefix if it is
/// one (that is what the page before ended with), or lies in one.
pub(super) fn behind(bucket: BucketId, prefix: &[u8], delimiter: &[u8], after: &[u8]) -> Vec<u8> {
    match after.starts_with(prefix).then(|| common_prefix(after, prefix, delimiter)).flatten() {
        Some(common) => keys::after(&keys::versions_prefix(bucket, &common)),
        None => keys::versions_after(bucket, after),
    }
}

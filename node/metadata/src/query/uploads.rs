use std::ops::{ControlFlow, Range};

use bytes::Bytes;
use mucura_types::{BucketId, WriteId};

use super::{Found, each, get};
use crate::codec::decode;
use crate::execute::ExecuteError;
use crate::keys;
use crate::record::{CompletedRecord, PartRecord, UploadRecord};
use crate::view::View;

/// An upload under way.
///
/// # Errors
/// Rows cannot be read.
pub fn upload(view: &dyn View, bucket: BucketId, key: &[u8], id: WriteId) -> Found<Option<UploadRecord>> {
    get(view, "upload", &keys::upload(bucket, key, id))
}

/// What a completed upload became, for as long as it is remembered.
///
/// # Errors
/// Rows cannot be read.
pub fn completed_upload(view: &dyn View, id: WriteId) -> Found<Option<CompletedRecord>> {
    get(view, "completed upload", &keys::completed(id))
}

/// A part.
///
/// # Errors
/// Rows cannot be read.
pub fn part(view: &dyn View, upload: WriteId, number: u16) -> Found<Option<PartRecord>> {
    get(view, "part", &keys::part(upload, number))
}

/// Up to `max` parts behind number `after`, in order.
///
/// # Errors
/// Rows cannot be read.
pub fn parts_of_upload(
    view: &dyn View,
    upload: WriteId,
    after: u16,
    max: usize,
) -> Found<Vec<(u16, PartRecord)>> {
    let mut found = Vec::new();
    if max == 0 {
        return Ok(found);
    }
    let range = (keys::part(upload, after.saturating_add(1)), keys::after(&keys::parts_of(upload)));
    each(view, range, |key, value| {
        let number = keys::parse_part(key).ok_or(ExecuteError::Key { what: "part" })?;
        found.push((number, decode("part", value)?));
        Ok(if found.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

/// The parts of an object that `range` of its bytes lies in, in order, each
/// with what of it is wanted.
///
/// # Errors
/// Rows cannot be read.
pub fn parts_within(
    view: &dyn View,
    upload: WriteId,
    range: Range<u64>,
) -> Found<Vec<(PartRecord, Range<u64>)>> {
    let mut found = Vec::new();
    let mut start = 0u64;
    each(view, keys::all(&keys::parts_of(upload)), |_, value| {
        let part: PartRecord = decode("part", value)?;
        let (here, end) = (start, start.saturating_add(part.size));
        let within = range.start.max(here)..range.end.min(end);
        start = end;
        if within.start < within.end {
            found.push((part, within.start - here..within.end - here));
        }
        Ok(if end < range.end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

/// A part of a listing.
pub type ListedPart = (u16, PartRecord);

/// A page of the parts of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartPage {
    /// In order of number.
    pub parts: Vec<ListedPart>,
    /// Whether there is more.
    pub truncated: bool,
}

/// A page of at most `max` parts behind number `after`.
///
/// # Errors
/// Rows cannot be read.
pub fn list_parts(view: &dyn View, upload: WriteId, after: u16, max: usize) -> Found<PartPage> {
    let mut parts = parts_of_upload(view, upload, after, max.saturating_add(1))?;
    let truncated = parts.len() > max;
    parts.truncate(max);
    Ok(PartPage { parts, truncated })
}

/// What a listing of uploads asks for.
#[derive(Clone, Debug, Default)]
pub struct UploadQuery {
    /// Keys that begin with this.
    pub prefix: Bytes,
    /// As in a listing of objects.
    pub delimiter: Bytes,
    /// Keys that sort after this; with an id: also its uploads of greater id.
    pub after: Bytes,
    /// See `after`.
    pub after_id: Option<WriteId>,
    /// The most uploads and common prefixes together.
    pub max: usize,
}

/// An upload of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUpload {
    /// Its key.
    pub key: Bytes,
    /// Its id.
    pub id: WriteId,
    /// What is known of it.
    pub record: UploadRecord,
}

/// A page of a listing of uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPage {
    /// In order of key, then of id.
    pub uploads: Vec<ListedUpload>,
    /// Common prefixes in order of bytes.
    pub common_prefixes: Vec<Bytes>,
    /// Whether there is more.
    pub truncated: bool,
}

/// A page of the uploads under way in a bucket. Uploads are few: it scans.
///
/// # Errors
/// Rows cannot be read.
pub fn list_uploads(view: &dyn View, bucket: BucketId, query: &UploadQuery) -> Found<UploadPage> {
    let mut page = UploadPage::default();
    if query.max == 0 {
        return Ok(page);
    }
    let (first, end) = keys::all(&keys::uploads_prefix(bucket, &query.prefix));
    let from = first.max(match query.after_id {
        Some(id) if !query.after.is_empty() => keys::upload(bucket, &query.after, id),
        _ => keys::uploads_prefix(bucket, &query.after),
    });
    each(view, (from, end), |row, value| {
        let (key, id) = keys::parse_upload(row).ok_or(ExecuteError::Key { what: "upload" })?;
        let seen = match query.after_id {
            _ if query.after.is_empty() => false,
            Some(after_id) => (&key[..], id) <= (&query.after[..], after_id),
            None => key[..] <= query.after[..],
        };
        if seen || page.common_prefixes.last().is_some_and(|common| key.starts_with(common)) {
            return Ok(ControlFlow::Continue(()));
        }
        let common = match query.delimiter.is_empty() {
            true => None,
            false => key[query.prefix.len()..]
                .windows(query.delimiter.len())
                .position(|window| window == &query.delimiter[..])
                .map(|at| query.prefix.len() + at + query.delimiter.len()),
        };
        if let Some(end) = common
            && !query.after.is_empty()
            && query.after.starts_with(&key[..end])
        {
            return Ok(ControlFlow::Continue(()));
        }
        if page.uploads.len() + page.common_prefixes.len() == query.max {
            page.truncated = true;
            return Ok(ControlFlow::Break(()));
        }
        match common {
            Some(end) => page.common_prefixes.push(Bytes::copy_from_slice(&key[..end])),
            None => page.uploads.push(ListedUpload {
                key: Bytes::from(key),
                id,
                record: decode("upload", value)?,
            }),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(page)
}

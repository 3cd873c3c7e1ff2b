use std::ops::ControlFlow;

use bytes::Bytes;
use mucura_metadata::{
    BucketDocument, BucketRecord, ExecuteError, ListedVersion, UploadQuery, VersionRecord, View, bucket,
    bucket_document, buckets_from, list_uploads, places, visit_versions,
};
use mucura_s3_wire::config::lifecycle::{DayLength, LifecycleConfiguration, UploadFacts};
use mucura_types::{BucketId, Order, UserId, WriteId};

use crate::lifecycle::deed::{Action, Deed};
use crate::lifecycle::place::{Place, WalkedKey, Within};
use crate::lifecycle::walk::{NEWER_MAX, Walk};

type Found<T> = Result<T, ExecuteError>;

/// How rows are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// The time by which it is decided, milliseconds since 1970.
    pub(super) now_ms: u64,
    /// How long a day of the rules is.
    pub(super) day: DayLength,
    /// Versions, uploads or buckets that are read in one go; at least 1.
    pub(super) rows: usize,
    /// Deeds that a page may hold, at least 1: the longer they take, the longer
    /// ago it is that they were decided.
    pub(super) deeds: usize,
}

/// A step of a pass.
pub(super) struct Page {
    /// What is to be done, and in which bucket.
    pub(super) section: Option<Section>,
    /// How many rows it took to see that.
    pub(super) looked: usize,
    /// Where to go on; none if the pass is over.
    pub(super) next: Option<Place>,
}

/// What is to be done in a bucket.
pub(super) struct Section {
    /// Which.
    pub(super) bucket: Owned,
    /// What, of a key the oldest version first: what becomes of a version is
    /// decided by the newer ones.
    pub(super) deeds: Vec<Deed>,
}

/// A bucket whose rules are carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    /// Its name.
    pub(super) name: String,
    /// Its number.
    pub(super) id: BucketId,
    /// Who owns it.
    pub(super) owner: UserId,
    /// Whether it tells others what happens in it.
    pub(super) tells: bool,
}

/// Reads a page at a place, and decides by the rules of now. All of it from
/// rows of one index.
pub(super) fn read(view: &dyn View, place: Place, look: Look) -> Found<Page> {
    let (name, within) = match place.within {
        Within::Behind => match next_bucket(view, &place.bucket, look.rows)? {
            Next::Found(name, id) => (name, Within::Versions { id, after: None }),
            Next::Behind(name) => return Ok(Page::behind(&name, look.rows)),
            Next::End => return Ok(Page { section: None, looked: 1, next: None }),
        },
        within => (place.bucket, within),
    };
    let (Within::Versions { id, .. } | Within::Uploads { id, .. }) = &within else {
        return Ok(Page::behind(&name, 1));
    };
    let found = bucket(view, &name)?.filter(|found| found.id == *id);
    let Some((record, rules)) = found.map(|found| rules_of(view, &name, found)).transpose()?.flatten() else {
        return Ok(Page::behind(&name, 1));
    };
    let (deeds, looked, next) = match within {
        Within::Versions { id, after } if rules.concerns_versions() => {
            let (deeds, looked, last) = versions(view, id, after, &rules, look)?;
            let next = match last {
                Some(last) => Within::Versions { id, after: Some(last) },
                None => Within::Uploads { id, after: None },
            };
            (deeds, looked, next)
        }
        Within::Versions { id, .. } => (Vec::new(), 1, Within::Uploads { id, after: None }),
        Within::Uploads { id, after } if rules.concerns_uploads() => {
            let (deeds, looked, last) = uploads(view, id, after, &rules, look)?;
            let next = last.map_or(Within::Behind, |last| Within::Uploads { id, after: Some(last) });
            (deeds, looked, next)
        }
        Within::Uploads { .. } | Within::Behind => (Vec::new(), 1, Within::Behind),
    };
    let owned = Owned {
        name: name.clone(),
        id: record.id,
        owner: record.owner,
        tells: record.has(BucketDocument::Notification),
    };
    let next = Some(Place { bucket: name, within: next });
    Ok(Page { section: Some(Section { bucket: owned, deeds }), looked, next })
}

impl Page {
    fn behind(bucket: &str, looked: usize) -> Self {
        Self { section: None, looked, next: Some(Place::behind(bucket)) }
    }
}

/// What comes behind a bucket.
enum Next {
    /// A bucket with rules.
    Found(String, BucketId),
    /// None as far as was looked: up to this name.
    Behind(String),
    /// There are no more.
    End,
}

fn next_bucket(view: &dyn View, after: &str, rows: usize) -> Found<Next> {
    let buckets = buckets_from(view, after, rows)?;
    if let Some((name, record)) = buckets.iter().find(|(_, record)| record.has(BucketDocument::Lifecycle)) {
        return Ok(Next::Found(name.clone(), record.id));
    }
    Ok(match buckets.last() {
        Some((name, _)) if buckets.len() == rows => Next::Behind(name.clone()),
        _ => Next::End,
    })
}

/// A bucket with its rules, if it has some.
fn rules_of(
    view: &dyn View,
    name: &str,
    record: BucketRecord,
) -> Found<Option<(BucketRecord, LifecycleConfiguration)>> {
    let Some(text) = bucket_document(view, record.id, BucketDocument::Lifecycle)? else { return Ok(None) };
    match LifecycleConfiguration::parse(&text) {
        Ok(rules) => Ok(Some((record, rules))),
        Err(error) => {
            tracing::error!(bucket = name, %error, "the stored lifecycle rules of a bucket cannot be read");
            Ok(None)
        }
    }
}

/// What is to be done, how many rows were looked at, and the last of them if
/// there are more.
type Decided<Last> = (Vec<Deed>, usize, Option<Last>);

/// Looks at a page of versions.
fn versions(
    view: &dyn View,
    id: BucketId,
    after: Option<WalkedKey>,
    rules: &LifecycleConfiguration,
    look: Look,
) -> Found<Decided<WalkedKey>> {
    let last = after.as_ref().map(|walked| (walked.key.clone(), walked.last));
    let walked = after.map(|walked| still_walked(view, id, walked, look)).transpose()?.flatten();
    let mut walk = Walk::new(rules, look, walked);
    let (mut deeds, mut looked, mut is_full) = (Vec::new(), 0, false);
    // Whether a delete marker is alone shows in what follows.
    let mut waiting: Option<ListedVersion<VersionRecord>> = None;
    visit_versions(view, id, last.as_ref().map(|(key, order)| (&key[..], *order)), |listed| {
        if let Some(before) = &waiting {
            deeds.extend(walk.step(before, Some(&listed)));
        }
        is_full = looked == look.rows || deeds.len() == look.deeds;
        waiting = Some(listed);
        looked += 1;
        if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if let Some(before) = waiting.filter(|_| !is_full) {
        deeds.extend(walk.step(&before, None));
    }
    deeds.reverse();
    Ok((deeds, looked, if is_full { walk.key() } else { None }))
}

/// What is left of what was walked over: it may be long ago. Versions that were
/// deleted since do not count any more; if all were, what follows is the newest.
fn still_walked(view: &dyn View, id: BucketId, walked: WalkedKey, look: Look) -> Found<Option<WalkedKey>> {
    let left = |from, max| -> Found<Vec<Order>> {
        let mut left = places(view, id, &walked.key, from, max)?;
        left.retain(|order| *order >= walked.last);
        Ok(left)
    };
    // Of more than a rule can ask for it does not matter how many they are.
    let newer = left(None, NEWER_MAX + 1)?;
    let Some(oldest) = newer.last() else { return Ok(None) };
    // Behind what stays were only those that were to go. If it went too, a newer
    // one is taken for the next one: the deeds are refused until the next pass.
    let behind = left(Some(walked.stays), look.deeds + 1)?;
    let last = *behind.last().unwrap_or(oldest);
    let kept = u32::try_from(newer.len() - 1).map_or(walked.kept, |noncurrent| walked.kept.min(noncurrent));
    Ok(Some(WalkedKey { last, stays: last, kept, ..walked }))
}

/// Looks at a page of uploads; gives the last one, if there are more.
fn uploads(
    view: &dyn View,
    id: BucketId,
    after: Option<(Bytes, WriteId)>,
    rules: &LifecycleConfiguration,
    look: Look,
) -> Found<Decided<(Bytes, WriteId)>> {
    let (after, after_id) = after.map_or((Bytes::new(), None), |(key, id)| (key, Some(id)));
    let query = UploadQuery { after, after_id, max: look.rows, ..UploadQuery::default() };
    let page = list_uploads(view, id, &query)?;
    let is_due = |key: &[u8], initiated_ms| {
        std::str::from_utf8(key).is_ok_and(|key| {
            rules.aborts(&UploadFacts { key, initiated_ms }, look.now_ms, look.day).is_some()
        })
    };
    let (mut deeds, mut looked) = (Vec::new(), 0);
    for upload in &page.uploads {
        if deeds.len() == look.deeds {
            break;
        }
        looked += 1;
        if is_due(&upload.key, upload.record.created.0) {
            let action = Action::Abort { upload: upload.id };
            deeds.push(Deed { key: upload.key.clone(), action, tags: Vec::new() });
        }
    }
    let has_more = page.truncated || looked < page.uploads.len();
    let last = looked.checked_sub(1).and_then(|last| page.uploads.get(last)).filter(|_| has_more);
    Ok((deeds, looked, last.map(|upload| (upload.key.clone(), upload.id))))
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;

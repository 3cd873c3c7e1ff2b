//! What stands at a key, and what a write or a deletion makes of it.
//!
//! Invariant: a version `null` is either the newest of its key, or a row of its
//! own says where it is. So it is found without looking at all versions.

use mucura_types::{BucketId, Order, PlantedBug, Timestamp, is_planted};

use crate::codec::encode;
use crate::command::{DeleteCondition, Noncurrent, WriteCondition};
use crate::decide::garbage::discard_body;
use crate::execute::{ExecuteError, Stamps};
use crate::keys;
use crate::overlay::Overlay;
use crate::query;
use crate::record::{
    Attributes, BucketRecord, ETag, GarbageClass, Lock, VersionId, VersionRecord, Versioning,
};
use crate::reply::Rejection;

/// A key of a bucket with its newest version.
pub(super) struct Slot<'a> {
    bucket: BucketId,
    versioning: Versioning,
    key: &'a [u8],
    newest: Option<(Order, VersionRecord)>,
}

impl<'a> Slot<'a> {
    pub(super) fn open(
        bucket: &BucketRecord,
        key: &'a [u8],
        rows: &Overlay<'_>,
    ) -> Result<Self, ExecuteError> {
        let newest = query::newest_version(rows, bucket.id, key)?;
        Ok(Self { bucket: bucket.id, versioning: bucket.versioning, key, newest })
    }

    /// The current version; none if the object is deleted.
    pub(super) fn current(&self) -> Option<&VersionRecord> {
        self.newest().map(|(_, version)| version).filter(|version| !version.summary.delete_marker)
    }

    /// The newest version, which may be a delete marker.
    pub(super) fn newest(&self) -> Option<&(Order, VersionRecord)> {
        self.newest.as_ref()
    }

    pub(super) fn check_write(&self, condition: &WriteCondition) -> Result<(), Rejection> {
        let current = self.current().map(|version| version.summary.etag);
        if let Some(tags) = &condition.if_match {
            match current {
                None => return Err(Rejection::NoSuchKey),
                Some(tag) if !matches(tags, tag) && !is_planted(PlantedBug::LostUpdate) => {
                    return Err(Rejection::PreconditionFailed);
                }
                Some(_) => {}
            }
        }
        if let (Some(tags), Some(tag)) = (&condition.if_none_match, current)
            && matches(tags, tag)
        {
            return Err(Rejection::PreconditionFailed);
        }
        Ok(())
    }

    /// Holds a condition against the version that is to be deleted.
    pub(super) fn check_delete(
        &self,
        condition: &DeleteCondition,
        found: Option<&(Order, VersionRecord)>,
        rows: &Overlay<'_>,
    ) -> Result<Result<(), Rejection>, ExecuteError> {
        let newest = self.newest().map(|(order, _)| *order);
        let tag = found.filter(|(_, v)| !v.summary.delete_marker).map(|(_, v)| v.summary.etag);
        let lacks_tags =
            |(_, version): &(Order, VersionRecord)| !has_tags(&version.attributes, &condition.tags);
        let fails = matches!((&condition.if_match, tag), (Some(tags), Some(tag)) if !matches(tags, tag))
            || condition.current.is_some_and(|order| newest != Some(order))
            || (!condition.tags.is_empty() && found.is_none_or(lacks_tags))
            || (condition.alone && query::has_versions(rows, self.bucket, self.key, 2)?)
            || match condition.noncurrent {
                Some(noncurrent) => {
                    found.is_none_or(|(at, _)| *at != noncurrent.at) || !self.holds(noncurrent, rows)?
                }
                None => false,
            };
        Ok(if fails { Err(Rejection::PreconditionFailed) } else { Ok(()) })
    }

    /// Whether a version is where this says among those of the key.
    fn holds(&self, noncurrent: Noncurrent, rows: &Overlay<'_>) -> Result<bool, ExecuteError> {
        let Noncurrent { at, successor, newer } = noncurrent;
        if query::places(rows, self.bucket, self.key, Some(successor), 2)? != [successor, at] {
            return Ok(false);
        }
        // The newest is not counted.
        let count = usize::from(newer) + 1;
        let newest = query::places(rows, self.bucket, self.key, None, count)?;
        Ok(newest.len() == count && newest.iter().all(|place| *place > at))
    }

    /// Makes room for a new newest version: removes what it takes the place of.
    /// Whether the new one is `null`.
    pub(super) fn make_room(&self, stamps: &mut Stamps, rows: &Overlay<'_>) -> Result<bool, ExecuteError> {
        match (self.versioning, &self.newest) {
            (Versioning::Never, newest) => {
                if let Some((order, version)) = newest {
                    self.remove(*order, version, stamps, rows);
                }
                Ok(true)
            }
            (Versioning::Enabled, newest) => {
                if let Some((order, version)) = newest
                    && version.summary.null
                {
                    rows.put(keys::null_version(self.bucket, self.key), encode(order));
                }
                Ok(false)
            }
            (Versioning::Suspended, _) => {
                if let Some((order, version)) = self.find(VersionId::Null, rows)? {
                    self.remove(order, &version, stamps, rows);
                }
                Ok(true)
            }
        }
    }

    /// A version by its id.
    pub(super) fn find(
        &self,
        id: VersionId,
        rows: &Overlay<'_>,
    ) -> Result<Option<(Order, VersionRecord)>, ExecuteError> {
        query::version_of(rows, self.bucket, self.key, id, self.newest.as_ref())
    }

    /// The version of an id, or the current one: what a change is about.
    pub(super) fn named(
        &self,
        id: Option<VersionId>,
        rows: &Overlay<'_>,
    ) -> Result<Result<(Order, VersionRecord), Rejection>, ExecuteError> {
        let (found, missing) = match id {
            Some(id) => (self.find(id, rows)?, Rejection::NoSuchVersion),
            None => (self.newest.clone(), Rejection::NoSuchKey),
        };
        Ok(match found {
            None => Err(missing),
            Some((_, version)) if version.summary.delete_marker => {
                Err(Rejection::DeleteMarker { named: id.is_some() })
            }
            Some(found) => Ok(found),
        })
    }

    /// Removes a version; its bytes become garbage.
    pub(super) fn remove(
        &self,
        order: Order,
        version: &VersionRecord,
        stamps: &mut Stamps,
        rows: &Overlay<'_>,
    ) {
        rows.delete(keys::version(self.bucket, self.key, order));
        if version.summary.null && self.versioning != Versioning::Never {
            rows.delete(keys::null_version(self.bucket, self.key));
        }
        discard_body(&version.body, GarbageClass::AfterGrace, stamps, rows);
    }

    pub(super) fn put(&self, order: Order, version: &VersionRecord, rows: &Overlay<'_>) {
        rows.put(keys::version(self.bucket, self.key, order), encode(version));
    }
}

/// The lock of a new version: what it brings, or what the bucket has for it.
pub(super) fn lock_of(bucket: &BucketRecord, said: Lock, now: Timestamp) -> Result<Lock, Rejection> {
    let Some(lock) = bucket.lock else {
        return if said == Lock::default() { Ok(said) } else { Err(Rejection::NoObjectLock) };
    };
    let retention = said.retention.or(lock.default.map(|default| default.from(now)));
    Ok(Lock { retention, ..said })
}

pub(super) fn has_tags(said: &Attributes, tags: &[(String, String)]) -> bool {
    tags.iter().all(|tag| said.tags.contains(tag))
}

fn matches(tags: &[ETag], tag: ETag) -> bool {
    tags.is_empty() || tags.contains(&tag)
}

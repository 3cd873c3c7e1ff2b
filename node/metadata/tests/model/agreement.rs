//! What must hold of the rows after every step: they are those of the model,
//! none is missing and none is left over, and all bytes belong to somebody.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mucura_metadata::{
    Body, BucketDocument, BucketRecord, Garbage, GarbageClass, GarbageItem, ListQuery, ListedVersion,
    PartRecord, UploadQuery, UploadRecord, VersionId, VersionRecord, bucket, bucket_document, bucket_name,
    buckets_of, chunks_at_risk, chunks_from, completed_upload, current_version, garbage, garbage_of_write,
    list_objects, list_uploads, newest_version, parts_of_upload, progress, sessions, version, versions_from,
};
use mucura_types::{BucketId, HybridTime, Order, WriteId};

use crate::reference::{Model, waste};
use crate::rows::Rows;
use crate::shelf::Kept;

const CLASSES: [GarbageClass; 3] = [GarbageClass::AtOnce, GarbageClass::AfterGrace, GarbageClass::Tombstone];
pub const DOCUMENTS: [BucketDocument; 8] = [
    BucketDocument::Policy,
    BucketDocument::Cors,
    BucketDocument::Lifecycle,
    BucketDocument::Website,
    BucketDocument::Tagging,
    BucketDocument::Encryption,
    BucketDocument::Notification,
    BucketDocument::Logging,
];

/// What the rows say, as far as queries can find it.
pub struct Found {
    buckets: BTreeMap<String, BucketRecord>,
    /// In order of key, then newest first.
    versions: Vec<(BucketId, ListedVersion<VersionRecord>)>,
    uploads: BTreeMap<WriteId, (BucketId, Bytes, UploadRecord)>,
    /// Of uploads, of versions and of garbage.
    parts: BTreeMap<(WriteId, u16), PartRecord>,
    pub garbage: Vec<GarbageItem>,
}

pub fn all_garbage(rows: &Rows) -> Vec<GarbageItem> {
    let of = |class| garbage(rows, class, None, HybridTime(u64::MAX), usize::MAX).unwrap();
    CLASSES.into_iter().flat_map(of).collect()
}

/// Rows by the first byte of their key.
pub fn rows_by_table(rows: &Rows) -> BTreeMap<u8, usize> {
    let mut tables = BTreeMap::new();
    for key in rows.0.keys() {
        *tables.entry(key[0]).or_default() += 1;
    }
    tables
}

impl Found {
    pub fn of(rows: &Rows, names: impl IntoIterator<Item = String>) -> Self {
        let record = |name: String| bucket(rows, &name).unwrap().map(|record| (name, record));
        let buckets: BTreeMap<_, _> = names.into_iter().filter_map(record).collect();
        let (mut versions, mut uploads) = (Vec::new(), BTreeMap::new());
        for bucket in buckets.values().map(|record| record.id) {
            let all = versions_from(rows, bucket, None, usize::MAX).unwrap();
            versions.extend(all.into_iter().map(|version| (bucket, version)));
            let query = UploadQuery { max: usize::MAX, ..UploadQuery::default() };
            for upload in list_uploads(rows, bucket, &query).unwrap().uploads {
                uploads.insert(upload.id, (bucket, upload.key, upload.record));
            }
        }
        let mut found =
            Self { buckets, versions, uploads, parts: BTreeMap::new(), garbage: all_garbage(rows) };
        for owner in found.owners_of_parts() {
            let parts = parts_of_upload(rows, owner, 0, usize::MAX).unwrap();
            found.parts.extend(parts.into_iter().map(|(number, part)| ((owner, number), part)));
        }
        found
    }

    /// Uploads whose parts are part of something: each of one thing.
    fn owners_of_parts(&self) -> BTreeSet<WriteId> {
        let mut owners: Vec<WriteId> = self.uploads.keys().copied().collect();
        for (_, listed) in &self.versions {
            if let Body::Parts(upload) = listed.version.body {
                owners.push(upload);
            }
        }
        for item in &self.garbage {
            if let Garbage::Upload(upload) = item.garbage {
                owners.push(upload);
            }
        }
        let distinct: BTreeSet<WriteId> = owners.iter().copied().collect();
        assert_eq!(distinct.len(), owners.len(), "the parts of an upload belong to two: {owners:?}");
        distinct
    }

    /// Every write with chunks belongs to one version, part or item of garbage,
    /// and each of these has all of its chunks.
    pub fn check_references(&self, rows: &Rows) {
        let mut writes: Vec<(WriteId, Option<u64>)> = Vec::new();
        let versions = self.versions.iter().map(|(_, listed)| &listed.version);
        let versions = versions.map(|version| (&version.body, version.summary.size, version.seal));
        let parts = self.parts.values().map(|part| (&part.body, part.size, part.seal));
        for (body, size, seal) in versions.chain(parts) {
            if let Body::Chunks(write) = body {
                writes.push((*write, Some(seal.map_or(size, |seal| seal.stored))));
            }
        }
        for item in &self.garbage {
            if let Garbage::Write(write) = item.garbage {
                writes.push((write, None));
                assert_eq!(garbage_of_write(rows, write).unwrap(), Some(*item));
            }
        }
        let mut chunks: BTreeMap<WriteId, Vec<(u32, u64)>> = BTreeMap::new();
        let mut at_risk = Vec::new();
        for (id, chunk) in chunks_from(rows, None, usize::MAX).unwrap() {
            chunks.entry(id.write).or_default().push((id.number, u64::from(chunk.len)));
            if !chunk.exceptions.is_empty() {
                at_risk.push(id);
            }
        }
        assert_eq!(chunks_at_risk(rows, None, usize::MAX).unwrap(), at_risk);
        for (write, size) in writes {
            let Some(chunks) = chunks.remove(&write) else {
                panic!("{write:?} has no chunks, or belongs to two");
            };
            assert!((0..).zip(&chunks).all(|(n, (number, _))| n == *number), "{write:?}: {chunks:?}");
            let stored: u64 = chunks.iter().map(|(_, len)| len).sum();
            assert!(size.is_none_or(|size| size == stored), "{write:?}: {stored} bytes of {size:?}");
        }
        assert!(chunks.is_empty(), "these chunks belong to nobody: {chunks:?}");
    }

    /// The rows are those of the model.
    pub fn check(&self, rows: &Rows, model: &Model) {
        self.check_buckets(rows, model);
        self.check_versions(rows, model);
        assert_eq!(self.uploads, model.uploads);
        assert_eq!(self.parts, model.parts);
        let garbage: BTreeSet<_> = self.garbage.iter().map(|item| waste(item.class, item.garbage)).collect();
        assert_eq!(garbage, model.garbage);
        let chunks: BTreeMap<_, _> = chunks_from(rows, None, usize::MAX).unwrap().into_iter().collect();
        assert_eq!(chunks, model.chunks);
        for (upload, done) in &model.completed {
            assert_eq!(completed_upload(rows, *upload).unwrap().as_ref(), Some(done));
        }
        let sessions: BTreeMap<_, _> = sessions(rows)
            .unwrap()
            .into_iter()
            .map(|(id, session)| (id, (session.node, session.nonce)))
            .collect();
        assert_eq!(sessions, model.sessions);
        // And nothing that no query finds.
        let of_objects = |table: &u8| (2..=4).contains(table) || (0x30..).contains(table);
        let tables: BTreeMap<_, _> =
            rows_by_table(rows).into_iter().filter(|(table, _)| of_objects(table)).collect();
        assert_eq!(tables, model.rows_by_table(), "rows by table");
    }

    fn check_buckets(&self, rows: &Rows, model: &Model) {
        let buckets: BTreeMap<_, _> =
            model.buckets.iter().map(|(name, shelf)| (name.clone(), shelf.record())).collect();
        assert_eq!(self.buckets, buckets);
        for (name, shelf) in &model.buckets {
            assert_eq!(bucket_name(rows, shelf.id).unwrap().as_ref(), Some(name));
            assert!(buckets_of(rows, shelf.owner, usize::MAX).unwrap().iter().any(|(n, _)| n == name));
            for document in DOCUMENTS {
                let text = bucket_document(rows, shelf.id, document).unwrap();
                assert_eq!(text.as_ref(), shelf.documents.get(&document), "{document:?} of {name}");
                assert_eq!(self.buckets[name].has(document), text.is_some());
            }
        }
        for (work, place) in &model.progress {
            assert_eq!(progress(rows, work).unwrap().as_ref(), Some(place), "{work}");
        }
    }

    fn check_versions(&self, rows: &Rows, model: &Model) {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (bucket, listed) in self.versions.iter().rev() {
            let stack = found.entry((*bucket, listed.key.clone())).or_default();
            stack.push((listed.order, listed.version.clone()));
        }
        let plain = |kept: &Kept| (kept.order, kept.record.clone());
        let expected: BTreeMap<_, Vec<(Order, VersionRecord)>> = model
            .objects
            .iter()
            .map(|(key, stack)| (key.clone(), stack.iter().map(plain).collect()))
            .collect();
        assert_eq!(found, expected);
        for (bucket, listed) in &self.versions {
            let newest = model.stack(*bucket, &listed.key).last().unwrap().order;
            assert_eq!(listed.newest, listed.order == newest);
        }
        for ((bucket, key), stack) in &model.objects {
            assert_eq!(newest_version(rows, *bucket, key).unwrap(), stack.last().map(plain));
            assert_eq!(current_version(rows, *bucket, key).unwrap(), model.current(*bucket, key).map(plain));
            // Each is found by its name, and by no other.
            for id in stack.iter().map(|kept| VersionId::At(kept.order)).chain([VersionId::Null]) {
                let named = model.named(*bucket, key, Some(id)).map(plain);
                assert_eq!(version(rows, *bucket, key, id).unwrap(), named, "{id:?}");
            }
        }
        for shelf in model.buckets.values() {
            let query = ListQuery { max: usize::MAX, ..ListQuery::default() };
            let listed = list_objects(rows, shelf.id, &query).unwrap().objects;
            let listed: Vec<_> = listed.into_iter().map(|object| (object.key, object.order)).collect();
            let of_bucket = model.objects.keys().filter(|(bucket, _)| *bucket == shelf.id);
            let current =
                of_bucket.filter_map(|(_, key)| Some((key.clone(), model.current(shelf.id, key)?.order)));
            assert_eq!(listed, current.collect::<Vec<_>>());
        }
    }
}

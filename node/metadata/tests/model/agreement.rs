//! What must hold of the rows after every step: they are those of the model,
//! none is missing and none is left over, and all bytes belong to somebody.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mucura_metadata::{
    Body, Garbage, GarbageClass, GarbageItem, ListQuery, PartRecord, UploadQuery, UploadRecord,
    VersionRecord, bucket, buckets_of, chunks_at_risk, chunks_from, completed_upload, current_version,
    garbage, garbage_of_write, list_objects, list_uploads, parts_of_upload, sessions,
};
use mucura_types::{BucketId, HybridTime, Order, Timestamp, WriteId};

use crate::reference::{Model, waste};
use crate::rows::Rows;

const CLASSES: [GarbageClass; 3] = [GarbageClass::AtOnce, GarbageClass::AfterGrace, GarbageClass::Tombstone];

/// What the rows say, as far as queries can find it.
pub struct Found {
    buckets: Vec<BucketId>,
    objects: BTreeMap<(BucketId, Bytes), (Order, VersionRecord)>,
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
        let buckets = names.into_iter().filter_map(|name| Some(bucket(rows, &name).unwrap()?.id)).collect();
        let (mut objects, mut uploads) = (BTreeMap::new(), BTreeMap::new());
        for &bucket in &buckets {
            let query = ListQuery { max: usize::MAX, ..ListQuery::default() };
            for object in list_objects(rows, bucket, &query).unwrap().objects {
                let version = current_version(rows, bucket, &object.key).unwrap().unwrap();
                objects.insert((bucket, object.key), version);
            }
            let query = UploadQuery { max: usize::MAX, ..UploadQuery::default() };
            for upload in list_uploads(rows, bucket, &query).unwrap().uploads {
                uploads.insert(upload.id, (bucket, upload.key, upload.record));
            }
        }
        let mut found =
            Self { buckets, objects, uploads, parts: BTreeMap::new(), garbage: all_garbage(rows) };
        for owner in found.owners_of_parts() {
            let parts = parts_of_upload(rows, owner, 0, usize::MAX).unwrap();
            found.parts.extend(parts.into_iter().map(|(number, part)| ((owner, number), part)));
        }
        found
    }

    /// Uploads whose parts are part of something: each of one thing.
    fn owners_of_parts(&self) -> BTreeSet<WriteId> {
        let mut owners: Vec<WriteId> = self.uploads.keys().copied().collect();
        for (_, version) in self.objects.values() {
            if let Body::Parts(upload) = version.body {
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
        let versions = self.objects.values().map(|(_, version)| (&version.body, version.summary.size));
        for (body, size) in versions.chain(self.parts.values().map(|part| (&part.body, part.size))) {
            if let Body::Chunks(write) = body {
                writes.push((*write, Some(size)));
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
    pub fn check(mut self, rows: &Rows, model: &Model) {
        // The model leaves the wall clock to the machine.
        self.uploads.values_mut().for_each(|(_, _, record)| record.created = Timestamp(0));
        self.parts.values_mut().for_each(|part| part.modified = Timestamp(0));
        let buckets: Vec<BucketId> = model.buckets.values().map(|(id, _)| *id).collect();
        assert_eq!(self.buckets, buckets);
        for (name, (_, owner)) in &model.buckets {
            assert!(buckets_of(rows, *owner, usize::MAX).unwrap().iter().any(|(n, _)| n == name));
        }
        assert_eq!(self.objects, model.objects);
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
        let of_objects = |table: &u8| *table == 2 || *table == 3 || (0x30..).contains(table);
        let tables: BTreeMap<_, _> =
            rows_by_table(rows).into_iter().filter(|(table, _)| of_objects(table)).collect();
        assert_eq!(tables, model.rows_by_table(), "rows by table");
    }
}

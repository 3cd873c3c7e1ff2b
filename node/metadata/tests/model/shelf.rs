//! Buckets and their versions in the model: each key has a stack of versions,
//! and what a bucket keeps says what happens to the stack.

use std::collections::BTreeMap;

use bytes::Bytes;
use mucura_metadata::{
    Acl, Attributes, Body, BucketChange, BucketDocument, BucketRecord, ChangeVersion, DefaultRetention,
    DeleteObject, ETag, GarbageClass, Lock, NewBucket, ObjectLock, Ownership, PublicAccessBlock, PutObject,
    Reply, Retention, RetentionPeriod, Seal, VersionChange, VersionId, VersionRecord, VersionSummary,
    Versioning,
};
use mucura_types::{BucketId, Order, Timestamp, UserId};

use crate::reference::Model;

pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A bucket.
#[derive(Clone, Debug)]
pub struct Shelf {
    pub id: BucketId,
    pub owner: UserId,
    pub created: Timestamp,
    pub keeps: Versioning,
    /// What versions get that bring no retention, in a bucket that can lock.
    pub locks: Option<Option<DefaultRetention>>,
    pub acl: Option<Acl>,
    pub ownership: Option<Ownership>,
    pub public_access: Option<PublicAccessBlock>,
    pub documents: BTreeMap<BucketDocument, Bytes>,
}

impl Shelf {
    /// As the row has it.
    pub fn record(&self) -> BucketRecord {
        BucketRecord {
            id: self.id,
            owner: self.owner,
            created: self.created,
            versioning: self.keeps,
            lock: self.locks.map(|default| ObjectLock { default }),
            acl: self.acl.clone(),
            ownership: self.ownership,
            public_access: self.public_access,
            documents: self.documents.keys().copied().collect(),
        }
    }

    /// What keeps a new version that says this of itself.
    fn lock(&self, said: Lock, now: Timestamp) -> Lock {
        let default = self.locks.flatten().map(|default| {
            let days = match default.period {
                RetentionPeriod::Days(days) => u64::from(days),
                RetentionPeriod::Years(years) => 365 * u64::from(years),
            };
            Retention { mode: default.mode, until: Timestamp(now.0 + days * DAY_MS) }
        });
        Lock { retention: said.retention.or(default), legal_hold: said.legal_hold }
    }
}

/// A version in a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub order: Order,
    pub record: VersionRecord,
    /// Whether a newer one was ever put upon it.
    pub covered: bool,
}

impl Kept {
    pub fn id(&self) -> VersionId {
        if self.record.summary.null { VersionId::Null } else { VersionId::At(self.order) }
    }

    pub fn is_marker(&self) -> bool {
        self.record.summary.delete_marker
    }
}

/// What there is.
impl Model {
    pub fn shelf(&self, bucket: BucketId) -> Option<&Shelf> {
        self.buckets.values().find(|shelf| shelf.id == bucket)
    }

    pub fn stack(&self, bucket: BucketId, key: &Bytes) -> &[Kept] {
        self.objects.get(&(bucket, key.clone())).map_or(&[], Vec::as_slice)
    }

    /// The version that a plain GET finds.
    pub fn current(&self, bucket: BucketId, key: &Bytes) -> Option<&Kept> {
        self.stack(bucket, key).last().filter(|kept| !kept.is_marker())
    }

    pub fn etag(&self, bucket: BucketId, key: &Bytes) -> Option<ETag> {
        self.current(bucket, key).map(|kept| kept.record.summary.etag)
    }

    /// The version of an id, or else the newest.
    pub fn named(&self, bucket: BucketId, key: &Bytes, id: Option<VersionId>) -> Option<&Kept> {
        let stack = self.stack(bucket, key);
        match id {
            Some(id) => stack.iter().find(|kept| kept.id() == id),
            None => stack.last(),
        }
    }
}

/// What commands do that are not refused. Each gives whether it changes rows.
impl Model {
    pub fn create_bucket(&mut self, name: &str, owner: UserId, with: &NewBucket, reply: &Reply) -> bool {
        self.buckets_made += 1;
        let id = BucketId(self.buckets_made);
        assert_eq!(*reply, Reply::Bucket(id));
        let shelf = Shelf {
            id,
            owner,
            created: self.now(),
            keeps: if with.lock { Versioning::Enabled } else { Versioning::Never },
            locks: with.lock.then_some(None),
            acl: with.acl.clone(),
            ownership: with.ownership,
            public_access: None,
            documents: BTreeMap::new(),
        };
        self.buckets.insert(name.to_owned(), shelf);
        true
    }

    pub fn change_bucket(&mut self, bucket: BucketId, change: &BucketChange, reply: &Reply) -> bool {
        assert_eq!(*reply, Reply::Done);
        let shelf = self.buckets.values_mut().find(|shelf| shelf.id == bucket).unwrap();
        match change {
            BucketChange::Versioning(keeps) => shelf.keeps = *keeps,
            BucketChange::Lock(default) => shelf.locks = Some(*default),
            BucketChange::Acl(acl) => shelf.acl = acl.clone(),
            BucketChange::Ownership(ownership) => shelf.ownership = *ownership,
            BucketChange::PublicAccess(block) => shelf.public_access = *block,
            BucketChange::Document { document, text: Some(text) } => {
                shelf.documents.insert(*document, text.clone());
            }
            BucketChange::Document { document, text: None } => {
                shelf.documents.remove(document);
            }
            BucketChange::Notification(_) => panic!("no history has rules"),
        }
        true
    }

    pub fn put_object(&mut self, put: &PutObject, reply: &Reply) -> bool {
        let body = self.store(&put.body);
        let summary = self.summary(put.size, put.etag, put.owner, put.checksum.clone());
        let said = put.attributes.clone();
        let (order, null) = self.put_on(put.bucket, &put.key, summary, body, put.seal, said);
        assert_eq!(*reply, Reply::Stored { order, null });
        true
    }

    /// Puts a version on a stack; gives its place, and whether it is `null`.
    pub fn put_on(
        &mut self,
        bucket: BucketId,
        key: &Bytes,
        summary: VersionSummary,
        body: Body,
        seal: Option<Seal>,
        said: Attributes,
    ) -> (Order, bool) {
        let shelf = self.shelf(bucket).unwrap();
        let (null, now) = (shelf.keeps != Versioning::Enabled, self.now());
        let lock = if summary.delete_marker { Lock::default() } else { shelf.lock(said.lock, now) };
        // There is one version `null` at most, wherever in the stack it is.
        if null {
            self.take_out(bucket, key, VersionId::Null);
        }
        let order = self.next_place();
        let record = VersionRecord {
            summary: VersionSummary { null, storage_class: said.storage_class.clone(), ..summary },
            body,
            seal,
            attributes: Attributes { lock, storage_class: None, ..said },
        };
        let stack = self.objects.entry((bucket, key.clone())).or_default();
        stack.iter_mut().for_each(|below| below.covered = true);
        stack.push(Kept { order, record, covered: false });
        (order, null)
    }

    /// Takes a version away for good, if it is there.
    fn take_out(&mut self, bucket: BucketId, key: &Bytes, id: VersionId) -> Option<Kept> {
        let stack = self.objects.get_mut(&(bucket, key.clone()))?;
        let place = stack.iter().position(|kept| kept.id() == id)?;
        let kept = stack.remove(place);
        if stack.is_empty() {
            self.objects.remove(&(bucket, key.clone()));
        }
        self.discard_body(GarbageClass::AfterGrace, &kept.record.body);
        Some(kept)
    }

    pub fn delete_object(&mut self, delete: &DeleteObject, reply: &Reply) -> bool {
        let DeleteObject { bucket, key, .. } = delete;
        if let Some(id) = delete.version {
            let gone = self.take_out(*bucket, key, id);
            let marker = gone.as_ref().is_some_and(Kept::is_marker);
            assert_eq!(*reply, Reply::Deleted { existed: gone.is_some(), version: Some(id), marker });
            return gone.is_some();
        }
        let existed = self.current(*bucket, key).is_some();
        if self.shelf(*bucket).unwrap().keeps == Versioning::Never {
            self.take_out(*bucket, key, VersionId::Null);
            assert_eq!(*reply, Reply::Deleted { existed, version: None, marker: false });
            return existed;
        }
        let summary = self.summary(0, ETag::default(), delete.by, None);
        let marker = VersionSummary { delete_marker: true, ..summary };
        let nothing = (Body::Inline(Bytes::new()), None, Attributes::default());
        let (order, null) = self.put_on(*bucket, key, marker, nothing.0, nothing.1, nothing.2);
        let version = Some(if null { VersionId::Null } else { VersionId::At(order) });
        assert_eq!(*reply, Reply::Deleted { existed, version, marker: true });
        true
    }

    pub fn change_version(&mut self, change: &ChangeVersion, reply: &Reply) -> bool {
        let order = self.named(change.bucket, &change.key, change.version).unwrap().order;
        let stack = self.objects.get_mut(&(change.bucket, change.key.clone())).unwrap();
        let kept = stack.iter_mut().find(|kept| kept.order == order).unwrap();
        assert_eq!(*reply, Reply::Changed { version: kept.id() });
        let said = &mut kept.record.attributes;
        match &change.change {
            VersionChange::Tags(tags) => said.tags = tags.clone(),
            VersionChange::Acl(acl) => said.acl = acl.clone(),
            VersionChange::Retention { retention, .. } => said.lock.retention = *retention,
            VersionChange::LegalHold(hold) => said.lock.legal_hold = *hold,
            VersionChange::StorageClass { to, .. } => kept.record.summary.storage_class = to.clone(),
            VersionChange::Rewrap(rewrap) => {
                said.encryption.as_mut().unwrap().wrapped_key = rewrap.wrapped_key.clone();
            }
        }
        true
    }
}

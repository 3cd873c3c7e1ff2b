//! A store of rows in memory, and a site in it to begin with.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use mucura_metadata::{
    Attributes, Batch, BucketChange, Command, DeleteCondition, DeleteObject, ETag, Envelope, NewBucket,
    NodeRecord, PutObject, Rejection, Reply, SiteSeed, VersionId, View, ViewError, WriteCondition, WriteSet,
    Written, execute,
};
use mucura_types::{BucketId, NodeId, SessionId, SiteId, StoreId, Timestamp, UserId};

#[derive(Default, Clone)]
pub struct Rows(pub BTreeMap<Bytes, Bytes>);

impl View for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ViewError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        if from >= to {
            return Ok(());
        }
        for (key, value) in self.0.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Rows {
    fn apply(&mut self, writes: WriteSet) {
        for (key, value) in writes {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }

    pub fn run(&mut self, wall: u64, commands: Vec<Envelope>) -> Vec<Result<Reply, Rejection>> {
        let batch = Batch { wall: Timestamp(wall), commands };
        let batch = Batch::decode(&batch.encode()).unwrap();
        let done = execute(&batch, self).unwrap();
        self.apply(done.writes);
        done.replies
    }

    pub fn one(&mut self, wall: u64, command: Command) -> Result<Reply, Rejection> {
        self.run(wall, vec![Envelope::repeatable(command)]).remove(0)
    }
}

/// Rows that count how many of them are read, and how many scans began.
pub struct Counted<'a> {
    rows: &'a Rows,
    pub read: Cell<usize>,
    pub seeks: Cell<usize>,
}

impl<'a> Counted<'a> {
    pub fn new(rows: &'a Rows) -> Self {
        Self { rows, read: Cell::new(0), seeks: Cell::new(0) }
    }
}

impl View for Counted<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ViewError> {
        self.read.set(self.read.get() + 1);
        self.rows.get(key)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        self.seeks.set(self.seeks.get() + 1);
        self.rows.scan(from, to, &mut |key, value| {
            self.read.set(self.read.get() + 1);
            visit(key, value)
        })
    }
}

pub const OWNER: UserId = UserId(1);

pub fn site() -> (Rows, BucketId, SessionId) {
    let mut rows = Rows::default();
    let node = NodeRecord {
        name: "n1".into(),
        mesh: "127.0.0.1:1".into(),
        s3: String::new(),
        admin: String::new(),
        store: Some(StoreId([1; 16])),
    };
    let seed = SiteSeed {
        site: SiteId(7),
        name: "lyon".into(),
        ca_certificate: String::new(),
        sealed_secrets: Bytes::new(),
        nodes: vec![node],
    };
    assert_eq!(rows.one(1, Command::InitSite(seed.clone())), Ok(Reply::Done));
    assert_eq!(rows.one(1, Command::InitSite(seed)), Err(Rejection::AlreadyInitialised));
    let open = Command::OpenSession { node: NodeId(1), nonce: [9; 16], takes_over: true };
    let Ok(Reply::Session(session)) = rows.one(2, open.clone()) else { panic!() };
    assert_eq!(rows.one(2, open), Ok(Reply::Session(session)));
    let create = create_bucket("data");
    let Ok(Reply::Bucket(bucket)) = rows.one(3, create.clone()) else { panic!() };
    assert_eq!(rows.one(3, create), Err(Rejection::BucketExists { by_you: true }));
    (rows, bucket, session)
}

pub fn create_bucket(name: &str) -> Command {
    Command::CreateBucket { name: name.into(), owner: OWNER, limit: 10, settings: NewBucket::default() }
}

pub fn change_bucket(bucket: BucketId, change: BucketChange) -> Command {
    Command::ChangeBucket { bucket, change }
}

pub fn tag(n: u8) -> ETag {
    ETag { md5: [n; 16], parts: None }
}

pub fn put(bucket: BucketId, key: &[u8], n: u8, condition: WriteCondition) -> Command {
    Command::PutObject(plain_put(bucket, key, n, condition))
}

pub fn plain_put(bucket: BucketId, key: &[u8], n: u8, condition: WriteCondition) -> PutObject {
    PutObject {
        bucket,
        key: Bytes::copy_from_slice(key),
        owner: OWNER,
        size: 1,
        etag: tag(n),
        checksum: None,
        attributes: Attributes::default(),
        body: Written::Inline(Bytes::copy_from_slice(&[n])),
        seal: None,
        condition,
    }
}

pub fn delete(bucket: BucketId, key: &[u8], condition: DeleteCondition) -> Command {
    let key = Bytes::copy_from_slice(key);
    Command::DeleteObject(DeleteObject { bucket, key, version: None, by: OWNER, bypass: false, condition })
}

pub fn delete_version(bucket: BucketId, key: &[u8], version: VersionId, bypass: bool) -> Command {
    let (key, condition) = (Bytes::copy_from_slice(key), DeleteCondition::default());
    Command::DeleteObject(DeleteObject { bucket, key, version: Some(version), by: OWNER, bypass, condition })
}

//! A recorded log must come to the recorded rows, for ever: a change here is a
//! change of format (`docs/formats/metadata.md`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test fails by panicking.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use mucura_metadata::{
    Attributes, Batch, Checksum, ChecksumAlgorithm, ChecksumKind, ChunkRecord, Command, CompleteUpload,
    CreateUpload, CreateUser, DeleteCondition, ETag, Envelope, NewKey, NodeRecord, PutObject, PutPart,
    ShardException, SiteSeed, View, ViewError, WriteCondition, Written, execute,
};
use mucura_types::{
    BucketId, ChunkId, DriveId, DriveSeat, NodeId, Profile, SessionId, SiteId, StoreId, TableId, Timestamp,
    UserId, WriteId, plan_table,
};

#[derive(Default)]
struct Rows(BTreeMap<Bytes, Bytes>);

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
        for (key, value) in self.0.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// One of each command, with every field filled.
fn commands() -> Vec<Command> {
    let node = |n: u8| NodeRecord {
        name: format!("node{n}"),
        mesh: format!("192.0.2.{n}:7000"),
        s3: format!("http://192.0.2.{n}:9000"),
        admin: format!("http://192.0.2.{n}:9001"),
        store: Some(StoreId([n; 16])),
    };
    let (bucket, upload) = (BucketId(1), WriteId { session: SessionId(1), counter: 7 });
    let attributes = Attributes {
        headers: vec![("content-type".into(), "text/plain".into())],
        user: vec![("colour".into(), "red".into())],
    };
    let checksum = Some(Checksum {
        algorithm: ChecksumAlgorithm::Crc64Nvme,
        kind: ChecksumKind::Composite(2),
        value: Bytes::from_static(&[1, 2, 3, 4, 5, 6, 7, 8]),
    });
    let chunk = ChunkRecord {
        len: 100,
        profile: Profile::new(1, 1),
        table: TableId(1),
        exceptions: vec![
            ShardException { position: 1, at: Some(DriveId(1)) },
            ShardException { position: 0, at: None },
        ],
    };
    let seats = [1, 2].map(|n| DriveSeat { drive: DriveId(n), node: NodeId(u64::from(n)), weight: 1 });
    let table = plan_table(TableId(1), Profile::new(1, 1), &seats, None).unwrap();
    let key = |name: &str| NewKey { access_key: name.into(), sealed_secret: text("sealed") };
    let add_drive = |n: u8| Command::AddDrive {
        node: NodeId(u64::from(n)),
        store: StoreId([10 + n; 16]),
        weight: 1,
        path: format!("/d{n}"),
    };
    let part = |number: u16, counter| {
        let write = WriteId { session: SessionId(1), counter };
        Command::PutPart(PutPart {
            bucket,
            key: text("big"),
            upload,
            number,
            size: 100,
            md5: [9; 16],
            checksum: checksum.clone(),
            body: Written::Chunks { write, chunks: vec![chunk.clone()], epoch: 4 },
        })
    };
    let put = |key: Bytes, body| {
        Command::PutObject(PutObject {
            bucket,
            key,
            owner: UserId(1000),
            size: 100,
            etag: ETag { md5: [3; 16], parts: None },
            checksum: checksum.clone(),
            attributes: attributes.clone(),
            body,
            condition: WriteCondition { if_match: None, if_none_match: Some(vec![]) },
        })
    };
    let create_upload = |key: Bytes, upload| {
        Command::CreateUpload(CreateUpload {
            bucket,
            key,
            upload,
            owner: UserId(1000),
            attributes: attributes.clone(),
            checksum: Some((ChecksumAlgorithm::Sha256, true)),
        })
    };
    let other = WriteId { session: SessionId(1), counter: 8 };
    let in_chunks = WriteId { session: SessionId(1), counter: 11 };
    vec![
        Command::InitSite(SiteSeed {
            site: SiteId(3),
            name: "lyon".into(),
            ca_certificate: "ca".into(),
            sealed_secrets: text("sealed"),
            nodes: vec![node(1)],
        }),
        Command::AddNode { node: node(2) },
        Command::ReportNode { id: NodeId(1), node: node(1) },
        add_drive(1),
        add_drive(2),
        Command::SetTable { table, replaces: None },
        Command::OpenSession { node: NodeId(1), nonce: [5; 16], takes_over: true },
        Command::CreateUser(CreateUser {
            name: "ada".into(),
            email: "ada@example.org".into(),
            key: key("AKADA"),
        }),
        Command::CreateUser(CreateUser {
            name: "bob".into(),
            email: "bob@example.org".into(),
            key: key("AKBOB"),
        }),
        Command::CreateKey { user: UserId(1000), key: key("AKADA2") },
        Command::SetKeyEnabled { access_key: "AKADA2".into(), enabled: false },
        Command::DeleteKey { access_key: "AKADA".into() },
        Command::DeleteUser { user: UserId(1001) },
        Command::CreateBucket { name: "data".into(), owner: UserId(1000), limit: 10 },
        put(text("a/\0b"), Written::Inline(text("sealed body"))),
        put(text("c"), Written::Chunks { write: in_chunks, chunks: vec![chunk.clone()], epoch: 4 }),
        Command::ShardHome {
            chunk: ChunkId { write: in_chunks, number: 0 },
            position: 1,
            drive: DriveId(2),
            store: StoreId([12; 16]),
        },
        create_upload(text("big"), upload),
        part(1, 21),
        part(2, 22),
        part(2, 23),
        Command::CompleteUpload(CompleteUpload {
            bucket,
            key: text("big"),
            upload,
            parts: vec![(1, [9; 16])],
            etag: ETag { md5: [4; 16], parts: Some(1) },
            checksum: checksum.clone(),
            condition: WriteCondition::default(),
            part_bytes_min: 5,
        }),
        create_upload(text("other"), other),
        Command::AbortUpload { bucket, key: text("other"), upload: other },
        Command::DeleteObject {
            bucket,
            key: text("c"),
            condition: DeleteCondition { if_match: Some(vec![]) },
        },
        Command::ReplaceDrive {
            drive: DriveId(1),
            replaces: StoreId([11; 16]),
            store: StoreId([21; 16]),
            path: "/new".into(),
        },
        Command::CreateBucket { name: "empty".into(), owner: UserId(1000), limit: 10 },
        Command::DeleteBucket { name: "empty".into(), id: BucketId(2) },
        Command::OpenSession { node: NodeId(2), nonce: [6; 16], takes_over: false },
        Command::EndSession { session: SessionId(2) },
    ]
}

#[test]
fn a_recorded_log_comes_to_the_recorded_rows() {
    let mut rows = Rows::default();
    let mut log = Vec::new();
    for (number, command) in (1u64..).zip(commands()) {
        let session = match command {
            Command::PutObject(_) | Command::PutPart(_) => SessionId(1),
            _ => SessionId(0),
        };
        let batch = Batch {
            wall: Timestamp(1_800_000_000_000 + number),
            commands: vec![Envelope { session, sequence: number, command }],
        };
        let bytes = batch.encode();
        assert_eq!(Batch::decode(&bytes).unwrap(), batch);
        log.extend_from_slice(&bytes);
        let done = execute(&batch, &rows).unwrap();
        assert!(done.replies[0].is_ok(), "command {number}: {:?}", done.replies[0]);
        for (key, value) in done.writes {
            match value {
                Some(value) => rows.0.insert(key, value),
                None => rows.0.remove(&key),
            };
        }
    }
    let mut hash = blake3::Hasher::new();
    for (key, value) in &rows.0 {
        for bytes in [key, value] {
            hash.update(&(bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
    }
    assert_eq!(blake3::hash(&log).to_hex().as_str(), LOG, "the bytes of commands have changed");
    assert_eq!(hash.finalize().to_hex().as_str(), ROWS, "what commands come to has changed");
}

const LOG: &str = "d5ed9c35a189c66aefa03bed58b9d36e55d590753d57876c180dd2f3b38ee8f8";
const ROWS: &str = "5b0e0a526fe26891aa035c2a9a6d6c6938bfcfac0154a2ca8b6e31a8c4ec5535";

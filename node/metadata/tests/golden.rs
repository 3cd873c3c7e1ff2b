//! A recorded log must come to the recorded rows, for ever: a change here is a
//! change of format (`docs/formats/metadata.md`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test fails by panicking.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use mucura_metadata::{
    Acl, Act, Attributes, Batch, BucketChange, BucketDocument, ChangeVersion, Checksum, ChecksumAlgorithm,
    ChecksumKind, ChunkRecord, Command, CompleteUpload, CreateUpload, CreateUser, DefaultRetention,
    DeleteCondition, DeleteObject, ETag, Encryption, EncryptionMethod, Envelope, EventTarget, Garbage,
    GarbageClass, GarbageItem, Grant, Grantee, Lock, NewBucket, NewKey, NodeRecord, Noncurrent, Notification,
    NotificationRule, ObjectChange, ObjectEvent, Origin, Ownership, Permission, PublicAccessBlock, PutObject,
    PutPart, Reply, RequestIds, Retention, RetentionMode, RetentionPeriod, Rewrap, Seal, ShardException,
    SiteSeed, VersionChange, VersionId, Versioning, View, ViewError, WriteCondition, Written, encode,
    execute,
};
use mucura_types::{
    BucketId, ChunkId, DriveId, DriveSeat, HybridTime, NodeId, Order, Profile, SessionId, SiteId, StoreId,
    TableId, Timestamp, UserId, WriteId, plan_table,
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

/// The wall clock before the first command; each takes a millisecond.
const WALL: u64 = 1_800_000_000_000;

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
        ..Attributes::default()
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
            seal: None,
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
            seal: None,
            condition: WriteCondition { if_match: None, if_none_match: Some(vec![]) },
        })
    };
    let create_upload = |key: Bytes, upload| {
        Command::CreateUpload(CreateUpload {
            bucket,
            key,
            upload,
            initiator: UserId(77),
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
        create_bucket("data", NewBucket::default()),
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
        Command::DeleteObject(DeleteObject {
            bucket,
            key: text("c"),
            version: None,
            by: UserId(1000),
            bypass: false,
            condition: DeleteCondition { if_match: Some(vec![]), alone: true, ..DeleteCondition::default() },
        }),
        Command::ReplaceDrive {
            drive: DriveId(1),
            replaces: StoreId([11; 16]),
            store: StoreId([21; 16]),
            path: "/new".into(),
        },
        create_bucket("empty", NewBucket::default()),
        Command::DeleteBucket { name: "empty".into(), id: BucketId(2) },
        Command::OpenSession { node: NodeId(2), nonce: [6; 16], takes_over: false },
        Command::EndSession { session: SessionId(2) },
    ]
}

fn create_bucket(name: &str, settings: NewBucket) -> Command {
    Command::CreateBucket { name: name.into(), owner: UserId(1000), limit: 10, settings }
}

/// What format 2 added: all that can be said of buckets and versions.
fn commands_of_versions() -> Vec<Command> {
    let (plain, locked) = (BucketId(1), BucketId(3));
    let acl = || {
        let grant = |grantee, permission| Grant { grantee, permission };
        let grants = vec![
            grant(Grantee::User(UserId(1000)), Permission::FullControl),
            grant(Grantee::AllUsers, Permission::Read),
            grant(Grantee::AuthenticatedUsers, Permission::Write),
            grant(Grantee::LogDelivery, Permission::ReadAcp),
            grant(Grantee::User(UserId(7)), Permission::WriteAcp),
        ];
        Some(Acl { grants })
    };
    let retention = |mode, until| Some(Retention { mode, until: Timestamp(until) });
    let governance = retention(RetentionMode::Governance, 1_900_000_000_000);
    let block = PublicAccessBlock {
        block_public_acls: true,
        ignore_public_acls: false,
        block_public_policy: true,
        restrict_public_buckets: false,
    };
    let said = |method, lock| Attributes {
        headers: vec![("content-type".into(), "text/plain".into())],
        user: vec![("colour".into(), "red".into())],
        tags: vec![("stage".into(), "raw".into()), ("run".into(), "7".into())],
        acl: acl(),
        lock,
        encryption: Some(Encryption { method, wrapped_key: Bytes::from_static(&[8; 60]) }),
        storage_class: Some("WARM".into()),
    };
    let put = |bucket, key, n: u8, attributes| {
        Command::PutObject(PutObject {
            bucket,
            key: text(key),
            owner: UserId(1000),
            size: 2,
            etag: ETag { md5: [n; 16], parts: None },
            checksum: None,
            attributes,
            body: Written::Inline(text("sealed body")),
            seal: Some(Seal { salt: [n; 16], stored: 11 }),
            condition: WriteCondition { if_match: None, if_none_match: None },
        })
    };
    let change = |bucket, change| Command::ChangeBucket { bucket, change };
    let document = |document, text| {
        change(plain, BucketChange::Document { document, text: Some(Bytes::from_static(text)) })
    };
    let delete = |bucket, key, version, bypass, current| {
        let condition = DeleteCondition { current, ..DeleteCondition::default() };
        let (key, by) = (text(key), UserId(1000));
        Command::DeleteObject(DeleteObject { bucket, key, version, by, bypass, condition })
    };
    let say_at = |key, version, at, change| {
        Command::ChangeVersion(ChangeVersion { bucket: locked, key: text(key), version, at, change })
    };
    let say = |key, version, change| say_at(key, version, None, change);
    let upload = WriteId { session: SessionId(1), counter: 30 };
    let attributes = said(EncryptionMethod::SseC { key_md5: [6; 16] }, Lock::default());
    let other_upload = WriteId { session: SessionId(1), counter: 31 };
    let rewrap = Rewrap { replaces: Bytes::from_static(&[8; 60]), wrapped_key: Bytes::from_static(&[7; 64]) };
    let progress = |place| Command::NoteProgress { work: "lifecycle".into(), place };
    // As the clock of the log gives them: see the test.
    let at = |number: u64, sequence| {
        let order = Order { time: HybridTime((WALL + number) << 16), site: SiteId(3), sequence };
        VersionId::At(order)
    };
    let (first, second, marker) = (at(51, 9), at(52, 10), at(64, 13));
    let VersionId::At(newest) = marker else { panic!() };
    let VersionId::At(middle) = second else { panic!() };
    let (VersionId::At(old), VersionId::At(successor)) = (at(54, 11), at(76, 15)) else { panic!() };
    let settings = NewBucket { acl: None, ownership: Some(Ownership::BucketOwnerPreferred), lock: true };
    let open = NewBucket { acl: acl(), ownership: Some(Ownership::ObjectWriter), lock: false };
    vec![
        // 31: in a bucket that never kept versions, then does, then did.
        put(plain, "v", 1, said(EncryptionMethod::SseS3, Lock::default())),
        change(plain, BucketChange::Versioning(Versioning::Enabled)),
        put(plain, "v", 2, said(EncryptionMethod::SseKms { key_id: "of theirs".into() }, Lock::default())),
        delete(plain, "v", None, false, None),
        change(plain, BucketChange::Versioning(Versioning::Suspended)),
        delete(plain, "v", None, false, None),
        put(plain, "a/\0b", 3, Attributes::default()),
        change(plain, BucketChange::Acl(acl())),
        change(plain, BucketChange::Ownership(Some(Ownership::ObjectWriter))),
        change(plain, BucketChange::PublicAccess(Some(block))),
        // 41: documents.
        document(BucketDocument::Policy, b"{}"),
        document(BucketDocument::Cors, b"<c/>"),
        document(BucketDocument::Lifecycle, b"<l/>"),
        document(BucketDocument::Website, b"<w/>"),
        document(BucketDocument::Tagging, b"<t/>"),
        document(BucketDocument::Encryption, b"<e/>"),
        document(BucketDocument::Notification, b"<n/>"),
        document(BucketDocument::Logging, b"<o/>"),
        change(plain, BucketChange::Document { document: BucketDocument::Website, text: None }),
        // 50: in a bucket that locks.
        create_bucket("locked", settings),
        put(locked, "k", 1, said(EncryptionMethod::SseS3, Lock { retention: governance, legal_hold: true })),
        put(locked, "k", 2, said(EncryptionMethod::SseS3, Lock::default())),
        change(
            locked,
            BucketChange::Lock(Some(DefaultRetention {
                mode: RetentionMode::Governance,
                period: RetentionPeriod::Days(3),
            })),
        ),
        put(locked, "k", 3, Attributes::default()),
        change(
            locked,
            BucketChange::Lock(Some(DefaultRetention {
                mode: RetentionMode::Compliance,
                period: RetentionPeriod::Years(1),
            })),
        ),
        put(locked, "l", 4, Attributes::default()),
        // 57: what is said of versions.
        say("l", None, VersionChange::Tags(vec![("stage".into(), "done".into())])),
        say("k", None, VersionChange::Acl(acl())),
        say("k", Some(first), VersionChange::LegalHold(false)),
        say(
            "k",
            Some(first),
            VersionChange::Retention { retention: retention(RetentionMode::Compliance, 9), bypass: true },
        ),
        say("k", Some(second), VersionChange::LegalHold(true)),
        say("k", None, VersionChange::Retention { retention: None, bypass: true }),
        say("k", Some(second), VersionChange::Retention { retention: governance, bypass: false }),
        // 64: deletions of all kinds.
        delete(locked, "k", None, false, None),
        delete(locked, "k", Some(first), false, Some(newest)),
        delete(locked, "k", Some(marker), true, None),
        delete(plain, "v", Some(VersionId::Null), false, None),
        // 68: a sealed upload.
        Command::CreateUpload(CreateUpload {
            bucket: locked,
            key: text("m"),
            upload,
            initiator: UserId(77),
            owner: UserId(1000),
            attributes,
            checksum: None,
        }),
        Command::PutPart(PutPart {
            bucket: locked,
            key: text("m"),
            upload,
            number: 1,
            size: 2,
            md5: [9; 16],
            checksum: None,
            body: Written::Inline(text("sealed part")),
            seal: Some(Seal { salt: [4; 16], stored: 11 }),
        }),
        Command::CompleteUpload(CompleteUpload {
            bucket: locked,
            key: text("m"),
            upload,
            parts: vec![(1, [9; 16])],
            etag: ETag { md5: [4; 16], parts: Some(1) },
            checksum: None,
            condition: WriteCondition::default(),
            part_bytes_min: 5,
        }),
        progress(text("k/1")),
        progress(Bytes::new()),
        progress(text("k/2")),
        create_bucket("open", open),
        // What lifecycle rules ask for.
        say_at(
            "k",
            Some(second),
            Some(middle),
            VersionChange::StorageClass {
                from: Some("WARM".into()),
                tags: Vec::new(),
                to: Some("COLD".into()),
            },
        ),
        put(locked, "k", 5, Attributes::default()),
        Command::DeleteObject(DeleteObject {
            bucket: locked,
            key: text("k"),
            version: Some(VersionId::At(old)),
            by: UserId(1000),
            bypass: true,
            condition: DeleteCondition {
                noncurrent: Some(Noncurrent { at: old, successor, newer: 0 }),
                ..DeleteCondition::default()
            },
        }),
        Command::ForgetGarbage {
            item: GarbageItem {
                class: GarbageClass::AtOnce,
                since: HybridTime((WALL + 21) << 16),
                garbage: Garbage::Write(WriteId { session: SessionId(1), counter: 22 }),
            },
        },
        // 76: data keys wrapped anew.
        say("k", Some(second), VersionChange::Rewrap(rewrap.clone())),
        Command::CreateUpload(CreateUpload {
            bucket: locked,
            key: text("n"),
            upload: other_upload,
            initiator: UserId(77),
            owner: UserId(1000),
            attributes: said(EncryptionMethod::SseS3, Lock::default()),
            checksum: None,
        }),
        Command::RewrapUpload { bucket: locked, key: text("n"), upload: other_upload, rewrap },
    ]
}

/// A bucket that tells others, and those who are told.
fn commands_of_events() -> Vec<Command> {
    let bucket = BucketId(1);
    let request = RequestIds { request_id: "R".into(), host_id: "H".into() };
    let origin = Origin {
        act: Act::Copy,
        user: Some(UserId(1000)),
        source: Some([192, 0, 2, 7].into()),
        request: request.clone(),
    };
    let (queue, hook) = (EventTarget::Queue("q".into()), EventTarget::Webhook("hook".into()));
    let rule = |target: &EventTarget, event, prefix| NotificationRule {
        id: format!("to-{}", target.name()),
        target: target.clone(),
        events: vec![event, ObjectEvent::Transitioned],
        prefix: text(prefix),
        suffix: text("d"),
    };
    let rules = vec![rule(&queue, ObjectEvent::CreatedCopy, "tol"), rule(&hook, ObjectEvent::Removed, "")];
    let add = |name: &str| Command::AddWebhook {
        name: name.into(),
        url: "http://192.0.2.9/".into(),
        sealed_secret: Some(text("sealed")),
    };
    let put = PutObject {
        bucket,
        key: text("told"),
        owner: UserId(1000),
        size: 1,
        etag: ETag { md5: [4; 16], parts: None },
        checksum: None,
        attributes: Attributes::default(),
        body: Written::Inline(text("x")),
        seal: None,
        condition: WriteCondition::default(),
    };
    let notification = Notification { text: text("<n/>"), rules, request };
    vec![
        add("hook"),
        add("other"),
        Command::ChangeBucket { bucket, change: BucketChange::Notification(Some(notification)) },
        Command::Told { origin, change: ObjectChange::Put(put) },
        Command::DropEvents { target: queue, through: ((WALL + 1000) << 16) },
        Command::RemoveWebhook { name: "other".into() },
    ]
}

#[test]
fn a_recorded_log_comes_to_the_recorded_rows() {
    let mut rows = Rows::default();
    let (mut log, mut kinds) = (Vec::new(), BTreeSet::new());
    for (number, command) in
        (1u64..).zip(commands().into_iter().chain(commands_of_versions()).chain(commands_of_events()))
    {
        // Behind the format byte.
        kinds.insert(encode(&command)[1]);
        let session = match command {
            Command::PutObject(_) | Command::PutPart(_) => SessionId(1),
            _ => SessionId(0),
        };
        let batch = Batch {
            wall: Timestamp(WALL + number),
            commands: vec![Envelope { session, sequence: number, command }],
        };
        let bytes = batch.encode();
        assert_eq!(Batch::decode(&bytes).unwrap(), batch);
        log.extend_from_slice(&bytes);
        let done = execute(&batch, &rows).unwrap();
        assert!(done.replies[0].is_ok(), "command {number}: {:?}", done.replies[0]);
        let missed = matches!(done.replies[0], Ok(Reply::Deleted { existed: false, marker: false, .. }));
        assert!(!missed && !done.writes.is_empty(), "command {number} did nothing");
        for (key, value) in done.writes {
            match value {
                Some(value) => rows.0.insert(key, value),
                None => rows.0.remove(&key),
            };
        }
    }
    assert!(kinds.iter().copied().eq(0..=30), "not one of each: {kinds:?}");
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

const LOG: &str = "4f7cffc8eeca48636edf25e57586e7e8ae7cf5aa18c43bea0c19169755208c2e";
const ROWS: &str = "4df820300534773c158e1b039fc1689ebcb28041eb4362505cf511109180227b";

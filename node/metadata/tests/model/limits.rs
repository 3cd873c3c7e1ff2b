//! What a client says of an object or bucket is bounded, so that rows are.

use bytes::Bytes;
use mucura_metadata::{
    Acl, Attributes, BucketChange, BucketDocument, ChangeVersion, Checksum, ChecksumAlgorithm, ChecksumKind,
    Command, DeleteCondition, Encryption, EncryptionMethod, Grant, Grantee, MalformedCommand, Permission,
    PutObject, Rejection, Seal, VersionChange, WriteCondition, Written,
};
use mucura_types::{BucketId, UserId};

use crate::rows::{Rows, change_bucket, delete, plain_put, put, site};

/// No value of a row is longer (`docs/formats/metadata.md`).
const VALUE_BYTES_MAX: usize = 32 << 10;

fn text(len: usize) -> String {
    "x".repeat(len)
}

fn acl(grants: usize) -> Option<Acl> {
    let grant = Grant { grantee: Grantee::User(UserId(u64::MAX)), permission: Permission::WriteAcp };
    Some(Acl { grants: vec![grant; grants] })
}

fn encryption(key: usize) -> Option<Encryption> {
    let method = EncryptionMethod::SseKms { key_id: text(key) };
    Some(Encryption { method, wrapped_key: vec![9; 60].into() })
}

/// The most that can be said of an object at once.
fn most() -> Attributes {
    Attributes {
        headers: vec![("h".into(), text(6 << 10))],
        user: vec![("u".into(), text(2020))],
        tags: vec![(text(384), text(768)); 10],
        acl: acl(100),
        lock: Default::default(),
        encryption: encryption(1970),
        storage_class: Some(text(64)),
    }
}

fn put_with(bucket: BucketId, attributes: Attributes) -> PutObject {
    PutObject {
        size: u64::MAX,
        checksum: Some(Checksum {
            algorithm: ChecksumAlgorithm::Sha256,
            kind: ChecksumKind::Composite(10_000),
            value: Bytes::from_static(&[7; 32]),
        }),
        attributes,
        body: Written::Inline(vec![5; (8 << 10) + 96].into()),
        seal: Some(Seal { salt: [255; 16], stored: u64::MAX }),
        ..plain_put(bucket, &[b'k'; 1024], 1, WriteCondition::default())
    }
}

fn check_rows(rows: &Rows) {
    assert!(rows.0.values().all(|value| value.len() < VALUE_BYTES_MAX));
}

#[test]
fn the_most_that_can_be_said_of_an_object_fits_a_row() {
    let (mut rows, bucket, _) = site();
    rows.one(10, Command::PutObject(put_with(bucket, most()))).unwrap();
    check_rows(&rows);
    let longest = rows.0.values().map(Bytes::len).max().unwrap();
    assert!(longest > VALUE_BYTES_MAX - 2048, "{longest}: this is not the most");

    // Pairs count also where they are empty.
    let pairs = |count: usize| vec![(String::new(), String::new()); count];
    for beyond in [
        Attributes { headers: vec![("h".into(), text(6250))], ..most() },
        Attributes { headers: pairs(10_000), ..Attributes::default() },
        Attributes { user: pairs(10_000), ..Attributes::default() },
        Attributes { tags: vec![(text(384), text(900)); 10], ..most() },
        Attributes { tags: pairs(10_000), ..Attributes::default() },
        Attributes { acl: acl(101), ..Attributes::default() },
        Attributes { encryption: encryption(2048), ..Attributes::default() },
    ] {
        let outcome = rows.one(11, Command::PutObject(put_with(bucket, beyond)));
        assert_eq!(outcome, Err(Rejection::Malformed(MalformedCommand::TextLength)));
    }
    let long =
        PutObject { body: Written::Inline(vec![5; (8 << 10) + 97].into()), ..put_with(bucket, most()) };
    let outcome = rows.one(11, Command::PutObject(long));
    assert_eq!(outcome, Err(Rejection::Malformed(MalformedCommand::InlineLength)));
    let refused = Err(Rejection::Malformed(MalformedCommand::TextLength));
    for key in [vec![], vec![b'k'; 1025]] {
        assert_eq!(rows.one(11, put(bucket, &key, 1, WriteCondition::default())), refused);
        assert_eq!(rows.one(11, delete(bucket, &key, DeleteCondition::default())), refused);
    }
    let (key, version) = (Bytes::from(vec![b'k'; 1024]), None);
    for change in [VersionChange::Tags(vec![(text(384), text(900)); 10]), VersionChange::Acl(acl(101))] {
        let change = ChangeVersion { bucket, key: key.clone(), version, at: None, change };
        assert_eq!(rows.one(11, Command::ChangeVersion(change)), refused);
    }
}

#[test]
fn the_longest_document_fits_a_row() {
    let (mut rows, bucket, _) = site();
    let document = |len: usize| BucketChange::Document {
        document: BucketDocument::Policy,
        text: Some(vec![b'{'; len].into()),
    };
    rows.one(10, change_bucket(bucket, document(240 << 10))).unwrap();
    check_rows(&rows);
    let before = rows.0.clone();
    let refused = Err(Rejection::Malformed(MalformedCommand::TextLength));
    assert_eq!(rows.one(11, change_bucket(bucket, document((240 << 10) + 1))), refused);
    assert_eq!(rows.one(11, change_bucket(bucket, BucketChange::Acl(acl(101)))), refused);
    assert_eq!(rows.0, before);
}

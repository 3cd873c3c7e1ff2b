//! What S3 promises of versions, one example each.

use bytes::Bytes;
use mucura_metadata::{
    Attributes, BucketChange, ChangeVersion, Command, CreateUpload, DefaultRetention, DeleteCondition,
    DeleteObject, Encryption, EncryptionMethod, Lock, PutObject, Rejection, Reply, Retention, RetentionMode,
    RetentionPeriod, Rewrap, VersionChange, VersionId, Versioning, WriteCondition, current_version,
    list_objects, newest_version, version,
};
use mucura_types::{BucketId, Order, SessionId, Timestamp, UserId, WriteId};

use crate::rows::{OWNER, Rows, change_bucket, delete, delete_version, plain_put, put, site, tag};
use crate::shelf::DAY_MS;

fn keep(rows: &mut Rows, bucket: BucketId, versioning: Versioning) {
    rows.one(5, change_bucket(bucket, BucketChange::Versioning(versioning))).unwrap();
}

fn stored(rows: &mut Rows, bucket: BucketId, n: u8) -> VersionId {
    match rows.one(10, put(bucket, b"k", n, WriteCondition::default())) {
        Ok(Reply::Stored { null: true, .. }) => VersionId::Null,
        Ok(Reply::Stored { order, null: false }) => VersionId::At(order),
        other => panic!("{other:?}"),
    }
}

fn tag_of(rows: &Rows, bucket: BucketId, id: VersionId) -> Option<u8> {
    version(rows, bucket, b"k", id).unwrap().map(|(_, version)| version.summary.etag.md5[0])
}

#[test]
fn a_version_from_before_is_null_and_stays_while_newer_ones_are_kept() {
    let (mut rows, bucket, _) = site();
    assert_eq!(stored(&mut rows, bucket, 1), VersionId::Null);
    keep(&mut rows, bucket, Versioning::Enabled);
    let second = stored(&mut rows, bucket, 2);
    assert_ne!(second, VersionId::Null);
    assert_eq!(tag_of(&rows, bucket, VersionId::Null), Some(1));
    assert_eq!(tag_of(&rows, bucket, second), Some(2));
    // What is written while none are kept replaces it, and nothing else.
    keep(&mut rows, bucket, Versioning::Suspended);
    assert_eq!(stored(&mut rows, bucket, 3), VersionId::Null);
    assert_eq!(stored(&mut rows, bucket, 4), VersionId::Null);
    assert_eq!(tag_of(&rows, bucket, VersionId::Null), Some(4));
    assert_eq!(tag_of(&rows, bucket, second), Some(2));
    // A delete marker too.
    let deleted = Reply::Deleted { existed: true, version: Some(VersionId::Null), marker: true };
    assert_eq!(rows.one(11, delete(bucket, b"k", DeleteCondition::default())), Ok(deleted));
    assert!(current_version(&rows, bucket, b"k").unwrap().is_none());
    // With it gone, what is left is current again.
    let deleted = Reply::Deleted { existed: true, version: Some(VersionId::Null), marker: true };
    assert_eq!(rows.one(12, delete_version(bucket, b"k", VersionId::Null, false)), Ok(deleted));
    assert_eq!(current_version(&rows, bucket, b"k").unwrap().unwrap().1.summary.etag, tag(2));
    let none = Reply::Deleted { existed: false, version: Some(VersionId::Null), marker: false };
    assert_eq!(rows.one(12, delete_version(bucket, b"k", VersionId::Null, false)), Ok(none));
}

#[test]
fn the_place_of_a_null_version_is_not_a_name_of_it() {
    let (mut rows, bucket, _) = site();
    let Ok(Reply::Stored { order, null: true }) =
        rows.one(10, put(bucket, b"k", 1, WriteCondition::default()))
    else {
        panic!()
    };
    let by_place = VersionId::At(order);
    assert_eq!(tag_of(&rows, bucket, by_place), None);
    rows.one(11, delete_version(bucket, b"k", by_place, true)).unwrap();
    assert_eq!(tag_of(&rows, bucket, VersionId::Null), Some(1));
    keep(&mut rows, bucket, Versioning::Enabled);
    stored(&mut rows, bucket, 2);
    rows.one(12, delete_version(bucket, b"k", by_place, true)).unwrap();
    assert_eq!(tag_of(&rows, bucket, VersionId::Null), Some(1));
}

#[test]
fn a_deleted_object_is_not_there_for_conditions_and_is_not_listed() {
    let (mut rows, bucket, _) = site();
    keep(&mut rows, bucket, Versioning::Enabled);
    stored(&mut rows, bucket, 1);
    let any = |tags| DeleteCondition { if_match: tags, ..DeleteCondition::default() };
    let other = rows.one(11, delete(bucket, b"k", any(Some(vec![tag(9)]))));
    assert_eq!(other, Err(Rejection::PreconditionFailed));
    rows.one(11, delete(bucket, b"k", any(Some(vec![tag(1)])))).unwrap();
    let query = mucura_metadata::ListQuery { max: 9, ..Default::default() };
    assert!(list_objects(&rows, bucket, &query).unwrap().objects.is_empty());
    // A deletion of what is not there succeeds, whatever its condition.
    for tags in [vec![], vec![tag(1)], vec![tag(9)]] {
        let reply = rows.one(12, delete(bucket, b"k", any(Some(tags))));
        assert!(matches!(reply, Ok(Reply::Deleted { existed: false, marker: true, .. })), "{reply:?}");
    }
    let with_any = WriteCondition { if_match: Some(vec![]), ..WriteCondition::default() };
    assert_eq!(rows.one(13, put(bucket, b"k", 2, with_any)), Err(Rejection::NoSuchKey));
    let absent = WriteCondition { if_none_match: Some(vec![]), ..WriteCondition::default() };
    rows.one(14, put(bucket, b"k", 2, absent.clone())).unwrap();
    assert_eq!(rows.one(15, put(bucket, b"k", 3, absent)), Err(Rejection::PreconditionFailed));
}

/// How background work deletes: only what it has seen.
#[test]
fn a_deletion_may_ask_for_the_current_version_and_for_it_to_be_alone() {
    let (mut rows, bucket, _) = site();
    keep(&mut rows, bucket, Versioning::Enabled);
    let first = stored(&mut rows, bucket, 1);
    rows.one(11, delete(bucket, b"k", DeleteCondition::default())).unwrap();
    let (marker, _) = newest_version(&rows, bucket, b"k").unwrap().unwrap();
    let expire = |rows: &mut Rows, version, current: Order| {
        let condition = DeleteCondition { current: Some(current), alone: true, ..DeleteCondition::default() };
        let (key, by) = (Bytes::from_static(b"k"), UserId(0));
        let delete = DeleteObject { bucket, key, version, by, bypass: false, condition };
        rows.one(12, Command::DeleteObject(delete))
    };
    let failed = Err(Rejection::PreconditionFailed);
    assert_eq!(expire(&mut rows, Some(VersionId::At(marker)), marker), failed);
    rows.one(13, delete_version(bucket, b"k", first, false)).unwrap();
    assert_eq!(expire(&mut rows, Some(VersionId::At(marker)), Order::default()), failed);
    assert_eq!(expire(&mut rows, None, Order::default()), failed);
    expire(&mut rows, Some(VersionId::At(marker)), marker).unwrap();
    assert!(newest_version(&rows, bucket, b"k").unwrap().is_none());
    assert_eq!(expire(&mut rows, None, marker), failed);
}

fn lock_bucket(rows: &mut Rows, bucket: BucketId, default: Option<DefaultRetention>) {
    keep(rows, bucket, Versioning::Enabled);
    rows.one(6, change_bucket(bucket, BucketChange::Lock(default))).unwrap();
}

fn say(bucket: BucketId, id: VersionId, change: VersionChange) -> Command {
    let key = Bytes::from_static(b"k");
    Command::ChangeVersion(ChangeVersion { bucket, key, version: Some(id), at: None, change })
}

#[test]
fn a_locked_version_stays_until_its_time_and_may_be_hidden_meanwhile() {
    let (mut rows, bucket, _) = site();
    for (mode, bypassed) in [(RetentionMode::Governance, true), (RetentionMode::Compliance, false)] {
        lock_bucket(&mut rows, bucket, Some(DefaultRetention { mode, period: RetentionPeriod::Days(2) }));
        let id = stored(&mut rows, bucket, 1);
        let (_, kept) = newest_version(&rows, bucket, b"k").unwrap().unwrap();
        let until = kept.summary.modified.0 + 2 * DAY_MS;
        assert_eq!(kept.attributes.lock.retention, Some(Retention { mode, until: Timestamp(until) }));
        rows.one(11, delete(bucket, b"k", DeleteCondition::default())).unwrap();
        let mut later = rows.clone();
        assert_eq!(rows.one(until - 1, delete_version(bucket, b"k", id, false)), Err(Rejection::Locked));
        let bypass = rows.one(12, delete_version(bucket, b"k", id, true));
        assert_eq!(bypass.is_ok(), bypassed, "{bypass:?}");
        later.one(until, delete_version(bucket, b"k", id, false)).unwrap();
    }
}

#[test]
fn a_legal_hold_holds_against_all_and_for_ever() {
    let (mut rows, bucket, _) = site();
    lock_bucket(&mut rows, bucket, None);
    let id = stored(&mut rows, bucket, 1);
    rows.one(11, say(bucket, id, VersionChange::LegalHold(true))).unwrap();
    let late = 100_000 * DAY_MS;
    assert_eq!(rows.clone().one(late, delete_version(bucket, b"k", id, true)), Err(Rejection::Locked));
    rows.one(12, say(bucket, id, VersionChange::LegalHold(false))).unwrap();
    rows.one(13, delete_version(bucket, b"k", id, false)).unwrap();
}

fn sealed(method: EncryptionMethod) -> Attributes {
    let encryption = Some(Encryption { method, wrapped_key: Bytes::from_static(b"old") });
    Attributes { encryption, ..Attributes::default() }
}

fn rewrap(replaces: &'static [u8]) -> Rewrap {
    Rewrap { replaces: Bytes::from_static(replaces), wrapped_key: Bytes::from_static(b"new") }
}

#[test]
fn a_data_key_is_wrapped_anew_only_if_it_is_the_sites_and_as_expected() {
    let (mut rows, bucket, _) = site();
    let key = || Bytes::from_static(b"k");
    let upload = WriteId { session: SessionId(1), counter: 9 };
    let kms = EncryptionMethod::SseKms { key_id: "one".to_owned() };
    for (method, ours) in
        [(EncryptionMethod::SseS3, true), (kms, true), (EncryptionMethod::SseC { key_md5: [1; 16] }, false)]
    {
        let attributes = sealed(method);
        let (initiator, owner) = (OWNER, OWNER);
        rows.one(
            9,
            Command::PutObject(PutObject {
                attributes: attributes.clone(),
                ..plain_put(bucket, b"k", 1, WriteCondition::default())
            }),
        )
        .unwrap();
        let create =
            CreateUpload { bucket, key: key(), upload, initiator, owner, attributes, checksum: None };
        rows.one(10, Command::CreateUpload(create)).unwrap();
        for (replaces, fits) in [(&b"other"[..], false), (b"old", ours), (b"old", false)] {
            let rewrap = rewrap(replaces);
            let version = rows.one(11, say(bucket, VersionId::Null, VersionChange::Rewrap(rewrap.clone())));
            let of_upload = Command::RewrapUpload { bucket, key: key(), upload, rewrap };
            let of_upload = rows.one(11, of_upload);
            for changed in [version.map(drop), of_upload.map(drop)] {
                assert_eq!(changed, if fits { Ok(()) } else { Err(Rejection::PreconditionFailed) });
            }
        }
        let (_, now) = newest_version(&rows, bucket, b"k").unwrap().unwrap();
        let expected: &[u8] = if ours { b"new" } else { b"old" };
        assert_eq!(now.attributes.encryption.unwrap().wrapped_key, expected);
        let now = mucura_metadata::upload(&rows, bucket, b"k", upload).unwrap().unwrap();
        assert_eq!(now.attributes.encryption.unwrap().wrapped_key, expected);
    }
    let gone = WriteId { counter: 10, ..upload };
    let missing = Command::RewrapUpload { bucket, key: key(), upload: gone, rewrap: rewrap(b"old") };
    assert_eq!(rows.one(12, missing), Err(Rejection::NoSuchUpload));
}

/// Time as the state machine knows it never goes back behind a version.
#[test]
fn a_leader_whose_clock_is_behind_does_not_shorten_a_retention_it_gives() {
    let (mut rows, bucket, _) = site();
    let default = DefaultRetention { mode: RetentionMode::Compliance, period: RetentionPeriod::Days(1) };
    lock_bucket(&mut rows, bucket, Some(default));
    rows.one(1_000_000, put(bucket, b"other", 1, WriteCondition::default())).unwrap();
    stored(&mut rows, bucket, 1);
    let (_, kept) = newest_version(&rows, bucket, b"k").unwrap().unwrap();
    assert_eq!(kept.attributes.lock.retention.map(|retention| retention.until.0), Some(1_000_000 + DAY_MS));
}

#[test]
fn locks_and_kept_versions_cannot_be_taken_back() {
    let (mut rows, bucket, session) = site();
    let state = Err(Rejection::BucketState);
    let lock = change_bucket(bucket, BucketChange::Lock(None));
    assert_eq!(rows.one(5, lock.clone()), state);
    let hold = Attributes { lock: Lock { legal_hold: true, ..Lock::default() }, ..Attributes::default() };
    let held = plain_put(bucket, b"k", 1, WriteCondition::default());
    let held = Command::PutObject(PutObject { attributes: hold.clone(), ..held });
    assert_eq!(rows.one(5, held), Err(Rejection::NoObjectLock));
    let held = Command::CreateUpload(CreateUpload {
        bucket,
        key: Bytes::from_static(b"k"),
        upload: WriteId { session, counter: 1 },
        initiator: UserId(77),
        owner: OWNER,
        attributes: hold,
        checksum: None,
    });
    assert_eq!(rows.one(5, held), Err(Rejection::NoObjectLock));
    keep(&mut rows, bucket, Versioning::Suspended);
    assert_eq!(rows.one(5, lock.clone()), state);
    keep(&mut rows, bucket, Versioning::Enabled);
    rows.one(6, lock).unwrap();
    for versioning in [Versioning::Suspended, Versioning::Never] {
        assert_eq!(rows.one(7, change_bucket(bucket, BucketChange::Versioning(versioning))), state);
    }
    keep(&mut rows, bucket, Versioning::Enabled);
}

/// Whoever may change one version may not change another that got its id.
#[test]
fn a_change_may_ask_for_the_place_of_the_version() {
    let (mut rows, bucket, _) = site();
    stored(&mut rows, bucket, 1);
    let (first, _) = newest_version(&rows, bucket, b"k").unwrap().unwrap();
    stored(&mut rows, bucket, 2);
    let (second, _) = newest_version(&rows, bucket, b"k").unwrap().unwrap();
    for version in [Some(VersionId::Null), None] {
        let tag = |at| {
            let change = VersionChange::Tags(vec![("a".into(), "1".into())]);
            let key = Bytes::from_static(b"k");
            Command::ChangeVersion(ChangeVersion { bucket, key, version, at: Some(at), change })
        };
        assert_eq!(rows.one(12, tag(first)), Err(Rejection::PreconditionFailed));
        rows.one(13, tag(second)).unwrap();
    }
}

/// A leader's clock may once have been ahead: versions say so for ever.
#[test]
fn a_retention_is_held_against_the_time_of_the_batch_alone() {
    let (mut rows, bucket, _) = site();
    lock_bucket(&mut rows, bucket, None);
    let id = stored(&mut rows, bucket, 1);
    let mode = RetentionMode::Compliance;
    let retain = |until| {
        let retention = Some(Retention { mode, until: Timestamp(until) });
        say(bucket, id, VersionChange::Retention { retention, bypass: false })
    };
    rows.one(20, retain(1000)).unwrap();
    rows.one(5000, put(bucket, b"other", 2, WriteCondition::default())).unwrap();
    let locked = Err(Rejection::Locked);
    assert_eq!(rows.one(999, delete_version(bucket, b"k", id, true)), locked);
    assert_eq!(rows.one(999, retain(900)), locked);
    rows.one(1000, retain(900)).unwrap();
    rows.one(1000, delete_version(bucket, b"k", id, false)).unwrap();
}

//! Events: in the queue of whoever a rule names, exactly for what fits, in
//! order, and no more of them than may wait.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test fails by panicking.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use mucura_metadata::{
    Act, Attributes, Batch, BucketChange, ChangeVersion, Command, CompleteUpload, CreateUpload,
    DeleteCondition, DeleteObject, ETag, Envelope, Event, EventRecord, EventTarget, NewBucket, Notification,
    NotificationRule, ObjectChange, ObjectEvent, Origin, PutObject, PutPart, QueueRecord, Rejection, Reply,
    RequestIds, SiteSeed, VersionChange, VersionId, Versioning, View, ViewError, WriteCondition, Written,
    encode, events, execute, notification_rules, queue, queues, webhooks,
};
use mucura_types::{BucketId, SessionId, SiteId, Timestamp, UserId, WriteId};
use proptest::prelude::*;

const OWNER: UserId = UserId(1);
const WRITER: UserId = UserId(2);
/// The most events that wait in a queue.
const EVENTS_MAX: u64 = 100_000;

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

impl Rows {
    fn one(&mut self, command: Command) -> Result<Reply, Rejection> {
        // The wall clock stands still: order is the state machine's own work.
        let batch = Batch { wall: Timestamp(1000), commands: vec![Envelope::repeatable(command)] };
        let mut done = execute(&Batch::decode(&batch.encode()).unwrap(), self).unwrap();
        let refused = done.replies[0].is_err();
        assert!(!refused || done.writes.is_empty(), "what is refused writes nothing");
        for (key, value) in done.writes {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
        done.replies.remove(0)
    }

    fn site() -> (Self, BucketId) {
        let mut rows = Self::default();
        let seed = SiteSeed {
            site: SiteId(1),
            name: "lyon".into(),
            ca_certificate: String::new(),
            sealed_secrets: Bytes::new(),
            nodes: Vec::new(),
        };
        rows.one(Command::InitSite(seed)).unwrap();
        let bucket = rows.bucket("data");
        (rows, bucket)
    }

    fn bucket(&mut self, name: &str) -> BucketId {
        let (name, settings) = (name.to_owned(), NewBucket::default());
        match self.one(Command::CreateBucket { name, owner: OWNER, limit: 2000, settings }) {
            Ok(Reply::Bucket(bucket)) => bucket,
            other => panic!("{other:?}"),
        }
    }

    fn tell(&mut self, bucket: BucketId, rules: Vec<NotificationRule>) -> Result<Reply, Rejection> {
        let text = Bytes::from_static(b"<text/>");
        let new = Some(Notification { text, rules, request: request() }).filter(|new| !new.rules.is_empty());
        self.one(Command::ChangeBucket { bucket, change: BucketChange::Notification(new) })
    }

    fn waiting(&self, target: &EventTarget) -> Vec<(u64, Event)> {
        events(self, target, 0, usize::MAX).unwrap()
    }

    /// What happened to objects, as a queue tells it.
    fn told(&self, target: &EventTarget) -> Vec<EventRecord> {
        let records = self.waiting(target).into_iter().filter_map(|(_, event)| match event {
            Event::Object(record) => Some(record),
            Event::Test { .. } => None,
        });
        records.collect()
    }
}

fn request() -> RequestIds {
    RequestIds { request_id: "R".into(), host_id: "H".into() }
}

fn origin(act: Act) -> Option<Origin> {
    let source = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Some(Origin { act, user: Some(WRITER), source, request: request() })
}

fn rule(target: EventTarget, events: &[ObjectEvent], prefix: &str, suffix: &str) -> NotificationRule {
    NotificationRule {
        id: format!("to-{}", target.name()),
        target,
        events: events.to_vec(),
        prefix: Bytes::copy_from_slice(prefix.as_bytes()),
        suffix: Bytes::copy_from_slice(suffix.as_bytes()),
    }
}

fn to_queue(name: &str) -> EventTarget {
    EventTarget::Queue(name.into())
}

const ALL: [ObjectEvent; 12] = [
    ObjectEvent::CreatedPut,
    ObjectEvent::CreatedPost,
    ObjectEvent::CreatedCopy,
    ObjectEvent::CreatedByParts,
    ObjectEvent::Removed,
    ObjectEvent::RemovedByMarker,
    ObjectEvent::TagsPut,
    ObjectEvent::TagsDeleted,
    ObjectEvent::AclPut,
    ObjectEvent::Expired,
    ObjectEvent::ExpiredByMarker,
    ObjectEvent::Transitioned,
];

fn put(bucket: BucketId, key: &str, act: Act) -> Command {
    let body = Written::Inline(Bytes::from_static(b"x"));
    ObjectChange::Put(PutObject {
        bucket,
        key: Bytes::copy_from_slice(key.as_bytes()),
        owner: WRITER,
        size: 7,
        etag: ETag { md5: [3; 16], parts: None },
        checksum: None,
        attributes: Attributes::default(),
        body,
        seal: None,
        condition: WriteCondition::default(),
    })
    .into_command(origin(act))
}

fn delete(bucket: BucketId, key: &str, version: Option<VersionId>, act: Act) -> Command {
    ObjectChange::Delete(DeleteObject {
        bucket,
        key: Bytes::copy_from_slice(key.as_bytes()),
        version,
        by: WRITER,
        bypass: false,
        condition: DeleteCondition::default(),
    })
    .into_command(origin(act))
}

fn change(bucket: BucketId, key: &str, change: VersionChange, act: Act) -> Command {
    let key = Bytes::copy_from_slice(key.as_bytes());
    ObjectChange::Change(ChangeVersion { bucket, key, version: None, at: None, change })
        .into_command(origin(act))
}

fn enable_versions(rows: &mut Rows, bucket: BucketId, versioning: Versioning) {
    let change = BucketChange::Versioning(versioning);
    rows.one(Command::ChangeBucket { bucket, change }).unwrap();
}

#[test]
fn a_record_says_what_happened_and_a_new_target_hears_of_its_bucket() {
    let (mut rows, bucket) = Rows::site();
    let target = to_queue("q");
    rows.tell(bucket, vec![rule(target.clone(), &ALL, "", "")]).unwrap();
    let first = rows.waiting(&target).remove(0).1;
    let test = Event::Test { bucket: "data".into(), at: first.at(), request: request() };
    assert_eq!(first, test);
    rows.one(put(bucket, "a/k", Act::Put)).unwrap();
    rows.one(change(bucket, "a/k", VersionChange::Tags(vec![]), Act::DeleteTags)).unwrap();
    rows.one(delete(bucket, "a/k", None, Act::Delete)).unwrap();
    let etag = ETag { md5: [3; 16], parts: None };
    let told = rows.told(&target);
    let made = EventRecord {
        event: ObjectEvent::CreatedPut,
        at: told[0].at,
        rule: "to-q".into(),
        bucket: "data".into(),
        bucket_owner: OWNER,
        key: Bytes::from_static(b"a/k"),
        size: Some(7),
        etag: Some(etag),
        version: None,
        user: Some(WRITER),
        source: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        request: request(),
    };
    let tagged = EventRecord { event: ObjectEvent::TagsDeleted, at: told[1].at, size: None, ..made.clone() };
    let deleted = EventRecord { event: ObjectEvent::Removed, at: told[2].at, etag: None, ..tagged.clone() };
    assert_eq!(told, [made, tagged, deleted]);
    assert!(told.is_sorted_by(|a, b| a.at < b.at), "what happened later has the greater time");
}

#[test]
fn versions_are_named_where_they_are_kept() {
    let (mut rows, bucket) = Rows::site();
    let target = to_queue("q");
    rows.tell(bucket, vec![rule(target.clone(), &ALL, "", "")]).unwrap();
    enable_versions(&mut rows, bucket, Versioning::Enabled);
    let Ok(Reply::Stored { order, .. }) = rows.one(put(bucket, "k", Act::Copy)) else { panic!() };
    let Ok(Reply::Deleted { version: marker, .. }) = rows.one(delete(bucket, "k", None, Act::Delete)) else {
        panic!()
    };
    let at = VersionId::At(order);
    rows.one(delete(bucket, "k", Some(at), Act::Delete)).unwrap();
    // The second time there is nothing to delete, and nothing to tell.
    rows.one(delete(bucket, "k", Some(at), Act::Delete)).unwrap();
    rows.one(delete(bucket, "k", marker, Act::Expire)).unwrap();
    enable_versions(&mut rows, bucket, Versioning::Suspended);
    rows.one(put(bucket, "k", Act::Post)).unwrap();
    rows.one(delete(bucket, "k", None, Act::Expire)).unwrap();
    let told: Vec<_> = rows.told(&target).into_iter().map(|record| (record.event, record.version)).collect();
    assert_eq!(
        told,
        [
            (ObjectEvent::CreatedCopy, Some(at)),
            (ObjectEvent::RemovedByMarker, marker),
            (ObjectEvent::Removed, Some(at)),
            (ObjectEvent::Expired, marker),
            (ObjectEvent::CreatedPost, Some(VersionId::Null)),
            (ObjectEvent::ExpiredByMarker, Some(VersionId::Null)),
        ]
    );
}

#[test]
fn a_completed_upload_is_told_once() {
    let (mut rows, bucket) = Rows::site();
    let target = to_queue("q");
    rows.tell(bucket, vec![rule(target.clone(), &ALL, "", "")]).unwrap();
    let (key, upload) = (Bytes::from_static(b"k"), WriteId { session: SessionId(1), counter: 1 });
    rows.one(Command::CreateUpload(CreateUpload {
        bucket,
        key: key.clone(),
        upload,
        initiator: WRITER,
        owner: WRITER,
        attributes: Attributes::default(),
        checksum: None,
    }))
    .unwrap();
    rows.one(Command::PutPart(PutPart {
        bucket,
        key: key.clone(),
        upload,
        number: 1,
        size: 9,
        md5: [1; 16],
        checksum: None,
        body: Written::Inline(Bytes::from_static(b"x")),
        seal: None,
    }))
    .unwrap();
    let etag = ETag { md5: [5; 16], parts: Some(1) };
    let complete = ObjectChange::Complete(CompleteUpload {
        bucket,
        key,
        upload,
        parts: vec![(1, [1; 16])],
        etag,
        checksum: None,
        condition: WriteCondition::default(),
        part_bytes_min: 0,
    })
    .into_command(origin(Act::Complete));
    assert_eq!(rows.one(complete.clone()), rows.one(complete));
    let told = rows.told(&target);
    let said: Vec<_> = told.iter().map(|record| (record.event, record.size, record.etag)).collect();
    assert_eq!(said, [(ObjectEvent::CreatedByParts, Some(9), Some(etag))]);
}

#[test]
fn what_is_refused_or_asks_for_too_much_tells_nobody() {
    let (mut rows, bucket) = Rows::site();
    let target = to_queue("q");
    rows.tell(bucket, vec![rule(target.clone(), &ALL, "", "")]).unwrap();
    assert_eq!(
        rows.one(change(bucket, "none", VersionChange::Acl(None), Act::PutAcl)),
        Err(Rejection::NoSuchKey)
    );
    let Command::Told { mut origin, change } = put(bucket, "k", Act::Put) else { panic!() };
    origin.request.host_id = "h".repeat(129);
    assert!(matches!(rows.one(Command::Told { origin, change }), Err(Rejection::Malformed(_))));
    rows.one(delete(bucket, "none", None, Act::Delete)).unwrap();
    assert_eq!(rows.told(&target), []);
    for name in ["", "a b", "a/b", &"q".repeat(81)] {
        let rules = vec![rule(to_queue(name), &ALL, "", "")];
        assert!(matches!(rows.tell(bucket, rules), Err(Rejection::Malformed(_))), "{name:?}");
    }
    let long = rule(to_queue("q"), &ALL, &"p".repeat(1025), "");
    assert!(matches!(rows.tell(bucket, vec![long]), Err(Rejection::Malformed(_))));
}

#[test]
fn queues_come_with_the_first_rule_that_names_them_and_go_when_empty_and_unnamed() {
    let (mut rows, bucket) = Rows::site();
    let other = rows.bucket("other");
    let target = to_queue("q");
    let rules = || vec![rule(to_queue("q"), &ALL, "", "")];
    for bucket in [bucket, other, bucket] {
        rows.tell(bucket, rules()).unwrap();
    }
    assert_eq!(queue(&rows, &target).unwrap().map(|queue| (queue.waiting(), queue.buckets)), Some((2, 2)));
    rows.tell(bucket, Vec::new()).unwrap();
    rows.one(Command::DeleteBucket { name: "other".into(), id: other }).unwrap();
    assert_eq!(notification_rules(&rows, bucket).unwrap(), []);
    let left = queue(&rows, &target).unwrap().unwrap();
    assert_eq!((left.waiting(), left.buckets), (2, 0), "what waits is kept");
    let drop = Command::DropEvents { target: target.clone(), through: left.first };
    assert_eq!(rows.one(drop.clone()), Ok(Reply::Done));
    assert_eq!(rows.one(drop), Ok(Reply::Done), "may be repeated");
    assert_eq!(rows.waiting(&target).len(), 1);
    rows.one(Command::DropEvents { target: target.clone(), through: u64::MAX }).unwrap();
    assert_eq!(queues(&rows).unwrap(), []);
    // What comes under the name now has other numbers: a late drop hits none of it.
    rows.tell(bucket, rules()).unwrap();
    rows.one(Command::DropEvents { target: target.clone(), through: left.next }).unwrap();
    assert_eq!(rows.waiting(&target).len(), 1);
}

#[test]
fn a_site_has_so_many_queues_and_no_more() {
    let (mut rows, _) = Rows::site();
    for bucket in 0..11 {
        let id = rows.bucket(&format!("bucket{bucket}"));
        let name = |rule: usize| to_queue(&format!("q{}", bucket * 100 + rule));
        let rules = (0..100).map(|at| rule(name(at), &[ObjectEvent::Removed], &at.to_string(), "")).collect();
        let expected = if bucket < 10 { Ok(Reply::Done) } else { Err(Rejection::TooManyTargets) };
        assert_eq!(rows.tell(id, rules), expected);
    }
}

#[test]
fn only_webhooks_that_are_there_can_be_named() {
    let (mut rows, bucket) = Rows::site();
    let target = EventTarget::Webhook("hook".into());
    let rules = || vec![rule(EventTarget::Webhook("hook".into()), &ALL, "", "")];
    assert_eq!(rows.tell(bucket, rules()), Err(Rejection::NoSuchWebhook));
    let add = |name: &str| Command::AddWebhook {
        name: name.into(),
        url: "http://127.0.0.1/".into(),
        sealed_secret: None,
    };
    assert_eq!(rows.one(add("hook")), Ok(Reply::Done));
    assert_eq!(rows.one(add("hook")), Err(Rejection::WebhookExists));
    assert!(matches!(rows.one(add("a/b")), Err(Rejection::Malformed(_))));
    rows.tell(bucket, rules()).unwrap();
    for _ in 0..2500 {
        rows.one(put(bucket, "k", Act::Put)).unwrap();
    }
    assert_eq!(rows.waiting(&target).len(), 2501);
    // What waits goes in steps; until it is gone there can be no other of the name.
    let remove = || Command::RemoveWebhook { name: "hook".into() };
    assert_eq!(rows.one(remove()), Ok(Reply::More));
    assert_eq!(rows.one(add("hook")), Err(Rejection::WebhookExists));
    assert_eq!([rows.one(remove()), rows.one(remove())], [Ok(Reply::More), Ok(Reply::Done)]);
    assert_eq!(rows.one(remove()), Err(Rejection::NoSuchWebhook));
    assert_eq!((rows.waiting(&target), queues(&rows).unwrap()), (vec![], vec![]));
    // The rules that name it are there, and tell nobody until it is back.
    rows.one(put(bucket, "k", Act::Put)).unwrap();
    assert_eq!(rows.waiting(&target), []);
    rows.one(add("hook")).unwrap();
    rows.one(put(bucket, "k", Act::Put)).unwrap();
    assert_eq!(rows.told(&target).len(), 1);
    let names: Vec<_> = webhooks(&rows).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["hook"]);
    for more in 1..100 {
        rows.one(add(&format!("hook{more}"))).unwrap();
    }
    assert_eq!(rows.one(add("one-more")), Err(Rejection::TooManyTargets));
}

#[test]
fn beyond_the_bound_the_oldest_events_are_dropped_and_counted() {
    let (mut rows, bucket) = Rows::site();
    let target = to_queue("q");
    rows.tell(bucket, vec![rule(target.clone(), &ALL, "", "")]).unwrap();
    rows.one(put(bucket, "first", Act::Put)).unwrap();
    // As if many more had come: all but the rows of those between.
    let key = Bytes::from_static(b"\x70\x00q");
    let there = queue(&rows, &target).unwrap().unwrap();
    let nearly = QueueRecord { next: there.first + EVENTS_MAX - 1, ..there };
    rows.0.insert(key, encode(&nearly).into());
    rows.one(put(bucket, "fits", Act::Put)).unwrap();
    assert_eq!(
        queue(&rows, &target).unwrap().map(|queue| (queue.waiting(), queue.lost)),
        Some((EVENTS_MAX, 0))
    );
    assert_eq!(rows.waiting(&target).len(), 3);
    for lost in 1..=2 {
        rows.one(put(bucket, "more", Act::Put)).unwrap();
        let full = queue(&rows, &target).unwrap().unwrap();
        assert_eq!((full.waiting(), full.lost, full.first), (EVENTS_MAX, lost, there.first + lost));
    }
    let keys: Vec<_> = rows.told(&target).into_iter().map(|record| record.key).collect();
    assert_eq!(keys, ["fits", "more", "more"], "the test event and the first were the oldest");
}

/// What a step of a run does.
#[derive(Clone, Debug)]
enum Step {
    Put(String, Act),
    Delete(String, Act),
    Tag(String),
    Drop(usize, u64),
    Rules(Vec<(usize, Vec<ObjectEvent>, String, String)>),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || "[ab]{1,3}";
    let short = || "[ab]{0,2}";
    let some = proptest::sample::subsequence(ALL.to_vec(), 0..6);
    prop_oneof![
        4 => (key(), prop_oneof![Just(Act::Put), Just(Act::Copy), Just(Act::Post)])
            .prop_map(|(key, act)| Step::Put(key, act)),
        2 => (key(), prop_oneof![Just(Act::Delete), Just(Act::Expire)])
            .prop_map(|(key, act)| Step::Delete(key, act)),
        1 => key().prop_map(Step::Tag),
        1 => (0..3usize, 0..6u64).prop_map(|(queue, count)| Step::Drop(queue, count)),
        1 => proptest::collection::vec((0..3usize, some, short(), short()), 0..4).prop_map(Step::Rules),
    ]
}

proptest! {
    #[test]
    fn events_wait_exactly_for_whom_rules_name_in_order(
        steps in proptest::collection::vec(step(), 1..60),
        versioning in prop_oneof![Just(None), Just(Some(Versioning::Enabled)), Just(Some(Versioning::Suspended))],
    ) {
        let (mut rows, bucket) = Rows::site();
        if let Some(versioning) = versioning {
            enable_versions(&mut rows, bucket, versioning);
        }
        let target = |at: usize| to_queue(&format!("q{at}"));
        let mut objects: BTreeMap<String, bool> = BTreeMap::new();
        let mut rules: Vec<NotificationRule> = Vec::new();
        // What should wait, by queue: event and key; none for the test event.
        let mut model: [Vec<Option<(ObjectEvent, String)>>; 3] = Default::default();
        for step in steps {
            let (key, event, command) = match step {
                Step::Rules(new) => {
                    let named = |rules: &[NotificationRule], at| rules.iter().any(|rule| rule.target == target(at));
                    let new: Vec<_> = new
                        .iter()
                        .map(|(at, events, prefix, suffix)| rule(target(*at), events, prefix, suffix))
                        .collect();
                    for (at, queue) in model.iter_mut().enumerate() {
                        if named(&new, at) && !named(&rules, at) {
                            queue.push(None);
                        }
                    }
                    prop_assert_eq!(rows.tell(bucket, new.clone()), Ok(Reply::Done));
                    rules = new;
                    continue;
                }
                Step::Drop(at, count) => {
                    let waiting = rows.waiting(&target(at));
                    let count = usize::try_from(count).unwrap().min(waiting.len());
                    if let Some(last) = count.checked_sub(1) {
                        let through = waiting[last].0;
                        rows.one(Command::DropEvents { target: target(at), through }).unwrap();
                    }
                    model[at].drain(..count);
                    continue;
                }
                Step::Put(key, act) => {
                    let event = match act {
                        Act::Put => ObjectEvent::CreatedPut,
                        Act::Copy => ObjectEvent::CreatedCopy,
                        _ => ObjectEvent::CreatedPost,
                    };
                    objects.insert(key.clone(), true);
                    let command = put(bucket, &key, act);
                    (key, Some(event), command)
                }
                Step::Delete(key, act) => {
                    let there = objects.insert(key.clone(), false) == Some(true);
                    let event = match (versioning, act) {
                        (Some(_), Act::Delete) => Some(ObjectEvent::RemovedByMarker),
                        (Some(_), _) => Some(ObjectEvent::ExpiredByMarker),
                        (None, Act::Delete) => there.then_some(ObjectEvent::Removed),
                        (None, _) => there.then_some(ObjectEvent::Expired),
                    };
                    let command = delete(bucket, &key, None, act);
                    (key, event, command)
                }
                Step::Tag(key) => {
                    let there = objects.get(&key) == Some(&true);
                    let command = change(bucket, &key, VersionChange::Tags(vec![]), Act::PutTags);
                    (key, there.then_some(ObjectEvent::TagsPut), command)
                }
            };
            // A tag on what is not there is refused, as the model knows.
            rows.one(command).ok();
            for (at, queue) in model.iter_mut().enumerate() {
                let fits = |event: &ObjectEvent| {
                    rules.iter().any(|rule| {
                        rule.target == target(at)
                            && rule.events.contains(event)
                            && key.as_bytes().starts_with(&rule.prefix)
                            && key.as_bytes().ends_with(&rule.suffix)
                    })
                };
                queue.extend(event.filter(fits).map(|event| Some((event, key.clone()))));
            }
            for (at, expected) in model.iter().enumerate() {
                let waiting = rows.waiting(&target(at));
                prop_assert!(waiting.is_sorted_by(|a, b| a.0 + 1 == b.0), "numbers have no gaps");
                let told: Vec<_> = waiting.into_iter().map(|(_, event)| match event {
                    Event::Test { .. } => None,
                    Event::Object(record) => {
                        Some((record.event, String::from_utf8(record.key.to_vec()).unwrap()))
                    }
                }).collect();
                prop_assert_eq!(&told, expected);
            }
        }
    }
}

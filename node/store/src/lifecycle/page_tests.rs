use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::ops::{Bound, ControlFlow};

use mucura_metadata::{
    Attributes, Batch, BucketChange, ChangeVersion, Command, CreateUpload, DeleteCondition, DeleteObject,
    ETag, Envelope, Lock, NewBucket, Outcome, PutObject, Rejection, Reply, SiteSeed, VersionChange,
    VersionId, Versioning, ViewError, WriteCondition, Written, execute, versions_from,
};
use mucura_types::{SessionId, SiteId, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::lifecycle::place::Progress;
use crate::lifecycle::walk::NEWER_MAX;

const OWNER: UserId = UserId(1);
/// A day of the rules.
const DAY: u64 = 1_000_000;
const BEGIN: u64 = 1_800_000_000_000;

#[derive(Clone, Default)]
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
        if from < to {
            for (key, value) in self.0.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))) {
                if visit(key, value).is_break() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// A site with one bucket whose rules are carried out.
#[derive(Clone)]
struct World {
    rows: Rows,
    /// Milliseconds since [`BEGIN`]; every command takes one.
    now: u64,
    bucket: BucketId,
}

impl World {
    fn new(rules: &str) -> Self {
        let mut world = Self { rows: Rows::default(), now: 0, bucket: BucketId(0) };
        let seed = SiteSeed {
            site: SiteId(1),
            name: "test".into(),
            ca_certificate: String::new(),
            sealed_secrets: Bytes::new(),
            nodes: Vec::new(),
        };
        world.run(Command::InitSite(seed)).unwrap();
        world.bucket = world.create("bucket", rules, NewBucket::default());
        world
    }

    fn versioned(rules: &str) -> Self {
        let mut world = Self::new(rules);
        world.set(Versioning::Enabled);
        world
    }

    fn create(&mut self, name: &str, rules: &str, settings: NewBucket) -> BucketId {
        let create = Command::CreateBucket { name: name.into(), owner: OWNER, limit: 10, settings };
        let Reply::Bucket(bucket) = self.run(create).unwrap() else { panic!() };
        let text = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
        let change = BucketChange::Document { document: BucketDocument::Lifecycle, text: Some(text.into()) };
        self.run(Command::ChangeBucket { bucket, change }).unwrap();
        bucket
    }

    fn set(&mut self, versioning: Versioning) {
        let change = BucketChange::Versioning(versioning);
        self.run(Command::ChangeBucket { bucket: self.bucket, change }).unwrap();
    }

    fn run(&mut self, command: Command) -> Outcome {
        self.now += 1;
        let commands = vec![Envelope { session: SessionId(0), sequence: 0, command }];
        let mut done = execute(&Batch { wall: Timestamp(BEGIN + self.now), commands }, &self.rows).unwrap();
        for (key, value) in done.writes {
            match value {
                Some(value) => self.rows.0.insert(key, value),
                None => self.rows.0.remove(&key),
            };
        }
        done.replies.remove(0)
    }

    fn put(&mut self, key: &str) -> Order {
        self.put_with(key, 3, Attributes::default())
    }

    fn put_with(&mut self, key: &str, size: u64, attributes: Attributes) -> Order {
        let put = PutObject {
            bucket: self.bucket,
            key: Bytes::copy_from_slice(key.as_bytes()),
            owner: OWNER,
            size,
            etag: ETag { md5: [3; 16], parts: None },
            checksum: None,
            attributes,
            body: Written::Inline(Bytes::new()),
            seal: None,
            condition: WriteCondition::default(),
        };
        match self.run(Command::PutObject(put)).unwrap() {
            Reply::Stored { order, .. } => order,
            other => panic!("{other:?}"),
        }
    }

    fn delete(&mut self, key: &str, version: Option<VersionId>) -> Outcome {
        let key = Bytes::copy_from_slice(key.as_bytes());
        let (bucket, condition) = (self.bucket, DeleteCondition::default());
        self.run(Command::DeleteObject(DeleteObject {
            bucket,
            key,
            version,
            by: OWNER,
            bypass: true,
            condition,
        }))
    }

    fn tag(&mut self, key: &str, order: Order, value: &str) {
        let change = ChangeVersion {
            bucket: self.bucket,
            key: Bytes::copy_from_slice(key.as_bytes()),
            version: Some(VersionId::At(order)),
            at: None,
            change: VersionChange::Tags(vec![("a".into(), value.into())]),
        };
        self.run(Command::ChangeVersion(change)).unwrap();
    }

    fn upload(&mut self, key: &str, counter: u64) -> WriteId {
        let upload = WriteId { session: SessionId(1), counter };
        let key = Bytes::copy_from_slice(key.as_bytes());
        let (bucket, attributes) = (self.bucket, Attributes::default());
        let create =
            CreateUpload { bucket, key, upload, initiator: OWNER, owner: OWNER, attributes, checksum: None };
        self.run(Command::CreateUpload(create)).unwrap();
        upload
    }

    fn look(&self, rows: usize) -> Look {
        let day = DayLength::Shortened(NonZeroU64::new(DAY).unwrap());
        Look { now_ms: BEGIN + self.now, day, rows, deeds: 1000 }
    }

    /// What a pass finds, if nothing of it is done.
    fn found(&self, rows: usize) -> Vec<Deed> {
        self.found_by(self.look(rows))
    }

    fn found_by(&self, look: Look) -> Vec<Deed> {
        let (mut place, mut deeds) = (Some(Place::default()), Vec::new());
        while let Some(at) = place {
            let page = read(&self.rows, at, look).unwrap();
            assert!(page.looked <= look.rows + 1, "{} rows in one go", page.looked);
            deeds.extend(page.section.into_iter().flat_map(|section| section.deeds));
            place = page.next;
        }
        deeds
    }

    /// A whole pass that is carried out, by one node after another.
    fn pass(&mut self, rows: usize) -> Vec<Outcome> {
        self.pass_by(self.look(rows))
    }

    fn pass_by(&mut self, look: Look) -> Vec<Outcome> {
        let (mut place, mut outcomes) = (Some(Place::default()), Vec::new());
        while let Some(at) = place {
            let noted = Progress::At { begun_ms: 0, place: at }.encode();
            let Some(Progress::At { place: at, .. }) = Progress::decode(&noted) else { panic!() };
            let page = read(&self.rows, at, look).unwrap();
            if let Some(section) = page.section {
                for deed in section.deeds {
                    outcomes.push(self.run(deed.command(section.bucket.id, section.bucket.owner)));
                }
            }
            place = page.next;
        }
        outcomes
    }

    fn carry_out(&mut self, deed: &Deed) -> Outcome {
        self.run(deed.command(self.bucket, OWNER))
    }

    /// All versions, by key and newest first: key, whether it is a marker.
    fn left(&self) -> Vec<(String, bool)> {
        self.versions().into_iter().map(|(key, _, version)| (key, version.summary.delete_marker)).collect()
    }

    fn versions(&self) -> Vec<(String, Order, mucura_metadata::VersionRecord)> {
        versions_from(&self.rows, self.bucket, None, usize::MAX)
            .unwrap()
            .into_iter()
            .map(|listed| (String::from_utf8(listed.key.to_vec()).unwrap(), listed.order, listed.version))
            .collect()
    }

    fn keys_left(&self) -> String {
        self.left()
            .into_iter()
            .map(|(key, marker)| if marker { format!("-{key} ") } else { key + " " })
            .collect()
    }
}

fn rule(id: &str, rest: &str) -> String {
    format!("<Rule><ID>{id}</ID><Status>Enabled</Status>{rest}</Rule>")
}

fn all(actions: &str) -> String {
    rule("r", &format!("<Filter/>{actions}"))
}

const EXPIRE: &str = "<Expiration><Days>1</Days></Expiration>";
const NONCURRENT: &str =
    "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>";
const KEEP_2: &str = "<NoncurrentVersionExpiration><NewerNoncurrentVersions>2</NewerNoncurrentVersions>\
                      <NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>";

#[test]
fn objects_expire_when_a_rule_covers_them_and_others_stay() {
    let old = rule("r", &format!("<Filter><Prefix>old/</Prefix></Filter>{EXPIRE}"));
    let big =
        rule("s", &format!("<Filter><ObjectSizeGreaterThan>10</ObjectSizeGreaterThan></Filter>{EXPIRE}"));
    let tagged = "<Filter><Tag><Key>a</Key><Value>1</Value></Tag></Filter>";
    let mut world = World::new(&(old + &big + &rule("t", &format!("{tagged}{EXPIRE}"))));
    for key in ["big", "new/a", "old/a", "old/b", "tagged"] {
        let (size, tags) = match key {
            "big" => (11, Vec::new()),
            "tagged" => (10, vec![("a".to_owned(), "1".to_owned())]),
            _ => (10, vec![("a".to_owned(), "2".to_owned())]),
        };
        world.put_with(key, size, Attributes { tags, ..Attributes::default() });
    }
    assert_eq!(world.found(100), []);
    world.now += DAY;
    world.put("old/b");
    world.pass(2);
    assert_eq!(world.keys_left(), "new/a old/b ");
}

#[test]
fn where_versions_are_kept_an_object_expires_by_a_delete_marker() {
    let mut world = World::versioned(&all(EXPIRE));
    world.put("a");
    world.now += DAY;
    assert_eq!(world.pass(1).len(), 1);
    assert_eq!(world.keys_left(), "-a a ");
    // Its version stays, and so does the marker.
    world.now += 9 * DAY;
    assert_eq!(world.pass(1), []);
    // Without it the marker goes too.
    let first = world.versions()[1].1;
    world.delete("a", Some(VersionId::At(first))).unwrap();
    world.pass(1);
    assert_eq!(world.keys_left(), "");
}

#[test]
fn of_noncurrent_versions_the_newest_are_kept_whatever_the_pages() {
    for rows in 1..9 {
        let mut world = World::versioned(&all(KEEP_2));
        for key in ["a", "b", "b", "b", "b", "b", "b", "c", "c"] {
            world.put(key);
        }
        world.now += DAY;
        world.pass(rows);
        assert_eq!(world.keys_left(), "a b b b c c ", "{rows} rows a page");
    }
}

#[test]
fn newer_versions_that_are_gone_when_a_pass_is_resumed_do_not_count() {
    let mut world = World::versioned(&all(KEEP_2));
    let orders: Vec<Order> = (0..5).map(|_| world.put("k")).collect();
    world.now += DAY;
    let look = world.look(4);
    let page = read(&world.rows, Place::default(), look).unwrap();
    // The two oldest would go; the pass stands before the last of them.
    assert_eq!(page.section.unwrap().deeds.len(), 1);
    for order in &orders[1..4] {
        world.delete("k", Some(VersionId::At(*order))).unwrap();
    }
    let page = read(&world.rows, page.next.clone().unwrap(), look).unwrap();
    assert_eq!(page.section.unwrap().deeds, []);
}

#[test]
fn what_follows_a_key_that_is_gone_when_a_pass_is_resumed_is_current() {
    let mut world = World::versioned(&all(NONCURRENT));
    let orders: Vec<Order> = (0..3).map(|_| world.put("k")).collect();
    world.now += DAY;
    let look = world.look(1);
    let page = read(&world.rows, Place::default(), look).unwrap();
    world.delete("k", Some(VersionId::At(orders[2]))).unwrap();
    let page = read(&world.rows, page.next.unwrap(), look).unwrap();
    assert_eq!(page.section.unwrap().deeds, []);
}

#[test]
fn age_is_counted_from_what_is_left_when_a_pass_is_resumed() {
    let mut world = World::versioned(&all(NONCURRENT));
    world.put("k");
    let second = world.put("k");
    world.now += DAY;
    let look = world.look(1);
    let page = read(&world.rows, Place::default(), look).unwrap();
    world.delete("k", Some(VersionId::At(second))).unwrap();
    world.put("k");
    let page = read(&world.rows, page.next.unwrap(), look).unwrap();
    assert_eq!(page.section.unwrap().deeds, []);
}

/// Between pages that a walk reads, versions of the same key went.
#[test]
fn all_old_versions_of_a_key_go_in_one_pass_however_many_it_keeps() {
    let mut world = World::versioned(&all(KEEP_2));
    for _ in 0..30 {
        world.put("k");
    }
    world.now += DAY;
    // So many stay, for they are young: more than is looked at from the newest on.
    for _ in 0..NEWER_MAX + 10 {
        world.put("k");
    }
    let outcomes = world.pass_by(Look { deeds: 4, ..world.look(7) });
    assert_eq!(outcomes.len(), 29);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(world.versions().len(), NEWER_MAX + 11);
}

#[test]
fn what_a_page_finds_is_done_before_more_is_looked_for() {
    let mut world = World::versioned(&all(EXPIRE));
    for key in ["a", "b", "c", "d", "e"] {
        world.put(key);
    }
    world.now += DAY;
    let look = Look { deeds: 2, ..world.look(100) };
    let page = read(&world.rows, Place::default(), look).unwrap();
    let deeds = page.section.unwrap().deeds;
    assert_eq!(deeds.len(), 2);
    for deed in &deeds {
        world.carry_out(deed).unwrap();
    }
    // Whoever takes the rules away stops them there.
    let mut without = world.clone();
    let change = BucketChange::Document { document: BucketDocument::Lifecycle, text: None };
    without.run(Command::ChangeBucket { bucket: world.bucket, change }).unwrap();
    assert!(read(&without.rows, page.next.clone().unwrap(), look).unwrap().section.is_none());
    let page = read(&world.rows, page.next.unwrap(), look).unwrap();
    let keys: Vec<Bytes> = page.section.unwrap().deeds.into_iter().map(|deed| deed.key).collect();
    assert_eq!(keys, [Bytes::from_static(b"d"), Bytes::from_static(b"c")]);
    world.pass_by(look);
    assert_eq!(world.keys_left(), "-a a -b b -c c -d d -e e ");
}

#[test]
fn versions_that_go_in_the_same_pass_do_not_count_as_newer_ones() {
    let tag = rule("t", &format!("<Filter><Tag><Key>a</Key><Value>1</Value></Tag></Filter>{NONCURRENT}"));
    for rows in 1..7 {
        let mut world = World::versioned(&(tag.clone() + &all(KEEP_2)));
        let tagged = || Attributes { tags: vec![("a".into(), "1".into())], ..Attributes::default() };
        world.put("k");
        world.put("k");
        world.put_with("k", 1, tagged());
        world.put_with("k", 1, tagged());
        world.put("k");
        world.now += DAY;
        world.pass(rows);
        assert_eq!(world.keys_left(), "k k k ", "{rows} rows a page");
    }
}

#[test]
fn an_object_that_was_written_anew_survives_what_was_decided_before() {
    for versioning in [None, Some(Versioning::Enabled), Some(Versioning::Suspended)] {
        let mut world = World::new(&all(EXPIRE));
        versioning.into_iter().for_each(|versioning| world.set(versioning));
        world.put("k");
        world.now += DAY;
        let deeds = world.found(10);
        assert_eq!(deeds.len(), 1);
        let newer = world.put("k");
        assert_eq!(world.carry_out(&deeds[0]), Err(Rejection::PreconditionFailed));
        assert_eq!(world.versions()[0].1, newer);
        assert!(world.versions().iter().all(|(_, _, version)| !version.summary.delete_marker));
    }
}

#[test]
fn a_noncurrent_version_that_became_the_current_one_survives() {
    let mut world = World::versioned(&all(NONCURRENT));
    world.put("k");
    let newer = world.put("k");
    world.now += DAY;
    let deeds = world.found(10);
    world.delete("k", Some(VersionId::At(newer))).unwrap();
    assert_eq!(world.carry_out(&deeds[0]), Err(Rejection::PreconditionFailed));
    assert_eq!(world.keys_left(), "k ");
}

#[test]
fn a_noncurrent_version_whose_age_changed_survives() {
    let mut world = World::versioned(&all(NONCURRENT));
    world.put("k");
    let second = world.put("k");
    world.now += DAY;
    let deeds = world.found(10);
    assert_eq!(deeds.len(), 1);
    world.delete("k", Some(VersionId::At(second))).unwrap();
    world.put("k");
    assert_eq!(world.carry_out(&deeds[0]), Err(Rejection::PreconditionFailed));
    assert_eq!(world.keys_left(), "k k ");
}

#[test]
fn a_noncurrent_version_survives_if_there_are_fewer_newer_ones_than_a_rule_keeps() {
    for gone in [&[1, 2][..], &[1], &[2]] {
        let mut world = World::versioned(&all(KEEP_2));
        let orders: Vec<Order> = (0..4).map(|_| world.put("k")).collect();
        world.now += DAY;
        let deeds = world.found(10);
        assert_eq!(deeds.len(), 1);
        for place in gone {
            world.delete("k", Some(VersionId::At(orders[*place]))).unwrap();
        }
        assert_eq!(world.carry_out(&deeds[0]), Err(Rejection::PreconditionFailed), "{gone:?}");
    }
}

#[test]
fn newer_ones_that_are_to_go_are_not_those_that_a_rule_keeps() {
    let tag = rule("t", &format!("<Filter><Tag><Key>a</Key><Value>1</Value></Tag></Filter>{NONCURRENT}"));
    let mut world = World::versioned(&(tag + &all(KEEP_2)));
    let tagged = || Attributes { tags: vec![("a".into(), "1".into())], ..Attributes::default() };
    world.put("k");
    world.put("k");
    let kept = world.put("k");
    world.put_with("k", 1, tagged());
    world.put_with("k", 1, tagged());
    world.put("k");
    world.now += DAY;
    let deeds = world.found(10);
    assert_eq!(deeds.len(), 3);
    world.delete("k", Some(VersionId::At(kept))).unwrap();
    let done = deeds.iter().map(|deed| world.carry_out(deed).is_ok()).collect::<Vec<_>>();
    assert_eq!(done, [false, true, true]);
}

#[test]
fn what_lost_its_tags_survives() {
    let to = "<Transition><Days>1</Days><StorageClass>COLD</StorageClass></Transition>";
    for (actions, count) in [(EXPIRE, 1), (NONCURRENT, 1), (to, 1)] {
        let rules = rule("t", &format!("<Filter><Tag><Key>a</Key><Value>1</Value></Tag></Filter>{actions}"));
        let mut world = World::versioned(&rules);
        let tagged = Attributes { tags: vec![("a".into(), "1".into())], ..Attributes::default() };
        let orders = [world.put_with("k", 1, tagged.clone()), world.put_with("k", 1, tagged)];
        world.now += DAY;
        let deeds = world.found(10);
        assert_eq!(deeds.len(), count, "{actions}");
        for order in orders {
            world.tag("k", order, "2");
        }
        assert_eq!(world.carry_out(&deeds[0]), Err(Rejection::PreconditionFailed), "{actions}");
        assert_eq!(world.keys_left(), "k k ");
        for order in orders {
            world.tag("k", order, "1");
        }
        assert!(world.carry_out(&deeds[0]).is_ok(), "{actions}");
    }
}

#[test]
fn another_version_that_got_the_id_null_survives() {
    let mut world = World::new(&all(NONCURRENT));
    world.put("k");
    world.set(Versioning::Enabled);
    world.put("k");
    world.now += DAY;
    let deeds = world.found(10);
    assert!(matches!(deeds[0].action, Action::ExpireVersion { id: VersionId::Null, .. }));
    world.set(Versioning::Suspended);
    world.put("k");
    world.set(Versioning::Enabled);
    world.put("k");
    assert_eq!(world.carry_out(&deeds[0]), Err(Rejection::PreconditionFailed));
    assert_eq!(world.keys_left(), "k k k ");
}

#[test]
fn a_delete_marker_that_hides_something_again_survives() {
    let expired = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
    let mut world = World::versioned(&all(expired));
    let version = world.put("k");
    world.delete("k", None).unwrap();
    assert_eq!(world.found(1), []);
    world.delete("k", Some(VersionId::At(version))).unwrap();
    let deeds = world.found(1);
    assert_eq!(deeds.len(), 1);
    world.put("k");
    assert_eq!(world.carry_out(&deeds[0]), Err(Rejection::PreconditionFailed));
    assert_eq!(world.keys_left(), "k -k ");
}

#[test]
fn an_object_that_took_the_place_of_a_delete_marker_survives() {
    let mut world = World::new(&all(EXPIRE));
    world.set(Versioning::Suspended);
    world.delete("k", None).unwrap();
    world.now += DAY;
    let deeds = world.found(1);
    assert!(matches!(deeds[0].action, Action::RemoveMarker { id: VersionId::Null, .. }));
    world.put("k");
    assert_eq!(world.carry_out(&deeds[0]), Err(Rejection::PreconditionFailed));
    assert_eq!(world.keys_left(), "k ");
}

#[test]
fn what_is_locked_stays() {
    let mut world = World::new("<Rule><ID>r</ID></Rule>");
    world.bucket = world.create("locked", &all(NONCURRENT), NewBucket { lock: true, ..NewBucket::default() });
    let lock = Lock { retention: None, legal_hold: true };
    world.put_with("k", 1, Attributes { lock, ..Attributes::default() });
    world.put("k");
    world.put("k");
    world.now += DAY;
    // It is not even tried.
    let outcomes = world.pass(1);
    assert!(outcomes.len() == 1 && outcomes[0].is_ok(), "{outcomes:?}");
    assert_eq!(world.keys_left(), "k k ");
    assert_eq!(world.found(1), []);
}

#[test]
fn versions_move_to_their_class_once_and_only_from_where_they_were() {
    let to = "<Transition><Days>1</Days><StorageClass>COLD</StorageClass></Transition>";
    let mut world = World::new(&all(to));
    world.put_with("cold", 1, Attributes { storage_class: Some("COLD".into()), ..Attributes::default() });
    world.put("k");
    world.now += DAY;
    let deeds = world.found(10);
    assert_eq!(deeds.len(), 1);
    // Another body by the same name is not old enough.
    let mut anew = world.clone();
    anew.put("k");
    assert_eq!(anew.carry_out(&deeds[0]), Err(Rejection::PreconditionFailed));
    assert!(world.carry_out(&deeds[0]).is_ok());
    assert_eq!(world.carry_out(&deeds[0]), Err(Rejection::PreconditionFailed));
    assert_eq!(world.found(10), []);
    for (_, _, version) in world.versions() {
        assert_eq!(version.summary.storage_class.as_deref(), Some("COLD"));
        assert_eq!(version.attributes.storage_class, None);
    }
}

#[test]
fn uploads_are_aborted_whatever_the_pages() {
    let abort = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>";
    let rules = rule("r", &format!("<Filter><Prefix>k</Prefix></Filter>{abort}"));
    for rows in 1..6 {
        let mut world = World::new(&rules);
        for (counter, key) in ["a", "k", "k", "k", "ka", "l"].into_iter().enumerate() {
            world.upload(key, counter as u64 + 1);
        }
        world.now += DAY;
        let late = world.upload("k", 9);
        let look = Look { deeds: 1 + rows % 3, ..world.look(rows) };
        let page = read(&world.rows, Place::behind("a"), Look { rows: 100, ..look }).unwrap();
        let page = read(&world.rows, page.next.unwrap(), Look { rows: 100, ..look }).unwrap();
        assert_eq!(page.section.unwrap().deeds.len(), look.deeds);
        world.pass_by(look);
        let query = UploadQuery { max: 100, ..UploadQuery::default() };
        let left = list_uploads(&world.rows, world.bucket, &query).unwrap().uploads;
        let keys: Vec<&[u8]> = left.iter().map(|upload| &upload.key[..]).collect();
        assert_eq!(keys, [b"a", b"k", b"l"], "{rows} rows a page");
        assert_eq!(left[1].id, late);
    }
}

#[test]
fn all_buckets_with_rules_are_found_and_their_rules_are_those_of_now() {
    let mut world = World::new(&all(EXPIRE));
    let first = world.bucket;
    for name in ["a", "b", "c", "x", "y"] {
        world.bucket = world.create(name, &all(EXPIRE), NewBucket::default());
        world.put("k");
        if ["b", "y"].contains(&name) {
            let change = BucketChange::Document { document: BucketDocument::Lifecycle, text: None };
            world.run(Command::ChangeBucket { bucket: world.bucket, change }).unwrap();
        }
    }
    world.bucket = first;
    world.now += DAY;
    for rows in 1..8 {
        assert_eq!(world.found(rows).len(), 3, "{rows} rows a page");
    }
    // Rules that cannot be read delete nothing, and hinder no other bucket.
    let text = Some(Bytes::from_static(b"<LifecycleConfiguration><Rule>"));
    let change = BucketChange::Document { document: BucketDocument::Lifecycle, text };
    world.run(Command::ChangeBucket { bucket: first, change }).unwrap();
    assert_eq!(world.found(2).len(), 3);
}

#[test]
fn a_bucket_that_was_made_anew_begins_at_its_beginning() {
    let mut world = World::new(&all(EXPIRE));
    world.put("a");
    world.put("b");
    world.now += DAY;
    let within = Within::Versions { id: BucketId(world.bucket.0 + 1), after: None };
    let page = read(&world.rows, Place { bucket: "bucket".into(), within }, world.look(10)).unwrap();
    assert!(page.section.is_none());
    assert_eq!(page.next, Some(Place::behind("bucket")));
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, bool),
    Delete(u8),
    DeleteVersion(usize),
    Set(Versioning),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let versioning = prop_oneof![Just(Versioning::Enabled), Just(Versioning::Suspended)];
    let step = prop_oneof![
        8 => (0..3_u8, any::<bool>()).prop_map(|(key, tagged)| Step::Put(key, tagged)),
        2 => (0..3_u8).prop_map(Step::Delete),
        2 => (0..20_usize).prop_map(Step::DeleteVersion),
        1 => versioning.prop_map(Step::Set),
        2 => (0..DAY).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..40)
}

fn after(rules: &str, steps: &[Step]) -> World {
    let mut world = World::new(rules);
    for step in steps {
        match step {
            Step::Put(key, tagged) => {
                let tags = if *tagged { vec![("a".to_owned(), "1".to_owned())] } else { Vec::new() };
                world.put_with(&key.to_string(), 1, Attributes { tags, ..Attributes::default() });
            }
            Step::Delete(key) => drop(world.delete(&key.to_string(), None)),
            Step::DeleteVersion(number) => {
                if let Some((key, order, version)) = world.versions().get(*number).cloned() {
                    let id = if version.summary.null { VersionId::Null } else { VersionId::At(order) };
                    world.delete(&key, Some(id)).unwrap();
                }
            }
            Step::Set(versioning) => world.set(*versioning),
            Step::Wait(ms) => world.now += ms,
        }
    }
    world
}

/// Whether the rules below allow that a version goes, told without a walk.
fn may_go(world: &World, key: &str, at: Order) -> bool {
    let of_key: Vec<_> = world.versions().into_iter().filter(|(of, _, _)| of == key).collect();
    let place = of_key.iter().position(|(_, order, _)| *order == at).unwrap();
    let is_past = |order: Order| BEGIN + world.now >= order.time.timestamp().0 + DAY;
    let marker = of_key[place].2.summary.delete_marker;
    match place {
        0 if marker => of_key.len() == 1 && is_past(at),
        0 => is_past(at),
        // Two noncurrent ones may stay before it, or it is tagged.
        _ => {
            let tagged = !of_key[place].2.attributes.tags.is_empty();
            is_past(of_key[place - 1].1) && (place > 2 || tagged)
        }
    }
}

proptest! {
    #[test]
    fn nothing_goes_that_no_rule_covers_and_all_else_does(
        steps in steps(), rows in 1..20_usize, deeds in 1..9_usize
    ) {
        let tag = rule("t", &format!("<Filter><Tag><Key>a</Key><Value>1</Value></Tag></Filter>{NONCURRENT}"));
        let rules = tag + &all(&(EXPIRE.to_owned() + KEEP_2));
        let mut world = after(&rules, &steps);
        let found = world.found(1000);
        for deed in &found {
            let key = std::str::from_utf8(&deed.key).unwrap();
            let at = match deed.action {
                Action::Expire { at } | Action::RemoveMarker { at, .. } => at,
                Action::ExpireVersion { is, .. } => is.at,
                _ => panic!("{deed:?}"),
            };
            prop_assert!(may_go(&world, key, at), "{deed:?}");
        }
        // However it is cut into pages, a pass comes to the same.
        let look = Look { deeds, ..world.look(rows) };
        let mut whole = world.clone();
        whole.pass(1000);
        for outcome in world.pass_by(look) {
            // While versioning is suspended, the marker of an object that expires takes the
            // place of a version that was to go by itself.
            prop_assert!(matches!(outcome, Ok(_) | Err(Rejection::PreconditionFailed)), "{outcome:?}");
        }
        // And if such a version was the next newer one, what is behind it gets time.
        let last_set = steps.iter().rfind(|step| matches!(step, Step::Set(_)));
        if !matches!(last_set, Some(Step::Set(Versioning::Suspended))) {
            prop_assert_eq!(world.left(), whole.left());
        }
        // Nothing expires twice.
        let again = world.found_by(look);
        prop_assert!(again.iter().all(|deed| !matches!(deed.action, Action::Expire { .. })), "{again:?}");
    }
}

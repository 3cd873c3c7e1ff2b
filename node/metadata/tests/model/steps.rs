//! The steps of random histories. Numbers in them are choices among what there
//! is when the step is taken: see [`crate::world`].

use proptest::collection::vec;
use proptest::prelude::*;

use crate::shelf::DAY_MS;

/// A command, the session that sends it, and how its number is chosen.
#[derive(Clone, Debug)]
pub struct Step {
    pub via: u8,
    /// Takes the slot of the number before.
    pub jump: bool,
    pub act: Act,
}

#[derive(Clone, Debug)]
pub enum Act {
    Put {
        place: Place,
        body: Bytes,
        tag: u8,
        said: Said,
        condition: Condition,
    },
    Delete {
        place: Place,
        version: Option<u8>,
        bypass: bool,
        tag: Option<Tag>,
        /// Whether the newest version must be the one that it is, or another.
        current: Option<bool>,
        alone: bool,
        /// Whether it must have the tags that it has, or others.
        tags: Option<bool>,
        /// Whether the version must be the one that it is, or another, and not
        /// the newest; the same of the next newer one; and how many newer ones.
        noncurrent: Option<(bool, bool, u8)>,
    },
    ChangeVersion {
        place: Place,
        version: Option<u8>,
        /// Whether it must be where it is, or elsewhere.
        at: Option<bool>,
        change: VersionAct,
    },
    ChangeBucket {
        bucket: u8,
        change: BucketAct,
    },
    NoteProgress {
        work: u8,
        place: u16,
    },
    /// Time passes: the milliseconds.
    Wait {
        ms: u64,
    },
    CreateUpload {
        place: Place,
        said: Said,
    },
    PutPart {
        upload: u8,
        number: u16,
        body: Bytes,
        tag: u8,
        astray: bool,
    },
    /// More than one step of forgetting takes.
    ManyParts {
        upload: u8,
        count: u16,
    },
    Complete {
        upload: u8,
        subset: u8,
        tag: u8,
        least: bool,
        spoil: u8,
        condition: Condition,
    },
    CompleteAgain {
        which: u8,
        other: bool,
    },
    Abort {
        upload: u8,
    },
    OpenSession {
        node: u64,
        nonce: u8,
        takes_over: bool,
    },
    EndSession {
        session: u8,
    },
    ShardHome {
        chunk: u8,
        position: u8,
        spoil: u8,
    },
    Forget {
        item: u8,
        known: bool,
    },
    CreateBucket {
        name: u8,
        owner: u64,
        limit: u32,
        lock: bool,
        acl: u8,
        ownership: u8,
    },
    DeleteBucket {
        place: Place,
    },
    ReplaceDrive {
        drive: u8,
        spoil: bool,
    },
    Repeat {
        which: u8,
    },
}

#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub bucket: u8,
    pub key: u8,
}

/// Where the bytes are and how they are wrong, if `spoil` says so.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    pub inline: bool,
    pub chunks: u8,
    /// Positions without their shard, three bits a chunk.
    pub risk: u8,
    pub writer: u8,
    pub spoil: u8,
    /// Whether more is stored than the body has.
    pub sealed: bool,
}

/// What is said of an object besides its bytes; mostly nothing.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    pub tags: u8,
    pub acl: u8,
    pub retention: Option<Keep>,
    pub hold: bool,
    pub encrypted: bool,
}

/// A retention, its time told from a time that matters.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    pub compliance: bool,
    pub until: Until,
}

#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// Milliseconds from 100 ms ago.
    Now(u64),
    /// Milliseconds from 1 ms before the time that the version has.
    Before(u64),
}

#[derive(Clone, Copy, Debug)]
pub enum VersionAct {
    Tags(u8),
    Acl(u8),
    Retention {
        keep: Option<Keep>,
        bypass: bool,
    },
    LegalHold(bool),
    /// Whether it is told to be of the class that it is; whether it must have
    /// the tags that it has, or others; and the new class.
    StorageClass {
        from: bool,
        tags: Option<bool>,
        to: u8,
    },
    /// Whether the wrapped key is the one that is there.
    Rewrap {
        expected: bool,
        to: u8,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum BucketAct {
    Versioning(u8),
    /// In years or else in days; none: without a default.
    Lock(Option<(bool, bool)>),
    Acl(u8),
    Ownership(u8),
    PublicAccess(u8),
    Document {
        document: u8,
        text: u8,
    },
}

/// A tag in a condition.
#[derive(Clone, Copy, Debug)]
pub enum Tag {
    Any,
    Current,
    Other,
    Both,
}

#[derive(Clone, Copy, Debug)]
pub struct Condition {
    pub if_match: Option<Tag>,
    pub if_none_match: Option<Tag>,
}

fn place() -> impl Strategy<Value = Place> {
    any::<(u8, u8)>().prop_map(|(bucket, key)| Place { bucket, key })
}

fn bytes() -> impl Strategy<Value = Bytes> {
    let risk = prop_oneof![Just(0), any::<u8>()];
    let yes = proptest::bool::weighted;
    (yes(0.25), 1u8..3, risk, any::<u8>(), 0u8..40, yes(0.2)).prop_map(
        |(inline, chunks, risk, writer, spoil, sealed)| Bytes { inline, chunks, risk, writer, spoil, sealed },
    )
}

fn keep() -> impl Strategy<Value = Keep> {
    let until = prop_oneof![
        2 => (0u64..250).prop_map(Until::Now),
        1 => prop_oneof![Just(DAY_MS), Just(400 * DAY_MS)].prop_map(Until::Now),
        2 => (0u64..3).prop_map(Until::Before),
    ];
    (any::<bool>(), until).prop_map(|(compliance, until)| Keep { compliance, until })
}

fn said() -> impl Strategy<Value = Said> {
    let yes = proptest::bool::weighted;
    let some = || prop_oneof![3 => Just(0u8), 1 => any::<u8>()];
    (some(), some(), proptest::option::weighted(0.1, keep()), yes(0.03), yes(0.1))
        .prop_map(|(tags, acl, retention, hold, encrypted)| Said { tags, acl, retention, hold, encrypted })
}

fn version_act() -> impl Strategy<Value = VersionAct> {
    prop_oneof![
        2 => any::<u8>().prop_map(VersionAct::Tags),
        2 => any::<u8>().prop_map(VersionAct::Acl),
        6 => (proptest::option::weighted(0.9, keep()), any::<bool>())
            .prop_map(|(keep, bypass)| VersionAct::Retention { keep, bypass }),
        2 => proptest::bool::weighted(0.4).prop_map(VersionAct::LegalHold),
        3 => (
            proptest::bool::weighted(0.8),
            proptest::option::weighted(0.3, proptest::bool::weighted(0.8)),
            0u8..4
        )
            .prop_map(|(from, tags, to)| VersionAct::StorageClass { from, tags, to }),
        2 => (proptest::bool::weighted(0.8), any::<u8>())
            .prop_map(|(expected, to)| VersionAct::Rewrap { expected, to }),
    ]
}

fn bucket_act() -> impl Strategy<Value = BucketAct> {
    prop_oneof![
        6 => any::<u8>().prop_map(BucketAct::Versioning),
        2 => proptest::option::weighted(0.7, any::<(bool, bool)>()).prop_map(BucketAct::Lock),
        2 => any::<u8>().prop_map(BucketAct::Acl),
        2 => any::<u8>().prop_map(BucketAct::Ownership),
        1 => any::<u8>().prop_map(BucketAct::PublicAccess),
        3 => any::<(u8, u8)>().prop_map(|(document, text)| BucketAct::Document { document, text }),
    ]
}

fn tag() -> impl Strategy<Value = Tag> {
    prop_oneof![Just(Tag::Any), Just(Tag::Current), Just(Tag::Other), Just(Tag::Both)]
}

fn condition() -> impl Strategy<Value = Condition> {
    let maybe = || proptest::option::weighted(0.15, tag());
    (maybe(), maybe()).prop_map(|(if_match, if_none_match)| Condition { if_match, if_none_match })
}

fn maybe<T: std::fmt::Debug + Clone>(weight: f64, of: BoxedStrategy<T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(weight, of)
}

/// What happens to versions.
fn object_act(place: &BoxedStrategy<Place>) -> impl Strategy<Value = Act> + use<> {
    let (n, yes) = (any::<u8>, proptest::bool::weighted);
    prop_oneof![
        5 => (place.clone(), bytes(), 0u8..4, said(), condition())
            .prop_map(|(place, body, tag, said, condition)| Act::Put { place, body, tag, said, condition }),
        4 => (
            place.clone(),
            maybe(0.6, n().boxed()),
            yes(0.3),
            maybe(0.3, tag().boxed()),
            maybe(0.15, yes(0.8).boxed()),
            yes(0.1),
            maybe(0.1, yes(0.8).boxed()),
            maybe(0.2, (yes(0.9), yes(0.9), n()).boxed())
        )
            .prop_map(|(place, version, bypass, tag, current, alone, tags, noncurrent)| {
                Act::Delete { place, version, bypass, tag, current, alone, tags, noncurrent }
            }),
        3 => (place.clone(), maybe(0.7, n().boxed()), maybe(0.3, yes(0.8).boxed()), version_act())
            .prop_map(|(place, version, at, change)| Act::ChangeVersion { place, version, at, change }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let (n, yes) = (any::<u8>, proptest::bool::weighted);
    let number = prop_oneof![30 => 1u16..5, 1 => Just(0), 1 => Just(10_000), 1 => Just(10_001)];
    prop_oneof![
        24 => object_act(&place().boxed()),
        7 => (n(), bucket_act()).prop_map(|(bucket, change)| Act::ChangeBucket { bucket, change }),
        1 => (0u8..4, 0u16..2100).prop_map(|(work, place)| Act::NoteProgress { work, place }),
        2 => prop_oneof![3 => 0u64..200, 1 => Just(DAY_MS), 1 => Just(366 * DAY_MS)]
            .prop_map(|ms| Act::Wait { ms }),
        3 => (place(), said()).prop_map(|(place, said)| Act::CreateUpload { place, said }),
        14 => (n(), number, bytes(), 0u8..4, yes(0.03)).prop_map(|(upload, number, body, tag, astray)| {
            Act::PutPart { upload, number, body, tag, astray }
        }),
        1 => (n(), 250u16..300).prop_map(|(upload, count)| Act::ManyParts { upload, count }),
        8 => (n(), n(), 0u8..4, yes(0.1), 0u8..30, condition()).prop_map(
            |(upload, subset, tag, least, spoil, condition)| {
                Act::Complete { upload, subset, tag, least, spoil, condition }
            }
        ),
        3 => (n(), yes(0.2)).prop_map(|(which, other)| Act::CompleteAgain { which, other }),
        1 => n().prop_map(|upload| Act::Abort { upload }),
        3 => (prop_oneof![20 => 1u64..3, 1 => Just(9)], 0u8..6, any::<bool>())
            .prop_map(|(node, nonce, takes_over)| Act::OpenSession { node, nonce, takes_over }),
        1 => n().prop_map(|session| Act::EndSession { session }),
        6 => (n(), n(), 0u8..12).prop_map(|(chunk, position, spoil)| Act::ShardHome { chunk, position, spoil }),
        8 => (n(), yes(0.2)).prop_map(|(item, known)| Act::Forget { item, known }),
        2 => (0u8..3, 1u64..3, 1u32..4, any::<bool>(), n(), n()).prop_map(
            |(name, owner, limit, lock, acl, ownership)| {
                Act::CreateBucket { name, owner, limit, lock, acl, ownership }
            }
        ),
        1 => place().prop_map(|place| Act::DeleteBucket { place }),
        1 => (n(), yes(0.2)).prop_map(|(drive, spoil)| Act::ReplaceDrive { drive, spoil }),
        6 => n().prop_map(|which| Act::Repeat { which }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (any::<u8>(), proptest::bool::weighted(0.1), act()).prop_map(|(via, jump, act)| Step { via, jump, act })
}

/// A history: batches of steps.
pub fn history() -> impl Strategy<Value = Vec<Vec<Step>>> {
    vec(prop_oneof![3 => vec(step(), 1..2), 1 => vec(step(), 2..6)], 1..80)
}

/// A history of what happens to the versions of few keys.
pub fn history_of_versions() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let place = || (0u8..2, 1u8..3).prop_map(|(bucket, key)| Place { bucket, key });
    let wait = prop_oneof![8 => 0u64..100, 1 => Just(DAY_MS), 1 => Just(366 * DAY_MS)];
    let act = prop_oneof![
        20 => object_act(&place().boxed()),
        2 => (0u8..2, bucket_act()).prop_map(|(bucket, change)| Act::ChangeBucket { bucket, change }),
        2 => wait.prop_map(|ms| Act::Wait { ms }),
        1 => (place(), said()).prop_map(|(place, said)| Act::CreateUpload { place, said }),
        2 => (0u8..200, 1u16..3, bytes(), 0u8..4)
            .prop_map(|(upload, number, body, tag)| Act::PutPart { upload, number, body, tag, astray: false }),
        1 => (0u8..200, 0u8..4, condition()).prop_map(|(upload, tag, condition)| {
            Act::Complete { upload, subset: 255, tag, least: false, spoil: 0, condition }
        }),
    ];
    let step = (0u8..200, act).prop_map(|(via, act)| Step { via, jump: false, act });
    vec(prop_oneof![3 => vec(step.clone(), 1..2), 1 => vec(step, 2..6)], 1..80)
}

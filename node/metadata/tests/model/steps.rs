//! The steps of random histories. Numbers in them are choices among what there
//! is when the step is taken: see [`crate::world`].

use proptest::collection::vec;
use proptest::prelude::*;

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
        condition: Condition,
    },
    Delete {
        place: Place,
        tag: Option<Tag>,
    },
    CreateUpload {
        place: Place,
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
    (proptest::bool::weighted(0.25), 1u8..3, prop_oneof![Just(0), any::<u8>()], any::<u8>(), 0u8..40)
        .prop_map(|(inline, chunks, risk, writer, spoil)| Bytes { inline, chunks, risk, writer, spoil })
}

fn tag() -> impl Strategy<Value = Tag> {
    prop_oneof![Just(Tag::Any), Just(Tag::Current), Just(Tag::Other), Just(Tag::Both)]
}

fn condition() -> impl Strategy<Value = Condition> {
    let maybe = || proptest::option::weighted(0.15, tag());
    (maybe(), maybe()).prop_map(|(if_match, if_none_match)| Condition { if_match, if_none_match })
}

fn act() -> impl Strategy<Value = Act> {
    let (n, yes) = (any::<u8>, proptest::bool::weighted);
    let number = prop_oneof![30 => 1u16..5, 1 => Just(0), 1 => Just(10_000), 1 => Just(10_001)];
    prop_oneof![
        8 => (place(), bytes(), 0u8..4, condition())
            .prop_map(|(place, body, tag, condition)| Act::Put { place, body, tag, condition }),
        3 => (place(), proptest::option::weighted(0.5, tag())).prop_map(|(place, tag)| Act::Delete { place, tag }),
        3 => place().prop_map(|place| Act::CreateUpload { place }),
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
        2 => (0u8..3, 1u64..3, 1u32..4)
            .prop_map(|(name, owner, limit)| Act::CreateBucket { name, owner, limit }),
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

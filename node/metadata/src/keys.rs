//! The keys of all rows. A table byte comes first; numbers are big-endian, so
//! that bytes sort as values do. Table byte 0 belongs to the log itself.

use mucura_types::{
    BucketId, ChunkId, DriveId, HybridTime, NodeId, Order, SessionId, TableId, UserId, WriteId,
};

use crate::record::{BucketDocument, EventTarget, GarbageClass};

pub(crate) const SITE: &[u8] = &[0x01, 0];
pub(crate) const CLOCK: &[u8] = &[0x01, 1];
pub(crate) const COUNTERS: &[u8] = &[0x01, 2];

const SESSION: u8 = 0x02;
const RESULT: u8 = 0x03;
const PROGRESS: u8 = 0x04;
const NODE: u8 = 0x10;
const DRIVE: u8 = 0x11;
const TABLE: u8 = 0x12;
const USER: u8 = 0x20;
const USER_NAME: u8 = 0x21;
const ACCESS_KEY: u8 = 0x22;
const KEY_OF_USER: u8 = 0x23;
const BUCKET: u8 = 0x30;
const BUCKET_OF_USER: u8 = 0x31;
const BUCKET_ID: u8 = 0x32;
const BUCKET_DOCUMENT: u8 = 0x33;
const NOTIFICATION_RULE: u8 = 0x34;
const VERSION: u8 = 0x40;
const UPLOAD: u8 = 0x41;
const PART: u8 = 0x42;
const COMPLETED: u8 = 0x43;
const NULL_VERSION: u8 = 0x44;
const CHUNK: u8 = 0x50;
const CHUNK_AT_RISK: u8 = 0x51;
const GARBAGE: u8 = 0x60;
const GARBAGE_OF_WRITE: u8 = 0x61;
const QUEUE: u8 = 0x70;
const EVENT: u8 = 0x71;
const WEBHOOK: u8 = 0x72;

fn key(table: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + parts.iter().map(|p| p.len()).sum::<usize>());
    bytes.push(table);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

pub(crate) fn session(id: SessionId) -> Vec<u8> {
    key(SESSION, &[&id.0.to_be_bytes()])
}

/// Sequence numbers share slots: a later one overwrites the result of one that
/// lies a window behind.
pub(crate) fn result(id: SessionId, slot: u64) -> Vec<u8> {
    key(RESULT, &[&id.0.to_be_bytes(), &slot.to_be_bytes()])
}

pub(crate) fn progress(work: &str) -> Vec<u8> {
    key(PROGRESS, &[work.as_bytes()])
}

pub(crate) fn node(id: NodeId) -> Vec<u8> {
    key(NODE, &[&id.0.to_be_bytes()])
}

pub(crate) fn drive(id: DriveId) -> Vec<u8> {
    key(DRIVE, &[&id.0.to_be_bytes()])
}

pub(crate) fn table(id: TableId) -> Vec<u8> {
    key(TABLE, &[&id.0.to_be_bytes()])
}

pub(crate) fn user(id: UserId) -> Vec<u8> {
    key(USER, &[&id.0.to_be_bytes()])
}

pub(crate) fn user_name(name: &str) -> Vec<u8> {
    key(USER_NAME, &[name.as_bytes()])
}

pub(crate) fn access_key(access_key: &str) -> Vec<u8> {
    key(ACCESS_KEY, &[access_key.as_bytes()])
}

pub(crate) fn key_of_user(user: UserId, access_key: &str) -> Vec<u8> {
    key(KEY_OF_USER, &[&user.0.to_be_bytes(), access_key.as_bytes()])
}

pub(crate) fn bucket(name: &str) -> Vec<u8> {
    key(BUCKET, &[name.as_bytes()])
}

pub(crate) fn bucket_id(id: BucketId) -> Vec<u8> {
    key(BUCKET_ID, &[&id.0.to_be_bytes()])
}

/// What the rows of all pages of a document begin with.
pub(crate) fn bucket_document(id: BucketId, document: BucketDocument) -> Vec<u8> {
    key(BUCKET_DOCUMENT, &[&id.0.to_be_bytes(), &[document as u8]])
}

pub(crate) fn bucket_document_page(id: BucketId, document: BucketDocument, page: u8) -> Vec<u8> {
    let mut bytes = bucket_document(id, document);
    bytes.push(page);
    bytes
}

pub(crate) fn bucket_of_user(user: UserId, name: &str) -> Vec<u8> {
    key(BUCKET_OF_USER, &[&user.0.to_be_bytes(), name.as_bytes()])
}

/// What the rows of all buckets of a user begin with.
pub(crate) fn buckets_of_user(user: UserId) -> Vec<u8> {
    bucket_of_user(user, "")
}

pub(crate) fn version(bucket: BucketId, object: &[u8], order: Order) -> Vec<u8> {
    let mut bytes = versions_of(bucket, object);
    bytes.extend_from_slice(&order.to_inverted_bytes());
    bytes
}

/// What the rows of all versions of one key begin with.
pub(crate) fn versions_of(bucket: BucketId, object: &[u8]) -> Vec<u8> {
    let mut bytes = versions_prefix(bucket, object);
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

/// What the rows of all keys with a prefix begin with.
pub(crate) fn versions_prefix(bucket: BucketId, prefix: &[u8]) -> Vec<u8> {
    let mut bytes = key(VERSION, &[&bucket.0.to_be_bytes()]);
    escape(prefix, &mut bytes);
    bytes
}

/// Before every row of a key that sorts after `object`, behind all of its own.
pub(crate) fn versions_after(bucket: BucketId, object: &[u8]) -> Vec<u8> {
    let mut bytes = versions_prefix(bucket, object);
    bytes.extend_from_slice(&[0, 1]);
    bytes
}

/// Finds the version `null` of a key that has newer ones.
pub(crate) fn null_version(bucket: BucketId, object: &[u8]) -> Vec<u8> {
    let mut bytes = key(NULL_VERSION, &[&bucket.0.to_be_bytes()]);
    escape(object, &mut bytes);
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

/// The key and order in a version row's key.
pub(crate) fn parse_version(row: &[u8]) -> Option<(Vec<u8>, Order)> {
    let (object, rest) = unescape(row.get(9..)?)?;
    Some((object, Order::from_inverted_bytes(rest.try_into().ok()?)))
}

pub(crate) fn upload(bucket: BucketId, object: &[u8], upload: WriteId) -> Vec<u8> {
    let mut bytes = uploads_prefix(bucket, object);
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&upload.to_bytes());
    bytes
}

pub(crate) fn uploads_prefix(bucket: BucketId, prefix: &[u8]) -> Vec<u8> {
    let mut bytes = key(UPLOAD, &[&bucket.0.to_be_bytes()]);
    escape(prefix, &mut bytes);
    bytes
}

/// The key and id in an upload row's key.
pub(crate) fn parse_upload(row: &[u8]) -> Option<(Vec<u8>, WriteId)> {
    let (object, rest) = unescape(row.get(9..)?)?;
    Some((object, WriteId::from_bytes(rest.try_into().ok()?)))
}

pub(crate) fn part(upload: WriteId, number: u16) -> Vec<u8> {
    key(PART, &[&upload.to_bytes(), &number.to_be_bytes()])
}

pub(crate) fn parts_of(upload: WriteId) -> Vec<u8> {
    key(PART, &[&upload.to_bytes()])
}

pub(crate) fn parse_part(row: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(row.get(17..)?.try_into().ok()?))
}

pub(crate) fn completed(upload: WriteId) -> Vec<u8> {
    key(COMPLETED, &[&upload.to_bytes()])
}

pub(crate) fn chunk(id: ChunkId) -> Vec<u8> {
    key(CHUNK, &[&id.to_bytes()])
}

pub(crate) fn chunks_of(write: WriteId) -> Vec<u8> {
    key(CHUNK, &[&write.to_bytes()])
}

pub(crate) fn chunk_at_risk(id: ChunkId) -> Vec<u8> {
    key(CHUNK_AT_RISK, &[&id.to_bytes()])
}

/// The id in the key of a chunk row, or of its row in the list at risk.
pub(crate) fn parse_chunk(row: &[u8]) -> Option<ChunkId> {
    Some(ChunkId::from_bytes(row.get(1..)?.try_into().ok()?))
}

pub(crate) fn garbage(class: GarbageClass, since: HybridTime, id: WriteId) -> Vec<u8> {
    key(GARBAGE, &[&[class as u8], &since.0.to_be_bytes(), &id.to_bytes()])
}

pub(crate) fn garbage_of(class: GarbageClass) -> Vec<u8> {
    key(GARBAGE, &[&[class as u8]])
}

/// Finds the item of garbage that a write's chunks belong to.
pub(crate) fn garbage_of_write(write: WriteId) -> Vec<u8> {
    key(GARBAGE_OF_WRITE, &[&write.to_bytes()])
}

pub(crate) fn parse_garbage(row: &[u8]) -> Option<(HybridTime, WriteId)> {
    let time = u64::from_be_bytes(row.get(2..10)?.try_into().ok()?);
    Some((HybridTime(time), WriteId::from_bytes(row.get(10..)?.try_into().ok()?)))
}

pub(crate) fn notification_rule(bucket: BucketId, place: u8) -> Vec<u8> {
    key(NOTIFICATION_RULE, &[&bucket.0.to_be_bytes(), &[place]])
}

pub(crate) fn notification_rules(bucket: BucketId) -> Vec<u8> {
    key(NOTIFICATION_RULE, &[&bucket.0.to_be_bytes()])
}

pub(crate) fn queue(target: &EventTarget) -> Vec<u8> {
    key(QUEUE, &[&[kind(target)], target.name().as_bytes()])
}

/// The target in the key of a queue.
pub(crate) fn parse_queue(row: &[u8]) -> Option<EventTarget> {
    let name = std::str::from_utf8(row.get(2..)?).ok()?.to_owned();
    match row.get(1)? {
        0 => Some(EventTarget::Queue(name)),
        1 => Some(EventTarget::Webhook(name)),
        _ => None,
    }
}

fn kind(target: &EventTarget) -> u8 {
    match target {
        EventTarget::Queue(_) => 0,
        EventTarget::Webhook(_) => 1,
    }
}

pub(crate) fn event(target: &EventTarget, number: u64) -> Vec<u8> {
    let mut bytes = events_of(target);
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes
}

/// What the rows of all events of a target begin with.
pub(crate) fn events_of(target: &EventTarget) -> Vec<u8> {
    let mut bytes = key(EVENT, &[&[kind(target)]]);
    escape(target.name().as_bytes(), &mut bytes);
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

/// The number in the key of an event.
pub(crate) fn parse_event(row: &[u8]) -> Option<u64> {
    let (_, number) = unescape(row.get(2..)?)?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}

pub(crate) fn webhook(name: &str) -> Vec<u8> {
    key(WEBHOOK, &[name.as_bytes()])
}

/// The key range of a whole table.
pub(crate) fn all(table: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (table.to_vec(), after(table))
}

pub(crate) const ALL_SESSIONS: &[u8] = &[SESSION];
pub(crate) const ALL_NODES: &[u8] = &[NODE];
pub(crate) const ALL_DRIVES: &[u8] = &[DRIVE];
pub(crate) const ALL_TABLES: &[u8] = &[TABLE];
pub(crate) const ALL_USERS: &[u8] = &[USER];
pub(crate) const ALL_BUCKETS: &[u8] = &[BUCKET];
pub(crate) const ALL_CHUNKS: &[u8] = &[CHUNK];
pub(crate) const ALL_CHUNKS_AT_RISK: &[u8] = &[CHUNK_AT_RISK];
pub(crate) const ALL_QUEUES: &[u8] = &[QUEUE];
pub(crate) const ALL_WEBHOOKS: &[u8] = &[WEBHOOK];

/// The first key behind all that begin with `prefix`.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut bytes = prefix.to_vec();
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            break;
        }
    }
    bytes
}

/// Makes a key safe to be followed by more: 00 becomes 00 FF, so that the end
/// mark 00 00 sorts before every longer key.
fn escape(object: &[u8], into: &mut Vec<u8>) {
    for &byte in object {
        into.push(byte);
        if byte == 0 {
            into.push(0xff);
        }
    }
}

/// The key before its end mark, and what follows the mark.
fn unescape(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut object = Vec::new();
    let mut rest = bytes;
    loop {
        match rest {
            [0, 0, tail @ ..] => return Some((object, tail)),
            [0, 0xff, tail @ ..] => {
                object.push(0);
                rest = tail;
            }
            [0, ..] | [] => return None,
            [byte, tail @ ..] => {
                object.push(*byte);
                rest = tail;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn object_key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xff), any::<u8>()], 0..8)
    }

    proptest! {
        #[test]
        fn version_rows_sort_by_key_then_newest_first(a in object_key(), b in object_key(), t in any::<(u64, u64)>()) {
            let order = |t| Order { time: HybridTime(t), ..Order::default() };
            let (ra, rb) = (version(BucketId(7), &a, order(t.0)), version(BucketId(7), &b, order(t.1)));
            prop_assert_eq!(parse_version(&ra), Some((a.clone(), order(t.0))));
            prop_assert_eq!(ra.cmp(&rb), a.cmp(&b).then(t.1.cmp(&t.0)));
        }

        #[test]
        fn the_bounds_of_a_prefix_hold_its_keys_alone(prefix in object_key(), object in object_key()) {
            let row = version(BucketId(7), &object, Order::default());
            let from = versions_prefix(BucketId(7), &prefix);
            let inside = from <= row && row < after(&from);
            prop_assert_eq!(inside, object.starts_with(&prefix));
            prop_assert_eq!(row < versions_after(BucketId(7), &prefix), object <= prefix);
        }

        #[test]
        fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let parsed = (parse_version(&bytes), parse_upload(&bytes), parse_part(&bytes), parse_chunk(&bytes), parse_garbage(&bytes));
            drop(parsed);
            drop((parse_queue(&bytes), parse_event(&bytes)));
        }
    }
}

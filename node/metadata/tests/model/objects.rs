use std::collections::BTreeMap;

use bytes::Bytes;
use mucura_metadata::{
    Attributes, Batch, ChunkRecord, Command, CompleteUpload, CreateUpload, DeleteCondition, ETag, Envelope,
    GarbageClass, ListQuery, PutObject, PutPart, Rejection, Reply, ShardException, WriteCondition, Written,
    chunks_at_risk, chunks_from, current_version, garbage, garbage_of_write, list_objects, parts_of_upload,
};
use mucura_types::{
    BucketId, ChunkId, DriveId, DriveSeat, HybridTime, NodeId, Profile, SessionId, SiteId, StoreId, TableId,
    WriteId, plan_table,
};
use proptest::prelude::*;

use crate::rows::{OWNER, Rows, delete, plain_put, put, site, tag};

#[derive(Clone, Debug)]
enum Op {
    Put(Vec<u8>, u8, Option<u8>),
    Delete(Vec<u8>, Option<u8>),
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'/'), Just(0u8), Just(0xffu8)], 1..5)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (key(), any::<u8>(), proptest::option::weighted(0.2, 0u8..4)).prop_map(|(k, n, c)| Op::Put(k, n % 4, c)),
        1 => (key(), proptest::option::weighted(0.2, 0u8..4)).prop_map(|(k, c)| Op::Delete(k, c)),
    ]
}

/// What a listing must show, by brute force.
pub fn model_list(model: &BTreeMap<Vec<u8>, u8>, query: &ListQuery) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, bool) {
    let (mut keys, mut commons): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (vec![], vec![]);
    for key in model.keys().filter(|k| k.starts_with(&query.prefix)) {
        let rest = &key[query.prefix.len()..];
        let at = (!query.delimiter.is_empty())
            .then(|| rest.windows(query.delimiter.len()).position(|w| w == &query.delimiter[..]))
            .flatten();
        let item =
            at.map_or(key.clone(), |at| key[..query.prefix.len() + at + query.delimiter.len()].to_vec());
        // A marker within a common prefix is behind all of it.
        let after_is_item = at.is_some() && query.after.starts_with(&item);
        if (!query.after.is_empty() && key[..] <= query.after[..])
            || after_is_item
            || commons.last() == Some(&item)
        {
            continue;
        }
        if keys.len() + commons.len() == query.max {
            return (keys, commons, true);
        }
        if at.is_some() { commons.push(item) } else { keys.push(item) }
    }
    (keys, commons, false)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn objects_and_listings_are_as_in_the_model(
        ops in proptest::collection::vec(op(), 1..40),
        prefix in proptest::option::of(key()), delimiter in any::<bool>(), max in 1usize..6,
    ) {
        let (mut rows, bucket, _) = site();
        let mut model: BTreeMap<Vec<u8>, u8> = BTreeMap::new();
        let mut last = HybridTime::default();
        for (step, op) in (10u64..).zip(ops) {
            // The wall clock may stand still or jump back.
            let wall = 1000 + (step * 37) % 11;
            match op {
                Op::Put(key, n, condition) => {
                    let there = model.get(&key).copied();
                    let condition_holds = condition.is_none_or(|c| if c == 0 { there.is_none() } else { there == Some(c) });
                    let write = match condition {
                        None => WriteCondition::default(),
                        Some(0) => WriteCondition { if_none_match: Some(vec![]), ..Default::default() },
                        Some(c) => WriteCondition { if_match: Some(vec![tag(c)]), ..Default::default() },
                    };
                    match rows.one(wall, put(bucket, &key, n, write)) {
                        Ok(Reply::Stored { order, null }) => {
                            prop_assert!(null);
                            prop_assert!(condition_holds);
                            prop_assert!(order.time > last && order.site == SiteId(7));
                            last = order.time;
                            model.insert(key, n);
                        }
                        Err(Rejection::PreconditionFailed) => prop_assert!(!condition_holds && (there.is_some())),
                        Err(Rejection::NoSuchKey) => prop_assert!(!condition_holds && there.is_none()),
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
                Op::Delete(key, condition) => {
                    let there = model.get(&key).copied();
                    let if_match = condition.map(|c| vec![tag(c)]);
                    let condition_of = DeleteCondition { if_match, ..DeleteCondition::default() };
                    match rows.one(wall, delete(bucket, &key, condition_of)) {
                        Ok(Reply::Deleted { existed, version: None, marker: false }) => {
                            prop_assert_eq!(existed, there.is_some());
                            prop_assert!(condition.is_none() || there.is_none() || there == condition);
                            model.remove(&key);
                        }
                        Err(Rejection::PreconditionFailed) => prop_assert!(there.is_some() && there != condition),
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
            }
        }
        for (key, n) in &model {
            prop_assert_eq!(current_version(&rows, bucket, key).unwrap().unwrap().1.summary.etag, tag(*n));
        }
        // Page through: every page as the model has it, and each item once.
        let mut query = ListQuery {
            prefix: prefix.unwrap_or_default().into(),
            delimiter: if delimiter { Bytes::from_static(b"/") } else { Bytes::new() },
            after: Bytes::new(), max,
        };
        loop {
            let page = list_objects(&rows, bucket, &query).unwrap();
            let (keys, commons, truncated) = model_list(&model, &query);
            prop_assert_eq!(page.objects.iter().map(|o| o.key.to_vec()).collect::<Vec<_>>(), keys);
            prop_assert_eq!(page.common_prefixes.iter().map(|p| p.to_vec()).collect::<Vec<_>>(), commons);
            prop_assert_eq!(page.truncated, truncated);
            if !page.truncated {
                break;
            }
            query.after = page.last;
        }
    }

    #[test]
    fn one_batch_or_many_come_to_the_same_rows(ops in proptest::collection::vec(op(), 1..30), cut in 0usize..30) {
        let (rows, bucket, _) = site();
        let commands: Vec<_> = ops.into_iter().map(|op| Envelope::repeatable(match op {
            Op::Put(key, n, _) => put(bucket, &key, n, WriteCondition::default()),
            Op::Delete(key, _) => delete(bucket, &key, DeleteCondition::default()),
        })).collect();
        let cut = cut.min(commands.len());
        let (mut at_once, mut in_two) = (rows.clone(), rows);
        let replies = at_once.run(50, commands.clone());
        let mut others = in_two.run(50, commands[..cut].to_vec());
        others.extend(in_two.run(50, commands[cut..].to_vec()));
        prop_assert_eq!(replies, others);
        prop_assert_eq!(at_once.0, in_two.0);
    }

    #[test]
    fn no_bytes_make_a_batch_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(Batch::decode(&bytes));
    }
}

#[test]
fn a_repeated_command_gets_its_first_answer_and_changes_nothing() {
    let (mut rows, bucket, session) = site();
    let envelope = |sequence, n| Envelope {
        session,
        sequence,
        command: put(bucket, b"k", n, WriteCondition::default()),
    };
    let first = rows.run(10, vec![envelope(1, 1)]);
    rows.run(11, vec![envelope(2, 2)]);
    let before = rows.0.clone();
    assert_eq!(rows.run(12, vec![envelope(1, 1)]), first);
    assert_eq!(rows.0, before);
    // A repetition from beyond the window is refused, not carried out.
    rows.run(13, vec![envelope(1 + 1024, 3)]);
    assert_eq!(rows.run(14, vec![envelope(1, 1)]), vec![Err(Rejection::SequenceForgotten)]);
    // So is anything of a session that was ended, and nothing of it is left.
    rows.one(15, Command::EndSession { session }).unwrap();
    assert_eq!(rows.run(16, vec![envelope(2000, 4)]), vec![Err(Rejection::SessionEnded)]);
    let open = Command::OpenSession { node: NodeId(1), nonce: [8; 16], takes_over: true };
    assert_ne!(rows.one(17, open), Ok(Reply::Session(session)));
}

/// Found by the histories: the answer that it got was kept for ever.
#[test]
fn a_session_that_ends_itself_leaves_no_row() {
    let (mut rows, _, session) = site();
    let of_sessions = |rows: &Rows| rows.0.keys().filter(|key| matches!(key[0], 2 | 3)).count();
    let envelope = Envelope { session, sequence: 1, command: Command::EndSession { session } };
    assert_eq!(rows.run(10, vec![envelope]), vec![Ok(Reply::Done)]);
    assert_eq!(of_sessions(&rows), 0);
}

fn chunked(session: SessionId, counter: u64, len: u32, epoch: u64) -> Written {
    let record = mucura_metadata::ChunkRecord {
        len,
        profile: mucura_types::Profile::new(1, 0),
        table: mucura_types::TableId(1),
        exceptions: vec![],
    };
    Written::Chunks { write: WriteId { session, counter }, chunks: vec![record], epoch }
}

fn part(bucket: BucketId, upload: WriteId, number: u16, n: u8, body: Written) -> Command {
    Command::PutPart(PutPart {
        bucket,
        key: Bytes::from_static(b"big"),
        upload,
        number,
        size: 100,
        md5: [n; 16],
        checksum: None,
        body,
        seal: None,
    })
}

#[test]
fn an_upload_becomes_an_object_of_the_chosen_parts_and_the_rest_is_garbage() {
    let (mut rows, bucket, session) = site();
    let upload = WriteId { session, counter: 1 };
    let create = CreateUpload {
        bucket,
        key: Bytes::from_static(b"big"),
        upload,
        initiator: OWNER,
        owner: OWNER,
        attributes: Attributes::default(),
        checksum: None,
    };
    rows.one(10, Command::CreateUpload(create)).unwrap();
    for number in 1..=3 {
        let body = chunked(session, 10 + u64::from(number), 100, 1);
        rows.one(11, part(bucket, upload, number, u8::try_from(number).unwrap(), body)).unwrap();
    }
    // Part 2 is stored again: the bytes before are garbage at once.
    rows.one(12, part(bucket, upload, 2, 9, chunked(session, 22, 100, 1))).unwrap();
    let at_once =
        |rows: &Rows| garbage(rows, GarbageClass::AtOnce, None, HybridTime(u64::MAX), 10).unwrap().len();
    assert_eq!(at_once(&rows), 1);
    let is_garbage = |rows: &Rows, counter| {
        garbage_of_write(rows, WriteId { session, counter }).unwrap().map(|item| item.class)
    };
    assert_eq!(is_garbage(&rows, 12), Some(GarbageClass::AtOnce));
    assert_eq!(is_garbage(&rows, 22), None);

    let complete = |parts: &[(u16, u8)], part_bytes_min| {
        Command::CompleteUpload(CompleteUpload {
            bucket,
            key: Bytes::from_static(b"big"),
            upload,
            parts: parts.iter().map(|(n, t)| (*n, [*t; 16])).collect(),
            etag: ETag { md5: [5; 16], parts: Some(2) },
            checksum: None,
            condition: WriteCondition::default(),
            part_bytes_min,
        })
    };
    let before = rows.0.clone();
    assert_eq!(rows.one(13, complete(&[(2, 9), (1, 1)], 0)), Err(Rejection::InvalidPartOrder));
    assert_eq!(rows.one(13, complete(&[(1, 1), (2, 2)], 0)), Err(Rejection::InvalidPart { number: 2 }));
    assert_eq!(rows.one(13, complete(&[(1, 1), (4, 4)], 0)), Err(Rejection::InvalidPart { number: 4 }));
    assert_eq!(
        rows.one(13, complete(&[(1, 1), (2, 9)], 101)),
        Err(Rejection::PartTooSmall { number: 1, size: 100 })
    );
    assert_eq!(rows.0, before);

    let done = rows.one(14, complete(&[(1, 1), (2, 9)], 100));
    assert!(matches!(done, Ok(Reply::Completed { .. })), "{done:?}");
    assert_eq!(rows.one(15, complete(&[(1, 1), (2, 9)], 100)), done);
    let (_, version) = current_version(&rows, bucket, b"big").unwrap().unwrap();
    assert_eq!(version.summary.size, 200);
    assert_eq!(parts_of_upload(&rows, upload, 0, 10).unwrap().len(), 2);
    assert_eq!(at_once(&rows), 2);

    // Deleted, collected: no row of it is left but the remembered answer.
    rows.one(16, delete(bucket, b"big", DeleteCondition::default())).unwrap();
    // The parts' time of grace is the upload's: they do not wait once more.
    for class in [GarbageClass::AtOnce, GarbageClass::AfterGrace, GarbageClass::AtOnce] {
        for item in garbage(&rows, class, None, HybridTime(u64::MAX), 10).unwrap() {
            while rows.one(17, Command::ForgetGarbage { item }) == Ok(Reply::More) {}
        }
    }
    assert!(chunks_from(&rows, None, 10).unwrap().is_empty());
    assert!(parts_of_upload(&rows, upload, 0, 10).unwrap().is_empty());
    for counter in [11, 12, 13, 22] {
        assert_eq!(is_garbage(&rows, counter), None);
    }
    assert_eq!(rows.one(18, complete(&[(1, 1), (2, 9)], 100)), done);
}

#[test]
fn a_commit_of_an_ended_session_or_an_old_epoch_is_refused() {
    let (mut rows, bucket, session) = site();
    let put = |epoch| {
        let plain = plain_put(bucket, b"k", 1, WriteCondition::default());
        Command::PutObject(PutObject { size: 100, body: chunked(session, 1, 100, epoch), ..plain })
    };
    let add = Command::AddDrive { node: NodeId(1), store: StoreId([3; 16]), weight: 1, path: "/d".into() };
    let first = rows.one(10, add.clone());
    assert_eq!(rows.one(10, add), first);
    assert_eq!(rows.one(11, put(1)), Err(Rejection::StaleEpoch { current: 2 }));
    assert!(rows.one(12, put(2)).is_ok());
    rows.one(13, Command::EndSession { session }).unwrap();
    assert_eq!(rows.one(14, put(2)), Err(Rejection::WriteSessionEnded));
    assert_eq!(
        rows.one(14, Command::DeleteBucket { name: "data".into(), id: bucket }),
        Err(Rejection::BucketNotEmpty)
    );
}

#[test]
fn a_shard_comes_home_and_a_drive_is_replaced_only_as_things_stand() {
    let (mut rows, bucket, session) = site();
    let store = |n: u8| StoreId([n; 16]);
    let mut seats = Vec::new();
    for n in 1..=2 {
        let drive = Command::AddDrive { node: NodeId(1), store: store(10 + n), weight: 1, path: "/d".into() };
        let Ok(Reply::Drive(drive)) = rows.one(10, drive) else { panic!() };
        seats.push(DriveSeat { drive, node: NodeId(1), weight: 1 });
    }
    let table = plan_table(TableId(1), Profile::new(1, 1), &seats, None).unwrap();
    let chunk = ChunkId { write: WriteId { session, counter: 1 }, number: 0 };
    let home = table.drives(chunk).to_vec();
    rows.one(11, Command::SetTable { table, replaces: None }).unwrap();
    let record = ChunkRecord {
        len: 100,
        profile: Profile::new(1, 1),
        table: TableId(1),
        exceptions: vec![ShardException { position: 1, at: None }],
    };
    let body = Written::Chunks { write: chunk.write, chunks: vec![record], epoch: 4 };
    let put = plain_put(bucket, b"k", 1, WriteCondition::default());
    rows.one(12, Command::PutObject(PutObject { size: 100, body, ..put })).unwrap();
    let at_risk = |rows: &Rows| chunks_at_risk(rows, None, 10).unwrap();
    assert_eq!(at_risk(&rows), [chunk]);

    let store_of = |drive: DriveId| store(10 + u8::try_from(drive.0).unwrap());
    let come_home = |drive: DriveId, store| Command::ShardHome { chunk, position: 1, drive, store };
    // Not where the table puts it; on a directory that is not the drive's.
    let elsewhere = come_home(home[0], store_of(home[0]));
    assert_eq!(rows.one(13, elsewhere), Err(Rejection::NoSuchDrive));
    assert_eq!(rows.one(13, come_home(home[1], store(99))), Err(Rejection::NoSuchDrive));
    assert_eq!(at_risk(&rows), [chunk]);

    let replace =
        |replaces, with| Command::ReplaceDrive { drive: home[1], replaces, store: with, path: "/new".into() };
    assert_eq!(rows.one(14, replace(store_of(home[1]), store(77))), Ok(Reply::Drive(home[1])));
    // Late ones: of the directory before, and to the directory before.
    assert_eq!(rows.one(15, come_home(home[1], store_of(home[1]))), Err(Rejection::NoSuchDrive));
    assert_eq!(rows.one(15, replace(store_of(home[1]), store(66))), Err(Rejection::NoSuchDrive));
    assert_eq!(rows.one(15, replace(store_of(home[1]), store(77))), Ok(Reply::Drive(home[1])));
    assert_eq!(at_risk(&rows), [chunk]);

    assert_eq!(rows.one(16, come_home(home[1], store(77))), Ok(Reply::Done));
    assert!(at_risk(&rows).is_empty());
    assert_eq!(rows.one(17, come_home(home[1], store(77))), Ok(Reply::Done));
}

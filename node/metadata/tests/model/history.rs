//! Random histories of all that can happen to objects, against the model.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mucura_metadata::{
    ChangeVersion, Command, NewBucket, NodeRecord, Reply, SiteSeed, VersionChange, site as site_record,
};
use mucura_types::{
    DriveId, DriveSeat, HybridTime, NodeId, Profile, SiteId, StoreId, TableId, UserId, plan_table,
};
use proptest::prelude::*;

use crate::agreement::rows_by_table;
use crate::reference::Model;
use crate::rows::{Rows, delete_version};
use crate::shelf::DAY_MS;
use crate::steps::{Step, history, history_of_versions};
use crate::world::World;

/// Two nodes with two drives each, and a table; no session and no bucket.
fn new_site() -> (Rows, Model) {
    let mut rows = Rows::default();
    let node = |n: u8| NodeRecord {
        name: format!("n{n}"),
        mesh: String::new(),
        s3: String::new(),
        admin: String::new(),
        store: Some(StoreId([n; 16])),
    };
    let seed = SiteSeed {
        site: SiteId(7),
        name: "lyon".into(),
        ca_certificate: String::new(),
        sealed_secrets: Bytes::new(),
        nodes: vec![node(1), node(2)],
    };
    rows.one(1, Command::InitSite(seed)).unwrap();
    let (mut drives, mut seats) = (BTreeMap::new(), Vec::new());
    for n in 1..=4u8 {
        let (node, store) = (NodeId(1 + u64::from(n % 2)), StoreId([10 + n; 16]));
        let add = Command::AddDrive { node, store, weight: 1, path: "/d".into() };
        assert_eq!(rows.one(1, add), Ok(Reply::Drive(DriveId(n.into()))));
        drives.insert(DriveId(n.into()), store);
        seats.push(DriveSeat { drive: DriveId(n.into()), node, weight: 1 });
    }
    let table = plan_table(TableId(1), Profile::new(2, 1), &seats, None).unwrap();
    rows.one(1, Command::SetTable { table: table.clone(), replaces: None }).unwrap();
    let model = Model {
        sessions: BTreeMap::new(),
        sessions_opened: 0,
        answers: BTreeMap::new(),
        progress: BTreeMap::new(),
        buckets: BTreeMap::new(),
        buckets_made: 0,
        objects: BTreeMap::new(),
        uploads: BTreeMap::new(),
        parts: BTreeMap::new(),
        completed: BTreeMap::new(),
        chunks: BTreeMap::new(),
        garbage: BTreeSet::new(),
        drives,
        table,
        epoch: site_record(&rows).unwrap().unwrap().epoch,
        wall: 1,
        clock: HybridTime::default(),
        discarded: BTreeSet::new(),
        places: 0,
    };
    (rows, model)
}

/// Takes away all that the history left, piece by piece.
fn take_down(world: &mut World) {
    for work in world.model.progress.keys().cloned().collect::<Vec<_>>() {
        world.command(Command::NoteProgress { work, place: Bytes::new() });
    }
    // No retention lasts so long.
    world.pass(10_000 * DAY_MS);
    for ((bucket, key), stack) in world.model.objects.clone() {
        for kept in stack.iter().rev() {
            if kept.record.attributes.lock.legal_hold {
                let (key, version, change) = (key.clone(), Some(kept.id()), VersionChange::LegalHold(false));
                world.command(Command::ChangeVersion(ChangeVersion {
                    bucket,
                    key,
                    version,
                    at: None,
                    change,
                }));
            }
            world.command(delete_version(bucket, &key, kept.id(), false));
        }
    }
    for (name, shelf) in world.model.buckets.clone() {
        world.command(Command::DeleteBucket { name, id: shelf.id });
    }
    for session in world.model.sessions.keys().copied().collect::<Vec<_>>() {
        world.command(Command::EndSession { session });
    }
    world.collect();
}

/// Goes through a history step by step, and takes away what it left.
fn follow(batches: &[Vec<Step>]) {
    let (rows, model) = new_site();
    // The clock and the counters go on; all else is as it was.
    let kept = |rows: &Rows| {
        rows_by_table(rows).into_iter().filter(|(table, _)| *table != 0x01).collect::<BTreeMap<_, _>>()
    };
    let at_first = kept(&rows);
    let mut world = World::new(rows, model);
    for node in [1, 2] {
        let node = NodeId(node);
        world.command(Command::OpenSession { node, nonce: [0; 16], takes_over: false });
    }
    for (name, owner, lock) in [("bucket0", 1, false), ("bucket1", 2, true)] {
        let settings = NewBucket { lock, ..NewBucket::default() };
        world.command(Command::CreateBucket { name: name.into(), owner: UserId(owner), limit: 1, settings });
    }
    for batch in batches {
        world.take(batch);
    }
    world.collect();
    assert!(world.model.completed.is_empty() && world.model.garbage.is_empty());
    take_down(&mut world);
    assert_eq!(kept(&world.rows), at_first);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn every_answer_and_every_row_is_as_in_the_model(batches in history()) {
        follow(&batches);
    }

    #[test]
    fn every_version_is_as_in_the_model(batches in history_of_versions()) {
        follow(&batches);
    }
}

use std::sync::Arc;

use bytes::Bytes;
use mucura_metadata::{Batch, Command, CreateUser, Envelope, NewKey, WriteSet};
use mucura_runtime::{Runtime, Unsynced};
use mucura_types::{GroupId, Timestamp};
use openraft::EntryPayload;
use proptest::prelude::*;

use super::cluster::{Cluster, Machine, until};
use crate::memory_store::MemoryStore;
use crate::message::Method;
use crate::raft_types::{Entry, LeaderId, LogId, Proposal};
use crate::sled_store::SledStore;
use crate::snapshots::Snapshots;
use crate::state::State;
use crate::state_store::StateStore;

fn empty() -> State {
    State::open(Box::new(MemoryStore::default())).unwrap()
}

/// An entry that makes or removes users, so that rows come and go.
fn entry(index: u64, users: &[(u8, bool)]) -> Entry {
    let commands = users.iter().map(|(user, create)| {
        let key = NewKey { access_key: format!("key-{user}"), sealed_secret: Bytes::from(vec![*user; 1000]) };
        let name = format!("user-{user}");
        Envelope::repeatable(match create {
            true => Command::CreateUser(CreateUser { name, email: "e@example.org".into(), key }),
            false => Command::DeleteKey { access_key: key.access_key },
        })
    });
    let batch = Batch { wall: Timestamp(index), commands: commands.collect() };
    let log_id = LogId::new(LeaderId { term: 1, node_id: 1 }, index);
    Entry { log_id, payload: EntryPayload::Normal(Proposal(batch.encode())) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_snapshot_taken_during_writes_is_the_state_at_its_index(
        before in proptest::collection::vec(proptest::collection::vec(any::<(u8, bool)>(), 0..40), 0..20),
        during in proptest::collection::vec(proptest::collection::vec(any::<(u8, bool)>(), 0..8), 1..40),
    ) {
        let entries: Vec<Entry> =
            before.iter().chain(&during).enumerate().map(|(n, users)| entry(n as u64, users)).collect();
        let machine = Runtime::simulated(1, 0);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let state = Arc::new(empty());
            let dir = std::path::PathBuf::from("/snapshots");
            machine.runtime.disk.create_dir_all(&dir).unwrap();
            let snapshots = Arc::new(Snapshots::open(machine.runtime.clone(), dir, GroupId(0)).unwrap());
            state.apply(&entries[..before.len()]).unwrap();
            // One entry between any two steps of the dump.
            let writes = async {
                for entry in &entries[before.len()..] {
                    state.apply(std::slice::from_ref(entry)).unwrap();
                    tokio::task::yield_now().await;
                }
            };
            let (made, ()) = tokio::join!(snapshots.make(&state), writes);
            let snapshot = made.unwrap();

            let expected = empty();
            let upto = snapshot.index().map_or(0, |index| usize::try_from(index).unwrap() + 1);
            expected.apply(&entries[..upto]).unwrap();
            let loaded = empty();
            snapshots.load(&snapshot, &loaded).unwrap();
            loaded.verify().unwrap();
            assert_eq!(loaded.digest(), expected.digest());
            // And it can be gone on from.
            loaded.apply(&entries[upto..]).unwrap();
            assert_eq!(loaded.digest(), state.digest());
        });
    }
}

/// A cluster that makes snapshots often.
async fn busy(seed: u64) -> Cluster {
    let mut cluster = Cluster::simulated(3, seed);
    cluster.snapshot_log_bytes = 2_000;
    cluster.begin().await;
    cluster
}

/// Writes until every running node has purged its log. The commands are many
/// and the rows few, so that the log outgrows the state.
async fn write_until_purged(cluster: &Cluster, through: u64, prefix: &str) {
    for round in 0..200 {
        for n in 0..20 {
            let created = cluster.put(through, &format!("{prefix}-{n}")).await.1;
            assert_eq!(created.is_ok(), round == 0, "{created:?}");
        }
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let mut purged = true;
        for (_, node) in cluster.running() {
            let status = node.status().await;
            purged &= status.purged.is_some() && status.snapshot > status.purged;
        }
        if purged {
            return;
        }
    }
    panic!("nothing is ever purged");
}

#[tokio::test(start_paused = true)]
async fn the_log_is_purged_only_behind_the_older_of_two_snapshots() {
    let cluster = busy(21).await;
    write_until_purged(&cluster, 1, "a").await;
    for (_, node) in cluster.running() {
        let status = node.status().await;
        assert!(status.snapshot > status.purged, "{status:?}");
        assert_eq!(node.inner.parts.snapshots.may_purge(), status.purged.map(|index| index.0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_behind_the_purged_log_gets_a_snapshot() {
    let mut cluster = busy(22).await;
    let down = cluster.follower().await;
    cluster.kill(down).await;
    let through = cluster.leader().await;
    write_until_purged(&cluster, through, "a").await;
    cluster.start(down).await;
    assert!(cluster.sees(down, "a-0").await);
    assert!(cluster.network.calls(Method::Snapshot.number()) > 0);
    cluster.agree().await;
    // What it installed is good for the next start too.
    cluster.kill(down).await;
    cluster.start(down).await;
    assert!(cluster.sees(down, "a-0").await);
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn acknowledged_writes_survive_power_cuts_among_snapshots() {
    for seed in 0..4 {
        let mut cluster = busy(30 + seed).await;
        for round in 0..3 {
            let prefix = format!("r{round}");
            write_until_purged(&cluster, 1 + seed % 3, &prefix).await;
            cluster.cut_power(if seed % 2 == 0 { Unsynced::Lost } else { Unsynced::Partly }).await;
            for node in 1..=3 {
                cluster.start(node).await;
            }
            for n in 0..20 {
                assert!(cluster.sees(1 + n % 3, &format!("{prefix}-{n}")).await, "seed {seed} round {round}");
            }
        }
        cluster.agree().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_snapshot_falls_back_to_the_older_one_and_the_log() {
    let mut cluster = busy(23).await;
    write_until_purged(&cluster, 1, "a").await;
    let node = cluster.follower().await;
    let newest = cluster.node(node).inner.parts.snapshots.newest().unwrap();
    cluster.kill(node).await;
    let Machine::Simulated(simulated) = &cluster.nodes[&node].machine else { panic!() };
    // In the rows: header and trailer stay good, so that only loading finds it.
    let length =
        simulated.runtime.disk.open(newest.path(), mucura_runtime::OpenMode::Read).unwrap().len().unwrap();
    simulated.disk.flip(newest.path(), length / 2, 0x10).unwrap();
    cluster.network.isolate(&[node]);
    cluster.start(node).await;
    let restored = cluster.node(node).status().await;
    let older = restored.snapshot.unwrap();
    assert!(Some(older.0) < newest.index());
    // Alone it comes at least as far as the damaged one went.
    let applied = until(|| cluster.node(node).inner.running().map(|r| r.state.applied().index())).await;
    assert!(applied >= newest.index(), "{applied:?} {newest:?}");
    cluster.network.heal();
    assert!(cluster.sees(node, "a-0").await);
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_damaged_on_the_leader_is_not_sent_for_ever() {
    let mut cluster = busy(24).await;
    let down = cluster.follower().await;
    cluster.kill(down).await;
    let leader = cluster.leader().await;
    write_until_purged(&cluster, leader, "a").await;
    let newest = cluster.node(leader).inner.parts.snapshots.newest().unwrap();
    let Machine::Simulated(simulated) = &cluster.nodes[&leader].machine else { panic!() };
    let length =
        simulated.runtime.disk.open(newest.path(), mucura_runtime::OpenMode::Read).unwrap().len().unwrap();
    simulated.disk.flip(newest.path(), length / 2, 0x10).unwrap();
    cluster.start(down).await;
    assert!(cluster.sees(down, "a-0").await);
    cluster.agree().await;
}

#[test]
fn a_store_with_a_lost_changed_or_added_row_is_bad() {
    let store = |path: &std::path::Path| Box::new(SledStore::open(path, GroupId(0), 1 << 20).unwrap());
    for rot in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(store(dir.path())).unwrap();
        state.apply(&[entry(0, &[(1, true), (2, true)])]).unwrap();
        state.close().unwrap();
        let rotting = store(dir.path());
        let mut first = None;
        let mut see = |key: &[u8], value: &[u8]| {
            first = Some((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
            std::ops::ControlFlow::Break(())
        };
        rotting.scan(crate::state::FIRST_ROW, None, &mut see).unwrap();
        let (key, value) = first.unwrap();
        let (key, value) = match rot {
            0 => (key, Some(value)),
            1 => (key, None),
            2 => (key, Some([&value[..], b"x"].concat().into())),
            _ => (Bytes::from_static(b"\xffnever"), Some(value)),
        };
        rotting.apply(&WriteSet::from([(key, value)])).unwrap();
        rotting.close().unwrap();
        assert_eq!(State::open(store(dir.path())).is_ok(), rot == 0, "rot {rot}");
    }
}

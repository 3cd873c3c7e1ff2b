//! One node with its state in sled, on the real disk, and members that come and go.

use std::time::Duration;

use mucura_types::{NodeId, SessionId};

use super::cluster::{Cluster, LONG, Machine, until};
use crate::{ConsensusError, FatalError, Role};

fn stores(cluster: &Cluster, node: u64) -> Vec<String> {
    let dir = cluster.config(node).dir.join("state");
    let entries = cluster.node(node).inner.parts.runtime.disk.list(&dir).unwrap();
    entries.into_iter().map(|entry| entry.name).filter(|name| name.starts_with("sled-")).collect()
}

#[tokio::test]
async fn a_store_is_used_again_after_a_clean_end_and_after_a_kill_under_the_same_boot() {
    let mut cluster = Cluster::real(1);
    cluster.begin().await;
    cluster.put(1, "a").await.1.unwrap();
    let before = stores(&cluster, 1);
    cluster.shut_down(1).await;
    cluster.nodes.get_mut(&1).unwrap().boot += 1;
    cluster.start(1).await;
    assert!(cluster.sees(1, "a").await);
    assert_eq!(stores(&cluster, 1), before, "after a clean end the boot does not matter");
    cluster.put(1, "b").await.1.unwrap();
    cluster.kill(1).await;
    cluster.start(1).await;
    assert!(cluster.sees(1, "a").await && cluster.sees(1, "b").await);
    assert_eq!(stores(&cluster, 1), before, "under the same boot a kill does not matter");
}

#[tokio::test]
async fn a_store_of_an_unclean_end_under_another_boot_is_rebuilt() {
    let mut cluster = Cluster::real(1);
    cluster.begin().await;
    cluster.put_many(1, (0..50).map(|n| format!("b{n}"))).await;
    let (_, before) = (stores(&cluster, 1), cluster.node(1).digest().unwrap());
    cluster.kill(1).await;
    cluster.nodes.get_mut(&1).unwrap().boot += 1;
    cluster.start(1).await;
    assert_eq!(stores(&cluster, 1), ["sled-1"]);
    assert!(cluster.sees(1, "b49").await);
    assert_eq!(cluster.node(1).digest().unwrap().1, before.1);
}

#[tokio::test]
async fn a_rotten_store_is_rebuilt_and_never_served() {
    let mut cluster = Cluster::real(1);
    cluster.begin().await;
    cluster.put_many(1, (0..50).map(|n| format!("b{n}"))).await;
    let before = cluster.node(1).digest().unwrap();
    cluster.shut_down(1).await;
    let Machine::Real(dir) = &cluster.nodes[&1].machine else { panic!() };
    let db = dir.path().join("state/sled-0/db");
    let disk = mucura_runtime::Runtime::real(1).disk;
    let file = disk.open(&db, mucura_runtime::OpenMode::ReadWrite).unwrap();
    let length = usize::try_from(file.len().unwrap()).unwrap();
    for at in (0..length).step_by(61) {
        file.write_at(&[0x5a], at as u64).unwrap();
    }
    cluster.start(1).await;
    for n in 0..50 {
        assert!(cluster.sees(1, &format!("b{n}")).await, "b{n}");
    }
    assert_eq!(cluster.node(1).digest().unwrap().1, before.1);
}

#[tokio::test]
async fn a_store_that_goes_bad_while_it_runs_is_rebuilt() {
    let mut cluster = Cluster::real(1);
    cluster.begin().await;
    cluster.put(1, "a").await.1.unwrap();
    // Closed under its user, so that every call into it fails from now on.
    let running = cluster.node(1).inner.running().unwrap();
    running.state.close().unwrap();
    let error = cluster.node(1).read(|view, _| drop(view.get(b"\x01"))).await.unwrap_err();
    assert!(matches!(error, ConsensusError::NotReady(_)), "{error}");
    drop(running);
    until(|| (stores(&cluster, 1) == ["sled-1"]).then_some(())).await;
    assert!(cluster.sees(1, "a").await);
    cluster.put(1, "b").await.1.unwrap();
}

#[tokio::test]
async fn three_nodes_on_real_disks_agree_and_hand_over_in_order() {
    let mut cluster = Cluster::real(3);
    cluster.begin().await;
    cluster.put_many(2, (0..100).map(|n| format!("b{n}"))).await;
    cluster.agree().await;
    let old = cluster.leader().await;
    cluster.shut_down(old).await;
    let new = cluster.leader().await;
    assert_ne!(new, old);
    cluster.put(new, "after").await.1.unwrap();
    cluster.start(old).await;
    assert!(cluster.sees(old, "after").await);
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_of_the_leader_needs_no_election_timeout() {
    let mut cluster = Cluster::simulated(3, 40);
    cluster.begin().await;
    let old = cluster.leader().await;
    let other = (1..=3).find(|n| *n != old).unwrap();
    let mut leader = cluster.node(other).leader();
    let began = tokio::time::Instant::now();
    cluster.shut_down(old).await;
    leader.wait_for(|l| l.is_some_and(|l| l != NodeId(old))).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn members_are_added_and_removed_through_any_node() {
    let mut cluster = Cluster::simulated(3, 41);
    cluster.begin().await;
    cluster.put(1, "before").await.1.unwrap();
    let machine = Machine::Simulated(Box::new(mucura_runtime::Runtime::simulated(99, 0)));
    cluster.add(4, machine);
    cluster.start(4).await;
    let through = cluster.follower_among(&[1, 2, 3]).await;
    cluster.node(through).add_voter(NodeId(4), "node-4:7".into(), LONG).await.unwrap();
    assert!(cluster.sees(4, "before").await);
    let members = cluster.node(through).status().await.members;
    assert!(members.iter().any(|m| m.node == NodeId(4) && m.voter && m.address == "node-4:7"), "{members:?}");
    let gone = (1..=3).find(|n| *n != through).unwrap();
    cluster.node(through).remove_voter(NodeId(gone), LONG).await.unwrap();
    cluster.kill(gone).await;
    cluster.put(through, "after").await.1.unwrap();
    assert!(cluster.sees(4, "after").await);
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_of_the_log_ends_the_node() {
    let mut cluster = Cluster::simulated(1, 42);
    cluster.begin().await;
    let fatal = cluster.node(1).fatal();
    let Machine::Simulated(simulated) = &cluster.nodes[&1].machine else { panic!() };
    simulated.disk.fail("/meta/wal", mucura_runtime::SimFault::Sync);
    let command = cluster.create_bucket(SessionId(0), 0, "lost");
    assert!(cluster.node(1).propose(vec![command], Duration::from_secs(5)).await.is_err());
    assert!(matches!(fatal.await, FatalError::Log(_)));
    assert_eq!(cluster.node(1).status().await.role, Role::Stopped);
    assert_eq!(cluster.node(1).linearize(LONG).await, Err(ConsensusError::Stopped));
}

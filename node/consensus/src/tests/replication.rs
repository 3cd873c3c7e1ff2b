use std::time::Duration;

use mucura_metadata::{Rejection, Reply};
use mucura_runtime::Unsynced;
use mucura_types::SessionId;

use super::cluster::{Cluster, LONG, Machine, until};
use crate::message::Method;

#[tokio::test(start_paused = true)]
async fn what_any_node_proposed_every_node_reads() {
    let mut cluster = Cluster::simulated(3, 1);
    cluster.begin().await;
    for through in 1..=3 {
        let name = format!("bucket-{through}");
        assert!(matches!(cluster.put(through, &name).await.1, Ok(Reply::Bucket(_))));
        for reader in 1..=3 {
            assert!(cluster.sees(reader, &name).await, "{name} through {reader}");
        }
    }
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn acknowledged_writes_survive_a_power_cut_of_all_nodes() {
    for seed in 0..6 {
        let mut cluster = Cluster::simulated(3, seed);
        cluster.begin().await;
        for round in 0..2 {
            cluster.put_many(1 + seed % 3, (0..40).map(|n| format!("r{round}-{n}"))).await;
            cluster.cut_power(if seed % 2 == 0 { Unsynced::Lost } else { Unsynced::Partly }).await;
            for node in 1..=3 {
                cluster.start(node).await;
            }
            for n in 0..40 {
                assert!(cluster.sees(1 + n % 3, &format!("r{round}-{n}")).await, "seed {seed} round {round}");
            }
        }
        cluster.agree().await;
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_with_busy_disks_are_slow_but_go_on() {
    let mut cluster = Cluster::simulated(3, 7);
    cluster.begin().await;
    cluster.network.slow_down(Duration::from_millis(500));
    let leader = cluster.leader().await;
    assert!(matches!(cluster.put(leader, &"b".repeat(60)).await.1, Ok(Reply::Bucket(_))));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_heard_and_hears_nobody_makes_way() {
    let mut cluster = Cluster::simulated(3, 8);
    cluster.begin().await;
    let deaf = cluster.leader().await;
    cluster.network.deafen(deaf);
    let other = 1 + deaf % 3;
    // Perhaps twice: what the first leader wrote down may count.
    let made = cluster.put(other, "bucket").await.1;
    assert!(matches!(made, Ok(Reply::Bucket(_)) | Err(Rejection::BucketExists { by_you: true })), "{made:?}");
    assert!(cluster.sees(other, "bucket").await);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_proposal_takes_effect_once() {
    let mut cluster = Cluster::simulated(3, 3);
    cluster.begin().await;
    let follower = cluster.follower().await;
    let session = cluster.open_session(follower).await;
    // The answer is lost, so the follower asks again until it gets one.
    cluster.network.lose_answers(Method::Propose.number());
    let propose = cluster.node(follower).propose(vec![cluster.create_bucket(session, 1, "once")], LONG);
    let heal = async {
        until(|| (cluster.network.calls(Method::Propose.number()) > 0).then_some(())).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.network.heal();
        // Only another leader makes it ask again before the deadline.
        let leader = cluster.leader().await;
        cluster.network.isolate(&[leader]);
    };
    let (proposed, ()) = tokio::join!(propose, heal);
    let first = proposed.unwrap().outcomes.remove(0);
    assert!(matches!(first, Ok(Reply::Bucket(_))), "{first:?}");
    cluster.network.heal();
    let again = cluster.node(follower).propose(vec![cluster.create_bucket(session, 1, "once")], LONG).await;
    assert_eq!(again.unwrap().outcomes, [first]);
    let (_, other) = cluster.put(follower, "once").await;
    assert_eq!(other, Err(Rejection::BucketExists { by_you: true }));
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_off_leader_acknowledges_nothing_and_another_takes_over() {
    let mut cluster = Cluster::simulated(3, 4);
    cluster.begin().await;
    let old = cluster.leader().await;
    cluster.put(old, "before").await.1.unwrap();
    cluster.network.isolate(&[old]);
    let other = (1..=3).find(|n| *n != old).unwrap();
    cluster.put(other, "after").await.1.unwrap();
    let lonely = cluster.create_bucket(SessionId(0), 0, "lonely");
    let limit = Duration::from_secs(5);
    assert!(cluster.node(old).propose(vec![lonely], limit).await.is_err());
    assert!(
        cluster.node(old).linearize(limit).await.is_err(),
        "a read through it would miss what came after"
    );
    cluster.network.heal();
    assert!(cluster.sees(old, "after").await);
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_down_catches_up_by_the_log() {
    let mut cluster = Cluster::simulated(3, 5);
    cluster.begin().await;
    let down = cluster.follower().await;
    cluster.kill(down).await;
    let other = cluster.leader().await;
    cluster.put_many(other, (0..100).map(|n| format!("b{n}"))).await;
    cluster.start(down).await;
    assert!(cluster.sees(down, "b99").await);
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_survives_a_power_cut_at_any_write_to_the_disk() {
    for operation in 1..=8 {
        let mut cluster = Cluster::simulated(1, 100 + operation);
        cluster.begin().await;
        let Machine::Simulated(simulated) = &cluster.nodes[&1].machine else { panic!() };
        simulated.disk.crash_at(operation, Unsynced::Lost);
        let mut acknowledged = Vec::new();
        for n in 0..10 {
            let name = format!("b{n}");
            let command = cluster.create_bucket(SessionId(0), 0, &name);
            match cluster.node(1).propose(vec![command], Duration::from_secs(1)).await {
                Ok(_) => acknowledged.push(name),
                Err(_) => break,
            }
        }
        assert!(simulated.disk.is_down());
        cluster.cut_power(Unsynced::Lost).await;
        cluster.start(1).await;
        for name in acknowledged {
            assert!(cluster.sees(1, &name).await, "operation {operation}: {name}");
        }
    }
}

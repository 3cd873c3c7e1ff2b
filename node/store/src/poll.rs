use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use mucura_mesh::CallError;
use mucura_types::NodeId;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::shards::{DriveHealth, Method, decode};
use crate::store::Inner;

/// Between two questions to a node after its drives.
const PERIOD: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// How long who needs news waits for them: a round that is under way, and one more.
const NEWS_TIMEOUT: Duration = Duration::from_secs(4);

/// The rounds in which all nodes are asked after their drives.
#[derive(Default)]
pub(crate) struct PollRounds {
    wanted: Notify,
    begun: AtomicU64,
    done: watch::Sender<u64>,
}

impl PollRounds {
    /// Waits for a round that begins now or later, or for a moment. For who
    /// would else fail on news that are a second old.
    pub(crate) async fn news(&self) {
        let next = self.begun.load(Ordering::Relaxed) + 1;
        let mut done = self.done.subscribe();
        self.wanted.notify_one();
        timeout(NEWS_TIMEOUT, done.wait_for(|round| *round >= next)).await.ok();
    }
}

impl Inner {
    /// Keeps the health board: asks every node after its drives.
    pub(crate) async fn poll_drives(self: Arc<Self>) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.polls.wanted.notified() => {}
            }
            let round = self.polls.begun.fetch_add(1, Ordering::Relaxed) + 1;
            self.poll_nodes().await;
            self.polls.done.send_replace(round);
        }
    }

    async fn poll_nodes(&self) {
        self.health.heard(self.config.node, self.keeper.health().await);
        // Rows that lag a little are good enough here.
        let Ok(topology) = self.topology().await else { return };
        let nodes: BTreeSet<NodeId> =
            topology.targets().map(|target| target.node).filter(|node| *node != self.config.node).collect();
        join_all(nodes.into_iter().map(|node| self.poll_node(node))).await;
    }

    async fn poll_node(&self, node: NodeId) {
        let deadline = Instant::now() + TIMEOUT;
        let answer = self.mesh.call(node, Method::Health as u16, Vec::new().into(), deadline).await;
        match answer {
            Ok(bytes) => match decode::<Vec<DriveHealth>>(&bytes) {
                Ok(drives) => self.health.heard(node, drives),
                Err(fault) => tracing::warn!(%node, %fault, "ask a node after its drives"),
            },
            // It may just have much to do: the last report stands for a while.
            Err(CallError::Timeout | CallError::Busy) => {}
            Err(error) => {
                tracing::debug!(%node, %error, "ask a node after its drives");
                self.health.lost(node);
            }
        }
    }
}

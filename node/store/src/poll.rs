use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use mucura_mesh::CallError;
use mucura_types::NodeId;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::shards::{DriveHealth, Method, decode};
use crate::store::Inner;

/// Between two questions to a node after its drives.
const PERIOD: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const TIMEOUT: Duration = Duration::from_millis(1500);

impl Inner {
    /// Keeps the health board: asks every node after its drives.
    pub(crate) async fn poll_drives(self: Arc<Self>) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.health.heard(self.config.node, self.keeper.health().await);
            // Rows that lag a little are good enough here.
            let Ok(topology) = self.topology().await else { continue };
            let nodes: BTreeSet<NodeId> = topology
                .targets()
                .map(|target| target.node)
                .filter(|node| *node != self.config.node)
                .collect();
            join_all(nodes.into_iter().map(|node| self.poll_node(node))).await;
        }
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

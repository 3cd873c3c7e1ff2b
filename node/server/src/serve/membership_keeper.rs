use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use mucura_consensus::Consensus;
use mucura_mesh::Mesh;
use mucura_metadata::{Command, Envelope, drives, nodes};
use mucura_runtime::Runtime;
use tokio::time::{Instant, sleep};

use crate::node_dir::{KnownNode, Membership, NodeDir};
use crate::serve::address_book::addresses;
use crate::serve::dispatch::GREET;

const LOOK: Duration = Duration::from_secs(1);
const GREETING: Duration = Duration::from_secs(1);
const PROPOSE: Duration = Duration::from_secs(5);

/// Keeps what this node knows of the others, and they of it, in step with the
/// metadata: the address book, the file that is read before the metadata can
/// be, and this node's own row.
pub(crate) struct MembershipKeeper {
    pub(crate) runtime: Runtime,
    pub(crate) dir: NodeDir,
    pub(crate) consensus: Consensus,
    pub(crate) mesh: Mesh,
    /// As the file has it.
    pub(crate) membership: Membership,
    /// How this node is to be known.
    pub(crate) own: KnownNode,
}

impl MembershipKeeper {
    /// Runs until it is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            let node = self.membership.node;
            let rows = self
                .consensus
                .read(move |view, _| Ok::<_, mucura_metadata::ExecuteError>((nodes(view)?, drives(view)?)));
            if let Ok(Ok((known, drives))) = rows.await
                && !known.is_empty()
            {
                if known.get(&node) != Some(&self.own) && known.contains_key(&node) {
                    self.report().await;
                }
                let own_drives: BTreeSet<PathBuf> = drives
                    .values()
                    .filter(|drive| drive.node == node)
                    .map(|drive| PathBuf::from(&drive.path))
                    .collect();
                let drives: Vec<PathBuf> = own_drives.into_iter().collect();
                if known != self.membership.nodes || drives != self.membership.drives {
                    self.membership.nodes = known;
                    self.membership.drives = drives;
                    self.save().await;
                }
                // Also when nothing changed: names may resolve anew.
                self.mesh.set_peers(addresses(&self.membership.nodes).await);
            } else {
                // Before the metadata can be read: the nodes that were known.
                self.mesh.set_peers(addresses(&self.membership.nodes).await);
                self.greet().await;
            }
            sleep(LOOK).await;
        }
    }

    /// Makes itself heard: a node that joined is made a voter once the leader
    /// has a connection with it, and until then nobody else calls it.
    async fn greet(&self) {
        for node in self.membership.nodes.keys().filter(|node| **node != self.membership.node) {
            if !self.mesh.is_reachable(*node)
                && let Err(error) =
                    self.mesh.call(*node, GREET, Bytes::new(), Instant::now() + GREETING).await
            {
                tracing::debug!(%node, %error, "node was not greeted");
            }
        }
    }

    async fn report(&self) {
        let command = Command::ReportNode { id: self.membership.node, node: self.own.clone() };
        let done = self.consensus.propose(vec![Envelope::repeatable(command)], PROPOSE).await;
        match done.map(|proposed| proposed.outcomes) {
            Ok(outcomes) => {
                for rejection in outcomes.into_iter().filter_map(Result::err) {
                    tracing::error!(%rejection, "the site does not take this node as it is");
                }
            }
            Err(error) => tracing::debug!(%error, "the site was not told where this node is"),
        }
    }

    async fn save(&self) {
        let (disk, dir, membership) = (self.runtime.disk.clone(), self.dir.clone(), self.membership.clone());
        let saved = self.runtime.blocking.run(move || dir.set_membership(&*disk, &membership)).await;
        match saved.map_err(anyhow::Error::from).and_then(|done| done.map_err(anyhow::Error::from)) {
            Ok(()) => {
                tracing::info!(nodes = self.membership.nodes.len(), "nodes and drives of the site noted")
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "nodes of the site could not be noted")
            }
        }
    }
}

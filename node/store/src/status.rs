use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mucura_mesh::PeerState;
use mucura_metadata::{NodeRecord, nodes, queues, site};
use mucura_types::{DriveId, NodeId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::error::StoreError;
use crate::key_keeper::KeysStatus;
use crate::shards::{DriveHealth, DriveServiceState, Method, decode};
use crate::store::{Inner, Store};

const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// How the site is, as one node sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteStatus {
    /// Its name.
    pub site: String,
    /// The node that leads the metadata log.
    pub leader: Option<NodeId>,
    /// Chunks that could not lose as many shards as their profile allows.
    pub stripes_at_risk: u64,
    /// The profile of new data, as k+m.
    pub profile: Option<String>,
    /// Counts changes of drives and placement.
    pub epoch: u64,
    /// Placement groups, and the drives that they use.
    pub placement_groups: u64,
    /// Drives that new data is laid out over.
    pub placed_drives: u64,
    /// Events that wait for those who are to be told.
    pub events_waiting: u64,
    /// Events that were dropped because too many waited.
    pub events_lost: u64,
    /// All nodes.
    pub nodes: Vec<NodeStatus>,
    /// All drives.
    pub drives: Vec<DriveStatus>,
}

/// How a node is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Which.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Where its mesh listens.
    pub mesh: String,
    /// Its S3 endpoint.
    pub s3: String,
    /// Its admin endpoint.
    pub admin: String,
    /// Whether it answers.
    pub up: bool,
    /// How its metadata log stands; none if it does not answer.
    pub raft: Option<RaftStatus>,
    /// Its encryption keys; none if it does not answer.
    pub keys: Option<KeysStatus>,
}

/// How the metadata log of a node stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaftStatus {
    /// What it is to the group.
    pub role: String,
    /// The newest term that it knows of.
    pub term: u64,
    /// The last entry in its log.
    pub last_log: Option<u64>,
    /// The last entry known to be on a majority.
    pub committed: Option<u64>,
    /// The last entry carried out.
    pub applied: Option<u64>,
    /// The last entry in its newest snapshot.
    pub snapshot: Option<u64>,
    /// Whether it votes.
    pub voter: bool,
    /// Bytes of its log.
    pub log_bytes: u64,
}

/// How a drive is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveStatus {
    /// Which.
    pub id: DriveId,
    /// The node that it is in.
    pub node: NodeId,
    /// The directory.
    pub path: String,
    /// What its node says of it; none if the node does not answer.
    pub health: Option<DriveHealth>,
}

impl Store {
    /// How the site is.
    ///
    /// # Errors
    /// `Unavailable`: this node's metadata cannot be read.
    pub async fn status(&self) -> Result<SiteStatus, StoreError> {
        let inner = self.inner();
        let topology = inner.topology().await?;
        let (record, known, queues): (_, BTreeMap<NodeId, NodeRecord>, _) =
            inner.read(|view| Ok((site(view)?, nodes(view)?, queues(view)?))).await?;
        let down: BTreeSet<DriveId> = topology
            .targets()
            .filter(|target| {
                let health = inner.health.health(*target);
                !health.is_some_and(|h| h.state != DriveServiceState::Failed && h.audited)
            })
            .map(|target| target.drive)
            .collect();
        let drives: Vec<DriveStatus> = topology
            .drives
            .iter()
            .map(|(&id, record)| DriveStatus {
                id,
                node: record.node,
                path: record.path.clone(),
                health: topology.target(id).and_then(|target| inner.health.health(target)),
            })
            .collect();
        let missing: u64 = drives.iter().filter_map(|drive| drive.health.as_ref()).map(|h| h.missing).sum();
        let stripes_at_risk = inner.at_risk(down).await?.saturating_add(missing);
        let asked = known
            .keys()
            .map(|node| futures_util::future::join(inner.raft_status(*node), inner.keys_of(*node)));
        let answers = futures_util::future::join_all(asked).await;
        let nodes = known
            .into_iter()
            .zip(answers)
            .map(|((id, node), (raft, keys))| NodeStatus {
                id,
                name: node.name,
                mesh: node.mesh,
                s3: node.s3,
                admin: node.admin,
                up: raft.is_some(),
                raft,
                keys,
            })
            .collect();
        let table = topology.table();
        Ok(SiteStatus {
            site: record.map_or_else(String::new, |record| record.name),
            leader: *inner.consensus.leader().borrow(),
            stripes_at_risk,
            profile: table.map(|table| table.profile.to_string()),
            epoch: topology.epoch,
            placement_groups: table.map_or(0, |table| table.groups.len() as u64),
            placed_drives: table
                .map_or(0, |t| t.groups.iter().flatten().collect::<BTreeSet<_>>().len() as u64),
            events_waiting: queues.iter().map(|(_, queue)| queue.waiting()).sum(),
            events_lost: queues.iter().map(|(_, queue)| queue.lost).sum(),
            nodes,
            drives,
        })
    }

    /// How this node's own drives are. Cheap, unlike the status of the site.
    pub async fn own_drives(&self) -> Vec<DriveHealth> {
        self.inner().keeper.health().await
    }

    /// Bytes of body memory in use, and that may be.
    pub fn buffers(&self) -> (usize, usize) {
        (self.inner().pools.used(), self.inner().pools.budget())
    }

    /// The nodes that this one is connected with.
    pub fn peers(&self) -> Vec<PeerState> {
        self.inner().mesh.peers()
    }
}

/// A count of chunks at risk, and what it took.
pub(crate) struct AtRisk {
    counted: Instant,
    took: Duration,
    down: BTreeSet<DriveId>,
    chunks: u64,
}

impl Inner {
    /// Chunks at risk with these drives down. Counting takes time in a site of
    /// many chunks: a count stands for ten times as long as it took.
    async fn at_risk(self: &Arc<Self>, down: BTreeSet<DriveId>) -> Result<u64, StoreError> {
        let mut last = self.at_risk.lock().await;
        if let Some(last) = &*last
            && last.down == down
            && last.counted.elapsed() < last.took.saturating_mul(10)
        {
            return Ok(last.chunks);
        }
        let begun = Instant::now();
        let chunks = self.count_at_risk(&down).await?;
        *last = Some(AtRisk { counted: Instant::now(), took: begun.elapsed(), down, chunks });
        Ok(chunks)
    }

    async fn raft_status(&self, node: NodeId) -> Option<RaftStatus> {
        if node == self.config.node {
            return Some(self.own_raft_status().await);
        }
        self.ask_status(node, Method::NodeStatus).await
    }

    async fn keys_of(&self, node: NodeId) -> Option<KeysStatus> {
        if node == self.config.node {
            return Some(self.keys.status());
        }
        self.ask_status(node, Method::Keys).await
    }

    async fn ask_status<T: DeserializeOwned>(&self, node: NodeId, method: Method) -> Option<T> {
        let deadline = Instant::now() + NODE_TIMEOUT;
        let answer = self.mesh.call(node, method as u16, Vec::new().into(), deadline).await.ok()?;
        decode(&answer).ok()
    }

    pub(crate) async fn own_raft_status(&self) -> RaftStatus {
        let status = self.consensus.status().await;
        let index = |index: Option<mucura_consensus::LogIndex>| index.map(|index| index.0);
        RaftStatus {
            role: format!("{:?}", status.role).to_lowercase(),
            term: status.term.0,
            last_log: index(status.last_log),
            committed: index(status.committed),
            applied: index(status.applied),
            snapshot: index(status.snapshot),
            voter: status.members.iter().any(|member| member.node == status.node && member.voter),
            log_bytes: status.log_bytes,
        }
    }
}

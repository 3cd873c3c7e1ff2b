//! A cluster in one process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use mucura_metadata::{
    Command, CreateUser, Envelope, NewBucket, NewKey, NodeRecord, Outcome, Reply, SiteSeed, bucket,
};
use mucura_runtime::{Runtime, Simulated, Unsynced};
use mucura_types::{NodeId, SessionId, SiteId, UserId};
use tokio::time::{Instant, sleep};

use super::network::Network;
use crate::{Consensus, ConsensusConfig, LogIndex, StoreKind};

pub(super) const LONG: Duration = Duration::from_secs(60);

/// A machine that a node runs on.
pub(super) enum Machine {
    Simulated(Box<Simulated>),
    Real(tempfile::TempDir),
}

impl Machine {
    fn runtime(&self) -> Runtime {
        match self {
            Self::Simulated(simulated) => simulated.runtime.clone(),
            Self::Real(_) => Runtime::real(4),
        }
    }

    fn dir(&self) -> PathBuf {
        match self {
            Self::Simulated(_) => "/meta".into(),
            Self::Real(dir) => dir.path().to_owned(),
        }
    }
}

pub(super) struct Node {
    pub(super) machine: Machine,
    pub(super) consensus: Option<Consensus>,
    pub(super) boot: u32,
}

pub(super) struct Cluster {
    pub(super) network: Network,
    pub(super) nodes: BTreeMap<u64, Node>,
    pub(super) store: StoreKind,
    pub(super) snapshot_log_bytes: u64,
    user: UserId,
}

impl Cluster {
    /// Machines that are switched off, with disks in memory and state in memory.
    pub(super) fn simulated(nodes: u64, seed: u64) -> Self {
        let machine = |n| Machine::Simulated(Box::new(Runtime::simulated(seed * 100 + n, 1_800_000_000_000)));
        Self::of(nodes, StoreKind::Memory, machine)
    }

    /// Directories of the real machine, with state in sled.
    pub(super) fn real(nodes: u64) -> Self {
        let store = StoreKind::Sled { cache_bytes: 1 << 20 };
        Self::of(nodes, store, |_| Machine::Real(tempfile::tempdir().unwrap()))
    }

    fn of(nodes: u64, store: StoreKind, machine: impl Fn(u64) -> Machine) -> Self {
        // RUST_LOG=info tells what the nodes do; a second call changes nothing.
        if let Some(level) = std::env::var("RUST_LOG").ok().and_then(|l| l.parse::<tracing::Level>().ok()) {
            let lines = tracing_subscriber::fmt().with_max_level(level);
            drop(lines.with_test_writer().try_init());
        }
        let nodes =
            (1..=nodes).map(|n| (n, Node { machine: machine(n), consensus: None, boot: 1 })).collect();
        let network = Network::default();
        Self { network, nodes, store, snapshot_log_bytes: 1 << 30, user: UserId(0) }
    }

    pub(super) fn config(&self, node: u64) -> ConsensusConfig {
        let this = &self.nodes[&node];
        let mut config = ConsensusConfig::new(NodeId(node), this.machine.dir());
        config.store = self.store;
        config.snapshot_log_bytes = self.snapshot_log_bytes;
        config.boot_id = Some(format!("boot {}", this.boot));
        config
    }

    pub(super) async fn start(&mut self, node: u64) {
        let config = self.config(node);
        let runtime = self.nodes[&node].machine.runtime();
        let consensus = Consensus::open(config, runtime, self.network.port(node)).await.unwrap();
        self.network.plug(node, consensus.clone());
        self.nodes.get_mut(&node).unwrap().consensus = Some(consensus);
    }

    /// Starts all nodes as one group and sets up a site with a user.
    pub(super) async fn begin(&mut self) {
        let all: Vec<u64> = self.nodes.keys().copied().collect();
        for node in &all {
            self.start(*node).await;
        }
        let members = all.iter().map(|n| (NodeId(*n), format!("node-{n}:7"))).collect();
        self.node(1).initialize(members).await.unwrap();
        let name = |n: u64| format!("node-{n}");
        let record =
            |n| NodeRecord { name: name(n), mesh: name(n), s3: name(n), admin: name(n), store: None };
        let seed = SiteSeed {
            site: SiteId(1),
            name: "lyon".into(),
            ca_certificate: "none".into(),
            sealed_secrets: Bytes::new(),
            nodes: (1..=9).map(record).collect(),
        };
        let key = NewKey { access_key: "key".into(), sealed_secret: Bytes::new() };
        let user = CreateUser { name: "user".into(), email: "u@example.org".into(), key };
        let commands = vec![
            Envelope::repeatable(Command::InitSite(seed)),
            Envelope::repeatable(Command::CreateUser(user)),
        ];
        let outcomes = self.node(1).propose(commands, LONG).await.unwrap().outcomes;
        let Ok(Reply::User(user)) = outcomes[1] else { panic!("{outcomes:?}") };
        self.user = user;
    }

    pub(super) fn node(&self, node: u64) -> &Consensus {
        self.nodes[&node].consensus.as_ref().unwrap()
    }

    pub(super) fn running(&self) -> impl Iterator<Item = (u64, &Consensus)> {
        self.nodes.iter().filter_map(|(n, node)| Some((*n, node.consensus.as_ref()?)))
    }

    /// Ends a node in order.
    pub(super) async fn shut_down(&mut self, node: u64) {
        let consensus = self.nodes.get_mut(&node).unwrap().consensus.take().unwrap();
        consensus.shutdown(LONG).await.unwrap();
        self.network.unplug(node);
    }

    /// Ends a node as kill -9 does.
    pub(super) async fn kill(&mut self, node: u64) {
        self.network.unplug(node);
        let node = self.nodes.get_mut(&node).unwrap();
        if let Machine::Simulated(simulated) = &node.machine {
            simulated.disk.kill();
        }
        node.consensus.take().unwrap().kill().await;
    }

    /// Cuts the power of all nodes at once.
    pub(super) async fn cut_power(&mut self, unsynced: Unsynced) {
        for node in self.nodes.values() {
            let Machine::Simulated(simulated) = &node.machine else { panic!("a real disk cannot be cut") };
            simulated.disk.crash(unsynced);
        }
        let running: Vec<u64> = self.running().map(|(n, _)| n).collect();
        for n in running {
            self.network.unplug(n);
            let node = self.nodes.get_mut(&n).unwrap();
            node.boot += 1;
            node.consensus.take().unwrap().kill().await;
        }
        for node in self.nodes.values() {
            let Machine::Simulated(simulated) = &node.machine else { continue };
            simulated.disk.restart();
        }
    }

    /// The leader, once all running nodes agree on one that runs.
    pub(super) async fn leader(&self) -> u64 {
        until(|| {
            let leaders: Vec<_> = self.running().map(|(_, c)| *c.leader().borrow()).collect();
            let leader = leaders.first().copied().flatten()?.0;
            let agreed = leaders.iter().all(|l| *l == Some(NodeId(leader)));
            (agreed && self.nodes[&leader].consensus.is_some()).then_some(leader)
        })
        .await
    }

    /// A further machine, switched off.
    pub(super) fn add(&mut self, node: u64, machine: Machine) {
        self.nodes.insert(node, Node { machine, consensus: None, boot: 1 });
    }

    /// One of `some` that does not lead.
    pub(super) async fn follower_among(&self, some: &[u64]) -> u64 {
        let leader = until(|| {
            let leaders: Vec<_> = some.iter().map(|n| *self.node(*n).leader().borrow()).collect();
            leaders[0].filter(|first| leaders.iter().all(|l| *l == Some(*first)))
        })
        .await;
        *some.iter().find(|n| **n != leader.0).unwrap()
    }

    pub(super) async fn follower(&self) -> u64 {
        let leader = self.leader().await;
        self.running().map(|(n, _)| n).find(|n| *n != leader).unwrap()
    }

    pub(super) fn create_bucket(&self, session: SessionId, sequence: u64, name: &str) -> Envelope {
        let command = Command::CreateBucket {
            name: name.into(),
            owner: self.user,
            limit: u32::MAX,
            settings: NewBucket::default(),
        };
        Envelope { session, sequence, command }
    }

    pub(super) async fn open_session(&self, through: u64) -> SessionId {
        let command = Command::OpenSession { node: NodeId(through), nonce: [7; 16], takes_over: false };
        let proposed = self.node(through).propose(vec![Envelope::repeatable(command)], LONG).await.unwrap();
        let Ok(Reply::Session(session)) = proposed.outcomes[0] else { panic!("{proposed:?}") };
        session
    }

    /// Creates a bucket through a node, without a session.
    pub(super) async fn put(&self, through: u64, name: &str) -> (LogIndex, Outcome) {
        let command = self.create_bucket(SessionId(0), 0, name);
        let mut proposed = self.node(through).propose(vec![command], LONG).await.unwrap();
        (proposed.index, proposed.outcomes.remove(0))
    }

    /// Creates many buckets, several under way at a time.
    pub(super) async fn put_many(&self, through: u64, names: impl Iterator<Item = String>) {
        use futures_util::StreamExt;
        futures_util::stream::iter(names)
            .map(|name| async move { self.put(through, &name).await.1.unwrap() })
            .buffer_unordered(32)
            .collect::<Vec<_>>()
            .await;
    }

    /// Whether a node sees a bucket, by a linearizable read.
    pub(super) async fn sees(&self, through: u64, name: &str) -> bool {
        self.node(through).linearize(LONG).await.unwrap();
        self.sees_now(through, name).await
    }

    /// Whether the rows of a node have a bucket.
    pub(super) async fn sees_now(&self, through: u64, name: &str) -> bool {
        let name = name.to_owned();
        self.node(through).read(move |view, _| bucket(view, &name).unwrap().is_some()).await.unwrap()
    }

    /// All nodes come to the same rows at the same index.
    pub(super) async fn agree(&self) {
        let deadline = Instant::now() + LONG;
        loop {
            let mut digests = Vec::new();
            for (_, node) in self.running() {
                node.linearize(LONG).await.unwrap();
                node.verify().await.unwrap();
                digests.push(node.digest().unwrap());
            }
            let (index, _) = digests[0];
            if digests.iter().all(|(at, _)| *at == index) {
                assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
                return;
            }
            assert!(Instant::now() < deadline, "nodes do not come to one index: {digests:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Waits for something to become true.
pub(super) async fn until<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "it never came to be");
        sleep(Duration::from_millis(10)).await;
    }
}

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mucura_consensus::{Consensus, ConsensusConfig, HandleError, StoreKind, Transport, TransportError};
use mucura_mesh::{
    BulkRecv, BulkSend, CallError, Limits, Mesh, MeshConfig, NodeIdentity, PeerInfo, Refusal, Service,
};
use mucura_metadata::NodeRecord;
use mucura_runtime::{Clock, Runtime, SimDisk, Simulated};
use mucura_store::{LifecycleConfig, SiteKey, Store, StoreConfig};
use mucura_types::{NodeId, SiteId, StoreId};
use tokio::time::Instant;

use crate::choices::Choices;
use crate::monitor::Monitor;
use crate::shape::{Pace, Shape};
use crate::socket::Plug;
use crate::trace::Trace;

pub(crate) const SITE: SiteId = SiteId(1);
/// When simulations begin: some day in 2027.
pub(crate) const EPOCH_MS: u64 = 1_800_000_000_000;
const MESH_PORT: u16 = 7700;

/// How long each part of an orderly end may take.
const CLOSE: Duration = Duration::from_secs(3);
/// Bytes of a file of the log: so few that there are several in a run.
const LOG_SEGMENT_BYTES: u64 = 256 << 10;
/// Bytes of each machine's disk.
const DISK_BYTES: u64 = 8 << 30;

/// A machine with a node's files, which outlives its process.
#[derive(Clone)]
pub(crate) struct Machine {
    /// From 0; the node's id is one more.
    pub(crate) number: usize,
    pub(crate) runtime: Runtime,
    pub(crate) disk: SimDisk,
    pub(crate) shape: Shape,
    pub(crate) pace: Pace,
    pub(crate) clock: Arc<SkewedClock>,
    pub(crate) plug: Plug,
    pub(crate) monitor: Monitor,
    /// Drives beyond those that it began with.
    pub(crate) added: Arc<Mutex<Vec<PathBuf>>>,
    identity: NodeIdentity,
    addrs: Vec<IpAddr>,
}

/// The wall clock of a machine: the simulation's time, and what it is wrong by.
#[derive(Default)]
pub(crate) struct SkewedClock(AtomicI64);

impl SkewedClock {
    pub(crate) fn set_skew_ms(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }
}

impl Clock for SkewedClock {
    fn now_ms(&self) -> u64 {
        let elapsed = turmoil::sim_elapsed().unwrap_or_default();
        let now = EPOCH_MS + u64::try_from(elapsed.as_millis()).unwrap_or(0);
        now.saturating_add_signed(self.0.load(Ordering::Relaxed))
    }
}

impl Machine {
    pub(crate) fn new(
        number: usize,
        seed: u64,
        shape: Shape,
        addrs: Vec<IpAddr>,
        identity: NodeIdentity,
        trace: &Trace,
        monitor: Monitor,
    ) -> Self {
        let Simulated { runtime, disk, .. } = Runtime::simulated(seed * 16 + number as u64, EPOCH_MS);
        disk.set_capacity(DISK_BYTES);
        let (clock, pace) = (Arc::new(SkewedClock::default()), Pace::default());
        let blocking = pace.blocking(seed, &format!("pace of {}", name(number)));
        let runtime = Runtime { clock: clock.clone(), blocking, ..runtime };
        let plug = Plug::new(trace.clone(), Choices::new(seed, &format!("loss at {}", name(number))));
        Self {
            number,
            runtime,
            disk,
            shape,
            pace,
            clock,
            plug,
            monitor,
            added: Arc::default(),
            identity,
            addrs,
        }
    }

    pub(crate) fn id(&self) -> NodeId {
        node_id(self.number)
    }

    pub(crate) fn drives(&self) -> Vec<PathBuf> {
        let mut drives: Vec<PathBuf> = (0..self.shape.drives).map(drive_dir).collect();
        drives.extend(self.added.lock().unwrap().iter().cloned());
        drives
    }

    /// How the site knows the node.
    pub(crate) fn record(&self, node: usize) -> NodeRecord {
        NodeRecord {
            name: name(node),
            mesh: self.mesh_addr(node).to_string(),
            s3: String::new(),
            admin: String::new(),
            store: Some(store_id(node)),
        }
    }

    pub(crate) fn mesh_addr(&self, node: usize) -> SocketAddr {
        SocketAddr::new(self.addrs[node], MESH_PORT)
    }

    /// Starts the node's process; on the simulated host that it belongs to.
    pub(crate) async fn start(&self) -> Result<Node, String> {
        let failed = |what: &str, error: &dyn Display| format!("{what}: {error}");
        let config = MeshConfig {
            site: SITE,
            node: self.id(),
            store: store_id(self.number),
            listen: SocketAddr::from(([0, 0, 0, 0], MESH_PORT)),
            identity: self.identity.clone(),
            build: "simulated".into(),
            limits: Limits::default(),
        };
        self.plug.pull();
        let mesh = Mesh::start(config, &self.runtime, &self.plug.sockets())
            .map_err(|e| failed("start the mesh", &e))?;
        let peers: BTreeMap<NodeId, PeerInfo> = (0..self.shape.nodes)
            .map(|n| (node_id(n), PeerInfo { addr: self.mesh_addr(n), store: Some(store_id(n)) }))
            .collect();
        mesh.set_peers(peers);
        let mut config = ConsensusConfig::new(self.id(), "/meta".into());
        config.store = StoreKind::Memory;
        config.snapshot_log_bytes = self.shape.snapshot_log_bytes;
        config.log_segment_bytes = LOG_SEGMENT_BYTES;
        config.timing.snapshot_check = Duration::from_millis(300);
        let transport = Arc::new(OverMesh(mesh.clone()));
        let consensus = Consensus::open(config, self.runtime.clone(), transport)
            .await
            .map_err(|e| failed("open the metadata log", &e))?;
        tokio::spawn(self.monitor.clone().watch(self.number, consensus.clone()));
        let config = StoreConfig {
            site: SITE,
            node: self.id(),
            drives: self.drives(),
            drive_reserve_bytes: Some(0),
            root_access_key: "root".into(),
            root_secret_key: "secret".into(),
            gateway_buffer_bytes: 32 << 20,
            keeper_buffer_bytes: 32 << 20,
            grace: Duration::from_secs(5),
            session_life: Duration::from_secs(7),
            scrub_period: Duration::from_secs(86_400),
            part_bytes_min: 1000,
            lifecycle: LifecycleConfig::default(),
        };
        let site_key = SiteKey::new(&[7; 32]).map_err(|e| failed("read the site's key", &e))?;
        let store = Store::start(config, self.runtime.clone(), consensus.clone(), mesh.clone(), site_key)
            .map_err(|e| failed("start the store", &e))?;
        let (number, monitor) = (self.number, self.monitor.clone());
        let (of_log, of_store) = (consensus.clone(), store.clone());
        mesh.serve(Arc::new(Dispatch { number, monitor, consensus: of_log, store: of_store }));
        Ok(Node { mesh, consensus, store })
    }
}

/// The process of a node.
pub(crate) struct Node {
    mesh: Mesh,
    pub(crate) consensus: Consensus,
    pub(crate) store: Store,
}

impl Node {
    /// Ends in good order, as a node does that is asked to.
    pub(crate) async fn close(self) {
        self.store.shutdown(Instant::now() + CLOSE).await;
        // Not in order if nobody else can lead, which costs only time.
        self.consensus.shutdown(CLOSE).await.ok();
        self.mesh.shutdown(Instant::now() + CLOSE).await;
    }
}

/// Where a node has a drive.
pub(crate) fn drive_dir(drive: usize) -> PathBuf {
    PathBuf::from(format!("/drive{}", drive + 1))
}

pub(crate) fn name(node: usize) -> String {
    format!("node{}", node + 1)
}

pub(crate) fn node_id(node: usize) -> NodeId {
    NodeId(node as u64 + 1)
}

fn store_id(node: usize) -> StoreId {
    StoreId([u8::try_from(node).unwrap() + 1; 16])
}

struct OverMesh(Mesh);

impl Transport for OverMesh {
    fn call(
        &self,
        to: NodeId,
        method: u16,
        payload: Bytes,
        timeout: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, TransportError>> + Send>> {
        let mesh = self.0.clone();
        Box::pin(async move {
            mesh.call(to, method, payload, Instant::now() + timeout).await.map_err(|error| match error {
                CallError::Unreachable { reason } => TransportError::Unreachable { node: to, reason },
                CallError::Timeout | CallError::PeerClosed => TransportError::Timeout { node: to },
                CallError::Refused(_) | CallError::TooLarge | CallError::Busy => {
                    TransportError::Refused { node: to, reason: error.to_string() }
                }
            })
        })
    }
}

/// As `mucura serve` hands out what comes from peers.
struct Dispatch {
    number: usize,
    monitor: Monitor,
    consensus: Consensus,
    store: Store,
}

impl Service for Dispatch {
    fn call(
        &self,
        from: NodeId,
        method: u16,
        payload: Bytes,
    ) -> mucura_mesh::BoxFuture<'_, Result<Bytes, Refusal>> {
        if Store::handles(method) {
            return self.store.call(from, method, payload);
        }
        Box::pin(async move {
            let answer = self.consensus.handle(from, method, payload.clone()).await;
            if let Ok(answer) = &answer {
                self.monitor.answered(self.number, method, &payload, answer);
            }
            answer.map_err(|error| match error {
                HandleError::Malformed(_) => Refusal::Malformed,
                HandleError::NotRunning => Refusal::Starting,
            })
        })
    }

    fn bulk(
        &self,
        from: NodeId,
        method: u16,
        header: Bytes,
        send: BulkSend,
        recv: BulkRecv,
    ) -> mucura_mesh::BoxFuture<'_, ()> {
        self.store.bulk(from, method, header, send, recv)
    }
}

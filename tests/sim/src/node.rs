use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mucura_consensus::{Consensus, ConsensusConfig, HandleError, StoreKind, Transport, TransportError};
use mucura_mesh::{
    BulkRecv, BulkSend, CallError, Limits, Mesh, MeshConfig, NodeIdentity, PeerInfo, Refusal, Service,
};
use mucura_metadata::NodeRecord;
use mucura_runtime::{Clock, Runtime, SimDisk, Simulated};
use mucura_store::{SiteKey, Store, StoreConfig};
use mucura_types::{NodeId, SiteId, StoreId};
use tokio::time::Instant;

use crate::socket::Plug;
use crate::trace::Trace;

pub(crate) const SITE: SiteId = SiteId(1);
pub(crate) const NODES: usize = 3;
pub(crate) const DRIVES: usize = 2;
/// When simulations begin: some day in 2027.
pub(crate) const EPOCH_MS: u64 = 1_800_000_000_000;
const MESH_PORT: u16 = 7700;

/// Bytes of each machine's disk.
const DISK_BYTES: u64 = 8 << 30;

/// A machine with a node's files, which outlives its process.
#[derive(Clone)]
pub(crate) struct Machine {
    /// From 0; the node's id is one more.
    pub(crate) number: usize,
    pub(crate) runtime: Runtime,
    pub(crate) disk: SimDisk,
    identity: NodeIdentity,
    addrs: [IpAddr; NODES],
    plug: Plug,
    trace: Trace,
}

/// The wall clock of a machine: the simulation's time.
struct SimulatedTime;

impl Clock for SimulatedTime {
    fn now_ms(&self) -> u64 {
        let elapsed = turmoil::sim_elapsed().unwrap_or_default();
        EPOCH_MS + u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Machine {
    pub(crate) fn new(
        number: usize,
        seed: u64,
        addrs: [IpAddr; NODES],
        identity: NodeIdentity,
        trace: Trace,
    ) -> Self {
        let Simulated { runtime, disk, .. } = Runtime::simulated(seed * 16 + number as u64, EPOCH_MS);
        disk.set_capacity(DISK_BYTES);
        let runtime = Runtime { clock: Arc::new(SimulatedTime), ..runtime };
        Self { number, runtime, disk, identity, addrs, plug: Plug::default(), trace }
    }

    pub(crate) fn id(&self) -> NodeId {
        node_id(self.number)
    }

    pub(crate) fn drives(&self) -> Vec<PathBuf> {
        (1..=DRIVES).map(|drive| PathBuf::from(format!("/drive{drive}"))).collect()
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
        let mesh = Mesh::start(config, &self.runtime, &self.plug.sockets(&self.trace))
            .map_err(|e| failed("start the mesh", &e))?;
        let peers: BTreeMap<NodeId, PeerInfo> = (0..NODES)
            .map(|n| (node_id(n), PeerInfo { addr: self.mesh_addr(n), store: Some(store_id(n)) }))
            .collect();
        mesh.set_peers(peers);
        let mut config = ConsensusConfig::new(self.id(), "/meta".into());
        config.store = StoreKind::Memory;
        let transport = Arc::new(OverMesh(mesh.clone()));
        let consensus = Consensus::open(config, self.runtime.clone(), transport)
            .await
            .map_err(|e| failed("open the metadata log", &e))?;
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
            session_life: Duration::from_secs(60),
            scrub_period: Duration::from_secs(86_400),
        };
        let site_key = SiteKey::new(&[7; 32]).map_err(|e| failed("read the site's key", &e))?;
        let store = Store::start(config, self.runtime.clone(), consensus.clone(), mesh.clone(), site_key)
            .map_err(|e| failed("start the store", &e))?;
        mesh.serve(Arc::new(Dispatch { consensus: consensus.clone(), store: store.clone() }));
        Ok(Node { mesh, consensus, store })
    }
}

/// The process of a node.
pub(crate) struct Node {
    /// Closes with the last handle.
    #[allow(dead_code)]
    mesh: Mesh,
    pub(crate) consensus: Consensus,
    pub(crate) store: Store,
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
            self.consensus.handle(from, method, payload).await.map_err(|error| match error {
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

use std::collections::BTreeMap;
use std::net::SocketAddr;

use mucura_mesh::PeerInfo;
use mucura_types::NodeId;
use tokio::net::lookup_host;

use crate::node_dir::KnownNode;

/// Where the mesh finds these nodes. A name that does not resolve now leaves
/// its node out until the next time.
pub(crate) async fn addresses(nodes: &BTreeMap<NodeId, KnownNode>) -> BTreeMap<NodeId, PeerInfo> {
    let mut book = BTreeMap::new();
    for (id, known) in nodes {
        match resolve(&known.mesh).await {
            Some(addr) => {
                book.insert(*id, PeerInfo { addr, store: known.store });
            }
            None => tracing::warn!(node = %id, mesh = known.mesh, "mesh address does not resolve"),
        }
    }
    book
}

/// The first address of `HOST:PORT`.
pub(crate) async fn resolve(host_and_port: &str) -> Option<SocketAddr> {
    match host_and_port.parse() {
        Ok(addr) => Some(addr),
        Err(_) => lookup_host(host_and_port).await.ok()?.next(),
    }
}

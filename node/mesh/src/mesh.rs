use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use mucura_runtime::Runtime;
use mucura_types::NodeId;
use quinn::Endpoint;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::book::{Book, PeerInfo};
use crate::bulk::{self, BulkRecv, BulkSend};
use crate::config::MeshConfig;
use crate::connections::{Connected, Connections, PeerState};
use crate::endpoint::{Seeds, Transports};
use crate::error::{CallError, IdentityError, StartError};
use crate::identity::NodeIdentity;
use crate::service::{JoinHandler, Service};
use crate::shared::Shared;
use crate::socket::SocketFactory;
use crate::tls::Tls;
use crate::{admission, call, codes};

/// A node's end of the mesh. Clones are the same end; when the last is
/// dropped, it closes.
#[derive(Clone)]
pub struct Mesh(Arc<Owner>);

struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.cancel.cancel();
        self.0.endpoint.close(codes::SHUTDOWN, b"shutdown");
    }
}

impl Mesh {
    /// Binds the port and begins to take connections. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(config: MeshConfig, runtime: &Runtime, sockets: &SocketFactory) -> Result<Self, StartError> {
        let MeshConfig { site, node, store, listen, identity, mut build, limits } = config;
        limits.check()?;
        check_name(&identity, site, node)?;
        let tls = Tls::new(&identity, runtime.clock.clone())?;
        let seeds = Seeds::draw(runtime.entropy.as_ref())?;
        let in_bind = |source| StartError::Socket { addr: listen, source };
        let socket = sockets.bind(listen, limits.socket_buffer).map_err(in_bind)?;
        let endpoint = Endpoint::new_with_abstract_socket(
            seeds.endpoint(limits.mtu, identity.key_pem.as_bytes())?,
            Some(seeds.server(&tls)),
            socket,
            Arc::new(quinn::TokioRuntime),
        )
        .map_err(in_bind)?;
        build.truncate(build.floor_char_boundary(64));
        let shared = Arc::new(Shared {
            site,
            node,
            store,
            build,
            runtime: runtime.clone(),
            endpoint,
            transports: Transports::new(&limits, sockets.is_simulated())?,
            seeds,
            tls: RwLock::new(Arc::new(tls)),
            book: Book::new(),
            connections: Arc::new(Connections::new(limits.connections)),
            limits,
            service: RwLock::default(),
            join_handler: RwLock::default(),
            tasks: TaskTracker::new(),
            cancel: CancellationToken::new(),
            stopped: CancellationToken::new(),
        });
        shared.spawn(admission::run(shared.clone()));
        Ok(Self(Arc::new(Owner(shared))))
    }

    /// Serves peers from now on; until then they are told that this node is
    /// busy.
    pub fn serve(&self, service: Arc<dyn Service>) {
        *self.shared().service.write().unwrap_or_else(PoisonError::into_inner) = Some(service);
    }

    /// Lets machines ask to join from now on.
    pub fn serve_joins(&self, handler: Arc<dyn JoinHandler>) {
        *self.shared().join_handler.write().unwrap_or_else(PoisonError::into_inner) = Some(handler);
    }

    /// Replaces the address book. Connections with nodes that left it or that
    /// changed, and with known nodes of another store, are closed; others
    /// stay. The node itself is left out.
    pub fn set_peers(&self, mut peers: BTreeMap<NodeId, PeerInfo>) {
        let shared = self.shared();
        peers.remove(&shared.node);
        let gone: BTreeSet<NodeId> =
            shared.book.addrs().into_keys().filter(|node| !peers.contains_key(node)).collect();
        shared.book.replace(peers, &shared.limits);
        admission::enforce(shared, &gone);
    }

    /// Shows another certificate from now on, and holds peers against its CA;
    /// connections that stand are kept.
    ///
    /// # Errors
    /// [`IdentityError`]: it is not one of this node; the old one stays.
    pub fn set_identity(&self, identity: &NodeIdentity) -> Result<(), IdentityError> {
        let shared = self.shared();
        check_name(identity, shared.site, shared.node)?;
        let tls = Tls::new(identity, shared.runtime.clock.clone())?;
        *shared.tls.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tls);
        Ok(())
    }

    /// Calls a method of a peer, connecting if need be. Methods below
    /// [`crate::URGENT_METHODS`] have a budget of their own and go first.
    /// Dropping the future tells the peer to stop.
    ///
    /// # Errors
    /// [`CallError`], at the deadline at the latest.
    pub async fn call(
        &self,
        to: NodeId,
        method: u16,
        payload: Bytes,
        deadline: Instant,
    ) -> Result<Bytes, CallError> {
        call::call(self.shared(), to, method, payload, deadline).await
    }

    /// Opens a bulk stream to a peer, with a header of at most 64 KiB. The
    /// deadline is for the whole of it, at both ends. Whether the peer serves
    /// the stream shows when it is used.
    ///
    /// # Errors
    /// [`CallError`], at the deadline at the latest.
    pub async fn open(
        &self,
        to: NodeId,
        method: u16,
        header: Bytes,
        deadline: Instant,
    ) -> Result<(BulkSend, BulkRecv), CallError> {
        bulk::open(self.shared(), to, method, header, deadline).await
    }

    /// The state of all peers of the address book, and of other nodes that
    /// are connected, by node.
    pub fn peers(&self) -> Vec<PeerState> {
        self.shared().connections.states(&self.shared().book.addrs())
    }

    /// Whether any connection with the node stands. False does not mean that
    /// it is down: connections are made when they are needed.
    pub fn is_reachable(&self, node: NodeId) -> bool {
        self.shared().connections.is_connected(node)
    }

    /// The nodes that are connected; changes when one comes or goes.
    pub fn watch_reachable(&self) -> Connected {
        self.shared().connections.watch()
    }

    /// The address that is served, with the port that was taken.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.shared().endpoint.local_addr()
    }

    /// Returns when this end no longer takes connections: after
    /// [`Mesh::shutdown`], or because the socket failed, which is logged.
    pub async fn stopped(&self) {
        self.shared().stopped.cancelled().await;
    }

    /// Closes all connections, so that peers notice at once, and ends all
    /// tasks; waits for that until the deadline. Calls under way fail.
    pub async fn shutdown(&self, deadline: Instant) {
        let shared = self.shared();
        shared.cancel.cancel();
        shared.endpoint.close(codes::SHUTDOWN, b"shutdown");
        shared.tasks.close();
        // They may well hold this mesh themselves.
        *shared.service.write().unwrap_or_else(PoisonError::into_inner) = None;
        *shared.join_handler.write().unwrap_or_else(PoisonError::into_inner) = None;
        let ended = async {
            shared.tasks.wait().await;
            shared.endpoint.wait_idle().await;
        };
        if timeout_at(deadline, ended).await.is_err() {
            tracing::debug!("peers had not confirmed the shutdown at its deadline");
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

fn check_name(
    identity: &NodeIdentity,
    site: mucura_types::SiteId,
    node: NodeId,
) -> Result<(), IdentityError> {
    let name = identity.name()?;
    if (name.site, name.node) != (site, node) {
        return Err(IdentityError::OtherNode { site: name.site, node: name.node });
    }
    Ok(())
}

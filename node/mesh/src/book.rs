use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use mucura_types::{NodeId, StoreId};
use tokio::sync::Semaphore;

use crate::config::{Limits, URGENT_METHODS};
use crate::hello::Kind;
use crate::link::Link;

/// Where a peer is, and which store it is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The UDP address it serves on.
    pub addr: SocketAddr,
    /// Its metadata store; if given, it is refused with any other.
    pub store: Option<StoreId>,
}

/// The peers that may be called.
pub(crate) struct Book(RwLock<BTreeMap<NodeId, Arc<Peer>>>);

/// A peer that may be called: its connections and what is under way with it.
pub(crate) struct Peer {
    pub(crate) node: NodeId,
    pub(crate) info: PeerInfo,
    pub(crate) calls: Arc<Semaphore>,
    pub(crate) urgent_calls: Arc<Semaphore>,
    pub(crate) bulk_streams: Arc<Semaphore>,
    control: Link,
    bulk: Vec<Link>,
    turn: AtomicUsize,
}

impl Book {
    pub(crate) fn new() -> Self {
        Self(RwLock::default())
    }

    pub(crate) fn get(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&node).cloned()
    }

    pub(crate) fn addrs(&self) -> BTreeMap<NodeId, SocketAddr> {
        let peers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        peers.iter().map(|(node, peer)| (*node, peer.info.addr)).collect()
    }

    /// Replaces the book; gives back the peers that are gone or changed, whose
    /// links are closed.
    pub(crate) fn replace(&self, infos: BTreeMap<NodeId, PeerInfo>, limits: &Limits) -> Vec<Arc<Peer>> {
        let mut peers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *peers);
        for (node, info) in infos {
            let peer = match before.remove(&node) {
                Some(peer) if peer.info == info => peer,
                changed => {
                    before.extend(changed.map(|peer| (node, peer)));
                    Arc::new(Peer::new(node, info, limits))
                }
            };
            peers.insert(node, peer);
        }
        let gone: Vec<_> = before.into_values().collect();
        for peer in &gone {
            peer.links().for_each(Link::retire);
        }
        gone
    }
}

impl Peer {
    fn new(node: NodeId, info: PeerInfo, limits: &Limits) -> Self {
        Self {
            node,
            info,
            calls: Arc::new(Semaphore::new(limits.calls)),
            urgent_calls: Arc::new(Semaphore::new(limits.urgent_calls)),
            bulk_streams: Arc::new(Semaphore::new(limits.bulk_streams)),
            control: Link::new(Kind::Control, 0),
            bulk: (0..limits.bulk_connections).map(|lane| Link::new(Kind::Bulk, lane)).collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// What bounds the calls of this method.
    pub(crate) fn budget(&self, method: u16) -> &Arc<Semaphore> {
        if method < URGENT_METHODS { &self.urgent_calls } else { &self.calls }
    }

    pub(crate) fn link(&self, kind: Kind, lane: u8) -> &Link {
        match kind {
            Kind::Control => &self.control,
            Kind::Bulk => self.bulk.get(usize::from(lane)).unwrap_or(&self.control),
        }
    }

    /// The bulk connections in turn.
    pub(crate) fn next_lane(&self) -> u8 {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.bulk.len().max(1);
        u8::try_from(turn).unwrap_or(0)
    }

    /// The peer was heard of: no need to wait before dialling it again.
    pub(crate) fn seen(&self) {
        self.links().for_each(Link::seen);
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        std::iter::once(&self.control).chain(&self.bulk)
    }
}

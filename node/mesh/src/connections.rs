use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mucura_types::{NodeId, StoreId};
use quinn::{Connection, VarInt};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::codes;
use crate::hello::Kind;
use crate::shared::held;

/// A connection that both sides have agreed to, dialled or accepted.
pub(crate) struct Live {
    pub(crate) node: NodeId,
    pub(crate) store: StoreId,
    pub(crate) kind: Kind,
    pub(crate) lane: u8,
    pub(crate) accepted: bool,
    pub(crate) connection: Connection,
}

/// What is known of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerState {
    /// The node.
    pub node: NodeId,
    /// Its address, if it is in the address book.
    pub addr: Option<SocketAddr>,
    /// Whether any connection with it stands, either way.
    pub connected: bool,
    /// The round trip to it, as estimated, over the control connections first.
    pub rtt: Option<Duration>,
    /// How long ago anything was heard of it, within half a second; none if
    /// it is not connected.
    pub heard: Option<Duration>,
    /// Bytes received from it since the start, UDP payload.
    pub bytes_in: u64,
    /// Bytes sent to it since the start, UDP payload.
    pub bytes_out: u64,
}

/// All live connections, and who is at their other ends.
pub(crate) struct Connections {
    table: Mutex<Table>,
    connected: watch::Sender<BTreeSet<NodeId>>,
    limit: usize,
}

#[derive(Default)]
struct Table {
    live: BTreeMap<u64, Entry>,
    next_id: u64,
    /// Bytes in and out over connections that ended, by node.
    past: BTreeMap<NodeId, (u64, u64)>,
}

struct Entry {
    live: Live,
    /// Datagrams received when last looked, and when they had last increased.
    datagrams: u64,
    heard: Instant,
}

impl Connections {
    /// At most `limit` accepted ones.
    pub(crate) fn new(limit: usize) -> Self {
        Self { table: Mutex::default(), connected: watch::Sender::new(BTreeSet::new()), limit }
    }

    /// Takes a connection in; none if there are too many. An accepted one
    /// replaces the one before of the same peer, kind and lane: its dialler
    /// would not dial again if it still had that one.
    pub(crate) fn insert(&self, live: Live) -> Option<u64> {
        let mut table = held(&self.table);
        if live.accepted {
            let same = |e: &Entry| {
                e.live.accepted
                    && (e.live.node, e.live.kind, e.live.lane) == (live.node, live.kind, live.lane)
            };
            if let Some(old) = table.live.values().find(|e| same(e)) {
                old.live.connection.close(codes::REPLACED, b"replaced");
            }
            if table.live.values().filter(|e| e.live.accepted).count() >= self.limit {
                return None;
            }
        }
        let id = table.next_id;
        table.next_id += 1;
        table.live.insert(id, Entry { live, datagrams: 0, heard: Instant::now() });
        self.publish(&table);
        Some(id)
    }

    pub(crate) fn remove(&self, id: u64) {
        let mut table = held(&self.table);
        if let Some(entry) = table.live.remove(&id) {
            let stats = entry.live.connection.stats();
            if table.past.len() < self.limit || table.past.contains_key(&entry.live.node) {
                let past = table.past.entry(entry.live.node).or_default();
                past.0 += stats.udp_rx.bytes;
                past.1 += stats.udp_tx.bytes;
            }
        }
        self.publish(&table);
    }

    /// Looks which connections have received anything since the last time.
    pub(crate) fn sample(&self) {
        let now = Instant::now();
        for entry in held(&self.table).live.values_mut() {
            entry.look(now);
        }
    }

    /// Closes those for which `why` gives a code.
    pub(crate) fn close_where(&self, why: impl Fn(&Live) -> Option<VarInt>) {
        for entry in held(&self.table).live.values() {
            if let Some(code) = why(&entry.live) {
                entry.live.connection.close(code, b"no longer a peer");
            }
        }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<BTreeSet<NodeId>> {
        self.connected.subscribe()
    }

    pub(crate) fn is_connected(&self, node: NodeId) -> bool {
        self.connected.borrow().contains(&node)
    }

    /// The states of those in the address book, and of whoever else is connected.
    pub(crate) fn states(&self, addrs: &BTreeMap<NodeId, SocketAddr>) -> Vec<PeerState> {
        let now = Instant::now();
        let mut table = held(&self.table);
        let mut states: BTreeMap<NodeId, PeerState> = BTreeMap::new();
        let blank = |node: NodeId, past: Option<&(u64, u64)>| PeerState {
            node,
            addr: addrs.get(&node).copied(),
            connected: false,
            rtt: None,
            heard: None,
            bytes_in: past.map_or(0, |p| p.0),
            bytes_out: past.map_or(0, |p| p.1),
        };
        for node in addrs.keys() {
            states.insert(*node, blank(*node, table.past.get(node)));
        }
        let Table { live, past, .. } = &mut *table;
        for entry in live.values_mut() {
            entry.look(now);
            let Live { node, connection, kind, .. } = &entry.live;
            let state = states.entry(*node).or_insert_with(|| blank(*node, past.get(node)));
            let stats = connection.stats();
            let age = now.saturating_duration_since(entry.heard);
            state.connected |= connection.close_reason().is_none();
            state.heard = Some(state.heard.map_or(age, |heard| heard.min(age)));
            state.bytes_in += stats.udp_rx.bytes;
            state.bytes_out += stats.udp_tx.bytes;
            if state.rtt.is_none() || *kind == Kind::Control {
                state.rtt = Some(stats.path.rtt);
            }
        }
        states.into_values().collect()
    }

    fn publish(&self, table: &Table) {
        let now: BTreeSet<NodeId> = table.live.values().map(|e| e.live.node).collect();
        self.connected.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
    }
}

impl Entry {
    fn look(&mut self, now: Instant) {
        let datagrams = self.live.connection.stats().udp_rx.datagrams;
        if datagrams != self.datagrams {
            self.datagrams = datagrams;
            self.heard = now;
        }
    }
}

/// The peers that are connected, for those who wait for a change.
pub(crate) type Connected = watch::Receiver<BTreeSet<NodeId>>;

/// Takes a connection out of the table when its task ends, however it ends.
pub(crate) struct Listed {
    pub(crate) connections: Arc<Connections>,
    pub(crate) id: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.connections.remove(self.id);
    }
}

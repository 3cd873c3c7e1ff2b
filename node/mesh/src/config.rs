use std::net::SocketAddr;
use std::time::Duration;

use mucura_types::{MIB, NodeId, SiteId, StoreId};

use crate::error::StartError;
use crate::identity::NodeIdentity;

/// The largest UDP payload used, in bytes. One send carries up to ten
/// datagrams, and the kernel takes at most 65,507 bytes at once: past 6,550
/// sends fail and throughput collapses.
pub const MTU_MAX: u16 = 6500;
/// Datagrams that quinn puts into one send at most.
const SEND_SEGMENTS_MAX: u32 = 10;
const _: () = assert!(MTU_MAX as u32 * SEND_SEGMENTS_MAX < 65_507);

/// Methods below this number are urgent: they have a budget of their own, and
/// their bytes go first, so that consensus does not wait behind other calls.
pub const URGENT_METHODS: u16 = 256;

/// Who a node is in the mesh, and where it listens.
#[derive(Clone)]
pub struct MeshConfig {
    /// The site.
    pub site: SiteId,
    /// The node.
    pub node: NodeId,
    /// Its metadata store: peers refuse a known node that comes with another.
    pub store: StoreId,
    /// The UDP address to serve and dial from; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its certificate, which must name this site and node.
    pub identity: NodeIdentity,
    /// The version of the program, for people to read; at most 64 bytes.
    pub build: String,
    /// Bounds and timing.
    pub limits: Limits,
}

/// Bounds and timing. All nodes of a site should have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the largest call or answer.
    pub message_bytes: usize,
    /// Calls under way with one peer, each way; excess is answered Busy.
    pub calls: usize,
    /// The same for methods below [`URGENT_METHODS`].
    pub urgent_calls: usize,
    /// Bulk streams under way with one peer, each way.
    pub bulk_streams: usize,
    /// Bulk connections to each peer; a connection uses at most one core.
    pub bulk_connections: u8,
    /// Accepted connections, of all peers together.
    pub connections: usize,
    /// The longest a connection may take to come about.
    pub connect_timeout: Duration,
    /// A connection is dead when nothing was heard for this long.
    pub idle_timeout: Duration,
    /// How often an idle connection says that it lives.
    pub keep_alive: Duration,
    /// The longest a started frame or a bulk stream may stand still.
    pub stall_timeout: Duration,
    /// The pause after a failed attempt to connect; it doubles each time.
    pub backoff_min: Duration,
    /// The longest pause between attempts.
    pub backoff_max: Duration,
    /// The largest UDP payload to look for, at most [`MTU_MAX`].
    pub mtu: u16,
    /// Whether peers on loopback addresses get `mtu` at once.
    pub loopback_jumbo: bool,
    /// Bytes in flight on one stream, receiving.
    pub stream_window: u32,
    /// Bytes in flight on one connection, receiving.
    pub connection_window: u32,
    /// Bytes in flight on one connection, sending.
    pub send_window: u32,
    /// Bytes of the UDP socket's buffers, each way.
    pub socket_buffer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 4 * MIB,
            calls: 256,
            urgent_calls: 64,
            bulk_streams: 128,
            bulk_connections: 2,
            connections: 1024,
            connect_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_millis(2500),
            keep_alive: Duration::from_millis(800),
            stall_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(1),
            mtu: MTU_MAX,
            loopback_jumbo: true,
            stream_window: 4 << 20,
            connection_window: 32 << 20,
            send_window: 16 << 20,
            socket_buffer: 8 * MIB,
        }
    }
}

impl Limits {
    pub(crate) fn check(&self) -> Result<(), StartError> {
        let wrong = |what| Err(StartError::Limits(what));
        if !(1200..=MTU_MAX).contains(&self.mtu) {
            return wrong("mtu is not between 1200 and 6500");
        }
        if !(1..=BULK_CONNECTIONS_MAX).contains(&self.bulk_connections) {
            return wrong("bulk_connections is not between 1 and 8");
        }
        if self.keep_alive * 2 > self.idle_timeout {
            return wrong("keep_alive is more than half of idle_timeout");
        }
        if !(1..=1 << 30).contains(&self.message_bytes) {
            return wrong("message_bytes is not between 1 and 1 GiB");
        }
        let counts = [self.calls, self.urgent_calls, self.bulk_streams, self.connections];
        if counts.iter().any(|n| !(1..=1 << 16).contains(n)) {
            return wrong("a count is not between 1 and 65536");
        }
        Ok(())
    }

    /// Streams that a peer may have open on one connection: more than is
    /// served at once, so that excess is answered Busy and does not hang.
    pub(crate) fn open_streams(&self) -> u32 {
        let served = (self.calls + self.urgent_calls).max(self.bulk_streams);
        u32::try_from(2 * served + 16).unwrap_or(u32::MAX)
    }
}

/// The bulk connections that an acceptor takes from one peer.
pub(crate) const BULK_CONNECTIONS_MAX: u8 = 8;

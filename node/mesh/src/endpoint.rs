use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mucura_runtime::Entropy;
use quinn::crypto::HandshakeTokenKey;
use quinn::{
    AckFrequencyConfig, ConnectionId, ConnectionIdGenerator, EndpointConfig, IdleTimeout, MtuDiscoveryConfig,
    NoneTokenStore, TransportConfig, VarInt,
};
use ring::{hkdf, hmac};

use crate::config::Limits;
use crate::error::StartError;
use crate::tls::Tls;

/// What fits every Ethernet: 1,500 bytes less IPv6 and UDP headers.
const ETHERNET_MTU: u16 = 1452;
/// With datagrams this large, acknowledging every tenth saves CPU.
const ACK_EVERY: u32 = 10;

/// How quinn is set up, towards near peers and far ones.
pub(crate) struct Transports {
    loopback: Arc<TransportConfig>,
    network: Arc<TransportConfig>,
}

impl Transports {
    pub(crate) fn new(limits: &Limits, simulated: bool) -> Result<Self, StartError> {
        let jumbo = limits.loopback_jumbo && !simulated;
        Ok(Self {
            loopback: Arc::new(transport(limits, simulated, jumbo)?),
            network: Arc::new(transport(limits, simulated, false)?),
        })
    }

    pub(crate) fn towards(&self, peer: SocketAddr) -> Arc<TransportConfig> {
        if is_loopback(peer.ip()) { self.loopback.clone() } else { self.network.clone() }
    }
}

/// A dual-stack socket shows IPv4 peers as mapped addresses.
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn transport(limits: &Limits, simulated: bool, jumbo: bool) -> Result<TransportConfig, StartError> {
    let idle = IdleTimeout::try_from(limits.idle_timeout)
        .map_err(|_| StartError::Limits("idle_timeout is too long"))?;
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(limits.open_streams()))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(limits.keep_alive))
        .stream_receive_window(VarInt::from_u32(limits.stream_window))
        .receive_window(VarInt::from_u32(limits.connection_window))
        .send_window(u64::from(limits.send_window))
        .initial_mtu(if jumbo { limits.mtu } else { ETHERNET_MTU.min(limits.mtu) })
        .enable_segmentation_offload(!simulated);
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(limits.mtu);
    config.mtu_discovery_config((!simulated).then_some(discovery));
    if jumbo || (!simulated && limits.mtu > ETHERNET_MTU) {
        let mut acks = AckFrequencyConfig::default();
        acks.ack_eliciting_threshold(VarInt::from_u32(ACK_EVERY));
        config.ack_frequency_config(Some(acks));
    }
    Ok(config)
}

/// The randomness that quinn needs, drawn once from the runtime.
pub(crate) struct Seeds {
    connection_ids: Arc<ConnectionIds>,
    token_key: Arc<dyn HandshakeTokenKey>,
    rng: [u8; 32],
}

impl Seeds {
    pub(crate) fn draw(entropy: &dyn Entropy) -> Result<Self, StartError> {
        let draw = || {
            let mut bytes = [0; 32];
            entropy.fill(&mut bytes).map_err(StartError::Entropy).map(|()| bytes)
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, &draw()?);
        Ok(Self {
            connection_ids: Arc::new(ConnectionIds { key, count: AtomicU64::new(0) }),
            token_key: Arc::new(hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&draw()?)),
            rng: draw()?,
        })
    }

    /// `reset_secret` should outlive the process: a node that was killed and
    /// is back can then tell its peers that their connections are gone.
    pub(crate) fn endpoint(&self, mtu: u16, reset_secret: &[u8]) -> Result<EndpointConfig, StartError> {
        let reset = hmac::Key::new(hmac::HMAC_SHA256, b"mucura stateless reset");
        let reset = hmac::sign(&reset, reset_secret);
        let mut config = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, reset.as_ref())));
        let ids = self.connection_ids.clone();
        config
            .cid_generator(move || Box::new(Ids(ids.clone())))
            .rng_seed(Some(self.rng))
            .max_udp_payload_size(mtu)
            .map_err(|_| StartError::Limits("mtu is out of bounds"))?;
        Ok(config)
    }

    pub(crate) fn client(&self, tls: Arc<quinn::crypto::rustls::QuicClientConfig>) -> quinn::ClientConfig {
        let ids = self.connection_ids.clone();
        let mut config = quinn::ClientConfig::new(tls);
        config.initial_dst_cid_provider(Arc::new(move || ids.next())).token_store(Arc::new(NoneTokenStore));
        config
    }

    pub(crate) fn server(&self, tls: &Tls) -> quinn::ServerConfig {
        let mut config = quinn::ServerConfig::new(tls.server.clone(), self.token_key.clone());
        // A node does not wander; and nobody else may claim its connections.
        config.migration(false);
        config
    }
}

/// Connection ids that nobody can foresee, from one key: quinn's own
/// generators would ask the system for randomness.
struct ConnectionIds {
    key: hmac::Key,
    count: AtomicU64,
}

impl ConnectionIds {
    fn next(&self) -> ConnectionId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        ConnectionId::new(&hmac::sign(&self.key, &count.to_be_bytes()).as_ref()[..CONNECTION_ID_BYTES])
    }
}

const CONNECTION_ID_BYTES: usize = 8;

struct Ids(Arc<ConnectionIds>);

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        self.0.next()
    }

    fn cid_len(&self) -> usize {
        CONNECTION_ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

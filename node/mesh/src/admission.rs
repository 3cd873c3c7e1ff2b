use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, Incoming};
use rustls::pki_types::CertificateDer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{debug, error, info, warn};

use crate::codes;
use crate::config::BULK_CONNECTIONS_MAX;
use crate::connections::{Listed, Live};
use crate::error::{CallError, Refused};
use crate::frame::{message, read_message};
use crate::hello::{HELLO_BYTES_MAX, Hello, Kind, VERSIONS, Welcome, negotiate};
use crate::identity::{NodeName, node_name};
use crate::shared::Shared;
use crate::tls::ALPN_JOIN;
use crate::{join, serve};

/// Connections that are shaking hands at once.
const NEWCOMERS_MAX: usize = 64;
/// Machines that are joining at once.
const JOINERS_MAX: usize = 8;
/// How often the connections are looked at for signs of life.
const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// Takes connections until the mesh ends. Owns their tasks.
pub(crate) async fn run(shared: Arc<Shared>) {
    let _stopped = shared.stopped.clone().drop_guard();
    let newcomers = Arc::new(Semaphore::new(NEWCOMERS_MAX));
    // Apart, so that strangers do not keep nodes out.
    let joiners = Arc::new(Semaphore::new(JOINERS_MAX));
    let mut tasks = JoinSet::new();
    let mut sample = interval(SAMPLE_EVERY);
    sample.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            incoming = shared.endpoint.accept() => {
                let Some(incoming) = incoming else { break };
                match newcomers.clone().try_acquire_owned() {
                    Ok(permit) => {
                        tasks.spawn(accept(shared.clone(), incoming, permit, joiners.clone()));
                    }
                    Err(_) => incoming.refuse(),
                }
            }
            Some(ended) = tasks.join_next() => serve::report(ended),
            _ = sample.tick() => shared.connections.sample(),
        }
    }
    if !shared.cancel.is_cancelled() {
        error!("the mesh endpoint ended: this node is cut off");
    }
}

async fn accept(
    shared: Arc<Shared>,
    incoming: Incoming,
    permit: OwnedSemaphorePermit,
    joiners: Arc<Semaphore>,
) {
    let from = incoming.remote_address();
    let config = Arc::new(shared.server_config(from));
    let handshake = async { incoming.accept_with(config)?.await };
    let connection = match timeout(shared.limits.connect_timeout, handshake).await {
        Err(_) => return debug!(%from, "handshake took too long"),
        Ok(Err(error)) => return warn!(%from, %error, "handshake failed"),
        Ok(Ok(connection)) => connection,
    };
    if protocol(&connection).as_deref() == Some(ALPN_JOIN) {
        drop(permit);
        return match joiners.try_acquire() {
            Ok(_permit) => join::serve(&shared, &connection).await,
            Err(_) => connection.close(codes::TOO_MANY, b"too many are joining"),
        };
    }
    let admitted = timeout(shared.limits.connect_timeout, admit(&shared, &connection)).await;
    let (hello, _listed) = match admitted {
        Err(_) => return connection.close(codes::MALFORMED, b"no hello"),
        Ok(Err(error)) => {
            let code = match &error {
                CallError::Refused(refused) => codes::close_code(refused),
                CallError::Busy => codes::TOO_MANY,
                _ => codes::MALFORMED,
            };
            warn!(%from, %error, "peer turned away");
            return connection.close(code, error.to_string().as_bytes());
        }
        Ok(Ok(admitted)) => admitted,
    };
    drop(permit);
    if let Some(peer) = shared.book.get(hello.node) {
        peer.seen();
    }
    info!(node = %hello.node, %from, kind = ?hello.kind, build = hello.build, "peer connected");
    let reason = serve::connection(&shared, hello.node, hello.kind, &connection).await;
    info!(node = %hello.node, %from, kind = ?hello.kind, %reason, "peer disconnected");
}

/// Hears who is there, decides whether to talk to it, and says so.
async fn admit(shared: &Shared, connection: &Connection) -> Result<(Hello, Listed), CallError> {
    let name = certified(connection)?;
    let (mut send, mut recv) = connection.accept_bi().await.map_err(|_| CallError::PeerClosed)?;
    let bytes = read_message(&mut recv, HELLO_BYTES_MAX).await?;
    let hello = Hello::decode(&bytes).ok_or(Refused::Malformed)?;
    let version = check(shared, name, &hello)?;
    let live = Live {
        node: hello.node,
        store: hello.store,
        kind: hello.kind,
        lane: hello.lane,
        accepted: true,
        connection: connection.clone(),
    };
    let id = shared.connections.insert(live).ok_or(CallError::Busy)?;
    let listed = Listed { connections: shared.connections.clone(), id };
    // The address book may have changed before it was in the table.
    check(shared, name, &hello)?;
    let welcome = Welcome {
        version,
        site: shared.site,
        node: shared.node,
        store: shared.store,
        build: shared.build.clone(),
    };
    send.write_chunk(message(&welcome.encode())).await.map_err(|_| CallError::PeerClosed)?;
    send.finish().map_err(|_| CallError::PeerClosed)?;
    Ok((hello, listed))
}

fn check(shared: &Shared, name: NodeName, hello: &Hello) -> Result<u16, Refused> {
    if name.site != shared.site || hello.site != shared.site {
        return Err(Refused::WrongSite);
    }
    // Nor may anybody be this very node.
    if hello.node != name.node || hello.node == shared.node {
        return Err(Refused::WrongNode);
    }
    let known = shared.book.get(hello.node).and_then(|peer| peer.info.store);
    if known.is_some_and(|store| store != hello.store) {
        return Err(Refused::WrongStore);
    }
    if hello.lane >= BULK_CONNECTIONS_MAX || (hello.kind == Kind::Control && hello.lane != 0) {
        return Err(Refused::Malformed);
    }
    negotiate(VERSIONS, hello.versions)
}

/// Whom the certificate names; TLS has seen to it that our CA signed it.
fn certified(connection: &Connection) -> Result<NodeName, Refused> {
    let refused = |reason: &str| Refused::Certificate { reason: reason.to_owned() };
    let chain = connection
        .peer_identity()
        .and_then(|any| any.downcast::<Vec<CertificateDer<'static>>>().ok())
        .ok_or_else(|| refused("none was shown"))?;
    let cert = chain.first().ok_or_else(|| refused("none was shown"))?;
    node_name(cert).map_err(|e| refused(&e.to_string()))
}

fn protocol(connection: &Connection) -> Option<Vec<u8>> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.protocol
}

/// Closes what no longer agrees with the address book: nodes that were in it
/// and left, and known nodes with another store.
pub(crate) fn enforce(shared: &Shared, gone: &BTreeSet<mucura_types::NodeId>) {
    shared.connections.close_where(|live| {
        let peer = shared.book.get(live.node);
        match peer.and_then(|peer| peer.info.store) {
            Some(store) if store != live.store => Some(codes::WRONG_STORE),
            _ => gone.contains(&live.node).then_some(codes::NOT_A_PEER),
        }
    });
}

/// The address of whoever is at the other end, as people write it.
pub(crate) fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

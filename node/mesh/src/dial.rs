use std::sync::Arc;
use std::time::Duration;

use mucura_types::NodeId;
use quinn::Connection;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};

use crate::book::Peer;
use crate::codes::{self, connect_error};
use crate::connections::{Listed, Live};
use crate::error::{CallError, Refused};
use crate::frame::{message, read_message};
use crate::hello::{HELLO_BYTES_MAX, Hello, Kind, VERSIONS, Welcome};
use crate::identity::dns_name;
use crate::link::{Attempt, Link, Step};
use crate::shared::Shared;

/// The connection to a peer; dials if there is none.
pub(crate) async fn connection(
    shared: &Arc<Shared>,
    peer: &Arc<Peer>,
    kind: Kind,
    lane: u8,
    deadline: Instant,
) -> Result<Connection, CallError> {
    let mut attempt = match peer.link(kind, lane).step() {
        Step::Use(connection) => return Ok(connection),
        Step::Fail(error) => return Err(error),
        Step::Wait(attempt) => attempt,
        Step::Dial(sender, attempt) => {
            shared.spawn(run(shared.clone(), peer.clone(), kind, lane, sender));
            attempt
        }
    };
    let unreachable = |reason: &str| CallError::Unreachable { reason: reason.to_owned() };
    match timeout_at(deadline, attempt.wait_for(Option::is_some)).await {
        Err(_) => Err(unreachable("no connection before the deadline")),
        Ok(Err(_)) => Err(unreachable("the mesh is shutting down")),
        Ok(Ok(outcome)) => outcome.clone().unwrap_or_else(|| Err(unreachable("no connection"))),
    }
}

/// One life of a connection: dials, and stays until it ends.
async fn run(shared: Arc<Shared>, peer: Arc<Peer>, kind: Kind, lane: u8, told: watch::Sender<Attempt>) {
    let link = peer.link(kind, lane);
    let attempt = timeout(shared.limits.connect_timeout, dial(&shared, &peer, link)).await;
    let timed_out = || CallError::Unreachable { reason: "connecting took too long".to_owned() };
    match attempt.unwrap_or_else(|_| Err(timed_out())) {
        Err(error) => {
            match &error {
                CallError::Refused(_) => {
                    warn!(node = %peer.node, addr = %peer.info.addr, %error, "peer not usable")
                }
                _ => debug!(node = %peer.node, addr = %peer.info.addr, %error, "peer not reached"),
            }
            link.failed(error.clone(), |failures| backoff(&shared, failures));
            told.send_replace(Some(Err(error)));
        }
        Ok((connection, welcome)) => {
            let live = Live {
                node: peer.node,
                store: welcome.store,
                kind,
                lane,
                accepted: false,
                connection: connection.clone(),
            };
            let Some(id) = shared.connections.insert(live) else { return };
            let _listed = Listed { connections: shared.connections.clone(), id };
            link.up(&connection);
            told.send_replace(Some(Ok(connection.clone())));
            let reason = connection.closed().await;
            debug!(node = %peer.node, ?kind, %reason, "connection ended");
        }
    }
}

async fn dial(shared: &Shared, peer: &Peer, link: &Link) -> Result<(Connection, Welcome), CallError> {
    let config = shared.client_config(peer.info.addr);
    let name = dns_name(shared.site, peer.node);
    let connecting = shared
        .endpoint
        .connect_with(config, peer.info.addr, &name)
        .map_err(|e| CallError::Unreachable { reason: e.to_string() })?;
    let connection = connecting.await.map_err(|e| connect_error(&e))?;
    match greet(shared, peer, link, &connection).await {
        Ok(welcome) => Ok((connection, welcome)),
        // What the acceptor said when it closed tells more than a broken stream.
        Err(error) => Err(match connection.close_reason() {
            Some(reason) => connect_error(&reason),
            None => {
                let code = match &error {
                    CallError::Refused(refused) => codes::close_code(refused),
                    _ => codes::MALFORMED,
                };
                connection.close(code, b"handshake");
                error
            }
        }),
    }
}

async fn greet(
    shared: &Shared,
    peer: &Peer,
    link: &Link,
    connection: &Connection,
) -> Result<Welcome, CallError> {
    let hello = Hello {
        versions: VERSIONS,
        site: shared.site,
        node: shared.node,
        store: shared.store,
        kind: link.kind,
        lane: link.lane,
        build: shared.build.clone(),
    };
    let (mut send, mut recv) = connection.open_bi().await.map_err(|e| connect_error(&e))?;
    send.write_chunk(message(&hello.encode())).await.map_err(|_| CallError::PeerClosed)?;
    send.finish().map_err(|_| CallError::PeerClosed)?;
    let bytes = match read_message(&mut recv, HELLO_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => {
            // A stream may break just before the close that explains it.
            if timeout(Duration::from_millis(50), connection.closed()).await.is_err() {
                debug!(node = %peer.node, "no welcome");
            }
            return Err(error);
        }
    };
    let welcome = Welcome::decode(&bytes).ok_or(Refused::Malformed)?;
    check(shared, peer.node, &welcome, peer)?;
    Ok(welcome)
}

fn check(shared: &Shared, node: NodeId, welcome: &Welcome, peer: &Peer) -> Result<(), Refused> {
    if welcome.site != shared.site {
        return Err(Refused::WrongSite);
    }
    if welcome.node != node {
        return Err(Refused::WrongNode);
    }
    if peer.info.store.is_some_and(|store| store != welcome.store) {
        return Err(Refused::WrongStore);
    }
    if !(VERSIONS.0..=VERSIONS.1).contains(&welcome.version) {
        return Err(Refused::Version);
    }
    Ok(())
}

/// Doubles with each failure, up to the limit; then between half and all of
/// it, at random, so that peers do not knock in step.
fn backoff(shared: &Shared, failures: u32) -> Duration {
    let limits = &shared.limits;
    let full = limits.backoff_min.saturating_mul(1 << failures.min(16)).min(limits.backoff_max);
    let share = shared.runtime.entropy.number().unwrap_or(0) % 512;
    let share = u32::try_from(share).unwrap_or(0);
    full / 2 + full / 1024 * share
}

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use mucura_runtime::Runtime;
use quinn::{Connection, Endpoint};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::info;

use crate::admission::plain;
use crate::call::exchange;
use crate::codes::{self, connect_error};
use crate::config::Limits;
use crate::endpoint::{Seeds, Transports};
use crate::error::{CallError, StartError};
use crate::join_token::JoinToken;
use crate::serve::{answer, read_header};
use crate::shared::Shared;
use crate::socket::SocketFactory;
use crate::tls;

/// The most bytes of a request to join, and of the answer.
const JOIN_BYTES_MAX: usize = 64 << 10;
/// The one method of the join protocol.
const JOIN_METHOD: u16 = 0;

/// Asks the token's contact to be let in: sends `request` and gives its
/// answer, over TLS that holds the contact against the token's fingerprint.
/// What the request says, the token included, is between caller and handler.
///
/// # Errors
/// [`CallError`]; [`crate::Refused::Certificate`] if who answers is not of the
/// token's site.
pub async fn join(
    token: &JoinToken,
    request: Bytes,
    runtime: &Runtime,
    sockets: &SocketFactory,
    deadline: Instant,
) -> Result<Bytes, CallError> {
    let unready = |e: StartError| CallError::Unreachable { reason: e.to_string() };
    let contact = token.contact().map_err(|e| unready(e.into()))?;
    let limits = Limits::default();
    let seeds = Seeds::draw(runtime.entropy.as_ref()).map_err(unready)?;
    let mut secret = [0; 32];
    runtime.entropy.fill(&mut secret).map_err(|e| unready(StartError::Entropy(e)))?;
    let any = match contact {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let in_bind = |source| unready(StartError::Socket { addr: any, source });
    let socket = sockets.bind(any, limits.socket_buffer).map_err(in_bind)?;
    let config = seeds.endpoint(limits.mtu, &secret).map_err(unready)?;
    let endpoint = Endpoint::new_with_abstract_socket(config, None, socket, Arc::new(quinn::TokioRuntime))
        .map_err(in_bind)?;
    let crypto = tls::joiner(token.ca_fingerprint(), runtime.clock.clone()).map_err(|e| unready(e.into()))?;
    let transports = Transports::new(&limits, sockets.is_simulated()).map_err(unready)?;
    let mut client = seeds.client(crypto);
    client.transport_config(transports.towards(contact));

    let ask = async {
        // The fingerprint stands for the name, which is not known here.
        let connecting = endpoint
            .connect_with(client, contact, "contact.mucura")
            .map_err(|e| CallError::Unreachable { reason: e.to_string() })?;
        let connection = connecting.await.map_err(|e| connect_error(&e))?;
        exchange(&connection, JOIN_METHOD, request, deadline, JOIN_BYTES_MAX).await
    };
    let answer = timeout_at(deadline, ask).await.unwrap_or(Err(CallError::Timeout));
    endpoint.close(codes::SHUTDOWN, b"done");
    // So that the close gets out; whether it arrives does not matter.
    timeout_at(deadline.min(Instant::now() + limits.connect_timeout), endpoint.wait_idle()).await.ok();
    answer
}

/// Serves one request of somebody without a certificate.
pub(crate) async fn serve(shared: &Shared, connection: &Connection) {
    let from = plain(connection.remote_address());
    let Some(handler) = shared.join_handler() else {
        return connection.close(codes::NOT_A_PEER, b"this node lets nobody in");
    };
    let limits = &shared.limits;
    let one = async {
        let (send, mut recv) = connection.accept_bi().await.ok()?;
        let head = read_header(limits, &mut recv).await.ok()?;
        info!(%from, "a machine asks to join");
        answer(limits, &head, send, recv, JOIN_BYTES_MAX, |request| handler.join(from, request)).await;
        // The joiner closes once it has the answer.
        connection.closed().await;
        Some(())
    };
    // Strangers get a bounded time, whatever deadline they ask for.
    timeout(limits.stall_timeout, one).await.ok();
    connection.close(codes::SHUTDOWN, b"done");
}

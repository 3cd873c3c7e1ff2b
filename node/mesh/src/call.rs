use std::sync::Arc;

use bytes::Bytes;
use mucura_types::NodeId;
use quinn::{Connection, SendStream};
use tokio::time::Instant;

use crate::book::Peer;
use crate::codes::{self, connect_error};
use crate::config::URGENT_METHODS;
use crate::dial;
use crate::error::CallError;
use crate::frame::{
    CallHeader, HEADER_BYTES_MAX, ReplyHeader, by, decode, header, read_message, read_rest, remaining_ms,
    write,
};
use crate::hello::Kind;
use crate::shared::Shared;
use crate::trace::current_trace;

pub(crate) async fn call(
    shared: &Arc<Shared>,
    to: NodeId,
    method: u16,
    payload: Bytes,
    deadline: Instant,
) -> Result<Bytes, CallError> {
    if payload.len() > shared.limits.message_bytes {
        return Err(CallError::TooLarge);
    }
    let peer = find(shared, to)?;
    let _permit = peer.budget(method).clone().try_acquire_owned().map_err(|_| CallError::Busy)?;
    let connection = dial::connection(shared, &peer, Kind::Control, 0, deadline).await?;
    by(deadline, exchange(&connection, method, payload, deadline, shared.limits.message_bytes)).await
}

pub(crate) fn find(shared: &Shared, node: NodeId) -> Result<Arc<Peer>, CallError> {
    let unknown = || CallError::Unreachable { reason: format!("node {node} is not in the address book") };
    shared.book.get(node).ok_or_else(unknown)
}

/// One call on its own stream. Dropping it tells the peer to stop.
pub(crate) async fn exchange(
    connection: &Connection,
    method: u16,
    payload: Bytes,
    deadline: Instant,
    answer_max: usize,
) -> Result<Bytes, CallError> {
    let (send, mut recv) = connection.open_bi().await.map_err(|e| connect_error(&e))?;
    let mut request = Request { send, whole: false };
    if method < URGENT_METHODS {
        // Fails only if the stream is gone, which the write will tell.
        request.send.set_priority(1).ok();
    }
    let len = u32::try_from(payload.len()).map_err(|_| CallError::TooLarge)?;
    let head = CallHeader { method, deadline_ms: remaining_ms(deadline), trace: current_trace(), len };
    let sent = match write(&mut request.send, header(&head), payload).await {
        Ok(()) => request.finish(),
        // It may have been turned away before it was read: the answer tells why.
        Err(error) => Err(error),
    };
    let answer = async {
        let head = read_message(&mut recv, HEADER_BYTES_MAX).await?;
        match decode(&head)? {
            ReplyHeader::Refused(refusal) => Err(refusal.into()),
            ReplyHeader::Done(len) => {
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                if len > answer_max {
                    return Err(CallError::TooLarge);
                }
                read_rest(&mut recv, len).await
            }
        }
    };
    match (answer.await, sent) {
        (Err(CallError::PeerClosed), Err(error)) => Err(error),
        (answer, _) => answer,
    }
}

/// A request that is reset if it is dropped before it is whole: quinn would
/// end it as if it were.
struct Request {
    send: SendStream,
    whole: bool,
}

impl Request {
    fn finish(&mut self) -> Result<(), CallError> {
        self.whole = true;
        self.send.finish().map_err(|_| CallError::PeerClosed)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.whole {
            self.send.reset(codes::STREAM_CANCELLED).ok();
        }
    }
}

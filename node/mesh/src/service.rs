use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use bytes::Bytes;
use mucura_types::NodeId;
use serde::{Deserialize, Serialize};

use crate::bulk::{BulkRecv, BulkSend};

/// A future behind a pointer, so that a trait can return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The answer of a service that will not do what it was asked. Variants are
/// part of the protocol: new ones go last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Too much is under way.
    Busy,
    /// Nothing is served yet.
    Starting,
    /// The method is not one of this service.
    UnknownMethod,
    /// The bytes are not what they should be.
    Malformed,
    /// The message is larger than this side takes.
    TooLarge,
    /// The deadline passed at the serving side.
    TimedOut,
    /// Anything else, for people to read; cut to 512 bytes on the wire.
    Failed(String),
}

/// What a node does for its peers. Futures are dropped, at any await, when the
/// deadline passes or the caller goes away: work that must not stop half-way
/// is handed to a task of the service's own.
pub trait Service: Send + Sync + 'static {
    /// Answers a call of the node `from`.
    fn call(&self, from: NodeId, method: u16, payload: Bytes) -> BoxFuture<'_, Result<Bytes, Refusal>>;

    /// Carries a bulk stream to its end. Dropping `send` before
    /// [`BulkSend::finish`] tells the peer that what it got is not whole.
    fn bulk(
        &self,
        from: NodeId,
        method: u16,
        header: Bytes,
        send: BulkSend,
        recv: BulkRecv,
    ) -> BoxFuture<'_, ()>;
}

/// Lets machines in that have no certificate yet. What arrives here is from
/// anybody: the request must carry a token, and the handler must check it.
pub trait JoinHandler: Send + Sync + 'static {
    /// Answers a request of at most 64 KiB.
    fn join(&self, from: SocketAddr, request: Bytes) -> BoxFuture<'_, Result<Bytes, Refusal>>;
}

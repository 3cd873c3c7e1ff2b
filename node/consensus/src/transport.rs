use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use mucura_types::NodeId;

/// Carries calls to the other nodes; the mesh in a real site.
pub trait Transport: Send + Sync + 'static {
    /// Sends a call and gives the answer of [`crate::Consensus::handle`] there.
    /// Payloads both ways stay under 5 MiB.
    ///
    /// # Errors
    /// [`TransportError`]; the call may have been carried out all the same.
    fn call(
        &self,
        to: NodeId,
        method: u16,
        payload: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>>;
}

/// A call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection to the node: it did not get the call.
    #[error("node {node} cannot be reached: {reason}")]
    Unreachable {
        /// The node.
        node: NodeId,
        /// For operators.
        reason: String,
    },
    /// No answer in time. Whether the call was carried out is unknown.
    #[error("node {node} did not answer in time")]
    Timeout {
        /// The node.
        node: NodeId,
    },
    /// The node answered that it cannot handle the call (now).
    #[error("node {node} refused: {reason}")]
    Refused {
        /// The node.
        node: NodeId,
        /// For operators.
        reason: String,
    },
}

/// Why an incoming call got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// The call is not of this version, or not for this group.
    #[error("malformed call: {0}")]
    Malformed(String),
    /// The node is starting, rebuilding its state, or ending.
    #[error("the metadata log does not run on this node now")]
    NotRunning,
}

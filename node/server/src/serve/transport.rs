use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use mucura_consensus::{Transport, TransportError};
use mucura_mesh::{CallError, Mesh};
use mucura_types::NodeId;
use tokio::time::Instant;

/// The mesh as the metadata log uses it.
pub(crate) struct MeshTransport(pub(crate) Mesh);

impl Transport for MeshTransport {
    fn call(
        &self,
        to: NodeId,
        method: u16,
        payload: Bytes,
        timeout: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, TransportError>> + Send>> {
        let mesh = self.0.clone();
        Box::pin(async move {
            let answer = mesh.call(to, method, payload, Instant::now() + timeout).await;
            answer.map_err(|error| translate(to, error))
        })
    }
}

fn translate(node: NodeId, error: CallError) -> TransportError {
    match error {
        CallError::Unreachable { reason } => TransportError::Unreachable { node, reason },
        CallError::Timeout | CallError::PeerClosed => TransportError::Timeout { node },
        CallError::Refused(_) | CallError::TooLarge | CallError::Busy => {
            TransportError::Refused { node, reason: error.to_string() }
        }
    }
}

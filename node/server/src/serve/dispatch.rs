use bytes::Bytes;
use mucura_consensus::{Consensus, HandleError};
use mucura_mesh::{BoxFuture, BulkRecv, BulkSend, Refusal, Service};
use mucura_store::Store;
use mucura_types::NodeId;

/// Asks nothing: who calls it wants to be heard of, and answered.
pub(crate) const GREET: u16 = u16::MAX;

/// What this node does for its peers: calls go to the store or to the metadata
/// log, by their numbers.
pub(crate) struct Dispatch {
    pub(crate) consensus: Consensus,
    pub(crate) store: Store,
}

impl Service for Dispatch {
    fn call(&self, from: NodeId, method: u16, payload: Bytes) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        if method == GREET {
            return Box::pin(async { Ok(Bytes::new()) });
        }
        if Store::handles(method) {
            return self.store.call(from, method, payload);
        }
        Box::pin(async move {
            self.consensus.handle(from, method, payload).await.map_err(|error| match error {
                HandleError::Malformed(_) => Refusal::Malformed,
                HandleError::NotRunning => Refusal::Starting,
            })
        })
    }

    fn bulk(
        &self,
        from: NodeId,
        method: u16,
        header: Bytes,
        send: BulkSend,
        recv: BulkRecv,
    ) -> BoxFuture<'_, ()> {
        self.store.bulk(from, method, header, send, recv)
    }
}

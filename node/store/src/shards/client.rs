use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use mucura_chunks::{BufferPool, ShardHeader, ShardWrite};
use mucura_mesh::{BulkRecv, BulkSend, CallError, Mesh};
use mucura_types::NodeId;
use tokio::time::Instant;

use super::keeper::Keeper;
use super::protocol::{
    DriveRef, Method, ReadHeader, RemoveRequest, ShardFault, ShardRef, WriteHeader, decode, encode,
};
use crate::topology::Target;

/// An answer to a shard request is at most this long.
const ANSWER_BYTES_MAX: usize = 64;

/// Writes, reads and removes shards wherever they are.
#[derive(Clone)]
pub(crate) struct ShardClient {
    node: NodeId,
    keeper: Arc<Keeper>,
    mesh: Mesh,
}

/// A shard on its way to a drive. Dropped before it is finished, it leaves
/// nothing.
pub(crate) enum ShardSink {
    Own(Box<ShardWrite>),
    Peer { send: Box<BulkSend>, recv: Box<BulkRecv> },
}

impl ShardClient {
    pub(crate) fn new(node: NodeId, keeper: Arc<Keeper>, mesh: Mesh) -> Self {
        Self { node, keeper, mesh }
    }

    /// Begins a shard. The whole of it must be written before `deadline`.
    pub(crate) async fn write(
        &self,
        target: Target,
        header: ShardHeader,
        deadline: Instant,
    ) -> Result<ShardSink, ShardFault> {
        let drive = DriveRef { drive: target.drive, store: target.store };
        if target.node == self.node {
            let drive = self.keeper.drive(drive)?;
            let write = drive.begin_write(header).await.map_err(|e| ShardFault::from(&e))?;
            return Ok(ShardSink::Own(Box::new(write)));
        }
        let head = encode(&WriteHeader::new(drive, &header));
        // Boxed: the mesh's futures are large, and many are held at once.
        let opening = Box::pin(self.mesh.open(target.node, Method::Write as u16, head.into(), deadline));
        let (send, recv) = opening.await?;
        Ok(ShardSink::Peer { send: Box::new(send), recv: Box::new(recv) })
    }

    /// A range of a shard, checked against its hashes where it is kept, in
    /// memory of `pool`.
    pub(crate) async fn read(
        &self,
        target: Target,
        shard: ShardRef,
        range: Range<u64>,
        pool: &BufferPool,
        deadline: Instant,
    ) -> Result<Bytes, ShardFault> {
        let drive = DriveRef { drive: target.drive, store: target.store };
        if target.node == self.node {
            return self.keeper.read(drive, shard, range, pool, deadline).await;
        }
        let len = usize::try_from(range.end - range.start).map_err(|_| ShardFault::Malformed)?;
        // The memory first: what has been asked for must not pile up unread.
        let mut buffer = pool.acquire(len, deadline).await.map_err(|_| ShardFault::Busy)?;
        let head = ReadHeader { drive, shard, offset: range.start, len: range.end - range.start };
        let opening =
            Box::pin(self.mesh.open(target.node, Method::Read as u16, encode(&head).into(), deadline));
        let (mut send, mut recv) = opening.await?;
        send.finish()?;
        let answer = recv.recv_message(ANSWER_BYTES_MAX).await?.ok_or(ShardFault::Unreachable)?;
        decode::<Result<(), ShardFault>>(&answer)??;
        recv.recv_into(&mut buffer).await?;
        Ok(buffer.freeze())
    }

    /// What the head of a shard says.
    pub(crate) async fn header(
        &self,
        target: Target,
        shard: ShardRef,
        deadline: Instant,
    ) -> Result<ShardHeader, ShardFault> {
        let drive = DriveRef { drive: target.drive, store: target.store };
        if target.node == self.node {
            return self.keeper.header(drive, shard).await?.shard_header();
        }
        let payload = encode(&(drive, shard));
        let answer = self.mesh.call(target.node, Method::Header as u16, payload.into(), deadline).await?;
        decode::<Result<WriteHeader, ShardFault>>(&answer)??.shard_header()
    }

    /// Removes shards from one drive; those that are not there count as
    /// removed.
    pub(crate) async fn remove(
        &self,
        target: Target,
        shards: Vec<ShardRef>,
        deadline: Instant,
    ) -> Result<(), ShardFault> {
        let drive = DriveRef { drive: target.drive, store: target.store };
        let request = RemoveRequest { drive, shards };
        if target.node == self.node {
            return self.keeper.remove(&request).await;
        }
        let payload = encode(&request);
        let answer = self.mesh.call(target.node, Method::Remove as u16, payload.into(), deadline).await?;
        decode::<Result<(), ShardFault>>(&answer)?
    }
}

impl ShardSink {
    /// Adds the next bytes of the shard.
    pub(crate) async fn push(&mut self, bytes: Bytes) -> Result<(), ShardFault> {
        match self {
            Self::Own(write) => write.write(bytes).await.map_err(|e| ShardFault::from(&e)),
            Self::Peer { send, .. } => Ok(send.send(bytes).await?),
        }
    }

    /// Ends the shard: it is on stable storage when this returns.
    pub(crate) async fn finish(self) -> Result<(), ShardFault> {
        match self {
            Self::Own(write) => write.finish().await.map_err(|e| ShardFault::from(&e)),
            Self::Peer { mut send, mut recv } => {
                send.finish()?;
                let answer = recv.recv_message(ANSWER_BYTES_MAX).await?.ok_or(ShardFault::Unreachable)?;
                decode::<Result<(), ShardFault>>(&answer)?
            }
        }
    }
}

impl From<CallError> for ShardFault {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Busy => Self::Busy,
            CallError::TooLarge => Self::Malformed,
            CallError::Unreachable { .. }
            | CallError::Timeout
            | CallError::Refused(_)
            | CallError::PeerClosed => Self::Unreachable,
        }
    }
}

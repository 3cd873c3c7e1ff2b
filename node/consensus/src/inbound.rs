use std::time::Duration;

use bytes::Bytes;
use mucura_types::NodeId;
use serde::Serialize;
use tokio::time::timeout;

use crate::batcher::{Submitted, measure};
use crate::consensus::Inner;
use crate::encoding::{self, Malformed};
use crate::message::{
    Append, AppendReply, AskVote, ChangeMembers, Method, Propose, ProposeReply, ReadIndex, ReadIndexReply,
    SnapshotPiece, Transfer, TransferReply, VoteReply, decode_call,
};
use crate::running::{LeaderRead, Running};
use crate::transport::HandleError;

impl From<Malformed> for HandleError {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error.to_string())
    }
}

fn stopped<E>(_: E) -> HandleError {
    HandleError::NotRunning
}

fn answer<T: Serialize>(reply: &T) -> Bytes {
    encoding::encode(reply)
}

impl Inner {
    /// Answers a call of another node.
    pub(crate) async fn handle(
        &self,
        from: NodeId,
        method: u16,
        payload: Bytes,
    ) -> Result<Bytes, HandleError> {
        let method = Method::of(method)
            .ok_or_else(|| HandleError::Malformed(format!("method {method} is not known")))?;
        let running = self.running().ok_or(HandleError::NotRunning)?;
        let (raft, group) = (&running.raft, self.parts.config.group);
        match method {
            Method::Append => {
                let request = decode_call::<Append>(group, &payload)?.try_into()?;
                let response = raft.append_entries(request).await.map_err(stopped)?;
                Ok(answer(&AppendReply::from(response)))
            }
            Method::Vote => {
                let request = decode_call::<AskVote>(group, &payload)?.into();
                let response = raft.vote(request).await.map_err(stopped)?;
                Ok(answer(&VoteReply::from(&response)))
            }
            Method::PreVote => {
                let request = decode_call::<AskVote>(group, &payload)?.into();
                let response = raft.pre_vote(request).await.map_err(stopped)?;
                Ok(answer(&VoteReply::from(&response)))
            }
            Method::TransferLeader => {
                let request = decode_call::<Transfer>(group, &payload)?.into();
                let response = raft.handle_transfer_leader(request).await.map_err(stopped)?;
                Ok(answer(&TransferReply::from(response)))
            }
            Method::Snapshot => {
                let piece = decode_call::<SnapshotPiece>(group, &payload)?;
                let reply = self.incoming.take(&running, &self.parts.snapshots, from, piece).await?;
                Ok(answer(&reply))
            }
            Method::Propose => {
                let request = decode_call::<Propose>(group, &payload)?;
                Ok(answer(&propose_here(&running, request).await?))
            }
            Method::ReadIndex => {
                let request = decode_call::<ReadIndex>(group, &payload)?;
                Ok(answer(&read_index_here(&running, request).await?))
            }
            Method::ChangeMembers => {
                let request = decode_call::<ChangeMembers>(group, &payload)?;
                Ok(answer(&crate::members::change_here(&running, request).await?))
            }
        }
    }
}

/// A proposal that came to this node because it is thought to lead.
pub(crate) async fn propose_here(running: &Running, request: Propose) -> Result<ProposeReply, HandleError> {
    let bytes = measure(&request.commands).map_err(|e| HandleError::Malformed(e.to_string()))?;
    let limit = Duration::from_millis(u64::from(request.timeout_ms));
    match timeout(limit, running.batcher.submit(request.commands, bytes)).await {
        Ok(Submitted::Applied { index, outcomes }) => Ok(ProposeReply::Applied { index, outcomes }),
        Ok(Submitted::NotLeader { hint }) => Ok(ProposeReply::NotLeader { hint }),
        Ok(Submitted::Stopped) => Err(HandleError::NotRunning),
        Err(_) => Ok(ProposeReply::Timeout),
    }
}

/// A read that came to this node because it is thought to lead.
pub(crate) async fn read_index_here(
    running: &Running,
    request: ReadIndex,
) -> Result<ReadIndexReply, HandleError> {
    let limit = Duration::from_millis(u64::from(request.timeout_ms));
    match timeout(limit, running.leader_reads.join()).await {
        Ok(Some(LeaderRead::At(index))) => Ok(ReadIndexReply::At { index }),
        Ok(Some(LeaderRead::NotLeader { hint })) => Ok(ReadIndexReply::NotLeader { hint }),
        Ok(Some(LeaderRead::NoQuorum)) | Err(_) => Ok(ReadIndexReply::Timeout),
        Ok(Some(LeaderRead::Stopped) | None) => Err(HandleError::NotRunning),
    }
}

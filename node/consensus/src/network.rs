use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mucura_runtime::{File, OpenMode, Runtime, read_exact_at};
use mucura_types::{GroupId, MIB, NodeId};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{Backoff, RPCOption, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::type_config::alias::SnapshotOf;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::check_quorum::CheckQuorum;
use crate::encoding;
use crate::message::{
    Append, AppendReply, AskVote, Method, SnapshotPiece, SnapshotReply, Transfer, TransferReply, VoteReply,
    encode_call,
};
use crate::raft_types::{Types, Vote};
use crate::snapshots::{Snapshots, StoredSnapshot};
use crate::transport::{Transport, TransportError};

/// Bytes of a snapshot file in one call.
const PIECE_BYTES: usize = MIB / 2;
/// How long the receiver may take over one piece; the last one, which it
/// installs, has openraft's time-out.
const PIECE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a follower may take to put entries on its disk. One that is busy
/// takes half a second for a sync; openraft would have it answer between two
/// heartbeats, and ask the same again for ever. Those without entries need no
/// disk, and have openraft's time-out.
const APPEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Makes the way to each node.
pub(crate) struct Network {
    pub(crate) me: NodeId,
    pub(crate) group: GroupId,
    pub(crate) runtime: Runtime,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) check_quorum: CheckQuorum,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, _node: &openraft::BasicNode) -> Peer {
        Peer {
            me: self.me,
            target: NodeId(target),
            group: self.group,
            runtime: self.runtime.clone(),
            transport: self.transport.clone(),
            snapshots: self.snapshots.clone(),
            check_quorum: self.check_quorum.clone(),
        }
    }
}

/// The way to one node.
pub(crate) struct Peer {
    me: NodeId,
    target: NodeId,
    group: GroupId,
    runtime: Runtime,
    transport: Arc<dyn Transport>,
    snapshots: Arc<Snapshots>,
    check_quorum: CheckQuorum,
}

impl Peer {
    async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        method: Method,
        kind: RPCTypes,
        request: &Q,
        timeout: Duration,
    ) -> Result<A, RPCError<Types>> {
        let payload = encode_call(self.group, request);
        match self.transport.call(self.target, method.number(), payload, timeout).await {
            Ok(answer) => encoding::decode("answer", &answer).map_err(|e| Unreachable::new(&e).into()),
            Err(TransportError::Timeout { .. }) => {
                Err(Timeout { action: kind, id: self.me.0, target: self.target.0, timeout }.into())
            }
            Err(error) => Err(Unreachable::new(&error).into()),
        }
    }

    /// Sends a snapshot file piece by piece, from where the receiver stands.
    async fn send_snapshot(
        &self,
        vote: &Vote,
        snapshot: &SnapshotOf<Types, StoredSnapshot>,
        install_timeout: Duration,
    ) -> Result<SnapshotResponse<Types>, RPCError<Types>> {
        let disk = self.runtime.disk.clone();
        let path = snapshot.snapshot.path().to_owned();
        let opened = self.runtime.blocking.run(move || {
            let file = disk.open(&path, OpenMode::Read)?;
            let length = file.len()?;
            std::io::Result::Ok((file, length))
        });
        let (file, length) = flatten(opened.await).map_err(|e| Unreachable::new(&e))?;
        let mut offset = 0;
        // The receiver may move the offset back; but not for ever.
        let mut pieces_left = 4 + 2 * length.div_ceil(PIECE_BYTES as u64);
        loop {
            pieces_left = pieces_left
                .checked_sub(1)
                .ok_or_else(|| Unreachable::from_string("the receiver of a snapshot makes no progress"))?;
            let bytes =
                self.read_piece(file.clone(), offset, length).await.map_err(|e| Unreachable::new(&e))?;
            let last = offset + bytes.len() as u64 == length;
            let piece =
                SnapshotPiece { vote: vote.into(), meta: (&snapshot.meta).into(), length, offset, bytes };
            let timeout = if last { install_timeout } else { PIECE_TIMEOUT };
            let reply = self.call(Method::Snapshot, RPCTypes::InstallSnapshot, &piece, timeout).await?;
            match reply {
                SnapshotReply::Continue { offset: next } if next < length => offset = next,
                SnapshotReply::Continue { .. } => {
                    return Err(Unreachable::from_string("the receiver of a snapshot is past its end").into());
                }
                SnapshotReply::Done { vote } => return Ok(SnapshotResponse::new(vote.into())),
                SnapshotReply::Damaged => {
                    // Here or on the way? If here, the next attempt sends another.
                    let snapshots = self.snapshots.clone();
                    let verified = self.runtime.blocking.run(move || snapshots.verify_newest()).await;
                    if let Ok(Err(error)) = verified {
                        tracing::error!(%error, "snapshot cannot be verified");
                    }
                    return Err(Unreachable::from_string("the snapshot arrived damaged").into());
                }
            }
        }
    }

    async fn read_piece(&self, file: Arc<dyn File>, offset: u64, length: u64) -> std::io::Result<Bytes> {
        let read = self.runtime.blocking.run(move || {
            let left = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
            let mut bytes = vec![0; left.min(PIECE_BYTES)];
            read_exact_at(&*file, &mut bytes, offset)?;
            Ok(Bytes::from(bytes))
        });
        flatten(read.await)
    }
}

impl RaftNetworkV2<Types> for Peer {
    type SnapshotData = StoredSnapshot;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let timeout = match request.entries.is_empty() {
            true => option.hard_ttl(),
            false => option.hard_ttl().max(APPEND_TIMEOUT),
        };
        let vote = request.vote;
        // Heartbeats openraft holds back by itself.
        if !self.check_quorum.may_send(&vote, self.target) && !request.entries.is_empty() {
            return Err(Unreachable::from_string("this leader keeps still: it hears no majority").into());
        }
        let request = Append::from(&request);
        let reply: AppendReply =
            self.call(Method::Append, RPCTypes::AppendEntries, &request, timeout).await?;
        self.check_quorum.answered(&vote, self.target);
        Ok(reply.into())
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let request = AskVote::from(&request);
        let reply: VoteReply = self.call(Method::Vote, RPCTypes::Vote, &request, option.soft_ttl()).await?;
        Ok(reply.into())
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let request = AskVote::from(&request);
        let reply: VoteReply =
            self.call(Method::PreVote, RPCTypes::Vote, &request, option.soft_ttl()).await?;
        Ok(reply.into())
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<Types, StoredSnapshot>,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = self.send_snapshot(&vote, &snapshot, option.soft_ttl()) => sent.map_err(StreamingError::from),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let request = Transfer::from(&request);
        let reply: TransferReply =
            self.call(Method::TransferLeader, RPCTypes::TransferLeader, &request, option.soft_ttl()).await?;
        Ok(reply.into())
    }

    fn backoff(&self) -> Option<Backoff> {
        None
    }
}

/// One error where blocking work and I/O may fail both.
pub(crate) fn flatten<T>(
    result: Result<std::io::Result<T>, mucura_runtime::BlockingError>,
) -> std::io::Result<T> {
    result.map_err(std::io::Error::from)?
}

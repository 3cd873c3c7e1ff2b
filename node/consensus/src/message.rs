//! What nodes say to each other, as postcard behind a format byte and the
//! group (`docs/formats/consensus.md`).

use bytes::Bytes;
use mucura_metadata::{Envelope, Outcome};
use mucura_types::GroupId;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest};
use openraft::raft::{TransferLeaderResponse, VoteRequest, VoteResponse};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::encoding::{self, Malformed, WireLogId, WireSnapshotMeta, WireVote};
use crate::raft_types::{LogId, Types, Vote};

/// What a call asks for. The numbers are on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Append = 1,
    Vote = 2,
    PreVote = 3,
    TransferLeader = 4,
    Snapshot = 5,
    Propose = 6,
    ReadIndex = 7,
    ChangeMembers = 8,
}

impl Method {
    pub(crate) fn number(self) -> u16 {
        self as u16
    }

    pub(crate) fn of(number: u16) -> Option<Self> {
        use Method::{Append, ChangeMembers, PreVote, Propose, ReadIndex, Snapshot, TransferLeader, Vote};
        [Append, Vote, PreVote, TransferLeader, Snapshot, Propose, ReadIndex, ChangeMembers]
            .into_iter()
            .find(|method| method.number() == number)
    }
}

/// A call to the group.
pub(crate) fn encode_call<T: Serialize>(group: GroupId, body: &T) -> Bytes {
    encoding::encode(&(group, body))
}

/// The inverse of [`encode_call`]; a call to another group is malformed.
pub(crate) fn decode_call<T: DeserializeOwned>(group: GroupId, bytes: &[u8]) -> Result<T, Malformed> {
    let (to, body): (GroupId, T) = encoding::decode("call", bytes)?;
    if to == group {
        Ok(body)
    } else {
        Err(Malformed { what: "call", detail: format!("it is for group {to}, this is group {group}") })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Append {
    vote: WireVote,
    previous: Option<WireLogId>,
    /// As in the log.
    entries: Vec<Bytes>,
    commit: Option<WireLogId>,
}

impl From<&AppendEntriesRequest<Types>> for Append {
    fn from(request: &AppendEntriesRequest<Types>) -> Self {
        Self {
            vote: (&request.vote).into(),
            previous: request.prev_log_id.as_ref().map(WireLogId::from),
            entries: request.entries.iter().map(encoding::encode_entry).collect(),
            commit: request.leader_commit.as_ref().map(WireLogId::from),
        }
    }
}

impl TryFrom<Append> for AppendEntriesRequest<Types> {
    type Error = Malformed;

    fn try_from(append: Append) -> Result<Self, Malformed> {
        Ok(Self {
            vote: append.vote.into(),
            prev_log_id: append.previous.map(LogId::from),
            entries: append.entries.iter().map(encoding::decode_entry).collect::<Result<_, _>>()?,
            leader_commit: append.commit.map(LogId::from),
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AppendReply {
    Success,
    Partial(Option<WireLogId>),
    Conflict,
    HigherVote(WireVote),
}

impl From<AppendEntriesResponse<Types>> for AppendReply {
    fn from(response: AppendEntriesResponse<Types>) -> Self {
        match response {
            AppendEntriesResponse::Success => Self::Success,
            AppendEntriesResponse::PartialSuccess(id) => Self::Partial(id.as_ref().map(WireLogId::from)),
            AppendEntriesResponse::Conflict => Self::Conflict,
            AppendEntriesResponse::HigherVote(vote) => Self::HigherVote((&vote).into()),
        }
    }
}

impl From<AppendReply> for AppendEntriesResponse<Types> {
    fn from(reply: AppendReply) -> Self {
        match reply {
            AppendReply::Success => Self::Success,
            AppendReply::Partial(id) => Self::PartialSuccess(id.map(LogId::from)),
            AppendReply::Conflict => Self::Conflict,
            AppendReply::HigherVote(vote) => Self::HigherVote(vote.into()),
        }
    }
}

/// Also the pre-vote.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AskVote {
    vote: WireVote,
    last: Option<WireLogId>,
    transfer: bool,
}

impl From<&VoteRequest<Types>> for AskVote {
    fn from(request: &VoteRequest<Types>) -> Self {
        Self {
            vote: (&request.vote).into(),
            last: request.last_log_id.as_ref().map(WireLogId::from),
            transfer: request.leadership_transfer,
        }
    }
}

impl From<AskVote> for VoteRequest<Types> {
    fn from(ask: AskVote) -> Self {
        let mut request = Self::new(ask.vote.into(), ask.last.map(LogId::from));
        request.leadership_transfer = ask.transfer;
        request
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct VoteReply {
    vote: WireVote,
    granted: bool,
    last: Option<WireLogId>,
}

impl From<&VoteResponse<Types>> for VoteReply {
    fn from(response: &VoteResponse<Types>) -> Self {
        Self {
            vote: (&response.vote).into(),
            granted: response.vote_granted,
            last: response.last_log_id.as_ref().map(WireLogId::from),
        }
    }
}

impl From<VoteReply> for VoteResponse<Types> {
    fn from(reply: VoteReply) -> Self {
        Self::new(Vote::from(reply.vote), reply.last.map(LogId::from), reply.granted)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Transfer {
    from: WireVote,
    to: u64,
    last: Option<WireLogId>,
}

impl From<&TransferLeaderRequest<Types>> for Transfer {
    fn from(request: &TransferLeaderRequest<Types>) -> Self {
        Self {
            from: request.from_leader().into(),
            to: *request.to_node_id(),
            last: request.last_log_id().map(WireLogId::from),
        }
    }
}

impl From<Transfer> for TransferLeaderRequest<Types> {
    fn from(transfer: Transfer) -> Self {
        Self::new(transfer.from.into(), transfer.to, transfer.last.map(LogId::from))
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum TransferReply {
    Accepted,
    VoteChanged { expected: WireVote, actual: WireVote },
    LogNotFlushed { expected: Option<WireLogId>, actual: Option<WireLogId> },
}

impl From<TransferLeaderResponse<Types>> for TransferReply {
    fn from(response: TransferLeaderResponse<Types>) -> Self {
        use openraft::raft::TransferLeaderError::{LogNotFlushed, VoteChanged};
        match response {
            Ok(()) => Self::Accepted,
            Err(VoteChanged { expected, actual }) => {
                Self::VoteChanged { expected: (&expected).into(), actual: (&actual).into() }
            }
            Err(LogNotFlushed { expected, actual }) => Self::LogNotFlushed {
                expected: expected.as_ref().map(WireLogId::from),
                actual: actual.as_ref().map(WireLogId::from),
            },
        }
    }
}

impl From<TransferReply> for TransferLeaderResponse<Types> {
    fn from(reply: TransferReply) -> Self {
        use openraft::raft::TransferLeaderError::{LogNotFlushed, VoteChanged};
        match reply {
            TransferReply::Accepted => Ok(()),
            TransferReply::VoteChanged { expected, actual } => {
                Err(VoteChanged { expected: expected.into(), actual: actual.into() })
            }
            TransferReply::LogNotFlushed { expected, actual } => {
                Err(LogNotFlushed { expected: expected.map(LogId::from), actual: actual.map(LogId::from) })
            }
        }
    }
}

/// A piece of a snapshot file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SnapshotPiece {
    pub(crate) vote: WireVote,
    pub(crate) meta: WireSnapshotMeta,
    /// Bytes of the whole file.
    pub(crate) length: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: Bytes,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum SnapshotReply {
    /// Go on from this offset.
    Continue { offset: u64 },
    /// The whole file was there; this is the vote of the node now.
    Done { vote: WireVote },
    /// The whole file was there and is damaged.
    Damaged,
}

/// Commands for the leader.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Propose {
    pub(crate) commands: Vec<Envelope>,
    /// How long the sender waits.
    pub(crate) timeout_ms: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ProposeReply {
    /// Applied at the index.
    Applied { index: u64, outcomes: Vec<Outcome> },
    /// Not the leader, or not any more; whether it was proposed is unknown.
    NotLeader { hint: Option<u64> },
    /// No answer in time; the outcome is unknown.
    Timeout,
}

/// Where a read that begins now must stand.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReadIndex {
    /// How long the sender waits.
    pub(crate) timeout_ms: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ReadIndexReply {
    At { index: u64 },
    NotLeader { hint: Option<u64> },
    Timeout,
}

/// A change of who votes, for the leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangeMembers {
    pub(crate) change: MemberChange,
    /// How long the sender waits.
    pub(crate) timeout_ms: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MemberChange {
    AddVoter { node: u64, address: String },
    RemoveVoter { node: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ChangeMembersReply {
    Done,
    NotLeader { hint: Option<u64> },
    Refused { reason: String },
    Timeout,
}

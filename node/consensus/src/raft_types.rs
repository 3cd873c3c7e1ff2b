//! The names by which this crate uses openraft; they end at its border.

use std::fmt;

use bytes::Bytes;
use mucura_metadata::Outcome;
use openraft::type_config::alias;
use serde::{Deserialize, Serialize};

/// An encoded [`mucura_metadata::Batch`] on its way through the log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposal(pub(crate) Bytes);

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proposal({} bytes)", self.0.len())
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What a proposal came to, one outcome a command.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Replies(pub(crate) Vec<Outcome>);

openraft::declare_raft_types!(
    pub(crate) Types:
        D = Proposal,
        R = Replies,
        NodeId = u64,
        Node = openraft::BasicNode,
);

pub(crate) type LogId = alias::LogIdOf<Types>;
pub(crate) type LeaderId = alias::CommittedLeaderIdOf<Types>;
pub(crate) type Vote = alias::VoteOf<Types>;
pub(crate) type Entry = alias::EntryOf<Types>;
pub(crate) type Membership = openraft::Membership<u64, openraft::BasicNode>;
pub(crate) type StoredMembership = alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = alias::SnapshotMetaOf<Types>;

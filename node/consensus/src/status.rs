use mucura_types::NodeId;

use crate::consensus::LogIndex;

/// A term of the log: at most one leader each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term(pub u64);

/// What a node is to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Proposes and replicates.
    Leader,
    /// Votes and follows.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Follows without a vote; also before it is a member.
    Learner,
    /// The log does not run now: the state is being rebuilt, or it has stopped.
    Stopped,
}

/// A node of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub node: NodeId,
    /// Where it was said to be when it became a member.
    pub address: String,
    /// Whether it votes.
    pub voter: bool,
}

/// How the metadata log of a node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This node.
    pub node: NodeId,
    /// What it is to the group.
    pub role: Role,
    /// The newest term that it knows of.
    pub term: Term,
    /// The leader, if it knows one.
    pub leader: Option<NodeId>,
    /// The last entry in its log.
    pub last_log: Option<LogIndex>,
    /// The last entry known to be on a majority.
    pub committed: Option<LogIndex>,
    /// The last entry carried out.
    pub applied: Option<LogIndex>,
    /// The last entry in its newest snapshot.
    pub snapshot: Option<LogIndex>,
    /// The last entry no longer in the log.
    pub purged: Option<LogIndex>,
    /// Who belongs to the group, by node.
    pub members: Vec<Member>,
    /// Bytes of the log on disk.
    pub log_bytes: u64,
    /// Rows in its newest snapshot.
    pub snapshot_rows: Option<u64>,
    /// Bytes of the working state.
    pub state_bytes: Option<u64>,
}

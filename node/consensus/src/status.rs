use mucura_types::NodeId;
use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;

use crate::consensus::{Inner, LogIndex};
use crate::raft_types::{LogId, StoredMembership};

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

pub(crate) async fn status_of(inner: &Inner) -> Status {
    let parts = &inner.parts;
    let log = parts.wal.state(parts.config.group);
    let newest = parts.snapshots.newest();
    let mut status = Status {
        node: parts.config.node,
        role: Role::Stopped,
        term: Term::default(),
        leader: *parts.leader.borrow(),
        last_log: log.last.map(LogIndex),
        committed: None,
        applied: None,
        snapshot: newest.as_ref().and_then(|s| s.index()).map(LogIndex),
        purged: log.purged.map(|(index, _)| LogIndex(index)),
        members: Vec::new(),
        log_bytes: log.bytes_on_disk,
        snapshot_rows: newest.map(|s| s.rows()),
        state_bytes: None,
    };
    let Some(running) = inner.running() else { return status };
    let index = |id: &LogId| LogIndex(id.index());
    {
        let metrics = running.raft.metrics();
        let metrics = metrics.borrow_watched();
        status.role = match metrics.state {
            ServerState::Leader => Role::Leader,
            ServerState::Follower => Role::Follower,
            ServerState::Candidate => Role::Candidate,
            ServerState::Learner => Role::Learner,
            ServerState::Shutdown => Role::Stopped,
        };
        status.term = Term(metrics.current_term);
        status.committed = metrics.cluster_committed.as_ref().map(index);
        status.members = members(&metrics.membership_config);
    }
    status.applied = running.state.applied().index().map(LogIndex);
    let state = running.state.clone();
    // A store that cannot tell is bad, and the supervisor knows it by now.
    status.state_bytes = parts.runtime.blocking.run(move || state.size().ok()).await.ok().flatten();
    status
}

fn members(membership: &StoredMembership) -> Vec<Member> {
    let voters: Vec<u64> = membership.voter_ids().collect();
    let member = |(id, node): (&u64, &openraft::BasicNode)| Member {
        node: NodeId(*id),
        address: node.addr.clone(),
        voter: voters.contains(id),
    };
    membership.nodes().map(member).collect()
}

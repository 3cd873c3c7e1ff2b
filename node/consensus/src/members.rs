use std::collections::BTreeSet;
use std::time::Duration;

use openraft::errors::{ClientWriteError, RaftError};
use openraft::{BasicNode, ChangeMembers as Change};
use tokio::time::timeout;

use crate::message::{ChangeMembers, ChangeMembersReply, MemberChange};
use crate::raft_types::Types;
use crate::running::Running;
use crate::transport::HandleError;

/// A change of members that came to this node because it is thought to lead.
pub(crate) async fn change_here(
    running: &Running,
    request: ChangeMembers,
) -> Result<ChangeMembersReply, HandleError> {
    let limit = Duration::from_millis(u64::from(request.timeout_ms));
    match timeout(limit, change(running, request.change)).await {
        Err(_) => Ok(ChangeMembersReply::Timeout),
        Ok(Ok(())) => Ok(ChangeMembersReply::Done),
        Ok(Err(RaftError::APIError(error))) => Ok(match error {
            ClientWriteError::ForwardToLeader(forward) | ClientWriteError::LogEntryDiscarded(forward) => {
                ChangeMembersReply::NotLeader { hint: forward.leader_id }
            }
            other => ChangeMembersReply::Refused { reason: other.to_string() },
        }),
        Ok(Err(RaftError::Fatal(_))) => Err(HandleError::NotRunning),
    }
}

/// Each step may be repeated: a change that is there already is no change.
async fn change(
    running: &Running,
    change: MemberChange,
) -> Result<(), RaftError<Types, ClientWriteError<Types>>> {
    let raft = &running.raft;
    let voters: BTreeSet<u64> = raft.voter_ids().collect();
    match change {
        MemberChange::AddVoter { node, address } => {
            if voters.contains(&node) {
                return Ok(());
            }
            // It votes only once it has caught up: until then it would be a
            // voter that cannot help to commit.
            raft.add_learner(node, BasicNode { addr: address }, true).await?;
            raft.change_membership(Change::AddVoterIds(BTreeSet::from([node])), false).await?;
        }
        MemberChange::RemoveVoter { node } => {
            if voters.contains(&node) {
                raft.change_membership(Change::RemoveVoters(BTreeSet::from([node])), false).await?;
            }
        }
    }
    Ok(())
}

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mucura_types::NodeId;
use tokio::time::Instant;

use crate::raft_types::Vote;

/// Whether a leader should keep still. One that is heard but hears no majority
/// would lead for ever and do nothing: every entry that it sends again is a sign
/// of life. openraft holds its heartbeats back in that case, for periods that
/// alternate with others in which it tries; this does the same for entries.
#[derive(Clone)]
pub(crate) struct CheckQuorum {
    lease: Duration,
    period: Duration,
    heard: Arc<Mutex<Heard>>,
}

struct Heard {
    /// Under which this node leads, and since when.
    vote: Option<Vote>,
    since: Instant,
    /// When each of the others answered last.
    answers: BTreeMap<NodeId, Option<Instant>>,
}

impl CheckQuorum {
    /// A leader that has heard no majority for `lease` keeps still for `period`,
    /// tries for as long, and so on.
    pub(crate) fn new(lease: Duration, period: Duration) -> Self {
        let heard = Heard { vote: None, since: Instant::now(), answers: BTreeMap::new() };
        Self { lease, period, heard: Arc::new(Mutex::new(heard)) }
    }

    /// Whether entries may be sent to a node under this vote now.
    pub(crate) fn may_send(&self, vote: &Vote, to: NodeId) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.vote.as_ref() != Some(vote) {
            *heard = Heard { vote: Some(*vote), since: Instant::now(), answers: BTreeMap::new() };
        }
        heard.answers.entry(to).or_default();
        let age = heard.majority_at().elapsed();
        match age.checked_sub(self.lease) {
            None => true,
            Some(over) => over.as_millis() / self.period.as_millis().max(1) % 2 == 1,
        }
    }

    /// A node has answered what was sent under this vote.
    pub(crate) fn answered(&self, vote: &Vote, by: NodeId) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.vote.as_ref() == Some(vote) {
            heard.answers.insert(by, Some(Instant::now()));
        }
    }
}

impl Heard {
    /// When a majority, this node among it, was heard last; at the latest when
    /// it began to lead.
    fn majority_at(&self) -> Instant {
        let mut times: Vec<Instant> = self.answers.values().flatten().copied().collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        let others = self.answers.len().div_ceil(2);
        let at = others.checked_sub(1).map_or(Some(self.since), |last| times.get(last).copied());
        at.map_or(self.since, |at| at.max(self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const LEASE: Duration = Duration::from_secs(1);
    const PERIOD: Duration = Duration::from_secs(3);

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_hears_no_majority_is_still_for_a_while_and_then_tries() {
        let check = CheckQuorum::new(LEASE, PERIOD);
        let vote = Vote::new(1, 1);
        let sends = || [2, 3].map(|to| check.may_send(&vote, NodeId(to)));
        assert_eq!(sends(), [true, true]);
        for _ in 0..10 {
            advance(LEASE / 2).await;
            check.answered(&vote, NodeId(3));
            assert_eq!(sends(), [true, true], "one of two others is a majority with this one");
        }
        advance(LEASE).await;
        assert_eq!(sends(), [false, false]);
        advance(PERIOD).await;
        assert_eq!(sends(), [true, true]);
        advance(PERIOD).await;
        assert_eq!(sends(), [false, false]);
        check.answered(&vote, NodeId(2));
        assert_eq!(sends(), [true, true]);
        advance(LEASE).await;
        assert_eq!(sends(), [false, false]);
        assert!(check.may_send(&Vote::new(2, 1), NodeId(2)), "a new term begins anew");
    }
}

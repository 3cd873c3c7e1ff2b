//! What must hold of the metadata log at every moment, whatever clients see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mucura_consensus::{Consensus, Role};
use tokio::time::sleep;

use crate::history::History;
use crate::node::name;

/// How often a node is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How often a node is looked at until it has read its log.
const SOON: Duration = Duration::from_millis(1);
/// The method by which a node asks another for its vote (docs/formats/consensus.md).
const VOTE: u16 = 2;
/// What stands before each message.
const FORMAT_BYTES: usize = 1;

/// Watches the nodes of a run.
#[derive(Clone)]
pub(crate) struct Monitor {
    inner: Arc<Mutex<Inner>>,
    history: History,
}

#[derive(Default)]
struct Inner {
    /// Whose rows were first seen at an index, and their digest.
    digests: BTreeMap<u64, (usize, [u8; 32])>,
    /// The vote that a node gave last: term and candidate.
    votes: BTreeMap<usize, (u64, u64)>,
    votes_given: u64,
    voter: Option<usize>,
    /// Who was seen to lead in the latest term that had a leader.
    leader: Option<(u64, usize)>,
    changes_of_leader: u64,
}

impl Monitor {
    pub(crate) fn new(history: History) -> Self {
        Self { inner: Arc::default(), history }
    }

    /// Looks at a node for as long as its process lives, from before it takes
    /// calls.
    pub(crate) fn watch(self, node: usize, consensus: Consensus) -> impl Future<Output = ()> + Send {
        // Now, as it may vote anew before its status is known.
        let vote = self.inner.lock().unwrap().votes.get(&node).copied();
        async move {
            let mut known = false;
            loop {
                let status = consensus.status().await;
                let term = status.term.0;
                if !known && term > 0 {
                    known = true;
                    self.knows(node, term, vote);
                }
                if status.role == Role::Leader {
                    self.leads(node, term);
                }
                if let Ok((Some(index), digest)) = consensus.digest() {
                    self.rows(node, index.0, digest);
                }
                sleep(if known { LOOK } else { SOON }).await;
            }
        }
    }

    fn leads(&self, node: usize, term: u64) {
        let mut inner = self.inner.lock().unwrap();
        // One that is cut off may still believe that it leads in an older term.
        if inner.leader.is_none_or(|(latest, leader)| latest <= term && leader != node) {
            inner.changes_of_leader += u64::from(inner.leader.is_some());
            inner.leader = Some((term, node));
        }
    }

    fn rows(&self, node: usize, index: u64, digest: [u8; 32]) {
        let mut inner = self.inner.lock().unwrap();
        let (first, expected) = *inner.digests.entry(index).or_insert((node, digest));
        if expected != digest {
            inner.digests.insert(index, (node, digest));
            drop(inner);
            let (a, b) = (name(first), name(node));
            self.wrong(format!("the rows of {a} and {b} differ at entry {index} of the log"));
        }
    }

    /// A node has answered a call; if it gave its vote, it must stand by it.
    pub(crate) fn answered(&self, node: usize, method: u16, request: &Bytes, answer: &Bytes) {
        // Group, term and candidate; term and node, whether final, whether granted.
        type Asked = (u32, u64, u64);
        type Given = (u64, u64, bool, bool);
        if method != VOTE {
            return;
        }
        let (Some(request), Some(answer)) = (request.get(FORMAT_BYTES..), answer.get(FORMAT_BYTES..)) else {
            return;
        };
        let (Ok(((_, term, candidate), _)), Ok(((_, _, _, true), _))) =
            (postcard::take_from_bytes::<Asked>(request), postcard::take_from_bytes::<Given>(answer))
        else {
            return;
        };
        let mut inner = self.inner.lock().unwrap();
        inner.votes_given += 1;
        inner.voter = Some(node);
        let before = inner.votes.insert(node, (term, candidate));
        drop(inner);
        // In one term a vote may pass on to a candidate of a greater number,
        // never back.
        if let Some((last, other)) = before
            && (term, candidate) < (last, other)
        {
            self.wrong(format!(
                "{} votes for node{candidate} in term {term} after it gave its vote to node{other} in term {last}",
                name(node)
            ));
        }
    }

    /// A node that starts must know of the vote that it gave before.
    fn knows(&self, node: usize, term: u64, vote: Option<(u64, u64)>) {
        if let Some((last, candidate)) = vote
            && term < last
        {
            self.wrong(format!(
                "{} gave its vote to node{candidate} in term {last} and came back knowing of term {term} only: it \
                 may vote twice, and what one leader acknowledges the other does not know",
                name(node)
            ));
        }
    }

    /// Votes given so far, and who gave the last.
    pub(crate) fn votes_given(&self) -> (u64, Option<usize>) {
        let inner = self.inner.lock().unwrap();
        (inner.votes_given, inner.voter)
    }

    /// Who was seen to lead last.
    pub(crate) fn leader(&self) -> Option<usize> {
        self.inner.lock().unwrap().leader.map(|(_, node)| node)
    }

    /// How often another node was seen to lead.
    pub(crate) fn changes_of_leader(&self) -> u64 {
        self.inner.lock().unwrap().changes_of_leader
    }

    fn wrong(&self, what: String) {
        self.history.wrong(format!("{what}; operations under way: {}", self.history.under_way()));
    }
}

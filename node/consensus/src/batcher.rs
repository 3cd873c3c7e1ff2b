use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mucura_metadata::{Batch, Envelope, Outcome};
use mucura_runtime::Runtime;
use mucura_types::Timestamp;
use openraft::Raft;
use openraft::errors::{ClientWriteError, RaftError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::error::ConsensusError;
use crate::machine::Machine;
use crate::raft_types::{Proposal, Replies, Types};

/// Commands of one proposal.
const COMMANDS_MAX: usize = 256;
/// Bytes of one proposal.
const BYTES_MAX: usize = 512 << 10;
/// Proposals under way at once.
const IN_FLIGHT_MAX: usize = 4;
/// Submissions that wait.
const QUEUE_MAX: usize = 1024;
/// Bytes of submissions that wait or are under way.
const QUEUE_BYTES: u32 = 64 << 20;

/// What became of a submission.
#[derive(Clone, Debug)]
pub(crate) enum Submitted {
    /// It was applied at the index.
    Applied { index: u64, outcomes: Vec<Outcome> },
    /// This node does not lead, or not any more; the outcome is unknown.
    NotLeader { hint: Option<u64> },
    /// The log has stopped on this node; the outcome is unknown.
    Stopped,
}

struct Submission {
    commands: Vec<Envelope>,
    bytes: usize,
    answer: oneshot::Sender<Submitted>,
    _room: OwnedSemaphorePermit,
}

/// Packs what waits into proposals: there is no timer, so a lone command goes
/// out at once, and the more come the larger proposals get.
#[derive(Clone)]
pub(crate) struct Batcher {
    queue: mpsc::Sender<Submission>,
    room: Arc<Semaphore>,
}

/// The bytes of commands that one proposal can hold.
pub(crate) fn measure(commands: &[Envelope]) -> Result<usize, ConsensusError> {
    let bytes = commands.iter().map(Envelope::encoded_len).sum();
    if commands.len() > COMMANDS_MAX || bytes > BYTES_MAX {
        return Err(ConsensusError::TooLarge { commands: commands.len(), bytes });
    }
    Ok(bytes)
}

impl Batcher {
    /// The handle, and the task to be run by whoever owns it.
    pub(crate) fn new(
        raft: Raft<Types, Machine>,
        runtime: Runtime,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let batcher = Self { queue, room: Arc::new(Semaphore::new(QUEUE_BYTES as usize)) };
        (batcher, run(raft, runtime, waiting))
    }

    /// Proposes `commands` as a whole and waits until they are applied. The
    /// caller sets the deadline by dropping this.
    pub(crate) async fn submit(&self, commands: Vec<Envelope>, bytes: usize) -> Submitted {
        let permits = u32::try_from(bytes).unwrap_or(QUEUE_BYTES).min(QUEUE_BYTES);
        let Ok(room) = self.room.clone().acquire_many_owned(permits).await else { return Submitted::Stopped };
        let (answer, answered) = oneshot::channel();
        let submission = Submission { commands, bytes, answer, _room: room };
        if self.queue.send(submission).await.is_err() {
            return Submitted::Stopped;
        }
        answered.await.unwrap_or(Submitted::Stopped)
    }
}

async fn run(raft: Raft<Types, Machine>, runtime: Runtime, mut waiting: mpsc::Receiver<Submission>) {
    let mut in_flight = FuturesUnordered::new();
    // What did not fit the proposal before.
    let mut left_over: Option<Submission> = None;
    loop {
        let first = match left_over.take() {
            Some(submission) if in_flight.len() < IN_FLIGHT_MAX => Some(submission),
            other => {
                left_over = other;
                tokio::select! {
                    Some(()) = in_flight.next() => None,
                    received = waiting.recv(), if in_flight.len() < IN_FLIGHT_MAX => match received {
                        Some(submission) => Some(submission),
                        None => return,
                    },
                }
            }
        };
        let Some(first) = first else { continue };
        let mut bytes = first.bytes;
        let mut count = first.commands.len();
        let mut packed = vec![first];
        while let Ok(next) = waiting.try_recv() {
            if count + next.commands.len() > COMMANDS_MAX || bytes + next.bytes > BYTES_MAX {
                left_over = Some(next);
                break;
            }
            bytes += next.bytes;
            count += next.commands.len();
            packed.push(next);
        }
        // Whose caller went away need not be proposed any more.
        packed.retain(|submission| !submission.answer.is_closed());
        if !packed.is_empty() {
            in_flight.push(propose(&raft, &runtime, packed));
        }
    }
}

async fn propose(raft: &Raft<Types, Machine>, runtime: &Runtime, mut packed: Vec<Submission>) {
    let mut commands = Vec::new();
    let mut counts = Vec::with_capacity(packed.len());
    for submission in &mut packed {
        counts.push(submission.commands.len());
        commands.append(&mut submission.commands);
    }
    let batch = Batch { wall: Timestamp(runtime.clock.now_ms()), commands };
    let failed = match raft.client_write(Proposal(batch.encode())).await {
        Ok(response) => {
            let Replies(outcomes) = response.data;
            let index = response.log_id.index();
            let mut outcomes = outcomes.into_iter();
            for (submission, count) in packed.into_iter().zip(counts) {
                let outcomes = outcomes.by_ref().take(count).collect();
                // One that went away does not want it.
                drop(submission.answer.send(Submitted::Applied { index, outcomes }));
            }
            return;
        }
        Err(RaftError::APIError(
            ClientWriteError::ForwardToLeader(forward) | ClientWriteError::LogEntryDiscarded(forward),
        )) => Submitted::NotLeader { hint: forward.leader_id },
        Err(RaftError::APIError(error)) => {
            tracing::error!(%error, "proposal was refused for no known reason");
            Submitted::NotLeader { hint: None }
        }
        Err(RaftError::Fatal(_)) => Submitted::Stopped,
    };
    for submission in packed {
        drop(submission.answer.send(failed.clone()));
    }
}

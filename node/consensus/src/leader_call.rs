use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use mucura_types::NodeId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::consensus::{Inner, Phase};
use crate::encoding;
use crate::error::ConsensusError;
use crate::message::{Method, encode_call};
use crate::transport::TransportError;

/// Between two attempts when nobody said where the leader is.
const PAUSE: Duration = Duration::from_millis(50);
/// Hints that are followed without a pause.
const HINTS_MAX: u32 = 3;

/// What came of asking one node.
pub(crate) enum Attempt<T> {
    /// The answer.
    Done(T),
    /// It does not lead.
    NotLeader { hint: Option<u64> },
    /// It did not answer; whether it acted is unknown.
    Unknown,
}

impl Inner {
    /// Asks the leader, wherever it is, again and again until there is an
    /// answer. Only for what may be asked twice.
    ///
    /// # Errors
    /// `NoLeader` if nobody was asked; `Timeout`; `Stopped`.
    pub(crate) async fn ask_leader<T>(
        &self,
        deadline: Instant,
        attempt: impl Fn(NodeId, Duration) -> BoxFuture<'static, Attempt<T>> + Send,
    ) -> Result<T, ConsensusError> {
        let mut leader = self.parts.leader.subscribe();
        let mut hint = None;
        let mut hints = 0;
        let mut asked = false;
        while Instant::now() < deadline {
            if matches!(&*self.phase.borrow(), Phase::Stopped | Phase::Fatal(_)) {
                return Err(ConsensusError::Stopped);
            }
            let known = *leader.borrow_and_update();
            if let Some(to) = hint.take().or(known) {
                if asked {
                    tracing::debug!(%to, "the leader is asked again");
                }
                asked = true;
                let limit = deadline.saturating_duration_since(Instant::now());
                let outcome = tokio::select! {
                    outcome = attempt(to, limit) => outcome,
                    // Somebody else leads now: the answer may never come.
                    () = moved_from(&mut leader, to) => Attempt::Unknown,
                    () = sleep_until(deadline) => break,
                };
                match outcome {
                    Attempt::Done(answer) => return Ok(answer),
                    Attempt::NotLeader { hint: Some(next) } if NodeId(next) != to && hints < HINTS_MAX => {
                        hint = Some(NodeId(next));
                        hints += 1;
                        continue;
                    }
                    Attempt::NotLeader { .. } | Attempt::Unknown => hints = 0,
                }
            }
            // A change of leader ends the pause early; no change is no error.
            let until = deadline.min(Instant::now() + PAUSE);
            drop(timeout_at(until, leader.changed()).await);
        }
        Err(if asked { ConsensusError::Timeout } else { ConsensusError::NoLeader })
    }

    /// One call to another node.
    pub(crate) async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        to: NodeId,
        method: Method,
        request: &Q,
        limit: Duration,
    ) -> Result<A, TransportError> {
        let payload: Bytes = encode_call(self.parts.config.group, request);
        let answer = self.parts.transport.call(to, method.number(), payload, limit).await?;
        encoding::decode("answer", &answer)
            .map_err(|e| TransportError::Refused { node: to, reason: e.to_string() })
    }
}

/// Waits until another than `from` is known to lead.
async fn moved_from(leader: &mut tokio::sync::watch::Receiver<Option<NodeId>>, from: NodeId) {
    if leader.wait_for(|now| now.is_some_and(|now| now != from)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A duration as messages carry it.
pub(crate) fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

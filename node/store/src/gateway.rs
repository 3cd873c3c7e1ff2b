use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mucura_consensus::{Consensus, ConsensusError};
use mucura_metadata::{Command, Envelope, Outcome, Rejection, Reply, SEQUENCE_WINDOW};
use mucura_runtime::Entropy;
use mucura_types::{NodeId, SessionId, WriteId};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::StoreError;

/// Commands of one session that may be unanswered at once: well within the
/// window in which results are kept, so that a repetition finds its own.
const IN_FLIGHT_MAX: u64 = SEQUENCE_WINDOW / 2;

/// This node's sessions, and the way to the state machine.
pub(crate) struct Gateway {
    node: NodeId,
    consensus: Consensus,
    current: Mutex<Option<Arc<Session>>>,
    /// One opening at a time.
    opening: tokio::sync::Mutex<Opening>,
    entropy: Arc<dyn Entropy>,
}

/// How the opening of a session stands.
enum Opening {
    /// None is under way. The first of a process takes over from the process
    /// before: what that left behind will never be committed.
    Idle { first: bool },
    /// One was sent and not answered yet.
    Begun { nonce: [u8; 16], takes_over: bool },
}

/// One life of the gateway: what it writes under it is safe from collection
/// until it is ended.
pub(crate) struct Session {
    id: SessionId,
    /// The last number given to a write.
    writes: AtomicU64,
    /// Hands out command numbers in the order of their permits.
    numbers: Mutex<Numbers>,
    in_flight: Semaphore,
}

/// Numbers in flight: a new one must not run a window ahead of the oldest.
#[derive(Default)]
struct Numbers {
    last: u64,
    open: std::collections::BTreeSet<u64>,
}

impl Session {
    fn new(id: SessionId) -> Self {
        let in_flight = Semaphore::new(usize::try_from(IN_FLIGHT_MAX).unwrap_or(1));
        Self { id, writes: AtomicU64::new(0), numbers: Mutex::default(), in_flight }
    }

    /// An id for a write that begins.
    pub(crate) fn next_write(&self) -> WriteId {
        WriteId { session: self.id, counter: self.writes.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    fn open_number(&self) -> Option<u64> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = numbers.open.first().copied().unwrap_or(numbers.last + 1);
        let next = numbers.last + 1;
        if next - oldest >= IN_FLIGHT_MAX {
            return None;
        }
        numbers.last = next;
        numbers.open.insert(next);
        Some(next)
    }

    fn close_number(&self, number: u64) {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).open.remove(&number);
    }
}

/// A command number that is given back however the command ends.
struct OpenNumber<'a>(&'a Session, u64);

impl Drop for OpenNumber<'_> {
    fn drop(&mut self) {
        self.0.close_number(self.1);
    }
}

impl Gateway {
    pub(crate) fn new(node: NodeId, consensus: Consensus, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            node,
            consensus,
            current: Mutex::default(),
            opening: Opening::Idle { first: true }.into(),
            entropy,
        }
    }

    /// The session for a write that begins; opened if there is none.
    pub(crate) async fn session(&self, deadline: Instant) -> Result<Arc<Session>, StoreError> {
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let mut opening = tokio::time::timeout_at(deadline, self.opening.lock())
            .await
            .map_err(|_| StoreError::unavailable("no session could be opened in time"))?;
        if let Some(session) = self.current() {
            return Ok(session);
        }
        // The same nonce until it is answered: a try that comes late must not
        // open another.
        let (nonce, takes_over) = match *opening {
            Opening::Begun { nonce, takes_over } => (nonce, takes_over),
            Opening::Idle { first } => {
                let mut nonce = [0; 16];
                self.entropy.fill(&mut nonce).map_err(StoreError::internal)?;
                *opening = Opening::Begun { nonce, takes_over: first };
                (nonce, first)
            }
        };
        let command = Command::OpenSession { node: self.node, nonce, takes_over };
        match self.repeatable(command, deadline).await? {
            Reply::Session(id) => {
                *opening = Opening::Idle { first: false };
                let session = Arc::new(Session::new(id));
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
                Ok(session)
            }
            other => Err(StoreError::internal(format!("a session was answered {other:?}"))),
        }
    }

    /// Carries out a command exactly once.
    pub(crate) async fn once(&self, command: Command, deadline: Instant) -> Result<Reply, StoreError> {
        let session = self.session(deadline).await?;
        let _permit = tokio::time::timeout_at(deadline, session.in_flight.acquire())
            .await
            .map_err(|_| StoreError::Busy)?
            .map_err(|_| StoreError::Busy)?;
        let sequence = session.open_number().ok_or(StoreError::Busy)?;
        let _number = OpenNumber(&session, sequence);
        let outcome = self.propose(Envelope { session: session.id, sequence, command }, deadline).await?;
        if outcome == Err(Rejection::SessionEnded) {
            self.forget(&session);
        }
        Ok(outcome?)
    }

    /// Carries out a command that may be carried out again.
    pub(crate) async fn repeatable(&self, command: Command, deadline: Instant) -> Result<Reply, StoreError> {
        Ok(self.propose(Envelope::repeatable(command), deadline).await??)
    }

    /// Ends the session in an orderly way: what it left uncommitted is garbage.
    pub(crate) async fn close(&self, deadline: Instant) -> Result<(), StoreError> {
        let session = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        match session {
            Some(session) => self.end(&session, deadline).await,
            None => Ok(()),
        }
    }

    /// Ends a session that nothing is under way in any more.
    pub(crate) async fn end(&self, session: &Session, deadline: Instant) -> Result<(), StoreError> {
        self.repeatable(Command::EndSession { session: session.id }, deadline).await.map(|_| ())
    }

    /// Begins no more writes in a session.
    pub(crate) fn retire(&self, session: &Arc<Session>) {
        self.forget(session);
    }

    async fn propose(&self, envelope: Envelope, deadline: Instant) -> Result<Outcome, StoreError> {
        let limit = deadline.saturating_duration_since(Instant::now());
        let mut proposed = self.consensus.propose(vec![envelope], limit).await?;
        proposed.outcomes.pop().ok_or_else(|| ConsensusError::Stopped.into())
    }

    fn current(&self) -> Option<Arc<Session>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget(&self, session: &Arc<Session>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|c| Arc::ptr_eq(c, session)) {
            *current = None;
        }
    }
}

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use mucura_metadata::{Envelope, Outcome, View};
use mucura_runtime::Runtime;
use mucura_types::{NodeId, PlantedBug, SessionId, is_planted};
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::RaftError;
use openraft::{BasicNode, ServerState};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::batcher::measure;
use crate::config::ConsensusConfig;
use crate::error::{ConsensusError, FatalError};
use crate::inbound::{propose_here, read_index_here};
use crate::incoming::Incoming;
use crate::leader_call::{Attempt, milliseconds};
use crate::members::change_here;
use crate::message::{
    ChangeMembers, ChangeMembersReply, MemberChange, Method, Propose, ProposeReply, ReadIndex, ReadIndexReply,
};
use crate::rounds::Rounds;
use crate::running::{Parts, Running};
use crate::status::{Status, status_of};
use crate::supervisor::{Supervisor, open_parts};
use crate::transport::{HandleError, Transport};

/// How long one round of a linearizable read looks for its answer; those who
/// wait longer share the next.
const READ_ROUND: Duration = Duration::from_secs(2);
/// How long an orderly end waits for another to lead.
const TRANSFER: Duration = Duration::from_secs(2);

/// The place of an entry in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogIndex(pub u64);

/// What came of a proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    /// Where it stands in the log; rows of this index or later have it.
    pub index: LogIndex,
    /// One outcome a command, in order.
    pub outcomes: Vec<Outcome>,
}

/// Whether the log runs on this node.
#[derive(Clone)]
pub(crate) enum Phase {
    Running(Arc<Running>),
    Rebuilding(String),
    Stopped,
    Fatal(FatalError),
}

/// What all handles share.
pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) incoming: Incoming,
}

/// The metadata log on this node. Clones are the same log. When the last one
/// goes without [`Consensus::shutdown`], it ends as by a kill.
#[derive(Clone)]
pub struct Consensus {
    pub(crate) inner: Arc<Inner>,
    pub(crate) supervisor: Arc<Supervisor>,
    read_rounds: Rounds<Result<u64, ConsensusError>>,
}

impl Consensus {
    /// Opens the log in the configured directory, rebuilding the state if need
    /// be, and takes part in the group if the node is a member.
    ///
    /// # Errors
    /// [`FatalError`]: the node cannot run; the text says what to do.
    pub async fn open(
        config: ConsensusConfig,
        runtime: Runtime,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, FatalError> {
        let (parts, lock) = open_parts(config, runtime, transport).await?;
        let started = Running::start(&parts, false).await?;
        let phase = watch::Sender::new(Phase::Running(started.running.clone()));
        let inner = Arc::new(Inner { parts, phase, incoming: Incoming::default() });
        let reader = Arc::downgrade(&inner);
        let (read_rounds, reading) = Rounds::new(move || {
            let reader = reader.upgrade();
            async move {
                match reader {
                    Some(inner) => inner.read_index(Instant::now() + READ_ROUND).await,
                    None => Err(ConsensusError::Stopped),
                }
            }
            .boxed()
        });
        let supervisor = Arc::new(Supervisor::spawn(inner.clone(), started, reading, lock));
        Ok(Self { inner, supervisor, read_rounds })
    }

    /// Answers a call that [`Transport::call`] of another node sent here.
    ///
    /// # Errors
    /// [`HandleError`].
    pub async fn handle(&self, from: NodeId, method: u16, payload: Bytes) -> Result<Bytes, HandleError> {
        // Boxed: the futures below are large, and callers hold many.
        self.inner.handle(from, method, payload).boxed().await
    }

    /// Sets up a new group; on one node, once in its life.
    ///
    /// # Errors
    /// `CannotInitialise`, `NotReady`, `Stopped`.
    pub async fn initialize(&self, members: Vec<(NodeId, String)>) -> Result<(), ConsensusError> {
        let running = self.inner.ready_or_not()?;
        let members: BTreeMap<u64, BasicNode> =
            members.into_iter().map(|(node, addr)| (node.0, BasicNode { addr })).collect();
        running.raft.initialize(members).await.map_err(|error| match error {
            RaftError::APIError(error) => ConsensusError::CannotInitialise(error.to_string()),
            RaftError::Fatal(_) => ConsensusError::Stopped,
        })
    }

    /// Makes a node a voter once it has caught up. Through any node; asking
    /// again is harmless.
    ///
    /// # Errors
    /// `MembersRefused`, `NoLeader`, `Timeout`, `Stopped`.
    pub async fn add_voter(
        &self,
        node: NodeId,
        address: String,
        limit: Duration,
    ) -> Result<(), ConsensusError> {
        self.change_members(MemberChange::AddVoter { node: node.0, address }, limit).await
    }

    /// Takes a node out of the group. Through any node; asking again is harmless.
    ///
    /// # Errors
    /// `MembersRefused`, `NoLeader`, `Timeout`, `Stopped`.
    pub async fn remove_voter(&self, node: NodeId, limit: Duration) -> Result<(), ConsensusError> {
        self.change_members(MemberChange::RemoveVoter { node: node.0 }, limit).await
    }

    /// Proposes commands through the leader, wherever it is, and answers when
    /// they are applied there. All go into one entry. Commands are sent again
    /// when an answer is lost, which their sessions make harmless.
    ///
    /// # Errors
    /// `TooLarge`; `NoLeader`: nothing was proposed; `Timeout`: the outcome is
    /// unknown; `Stopped`: likewise.
    pub async fn propose(
        &self,
        commands: Vec<Envelope>,
        limit: Duration,
    ) -> Result<Proposed, ConsensusError> {
        measure(&commands)?;
        let inner = self.inner.clone();
        let first = *inner.parts.leader.borrow();
        let attempt = move |to: NodeId, limit: Duration| {
            let inner = inner.clone();
            let mut commands = commands.clone();
            if is_planted(PlantedBug::ForgottenResult) && first.is_some_and(|first| first != to) {
                commands.iter_mut().for_each(|envelope| envelope.session = SessionId(0));
            }
            let request = Propose { commands, timeout_ms: milliseconds(limit) };
            async move {
                let reply = if to == inner.parts.config.node {
                    match inner.running() {
                        Some(running) => propose_here(&running, request).await.ok(),
                        None => None,
                    }
                } else {
                    inner.call(to, Method::Propose, &request, limit).await.ok()
                };
                match reply {
                    Some(ProposeReply::Applied { index, outcomes }) => {
                        Attempt::Done(Proposed { index: LogIndex(index), outcomes })
                    }
                    Some(ProposeReply::NotLeader { hint }) => Attempt::NotLeader { hint },
                    Some(ProposeReply::Timeout) | None => Attempt::Unknown,
                }
            }
            .boxed()
        };
        self.inner.ask_leader(Instant::now() + limit, attempt).await
    }

    /// Waits until this node's rows hold everything that was acknowledged
    /// anywhere before this call, and gives the index they must stand at.
    ///
    /// # Errors
    /// `NoLeader`, `Timeout`, `Stopped`.
    pub async fn linearize(&self, limit: Duration) -> Result<LogIndex, ConsensusError> {
        let deadline = Instant::now() + limit;
        if is_planted(PlantedBug::StaleRead) {
            let applied = self.inner.ready_or_not()?.state.applied().index();
            return Ok(LogIndex(applied.unwrap_or(0)));
        }
        loop {
            match timeout_at(deadline, self.read_rounds.join()).await {
                Err(_) => return Err(ConsensusError::Timeout),
                Ok(None) => return Err(ConsensusError::Stopped),
                Ok(Some(Ok(index))) => {
                    let running = self.inner.applied(index, deadline).await?;
                    running.recovered.send_replace(true);
                    return Ok(LogIndex(index));
                }
                Ok(Some(Err(ConsensusError::Stopped))) => return Err(ConsensusError::Stopped),
                Ok(Some(Err(error))) if Instant::now() >= deadline => return Err(error),
                Ok(Some(Err(_))) => {}
            }
        }
    }

    /// Waits until this node's rows stand at `index` or later, as after a
    /// proposal of one's own.
    ///
    /// # Errors
    /// `Timeout`, `Stopped`.
    pub async fn wait_applied(&self, index: LogIndex, limit: Duration) -> Result<(), ConsensusError> {
        self.inner.applied(index.0, Instant::now() + limit).await.map(drop)
    }

    /// Reads rows of this node, all of the applied index that `read` is told.
    /// They are as new as the last [`Consensus::linearize`] or later. `read`
    /// runs on a blocking thread; appliers wait for it.
    ///
    /// # Errors
    /// `NotReady`, `Stopped`. What `read` saw is then to be forgotten.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn View, LogIndex) -> T + Send + 'static,
    ) -> Result<T, ConsensusError> {
        let running = self.inner.ready_or_not()?;
        if !*running.recovered.borrow() {
            return Err(ConsensusError::NotReady("it has not caught up since the start".into()));
        }
        let state = running.state.clone();
        drop(running);
        let work = move || state.read(|view, index| read(view, LogIndex(index.unwrap_or(0))));
        match self.inner.parts.runtime.blocking.run(work).await {
            Ok(result) => result.map_err(|e| ConsensusError::NotReady(e.to_string())),
            Err(error) => {
                tracing::error!(%error, "a read of metadata rows ended badly");
                Err(ConsensusError::NotReady(error.to_string()))
            }
        }
    }

    /// A hash over all replicated rows, and the index that they stand at. It is
    /// the same on all nodes at the same index; computing it costs nothing.
    ///
    /// # Errors
    /// `NotReady`, `Stopped`.
    pub fn digest(&self) -> Result<(Option<LogIndex>, [u8; 32]), ConsensusError> {
        let (index, hash) = self.inner.ready_or_not()?.state.digest();
        Ok((index.map(LogIndex), hash))
    }

    /// Reads every row of this node and holds them against their hash; a store
    /// that fails is thrown away and rebuilt. Appliers wait while it runs.
    ///
    /// # Errors
    /// `NotReady`: also when the rows were found bad. `Stopped`.
    pub async fn verify(&self) -> Result<(), ConsensusError> {
        let state = self.inner.ready_or_not()?.state.clone();
        let verified = self.inner.parts.runtime.blocking.run(move || state.verify()).await;
        verified
            .map_err(|e| ConsensusError::NotReady(e.to_string()))?
            .map_err(|e| ConsensusError::NotReady(e.to_string()))
    }

    /// Follows who leads, as far as this node knows.
    pub fn leader(&self) -> watch::Receiver<Option<NodeId>> {
        self.inner.parts.leader.subscribe()
    }

    /// How the log stands on this node.
    pub async fn status(&self) -> Status {
        status_of(&self.inner).await
    }

    /// Waits until the log cannot go on on this node, and says why. The
    /// process should then stop.
    pub fn fatal(&self) -> impl Future<Output = FatalError> + Send + 'static {
        let mut phase = self.inner.phase.subscribe();
        async move {
            loop {
                if let Phase::Fatal(error) = &*phase.borrow_and_update() {
                    return error.clone();
                }
                if phase.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Ends in order: hands leadership over if this node leads, so that the
    /// others need not wait for an election, and closes log and state.
    ///
    /// # Errors
    /// `Stopped`: it ended, but not in good order; nothing is lost.
    pub async fn shutdown(&self, limit: Duration) -> Result<(), ConsensusError> {
        let deadline = Instant::now() + limit;
        if *self.leader().borrow() == Some(self.inner.parts.config.node)
            && let Err(error) = self.transfer_leader(None, limit.min(TRANSFER)).await
        {
            tracing::info!(%error, "leadership was not handed over before the end");
        }
        timeout_at(deadline, self.supervisor.stop()).await.unwrap_or(Err(ConsensusError::Stopped))
    }

    /// Hands leadership to a voter, or to the one whose log is longest, and
    /// waits until another leads. Nothing to do if this node does not lead.
    ///
    /// # Errors
    /// `CannotTransfer`, `Timeout`, `NotReady`, `Stopped`.
    pub async fn transfer_leader(&self, to: Option<NodeId>, limit: Duration) -> Result<(), ConsensusError> {
        let running = self.inner.ready_or_not()?;
        let me = self.inner.parts.config.node;
        let metrics = running.raft.metrics().borrow_watched().clone();
        if metrics.state != ServerState::Leader {
            return Ok(());
        }
        let replicated = metrics.replication.unwrap_or_default();
        let voters = metrics.membership_config.voter_ids().filter(|id| *id != me.0);
        let to = match to {
            Some(to) => {
                voters.into_iter().find(|id| *id == to.0).ok_or(ConsensusError::CannotTransfer { to })?
            }
            None => voters
                .max_by_key(|id| replicated.get(id).cloned().flatten())
                .ok_or(ConsensusError::CannotTransfer { to: me })?,
        };
        let mut leader = self.leader();
        running.raft.trigger().transfer_leader(to).await.map_err(|_| ConsensusError::Stopped)?;
        let moved = leader.wait_for(|leader| leader.is_some_and(|leader| leader != me));
        match timeout(limit, moved).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(ConsensusError::Stopped),
            Err(_) => Err(ConsensusError::Timeout),
        }
    }

    async fn change_members(&self, change: MemberChange, limit: Duration) -> Result<(), ConsensusError> {
        let inner = self.inner.clone();
        let attempt = move |to: NodeId, limit: Duration| {
            let inner = inner.clone();
            let request = ChangeMembers { change: change.clone(), timeout_ms: milliseconds(limit) };
            async move {
                let reply = if to == inner.parts.config.node {
                    match inner.running() {
                        Some(running) => change_here(&running, request).await.ok(),
                        None => None,
                    }
                } else {
                    inner.call(to, Method::ChangeMembers, &request, limit).await.ok()
                };
                match reply {
                    Some(ChangeMembersReply::Done) => Attempt::Done(Ok(())),
                    Some(ChangeMembersReply::Refused { reason }) => {
                        Attempt::Done(Err(ConsensusError::MembersRefused(reason)))
                    }
                    Some(ChangeMembersReply::NotLeader { hint }) => Attempt::NotLeader { hint },
                    Some(ChangeMembersReply::Timeout) | None => Attempt::Unknown,
                }
            }
            .boxed()
        };
        self.inner.ask_leader(Instant::now() + limit, attempt).await?
    }
}

impl Inner {
    pub(crate) fn running(&self) -> Option<Arc<Running>> {
        match &*self.phase.borrow() {
            Phase::Running(running) => Some(running.clone()),
            _ => None,
        }
    }

    pub(crate) fn ready_or_not(&self) -> Result<Arc<Running>, ConsensusError> {
        match &*self.phase.borrow() {
            Phase::Running(running) => Ok(running.clone()),
            Phase::Rebuilding(why) => Err(ConsensusError::NotReady(format!("its state is rebuilt: {why}"))),
            Phase::Stopped | Phase::Fatal(_) => Err(ConsensusError::Stopped),
        }
    }

    /// Where a read that begins now must stand, by the leader's word.
    pub(crate) async fn read_index(self: &Arc<Self>, deadline: Instant) -> Result<u64, ConsensusError> {
        let inner = self.clone();
        let attempt = move |to: NodeId, limit: Duration| {
            let inner = inner.clone();
            let request = ReadIndex { timeout_ms: milliseconds(limit) };
            async move {
                let reply = if to == inner.parts.config.node {
                    match inner.running() {
                        Some(running) => read_index_here(&running, request).await.ok(),
                        None => None,
                    }
                } else {
                    inner.call(to, Method::ReadIndex, &request, limit).await.ok()
                };
                match reply {
                    Some(ReadIndexReply::At { index }) => Attempt::Done(index),
                    Some(ReadIndexReply::NotLeader { hint }) => Attempt::NotLeader { hint },
                    Some(ReadIndexReply::Timeout) | None => Attempt::Unknown,
                }
            }
            .boxed()
        };
        self.ask_leader(deadline, attempt).await
    }

    /// Waits until the rows stand at `index`, an index that was committed.
    pub(crate) async fn applied(
        &self,
        index: u64,
        deadline: Instant,
    ) -> Result<Arc<Running>, ConsensusError> {
        let mut phase = self.phase.subscribe();
        let wait = async {
            loop {
                let now = phase.borrow_and_update().clone();
                match now {
                    Phase::Stopped | Phase::Fatal(_) => return Err(ConsensusError::Stopped),
                    Phase::Rebuilding(_) => drop(phase.changed().await),
                    Phase::Running(running) => {
                        let mut applied = running.state.watch_applied();
                        tokio::select! {
                            Ok(_) = applied.wait_for(|at| *at >= Some(index)) => return Ok(running),
                            _ = phase.changed() => {}
                        }
                    }
                }
            }
        };
        timeout_at(deadline, wait).await.map_err(|_| ConsensusError::Timeout)?
    }
}

#[cfg(test)]
impl Consensus {
    /// Ends as by kill -9: nothing more is written.
    pub(crate) async fn kill(self) {
        self.supervisor.kill();
        if let Some(running) = self.inner.running() {
            self.inner.phase.send_replace(Phase::Stopped);
            running.raft.shutdown().await.unwrap();
        }
    }
}

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mucura_runtime::Runtime;
use mucura_types::NodeId;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{LinearizableReadError, RaftError};
use openraft::{Raft, ReadPolicy};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::batcher::Batcher;
use crate::check_quorum::CheckQuorum;
use crate::config::ConsensusConfig;
use crate::error::FatalError;
use crate::log_store::LogStore;
use crate::machine::Machine;
use crate::network::Network;
use crate::raft_types::Types;
use crate::rounds::Rounds;
use crate::snapshots::{Snapshots, SnapshotsError};
use crate::state::State;
use crate::state_dir::StateDir;
use crate::transport::Transport;
use crate::wal::Wal;

/// How long openraft may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What outlives a rebuild of the state.
pub(crate) struct Parts {
    pub(crate) config: ConsensusConfig,
    pub(crate) runtime: Runtime,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) wal: Wal,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) state_dir: StateDir,
    pub(crate) leader: watch::Sender<Option<NodeId>>,
}

/// Where a read that began at the leader must stand.
#[derive(Clone, Debug)]
pub(crate) enum LeaderRead {
    At(u64),
    NotLeader { hint: Option<u64> },
    NoQuorum,
    Stopped,
}

/// openraft over one life of the state store.
pub(crate) struct Running {
    pub(crate) raft: Raft<Types, Machine>,
    pub(crate) state: Arc<State>,
    pub(crate) batcher: Batcher,
    pub(crate) leader_reads: Rounds<LeaderRead>,
    /// Whether the state is known to be as new as it was before the start.
    pub(crate) recovered: watch::Sender<bool>,
    cannot_go_on: watch::Receiver<Option<String>>,
}

/// What runs, and its tasks, which only the supervisor holds.
pub(crate) struct Started {
    pub(crate) running: Arc<Running>,
    pub(crate) tasks: JoinSet<()>,
}

/// Why a running log came to its end by itself.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The state store is bad; it can be rebuilt.
    StoreBad(String),
    /// It cannot go on.
    Fatal(FatalError),
}

impl Running {
    /// Opens the state, rebuilding it if need be, and starts openraft over it.
    pub(crate) async fn start(parts: &Parts, discard: bool) -> Result<Started, FatalError> {
        let state = open_state(parts, discard).await?;
        let (cannot_go_on, cannot) = watch::channel(None);
        let machine = Machine {
            runtime: parts.runtime.clone(),
            state: state.clone(),
            snapshots: parts.snapshots.clone(),
            cannot_go_on,
        };
        let raft_config = parts.config.raft().map_err(|e| FatalError::Config(e.to_string()))?;
        let timing = parts.config.timing;
        let network = Network {
            me: parts.config.node,
            group: parts.config.group,
            runtime: parts.runtime.clone(),
            transport: parts.transport.clone(),
            snapshots: parts.snapshots.clone(),
            check_quorum: CheckQuorum::new(timing.election_max, timing.stillness()),
        };
        let log = LogStore { wal: parts.wal.clone(), group: parts.config.group };
        let raft = Raft::new(parts.config.node.0, Arc::new(raft_config), network, log, machine)
            .await
            .map_err(|e| FatalError::Internal(e.to_string()))?;

        let mut tasks = JoinSet::new();
        let (batcher, batching) = Batcher::new(raft.clone(), parts.runtime.clone());
        tasks.spawn(batching);
        let reader = raft.clone();
        let (leader_reads, reading) = Rounds::new(move || leader_read(reader.clone()).boxed());
        tasks.spawn(reading);
        tasks.spawn(follow_leader(raft.clone(), parts.leader.clone()));
        let recovered = watch::Sender::new(false);
        let running = Self { raft, state, batcher, leader_reads, recovered, cannot_go_on: cannot };
        Ok(Started { running: Arc::new(running), tasks })
    }

    /// Waits until it ends by itself, and says why.
    pub(crate) async fn ended(&self, tasks: &mut JoinSet<()>, wal: &Wal) -> Ended {
        let mut bad = self.state.watch_bad();
        let mut cannot_go_on = self.cannot_go_on.clone();
        let raft_stopped = async {
            let mut metrics = self.raft.metrics();
            loop {
                let running = metrics.borrow_watched().running_state.clone();
                if let Err(fatal) = running {
                    return fatal.to_string();
                }
                if metrics.changed().await.is_err() {
                    return "its core is gone".to_owned();
                }
            }
        };
        let task_ended = async {
            // All of them run for as long as openraft does.
            match tasks.join_next().await {
                Some(Err(error)) if error.is_panic() => format!("a task panicked: {error}"),
                _ => std::future::pending().await,
            }
        };
        let stopped = tokio::select! {
            biased;
            error = wal.poisoned() => return Ended::Fatal(FatalError::Log(error.to_string())),
            Ok(text) = cannot_go_on.wait_for(Option::is_some) => {
                return Ended::Fatal(FatalError::CannotApply(text.clone().unwrap_or_default()));
            }
            Ok(text) = bad.wait_for(Option::is_some) => {
                return Ended::StoreBad(text.clone().unwrap_or_default());
            }
            stopped = raft_stopped => stopped,
            stopped = task_ended => stopped,
        };
        // openraft stops because of one of the above, most likely.
        if let Some(text) = self.state.watch_bad().borrow().clone() {
            return Ended::StoreBad(text);
        }
        if let Some(text) = self.cannot_go_on.borrow().clone() {
            return Ended::Fatal(FatalError::CannotApply(text));
        }
        match wal.poisoned().now_or_never() {
            Some(error) => Ended::Fatal(FatalError::Log(error.to_string())),
            None => Ended::Fatal(FatalError::Internal(stopped)),
        }
    }

    /// Stops openraft and all tasks. The state store stays open.
    pub(crate) async fn stop(&self, tasks: &mut JoinSet<()>) {
        match tokio::time::timeout(STOP_TIMEOUT, self.raft.shutdown()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "openraft ended badly"),
            Err(_) => tracing::error!("openraft does not end"),
        }
        tasks.shutdown().await;
    }
}

/// Opens the store and brings it to where the log begins at least.
async fn open_state(parts: &Parts, discard: bool) -> Result<Arc<State>, FatalError> {
    let state = match restored(parts, discard).await {
        Err(SnapshotsError::Store(error)) => {
            tracing::error!(%error, "state store is bad at the start; it is rebuilt");
            restored(parts, true).await
        }
        other => other,
    };
    let state = state.map_err(|e| FatalError::Io(e.to_string()))?;
    let log = parts.wal.state(parts.config.group);
    let purged = log.purged.map(|(index, _)| index);
    let applied = state.applied().index();
    if applied < purged {
        let at = |index: Option<u64>| index.map_or("nothing".into(), |index| format!("entry {index}"));
        return Err(FatalError::NoSource(format!(
            "the newest good snapshot holds {}, and the log no longer has {}; \
             give the node an empty directory and a new number, and make it a member again",
            at(applied),
            at(purged),
        )));
    }
    // Beyond the end of the log, or with no snapshot where it begins, the state
    // would be the only copy on this node.
    let held = parts.snapshots.newest().and_then(|snapshot| snapshot.index());
    if held < purged || (applied > log.last.max(purged) && held < applied) {
        parts.snapshots.make(&state).await.map_err(|e| FatalError::Io(e.to_string()))?;
    }
    Ok(state)
}

async fn restored(parts: &Parts, discard: bool) -> Result<Arc<State>, SnapshotsError> {
    let (dir, snapshots) = (parts.state_dir.clone(), parts.snapshots.clone());
    let work = move || {
        let state = dir.open(discard)?;
        snapshots.restore(&state)?;
        Ok(Arc::new(state))
    };
    parts.runtime.blocking.run(work).await?
}

/// One round of the leader's part of a linearizable read.
async fn leader_read(raft: Raft<Types, Machine>) -> LeaderRead {
    match raft.get_read_log_id(ReadPolicy::ReadIndex).await {
        Ok((read, _)) => LeaderRead::At(read.index()),
        Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))) => {
            LeaderRead::NotLeader { hint: forward.leader_id }
        }
        Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => LeaderRead::NoQuorum,
        Err(RaftError::Fatal(_)) => LeaderRead::Stopped,
    }
}

async fn follow_leader(raft: Raft<Types, Machine>, leader: watch::Sender<Option<NodeId>>) {
    let mut metrics = raft.server_metrics();
    loop {
        let now = metrics.borrow_watched().current_leader.map(NodeId);
        leader.send_if_modified(|known| std::mem::replace(known, now) != now);
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

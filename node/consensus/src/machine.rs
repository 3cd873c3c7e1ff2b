use std::io;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use mucura_runtime::Runtime;
use openraft::EntryPayload;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::type_config::alias::SnapshotOf;
use tokio::sync::watch;

use crate::raft_types::{LogId, Proposal, SnapshotMeta, StoredMembership, Types};
use crate::snapshots::{Snapshots, StoredSnapshot};
use crate::state::{State, StateError};

/// Entries, and bytes of them, that are carried out in one piece of blocking work.
const CHUNK_ENTRIES: usize = 64;
const CHUNK_BYTES: usize = 4 << 20;

/// The state machine as openraft drives it.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) runtime: Runtime,
    pub(crate) state: Arc<State>,
    pub(crate) snapshots: Arc<Snapshots>,
    /// Told when this version cannot carry out what was committed.
    pub(crate) cannot_go_on: watch::Sender<Option<String>>,
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = StoredSnapshot;
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let applied = self.state.applied();
        Ok((applied.last, applied.membership))
    }

    async fn apply<S>(&mut self, entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + Send,
    {
        let mut entries = entries.fuse();
        loop {
            let (mut chunk, mut responders, mut bytes) = (Vec::new(), Vec::new(), 0);
            while chunk.len() < CHUNK_ENTRIES && bytes < CHUNK_BYTES {
                let Some(item) = entries.next().await else { break };
                let (entry, responder) = item?;
                if let EntryPayload::Normal(Proposal(batch)) = &entry.payload {
                    bytes += batch.len();
                }
                chunk.push(entry);
                responders.push(responder);
            }
            if chunk.is_empty() {
                return Ok(());
            }
            let state = self.state.clone();
            let applied = self.runtime.blocking.run(move || state.apply(&chunk)).await?;
            let replies = applied.map_err(|error| {
                if let StateError::Entry { .. } = &error {
                    self.cannot_go_on.send_replace(Some(error.to_string()));
                }
                io::Error::other(error)
            })?;
            self.snapshots.note_applied(bytes as u64);
            for (responder, replies) in responders.into_iter().zip(replies) {
                if let Some(responder) = responder {
                    responder.send(replies);
                }
            }
        }
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: StoredSnapshot) -> io::Result<()> {
        if meta != snapshot.meta() {
            return Err(io::Error::other("a snapshot was to be installed as another than it is"));
        }
        let (state, snapshots) = (self.state.clone(), self.snapshots.clone());
        let install = self.runtime.blocking.run(move || {
            snapshots.load(&snapshot, &state)?;
            snapshots.keep(snapshot)
        });
        let installed = install.await?.map_err(io::Error::other)?;
        tracing::info!(
            index = installed.index(),
            rows = installed.rows(),
            "snapshot of the leader is installed"
        );
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf<Types, StoredSnapshot>>> {
        let newest = self.snapshots.newest();
        Ok(newest.map(|snapshot| SnapshotOf::<Types, _> { meta: snapshot.meta().clone(), snapshot }))
    }
}

/// Snapshots are made by our own policy, where an error is not the end of the
/// node, and openraft is told of them here; it makes one itself only when it
/// needs one.
impl RaftSnapshotBuilder<Types> for Machine {
    type SnapshotData = StoredSnapshot;

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf<Types, StoredSnapshot>> {
        let snapshot = match self.snapshots.take_announced() {
            Some(announced) => announced,
            None => self.snapshots.make(&self.state).await.map_err(io::Error::other)?,
        };
        Ok(SnapshotOf::<Types, _> { meta: snapshot.meta().clone(), snapshot })
    }
}

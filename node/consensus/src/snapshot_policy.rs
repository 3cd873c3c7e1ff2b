use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::sleep;

use crate::consensus::Inner;
use crate::raft_types::LogId;
use crate::running::{Parts, Running};
use crate::snapshots::SnapshotsError;

/// After a snapshot that could not be made.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Makes a snapshot when the log since the last one is worth it, and purges
/// the log behind the older of the two that are kept.
pub(crate) struct SnapshotPolicy {
    check: Duration,
    log_bytes: u64,
    inner: Arc<Inner>,
}

impl SnapshotPolicy {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        let config = &inner.parts.config;
        Self { check: config.timing.snapshot_check, log_bytes: config.snapshot_log_bytes, inner }
    }

    /// Runs for as long as the log does.
    pub(crate) async fn run(self, running: Arc<Running>) {
        loop {
            sleep(self.check).await;
            if let Err(error) = self.look(&self.inner.parts, &running).await {
                tracing::error!(%error, "snapshot cannot be made; the log grows until one can");
                sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    async fn look(&self, parts: &Parts, running: &Running) -> Result<(), SnapshotsError> {
        let snapshots = &parts.snapshots;
        let behind = snapshots.newest().and_then(|s| s.index()) < running.state.applied().index();
        if behind && snapshots.applied_bytes() > self.log_bytes {
            let state = running.state.clone();
            let size = parts.runtime.blocking.run(move || state.size()).await??;
            if snapshots.applied_bytes() > size / 2 {
                let made = snapshots.make(&running.state).await?;
                tracing::info!(index = made.index(), rows = made.rows(), "snapshot is made");
            }
        }
        let (told, purged) = {
            let metrics = running.raft.metrics();
            let metrics = metrics.borrow_watched();
            (metrics.snapshot.as_ref().map(LogId::index), metrics.purged.as_ref().map(LogId::index))
        };
        // openraft ends by itself if it has stopped; nothing is to be done here.
        if told < snapshots.newest().and_then(|s| s.index()) {
            snapshots.announce();
            running.raft.trigger().snapshot().await.ok();
        }
        if let Some(upto) = snapshots.may_purge()
            && Some(upto) > purged
            && Some(upto) <= told
        {
            running.raft.trigger().purge_log(upto).await.ok();
        }
        Ok(())
    }
}

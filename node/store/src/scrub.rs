use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use mucura_chunks::{ChunkError, Drive, DriveState};
use mucura_types::NodeId;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::error::StoreError;
use crate::shards::{Method, ShardRef};
use crate::store::{Inner, Store};

/// Shards listed in one go.
const PAGE: usize = 1024;
/// The longest wait between two shards, so that a drive with few of them is
/// not forgotten.
const WAIT_MAX: Duration = Duration::from_secs(60);

impl Store {
    /// Has every node verify its shards now, as fast as the drives allow; what
    /// is found is repaired. Gives the nodes that began.
    ///
    /// # Errors
    /// `Unavailable`: this node's metadata cannot be read.
    pub async fn scrub_now(&self, deadline: Instant) -> Result<Vec<NodeId>, StoreError> {
        let inner = self.inner();
        let nodes = inner.read(mucura_metadata::nodes).await?;
        let asked = nodes.into_keys().map(|node| async move {
            if node == inner.config.node {
                inner.scrub_now.notify_one();
                return Some(node);
            }
            let answer = inner.mesh.call(node, Method::Scrub as u16, Bytes::new(), deadline).await;
            answer.ok().map(|_| node)
        });
        Ok(join_all(asked).await.into_iter().flatten().collect())
    }
}

impl Inner {
    /// Reads and verifies every shard of this node once in the configured
    /// time: what is never read must not rot unseen.
    pub(crate) async fn scrub_drives(self: Arc<Self>) {
        let mut asked = false;
        loop {
            let started = Instant::now();
            let shards = self.shards_held().await;
            let period = self.config.scrub_period;
            let pause =
                period.checked_div(u32::try_from(shards).unwrap_or(u32::MAX)).unwrap_or(period).min(WAIT_MAX);
            let mut hurry = asked;
            for drive in self.keeper.drives() {
                self.scrub_drive(&drive, pause, &mut hurry).await;
            }
            if hurry {
                tracing::info!(seconds = started.elapsed().as_secs_f64(), "scrub finished");
            }
            asked = timeout(pause, self.scrub_now.notified()).await.is_ok();
        }
    }

    async fn scrub_drive(&self, drive: &Drive, pause: Duration, hurry: &mut bool) {
        let mut after = None;
        while !matches!(drive.state(), DriveState::Failed { .. }) {
            let Ok(page) = drive.list(after, PAGE).await else { return };
            for shard in page.shards {
                if !*hurry {
                    *hurry = waited(&self.scrub_now, pause).await;
                }
                if let Err(error) = drive.verify(shard).await {
                    let id = drive.identity().drive;
                    match error {
                        ChunkError::Corrupt { .. } | ChunkError::NotFound { .. } => {
                            tracing::warn!(drive = %id, %error, "scrub found damage; it will be rebuilt");
                            self.keeper.with_audit(id, |audit| audit.missing.insert(ShardRef::from(shard)));
                            self.keeper.found_damage.notify_one();
                        }
                        other => tracing::info!(drive = %id, error = %other, "scrub a shard"),
                    }
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return,
            }
        }
    }

    async fn shards_held(&self) -> usize {
        let health = self.keeper.health().await;
        usize::try_from(health.iter().map(|drive| drive.shards).sum::<u64>()).unwrap_or(usize::MAX)
    }
}

/// Waits for `pause`; whether the wait was cut short because somebody asked.
async fn waited(asked: &Notify, pause: Duration) -> bool {
    tokio::select! {
        biased;
        () = asked.notified() => true,
        () = sleep(pause) => false,
    }
}

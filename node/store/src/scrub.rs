use std::sync::Arc;
use std::time::Duration;

use mucura_chunks::{ChunkError, Drive, DriveState};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::shards::ShardRef;
use crate::store::{Inner, Store};

/// Shards listed in one go.
const PAGE: usize = 1024;
/// The longest wait between two shards, so that a drive with few of them is
/// not forgotten.
const WAIT_MAX: Duration = Duration::from_secs(60);

impl Store {
    /// Verifies every shard of this node now, as fast as the drives allow; what
    /// is found is repaired. Returns at once.
    pub fn scrub_now(&self) {
        self.inner().scrub_now.notify_one();
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

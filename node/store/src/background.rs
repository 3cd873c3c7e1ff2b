use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of a store that run until it ends. One that panics is reported;
/// the others go on.
#[derive(Clone, Default)]
pub(crate) struct Background {
    pub(crate) cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Background {
    /// Runs `work` until it ends by itself or the store does.
    pub(crate) fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                result = AssertUnwindSafe(work).catch_unwind() => {
                    if result.is_err() {
                        tracing::error!(name, "background work panicked and has stopped; restart the node");
                    }
                }
            }
        });
    }

    /// Cancels all work and waits for it to have ended; whether it has.
    pub(crate) async fn end(&self, deadline: Instant) -> bool {
        self.cancel.cancel();
        self.tasks.close();
        tokio::time::timeout_at(deadline, self.tasks.wait()).await.is_ok()
    }
}

/// Waits for `bell`, but no longer than `most`.
pub(crate) async fn rung(bell: &tokio::sync::Notify, most: Duration) {
    // Either way it is time to look.
    tokio::time::timeout(most, bell.notified()).await.ok();
}

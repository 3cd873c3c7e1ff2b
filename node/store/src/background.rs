use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio::time::{Duration, Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long work that panicked rests before it begins anew.
const REST: Duration = Duration::from_secs(5);

/// The tasks of a store that run until it ends. One that panics is reported
/// and begun anew.
#[derive(Clone, Default)]
pub(crate) struct Background {
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Background {
    /// Runs what `work` begins, until it ends by itself or the store does.
    pub(crate) fn spawn<F>(&self, name: &'static str, work: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            let run = async {
                while AssertUnwindSafe(work()).catch_unwind().await.is_err() {
                    tracing::error!(name, "background work panicked; it begins anew");
                    sleep(REST).await;
                }
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                () = run => {}
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

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long work that panicked rests before it begins anew.
const REST: Duration = Duration::from_secs(5);
/// How long work rests when something in it failed for the first time.
const FIRST_REST: Duration = Duration::from_secs(2);

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

/// Longer and longer rests between looks in which something failed, until all
/// goes well or a drive returns.
pub(crate) struct Rests {
    most: Duration,
    next: Duration,
    returns: watch::Receiver<u64>,
}

impl Rests {
    pub(crate) fn new(most: Duration, returns: watch::Receiver<u64>) -> Self {
        Self { most, next: FIRST_REST, returns }
    }

    /// Rests after a look.
    pub(crate) async fn after(&mut self, failed: bool) {
        if !failed {
            self.next = FIRST_REST;
            return;
        }
        let rest = self.next.min(self.most);
        self.next = rest.saturating_mul(2);
        // The sender lives as long as whoever rests.
        if timeout(rest, self.returns.changed()).await.is_ok() {
            self.next = FIRST_REST;
        }
    }
}

/// Waits for `bell`, but no longer than `most`.
pub(crate) async fn rung(bell: &tokio::sync::Notify, most: Duration) {
    // Either way it is time to look.
    timeout(most, bell.notified()).await.ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rested(rests: &mut Rests, failed: bool) -> u64 {
        let begun = Instant::now();
        rests.after(failed).await;
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn rests_grow_until_all_goes_well_or_a_drive_returns() {
        let (returned, returns) = watch::channel(0);
        let mut rests = Rests::new(Duration::from_secs(10), returns);
        for expected in [2, 4, 8, 10, 10] {
            assert_eq!(rested(&mut rests, true).await, expected);
        }
        assert_eq!(rested(&mut rests, false).await, 0);
        assert_eq!(rested(&mut rests, true).await, 2);
        assert_eq!(rested(&mut rests, true).await, 4);
        // Also if it came back while work was going on.
        returned.send_replace(1);
        assert_eq!(rested(&mut rests, true).await, 0);
        assert_eq!(rested(&mut rests, true).await, 2);
    }
}

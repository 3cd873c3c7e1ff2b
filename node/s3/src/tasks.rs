use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What runs on although its client may have gone: requests that change
/// something, and bodies that are drained. Connections bound their number.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Tasks {
    /// Runs a task until it ends, or is given up: then it gives none.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        self.tracker.spawn(self.cancel.clone().run_until_cancelled_owned(task))
    }

    /// Waits for all; gives up those that are not over at the deadline.
    pub(crate) async fn end(&self, deadline: Instant) {
        self.tracker.close();
        if tokio::time::timeout_at(deadline, self.tracker.wait()).await.is_err() {
            tracing::warn!(requests = self.tracker.len(), "requests did not end in time");
            self.cancel.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_in_time_is_given_up() {
        let tasks = Tasks::default();
        let short = tasks.spawn(tokio::time::sleep(Duration::from_secs(1)));
        let long = tasks.spawn(std::future::pending::<()>());
        tasks.end(Instant::now() + Duration::from_secs(2)).await;
        assert_eq!(short.await.unwrap(), Some(()));
        assert_eq!(long.await.unwrap(), None);
    }
}

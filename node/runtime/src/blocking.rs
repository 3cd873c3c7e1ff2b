use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// Where blocking and CPU-heavy work runs: on a bounded number of threads, or
/// inline in a simulation.
#[derive(Clone)]
pub struct Blocking(Mode);

#[derive(Clone)]
enum Mode {
    Threads(Arc<Semaphore>),
    Inline,
    Paced(Arc<dyn Fn() -> Duration + Send + Sync>),
}

/// The work did not finish.
#[derive(Debug, thiserror::Error)]
pub enum BlockingError {
    /// It panicked: a bug in the work itself.
    #[error("blocking work panicked: {0}")]
    Panicked(String),
    /// The process is ending.
    #[error("blocking work was cancelled: the process is ending")]
    Ending,
}

/// Rests the thread that asks. For blocking work only.
pub fn rest(period: Duration) {
    std::thread::sleep(period);
}

impl Blocking {
    /// At most `limit` pieces of work at once, each on a thread of tokio's pool.
    pub fn threads(limit: usize) -> Self {
        Self(Mode::Threads(Arc::new(Semaphore::new(limit.max(1)))))
    }

    /// Work runs where it is asked for, before the call returns.
    pub fn inline() -> Self {
        Self(Mode::Inline)
    }

    /// Work runs on the one thread of a simulation, but takes its time, as it
    /// does where it waits for threads and disks: it begins after one `pace`,
    /// and its result is known after another. Time that is zero is not waited.
    pub fn paced(pace: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Mode::Paced(Arc::new(pace)))
    }

    /// The same way of running work, but with `limit` threads of its own, so
    /// that this work never waits for other work.
    #[must_use]
    pub fn separate(&self, limit: usize) -> Self {
        match &self.0 {
            Mode::Threads(_) => Self::threads(limit),
            Mode::Inline | Mode::Paced(_) => self.clone(),
        }
    }

    /// Runs `work` and gives its result. Work that has begun runs to its end
    /// even when the caller goes away.
    ///
    /// # Errors
    /// [`BlockingError`]: the work panicked, or the process is ending.
    #[allow(clippy::disallowed_methods)] // The one place that may hand work to threads.
    pub async fn run<T, W>(&self, work: W) -> Result<T, BlockingError>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        match &self.0 {
            Mode::Inline => Ok(work()),
            Mode::Paced(pace) => {
                let (before, after) = (pace(), pace());
                if before.is_zero() && after.is_zero() {
                    return Ok(work());
                }
                // A task of its own, so that it goes on when the caller does not.
                let job = tokio::spawn(async move {
                    wait(before).await;
                    let result = work();
                    wait(after).await;
                    result
                });
                job.await.map_err(ended)
            }
            Mode::Threads(limit) => {
                let permit = limit.clone().acquire_owned().await.map_err(|_| BlockingError::Ending)?;
                let job = tokio::task::spawn_blocking(move || {
                    let result = work();
                    drop(permit);
                    result
                });
                job.await.map_err(ended)
            }
        }
    }
}

async fn wait(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn ended(error: tokio::task::JoinError) -> BlockingError {
    match error.try_into_panic() {
        Ok(panic) => BlockingError::Panicked(panic_text(panic.as_ref())),
        Err(_) => BlockingError::Ending,
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

impl From<BlockingError> for std::io::Error {
    fn from(error: BlockingError) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_the_work_is_an_error_for_the_caller_alone() {
        let blocking = Blocking::threads(1);
        let error = blocking.run(|| panic!("boom")).await.unwrap_err();
        assert!(error.to_string().contains("boom"), "{error}");
        assert_eq!(blocking.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn paced_work_takes_its_time_and_goes_on_without_its_caller() {
        let blocking = Blocking::paced(|| Duration::from_millis(10));
        let begun = tokio::time::Instant::now();
        assert_eq!(blocking.run(|| 7).await.unwrap(), 7);
        assert_eq!(begun.elapsed(), Duration::from_millis(20));
        let (done, seen) = tokio::sync::oneshot::channel();
        let left = tokio::time::timeout(Duration::from_millis(1), blocking.run(move || done.send(()))).await;
        assert!(left.is_err());
        seen.await.unwrap();
    }
}

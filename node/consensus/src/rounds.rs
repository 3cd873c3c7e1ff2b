use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

/// How many may wait for the next round.
const WAITERS_MAX: usize = 4096;

/// Work that many want the result of, and that serves all who asked before it
/// began: one round runs at a time, and whoever comes meanwhile shares the next.
pub(crate) struct Rounds<T> {
    waiting: mpsc::Sender<oneshot::Sender<T>>,
}

impl<T> Clone for Rounds<T> {
    fn clone(&self) -> Self {
        Self { waiting: self.waiting.clone() }
    }
}

impl<T: Clone + Send + 'static> Rounds<T> {
    /// The handle, and the task to be run by whoever owns it.
    pub(crate) fn new(
        mut round: impl FnMut() -> BoxFuture<'static, T> + Send + 'static,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (waiting, mut asked) = mpsc::channel::<oneshot::Sender<T>>(WAITERS_MAX);
        let task = async move {
            let mut waiters = Vec::new();
            while asked.recv_many(&mut waiters, WAITERS_MAX).await > 0 {
                waiters.retain(|waiter| !waiter.is_closed());
                if waiters.is_empty() {
                    continue;
                }
                let result = round().await;
                for waiter in waiters.drain(..) {
                    // One that went away does not want it.
                    drop(waiter.send(result.clone()));
                }
            }
        };
        (Self { waiting }, task)
    }

    /// The result of a round that began after this call; none if the task ended.
    pub(crate) async fn join(&self) -> Option<T> {
        let (waiter, result) = oneshot::channel();
        self.waiting.send(waiter).await.ok()?;
        result.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn all_who_wait_share_one_round_that_began_after_they_came() {
        let begun = Arc::new(AtomicU32::new(0));
        let gate = Arc::new(Semaphore::new(0));
        let (count, open) = (begun.clone(), gate.clone());
        let (rounds, task) = Rounds::new(move || {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let open = open.clone();
            Box::pin(async move {
                open.acquire().await.unwrap().forget();
                number
            })
        });
        let task = tokio::spawn(task);
        let first = tokio::spawn({
            let rounds = rounds.clone();
            async move { rounds.join().await }
        });
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        // The first round runs; these came too late for it.
        let late = join_all((0..100).map(|_| rounds.join()));
        gate.add_permits(2);
        let late = late.await;
        assert_eq!(first.await.unwrap(), Some(1));
        assert!(late.iter().all(|number| *number == Some(2)), "{late:?}");
        drop(rounds);
        task.await.unwrap();
    }
}

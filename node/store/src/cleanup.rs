use std::collections::BTreeMap;
use std::time::Duration;

use mucura_types::ChunkId;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::shards::{ShardClient, ShardRef};
use crate::topology::Target;

/// Given-up writes that may wait to be cleaned up. What does not fit is left
/// to the collection after the session's end.
const WAITING_MAX: usize = 1024;
/// How long a node may take to remove shards.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(5);
/// The second time comes after this: a drive may have been finishing a shard
/// while the first removal passed it by.
const AGAIN: Duration = Duration::from_secs(10);

/// Where given-up writes are handed to, to be removed in the background.
#[derive(Clone)]
pub(crate) struct Cleanup(mpsc::Sender<Vec<(Target, ShardRef)>>);

/// The shards of a write that is not committed. Dropped, they are removed,
/// unless they are held because the commit may have been sent.
pub(crate) struct WrittenShards {
    cleanup: Option<Cleanup>,
    shards: Vec<(Target, ShardRef)>,
    held: bool,
}

impl WrittenShards {
    /// Of a write that needs none.
    pub(crate) fn none() -> Self {
        Self { cleanup: None, shards: Vec::new(), held: false }
    }

    pub(crate) fn new(cleanup: Cleanup) -> Self {
        Self { cleanup: Some(cleanup), shards: Vec::new(), held: false }
    }

    /// A shard may come to be on a drive.
    pub(crate) fn began(&mut self, target: Target, chunk: ChunkId, position: u8) {
        self.shards.push((target, ShardRef { chunk, position }));
    }

    /// The drives that the write went to.
    pub(crate) fn targets(&self) -> impl Iterator<Item = Target> + '_ {
        self.shards.iter().map(|(target, _)| *target)
    }

    /// From now on the write may be committed, whatever becomes of the one who
    /// waits for it: its shards stay.
    pub(crate) fn hold(&mut self) {
        self.held = true;
    }

    /// The write was refused for certain: its shards go.
    pub(crate) fn give_up(mut self) {
        self.held = false;
    }
}

impl Drop for WrittenShards {
    fn drop(&mut self) {
        let shards = std::mem::take(&mut self.shards);
        if let Some(cleanup) = &self.cleanup
            && !self.held
            && !shards.is_empty()
            && cleanup.0.try_send(shards).is_err()
        {
            tracing::warn!("too many given-up writes to clean up at once; the rest goes with the session");
        }
    }
}

/// The background half: removes what was given up.
pub(crate) struct CleanupTask {
    given_up: tokio::sync::Mutex<mpsc::Receiver<Vec<(Target, ShardRef)>>>,
}

pub(crate) fn cleanup() -> (Cleanup, CleanupTask) {
    let (sender, given_up) = mpsc::channel(WAITING_MAX);
    (Cleanup(sender), CleanupTask { given_up: given_up.into() })
}

impl CleanupTask {
    pub(crate) async fn run(&self, client: ShardClient) {
        // One at a time: held for as long as the work goes on.
        let mut given_up = self.given_up.lock().await;
        let mut again: Vec<(Instant, Vec<(Target, ShardRef)>)> = Vec::new();
        loop {
            let next_again = again.first().map(|(at, _)| *at);
            let due = async {
                match next_again {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = due => {
                    let (_, shards) = again.remove(0);
                    remove(&client, shards).await;
                }
                shards = given_up.recv() => {
                    let Some(shards) = shards else { return };
                    remove(&client, shards.clone()).await;
                    if again.len() < WAITING_MAX {
                        again.push((Instant::now() + AGAIN, shards));
                    }
                }
            }
        }
    }
}

async fn remove(client: &ShardClient, shards: Vec<(Target, ShardRef)>) {
    let mut by_target: BTreeMap<Target, Vec<ShardRef>> = BTreeMap::new();
    for (target, shard) in shards {
        by_target.entry(target).or_default().push(shard);
    }
    for (target, shards) in by_target {
        let count = shards.len();
        let removed = client.remove(target, shards, Instant::now() + REMOVE_TIMEOUT).await;
        tracing::debug!(drive = %target.drive, count, ok = removed.is_ok(), "clean up after a given-up write");
        if let Err(fault) = removed {
            tracing::info!(drive = %target.drive, count, %fault, "clean up after a given-up write; it goes with the session");
            // Not to try the next at once when the network is down.
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_types::{DriveId, NodeId, StoreId};

    fn written(cleanup: &Cleanup) -> WrittenShards {
        let mut shards = WrittenShards::new(cleanup.clone());
        let target = Target { drive: DriveId(1), node: NodeId(1), store: StoreId([1; 16]) };
        shards.began(target, ChunkId::default(), 0);
        shards
    }

    #[tokio::test]
    async fn shards_go_when_a_write_is_dropped_but_never_once_its_commit_may_be_under_way() {
        let (cleanup, task) = cleanup();
        let mut given_up = task.given_up.lock().await;
        drop(written(&cleanup));
        assert_eq!(given_up.try_recv().map(|shards| shards.len()), Ok(1));
        let mut held = written(&cleanup);
        held.hold();
        drop(held);
        assert!(given_up.try_recv().is_err());
        let mut refused = written(&cleanup);
        refused.hold();
        refused.give_up();
        assert_eq!(given_up.try_recv().map(|shards| shards.len()), Ok(1));
    }
}

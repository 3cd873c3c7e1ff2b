use std::time::Duration;

use bytes::Bytes;
use mucura_chunks::ShardHeader;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::shards::{ShardClient, ShardFault};
use crate::topology::Target;

/// Cells that may wait for one drive: enough to keep it busy, few enough that
/// a slow one is noticed.
const CELLS_WAITING: usize = 2;
/// How long a drive may take for one cell before it counts as failed.
const CELL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a drive may take to make a shard durable. Disks that have much to
/// write are slow, not broken; a node that is gone is noticed sooner.
const FINISH_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one shard may take from its first cell to its last: as long as a
/// client may take to send a chunk.
const SHARD_TIMEOUT: Duration = Duration::from_secs(3600);

/// One shard of a chunk under way: a task of its own, so that no drive waits
/// for another. Dropped before [`Lane::finish`], it leaves nothing behind.
pub(crate) struct Lane {
    pub(crate) target: Target,
    cells: Option<mpsc::Sender<Step>>,
    task: AbortOnDropHandle<Result<(), ShardFault>>,
}

enum Step {
    Cell(Bytes),
    Finish,
}

impl Lane {
    pub(crate) fn begin(client: &ShardClient, target: Target, header: ShardHeader) -> Self {
        let (cells, steps) = mpsc::channel(CELLS_WAITING);
        let task = tokio::spawn(carry(client.clone(), target, header, steps));
        Self { target, cells: Some(cells), task: AbortOnDropHandle::new(task) }
    }

    /// Hands the next cell over. A lane that has failed, or takes too long,
    /// takes no more.
    pub(crate) async fn push(&mut self, cell: Bytes) {
        if let Some(cells) = &self.cells
            && !matches!(timeout(CELL_TIMEOUT, cells.send(Step::Cell(cell))).await, Ok(Ok(())))
        {
            self.cells = None;
        }
    }

    /// Whether it still takes cells.
    pub(crate) fn is_alive(&self) -> bool {
        self.cells.is_some()
    }

    /// Ends the shard: on stable storage when this is `Ok`.
    pub(crate) async fn finish(self) -> Result<(), ShardFault> {
        let Self { cells, task, .. } = self;
        let deadline = Instant::now() + FINISH_TIMEOUT;
        if let Some(cells) = cells {
            // A lane that has failed answers below.
            timeout_at(deadline, cells.send(Step::Finish)).await.ok();
        }
        match timeout_at(deadline, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(ShardFault::Unreachable),
        }
    }
}

async fn carry(
    client: ShardClient,
    target: Target,
    header: ShardHeader,
    mut steps: mpsc::Receiver<Step>,
) -> Result<(), ShardFault> {
    let deadline = Instant::now() + SHARD_TIMEOUT;
    let opening = client.write(target, header, deadline);
    let mut sink = timeout(CELL_TIMEOUT, opening).await.map_err(|_| ShardFault::Unreachable)??;
    while let Some(step) = steps.recv().await {
        match step {
            Step::Cell(cell) => {
                timeout(CELL_TIMEOUT, sink.push(cell)).await.map_err(|_| ShardFault::Unreachable)??;
            }
            Step::Finish => {
                return timeout(FINISH_TIMEOUT, sink.finish()).await.map_err(|_| ShardFault::Unreachable)?;
            }
        }
    }
    // The upload was given up: dropping the sink removes what there is.
    Err(ShardFault::Unreachable)
}

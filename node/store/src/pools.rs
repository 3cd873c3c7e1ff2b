use mucura_chunks::BufferPool;
use mucura_types::CELL_BYTES;
use tokio::sync::Semaphore;

/// Cells of a recovery under way, at most: as many as a profile has, and the
/// one that is computed.
const RECOVERY_CELLS: usize = 12;
/// Uploads in chunks under way, at most: each has a stream to every drive of a
/// chunk, of which the mesh carries so many.
const UPLOADS_MAX: usize = 64;

/// The memory of a gateway for the bodies that pass through it.
pub(crate) struct Pools {
    /// Stripes of uploads.
    pub(crate) uploads: BufferPool,
    /// What is read for clients and for copies.
    pub(crate) reads: BufferPool,
    /// Cells from which others are computed.
    pub(crate) recovery: BufferPool,
    /// As many recoveries as there is memory for, so that none holds some of
    /// its cells while it waits for the rest.
    pub(crate) recoveries: Semaphore,
    /// Places for uploads in chunks.
    pub(crate) places: Semaphore,
}

impl Pools {
    /// Divides `budget` bytes.
    pub(crate) fn new(budget: usize) -> Self {
        let recovery = (budget / 4).max(RECOVERY_CELLS * CELL_BYTES);
        let rest = budget.saturating_sub(recovery);
        Self {
            uploads: BufferPool::new(rest / 2),
            reads: BufferPool::new(rest / 2),
            recovery: BufferPool::new(recovery),
            recoveries: Semaphore::new((recovery / (RECOVERY_CELLS * CELL_BYTES)).max(1)),
            places: Semaphore::new(UPLOADS_MAX),
        }
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.uploads.used() + self.reads.used() + self.recovery.used()
    }

    /// Bytes that may be in use.
    pub(crate) fn budget(&self) -> usize {
        self.uploads.budget() + self.reads.budget() + self.recovery.budget()
    }
}

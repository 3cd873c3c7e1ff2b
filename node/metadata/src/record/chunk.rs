use mucura_types::{DriveId, Profile, TableId};
use serde::{Deserialize, Serialize};

/// A chunk: how it is coded and where its shards are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRecord {
    /// Its bytes, at least 1.
    pub len: u32,
    /// How it is coded.
    pub profile: Profile,
    /// The placement table it was written by.
    pub table: TableId,
    /// Every position whose shard is not at its mapped drive, by position.
    pub exceptions: Vec<ShardException>,
}

/// A shard that is not where the placement table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardException {
    /// The position in the chunk.
    pub position: u8,
    /// The drive that took it instead (a hand-off); none: it was never stored.
    pub at: Option<DriveId>,
}

impl ChunkRecord {
    /// The exception of a position, if it has one.
    pub fn exception(&self, position: usize) -> Option<ShardException> {
        self.exceptions.iter().copied().find(|e| usize::from(e.position) == position)
    }

    /// Where the shard of a position should be read: the mapped drive, or the
    /// one that stands in for it; none if it was never stored.
    pub fn location(&self, position: usize, mapped: &[DriveId]) -> Option<DriveId> {
        match self.exception(position) {
            Some(exception) => exception.at,
            None => mapped.get(position).copied(),
        }
    }
}

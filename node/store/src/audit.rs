use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mucura_chunks::{ChunkError, Drive, ShardName};
use mucura_metadata::{ChunkRecord, chunk, chunks_at_risk, chunks_from, session};
use mucura_types::{ChunkId, DriveId, PlantedBug, is_planted};

use crate::error::StoreError;
use crate::shards::ShardRef;
use crate::store::Inner;
use crate::topology::Topology;

/// Shards of a drive, or rows of chunks, looked at in one go.
const PAGE: usize = 1024;
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What a comparison of a drive with the metadata found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audited {
    pub(crate) missing: usize,
    pub(crate) removed: usize,
}

impl Inner {
    /// Compares what a drive holds with what the metadata lists. What is
    /// missing is noted for repair; what nobody can refer to any more is
    /// removed.
    pub(crate) async fn audit_drive(self: &Arc<Self>, drive: &Drive) -> Result<Audited, StoreError> {
        let missing = self.note_missing(drive).await?;
        let removed = self.remove_leftovers(drive).await?;
        self.keeper.with_audit(drive.identity().drive, |audit| audit.complete = true);
        Ok(Audited { missing, removed })
    }

    async fn note_missing(self: &Arc<Self>, drive: &Drive) -> Result<usize, StoreError> {
        let id = drive.identity().drive;
        self.consensus.linearize(READ_TIMEOUT).await.map_err(StoreError::unavailable)?;
        let (mut after, mut count) = (None, 0);
        loop {
            let rows = self.chunk_rows(after).await?;
            let expected =
                rows.chunks.iter().flat_map(|(c, record)| expected_on(&rows.topology, *c, record, id));
            let lacking = drive
                .lacking(expected.map(ShardName::from).collect())
                .await
                .map_err(StoreError::unavailable)?;
            count += lacking.len();
            self.keeper.with_audit(id, |audit| audit.missing.extend(lacking.into_iter().map(ShardRef::from)));
            match rows.chunks.last() {
                Some((chunk, _)) if rows.chunks.len() == PAGE => after = Some(*chunk),
                _ => return Ok(count),
            }
        }
    }

    async fn remove_leftovers(self: &Arc<Self>, drive: &Drive) -> Result<usize, StoreError> {
        let id = drive.identity().drive;
        let (mut after, mut count) = (None, 0);
        loop {
            // The drive first, the metadata afterwards: a shard that is seen
            // here and of whose session nothing is known there can never be
            // committed any more.
            let page = drive.list(after, PAGE).await.map_err(StoreError::unavailable)?;
            self.consensus.linearize(READ_TIMEOUT).await.map_err(StoreError::unavailable)?;
            let inner = self.clone();
            let leftovers = self
                .read(move |view| {
                    let topology = inner.topology.of(view)?;
                    let mut leftovers = Vec::new();
                    for name in page.shards {
                        let leftover = match chunk(view, name.chunk)? {
                            // Without its table nothing can be said of it.
                            Some(record) if topology.mapped(name.chunk, &record).is_empty() => false,
                            Some(record) => {
                                !expected_on(&topology, name.chunk, &record, id).contains(&name.into())
                            }
                            None => {
                                session(view, name.chunk.write.session)?.is_none()
                                    || is_planted(PlantedBug::CollectedInFlight)
                            }
                        };
                        if leftover {
                            leftovers.push(name);
                        }
                    }
                    Ok(leftovers)
                })
                .await?;
            for shard in leftovers {
                match drive.remove(shard).await {
                    Ok(()) => {
                        tracing::debug!(drive = %id, %shard, "leftover shard removed");
                        count += 1;
                    }
                    // Gone meanwhile, or in use: the next comparison sees.
                    Err(ChunkError::NotFound { .. } | ChunkError::Busy { .. }) => {}
                    Err(error) => return Err(StoreError::unavailable(error)),
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(count),
            }
        }
    }

    async fn chunk_rows(self: &Arc<Self>, after: Option<ChunkId>) -> Result<ChunkRows, StoreError> {
        let inner = self.clone();
        self.read(move |view| {
            let topology = inner.topology.of(view)?;
            Ok(ChunkRows { topology, chunks: chunks_from(view, after, PAGE)? })
        })
        .await
    }

    /// How many chunks have a shard on one of these drives, or are listed as
    /// at risk: what cannot lose as much as it should be able to.
    pub(crate) async fn count_at_risk(self: &Arc<Self>, down: &BTreeSet<DriveId>) -> Result<u64, StoreError> {
        if down.is_empty() {
            let listed = self.read(|view| chunks_at_risk(view, None, usize::MAX)).await?;
            return Ok(listed.len() as u64);
        }
        let (mut after, mut count) = (None, 0);
        loop {
            let rows = self.chunk_rows(after).await?;
            for (chunk, record) in &rows.chunks {
                let hit = !record.exceptions.is_empty()
                    || rows.topology.mapped(*chunk, record).iter().any(|drive| down.contains(drive));
                count += u64::from(hit);
            }
            match rows.chunks.last() {
                Some((chunk, _)) if rows.chunks.len() == PAGE => after = Some(*chunk),
                _ => return Ok(count),
            }
        }
    }

    /// The record of a chunk, with the topology of the same index.
    pub(crate) async fn chunk_record(
        self: &Arc<Self>,
        id: ChunkId,
    ) -> Result<Option<(Arc<Topology>, ChunkRecord)>, StoreError> {
        let inner = self.clone();
        self.read(move |view| {
            let topology = inner.topology.of(view)?;
            Ok(chunk(view, id)?.map(|record| (topology, record)))
        })
        .await
    }
}

struct ChunkRows {
    topology: Arc<Topology>,
    chunks: Vec<(ChunkId, ChunkRecord)>,
}

/// The shards of a chunk that the metadata says are on a drive.
pub(crate) fn expected_on(
    topology: &Topology,
    chunk: ChunkId,
    record: &ChunkRecord,
    drive: DriveId,
) -> Vec<ShardRef> {
    let mapped = topology.mapped(chunk, record);
    (0..record.profile.data + record.profile.parity)
        .filter(|position| record.location(usize::from(*position), mapped) == Some(drive))
        .map(|position| ShardRef { chunk, position })
        .collect()
}

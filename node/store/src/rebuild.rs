use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use mucura_chunks::{ChunkLayout, ErasureCode, ShardHeader};
use mucura_metadata::ChunkRecord;
use mucura_types::{ChunkId, PlantedBug, is_planted};
use tokio::time::{Instant, timeout};

use crate::error::StoreError;
use crate::shards::{ShardFault, ShardRef};
use crate::store::Inner;
use crate::topology::{Target, Topology};

/// How long one cell of a shard may take to be read.
const CELL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a recovery waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long one shard may take to be rebuilt.
const SHARD_TIMEOUT: Duration = Duration::from_secs(120);

/// A chunk and where its shards are, by position.
#[derive(Clone, Debug)]
pub(crate) struct ChunkPlace {
    pub(crate) chunk: ChunkId,
    pub(crate) layout: ChunkLayout,
    pub(crate) targets: Vec<Option<Target>>,
}

impl ChunkPlace {
    pub(crate) fn new(chunk: ChunkId, record: &ChunkRecord, topology: &Topology) -> Result<Self, StoreError> {
        let layout = ChunkLayout::new(u64::from(record.len), record.profile).map_err(StoreError::internal)?;
        let targets = (0..record.profile.shards()).map(|p| topology.location(chunk, record, p)).collect();
        Ok(Self { chunk, layout, targets })
    }
}

impl Inner {
    /// Rebuilds the shard that `header` names from what `place` lists of the
    /// others, onto `target`; durable when this returns.
    pub(crate) async fn rebuild(
        self: &Arc<Self>,
        place: &ChunkPlace,
        header: ShardHeader,
        target: Target,
    ) -> Result<(), StoreError> {
        let position = usize::from(header.shard.position);
        let deadline = Instant::now() + SHARD_TIMEOUT;
        let opened = self.shards.write(target, header, deadline).await;
        let mut sink = opened.map_err(StoreError::unavailable)?;
        for stripe in 0..place.layout.stripes() {
            let start = place.layout.cell_offset(stripe);
            let cell = start..start + place.layout.cell_len(stripe) as u64;
            let mut bytes = self.recover(place, position, cell, Some(target)).await?;
            if is_planted(PlantedBug::BadRepair) {
                bytes = bytes.iter().map(|byte| !byte).collect();
            }
            sink.push(bytes).await.map_err(StoreError::unavailable)?;
        }
        sink.finish().await.map_err(StoreError::unavailable)
    }

    /// A range of one shard, computed from the same range of k others (or read
    /// from a hand-off of the very shard). The range must lie in one cell.
    pub(crate) async fn recover(
        self: &Arc<Self>,
        place: &ChunkPlace,
        wanted: usize,
        range: Range<u64>,
        except: Option<Target>,
    ) -> Result<Bytes, StoreError> {
        let profile = place.layout.profile();
        let turn = timeout(TURN_TIMEOUT, self.pools.recoveries.acquire()).await;
        let _turn = turn.map_err(|_| StoreError::Busy)?.map_err(StoreError::internal)?;
        let all = (0..).zip(&place.targets).filter_map(|(p, target)| target.map(|target| (p, target)));
        let all = all.filter(|(_, target)| Some(*target) != except);
        let (copies, mut others): (Vec<_>, Vec<_>) = all.partition(|(position, _)| *position == wanted);
        // A copy of the shard itself is worth k others.
        for copy in copies.into_iter().filter(|(_, target)| except.is_some() && self.health.readable(*target))
        {
            if let (_, _, Ok(bytes)) = self.read_cell(place, copy, range.clone()).await {
                return Ok(bytes);
            }
        }
        // Those that can be read before others, the own ones first of them; the
        // last come out first.
        others.sort_by_key(|(position, target)| {
            (self.health.readable(*target), target.node == self.config.node, *position)
        });
        let mut reads = FuturesUnordered::new();
        let mut got: Vec<(usize, Bytes)> = Vec::new();
        while got.len() < profile.data() {
            while got.len() + reads.len() < profile.data()
                && let Some(other) = others.pop()
            {
                reads.push(self.read_cell(place, other, range.clone()));
            }
            match reads.next().await {
                Some((position, _, Ok(bytes))) => got.push((position, bytes)),
                Some((position, target, Err(fault))) => {
                    self.health.blame(target, fault);
                    tracing::debug!(chunk = %place.chunk, position, drive = %target.drive, %fault, "read for recovery");
                }
                None => {
                    return Err(StoreError::NotEnoughShards { available: got.len(), needed: profile.data() });
                }
            }
        }
        drop(reads);
        self.compute(place, wanted, got).await
    }

    /// A range of one shard of a chunk, for a recovery.
    async fn read_cell(
        &self,
        place: &ChunkPlace,
        (position, target): (usize, Target),
        range: Range<u64>,
    ) -> (usize, Target, Result<Bytes, ShardFault>) {
        let shard = ShardRef { chunk: place.chunk, position: u8::try_from(position).unwrap_or(u8::MAX) };
        let deadline = Instant::now() + CELL_TIMEOUT;
        (position, target, self.shards.read(target, shard, range, &self.pools.recovery, deadline).await)
    }

    async fn compute(
        &self,
        place: &ChunkPlace,
        wanted: usize,
        got: Vec<(usize, Bytes)>,
    ) -> Result<Bytes, StoreError> {
        let profile = place.layout.profile();
        let len = got.first().map_or(0, |(_, bytes)| bytes.len());
        let memory = self.pools.recovery.acquire(len, Instant::now() + CELL_TIMEOUT).await;
        let mut memory = memory.map_err(|_| StoreError::Busy)?;
        let compute = move || {
            let code = ErasureCode::new(profile)?;
            let present: Vec<(usize, &[u8])> =
                got.iter().map(|(position, bytes)| (*position, &bytes[..])).collect();
            code.reconstruct(&present, &mut [(wanted, &mut memory[..])])?;
            Ok::<_, mucura_chunks::ChunkError>(memory.freeze())
        };
        self.runtime.blocking.run(compute).await.map_err(StoreError::internal)?.map_err(StoreError::internal)
    }
}

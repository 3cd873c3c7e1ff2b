use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use mucura_chunks::{ChunkLayout, ErasureCode, ShardHeader};
use mucura_metadata::ChunkRecord;
use mucura_types::ChunkId;
use tokio::time::Instant;

use crate::error::StoreError;
use crate::shards::ShardRef;
use crate::store::Inner;
use crate::topology::{Target, Topology};

/// How long one cell of a shard may take to be read.
const CELL_TIMEOUT: Duration = Duration::from_secs(5);
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
            let bytes = self.recover(place, position, cell, Some(target)).await?;
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
        range: std::ops::Range<u64>,
        except: Option<Target>,
    ) -> Result<Bytes, StoreError> {
        let profile = place.layout.profile();
        let mut candidates: Vec<(usize, Target)> = (0..)
            .zip(&place.targets)
            .filter_map(|(position, target)| target.map(|target| (position, target)))
            .filter(|(position, target)| Some(*target) != except && (*position != wanted || except.is_some()))
            .collect();
        // The shard itself first, where it is kept elsewhere; then those that
        // can be read, the own ones before others; the last come out first.
        candidates.sort_by_key(|(position, target)| {
            let readable = self.health.readable(*target);
            (*position == wanted && readable, readable, target.node == self.config.node, *position)
        });
        let mut reads = FuturesUnordered::new();
        let mut got: Vec<(usize, Bytes)> = Vec::new();
        let read = |(position, target): (usize, Target)| {
            let (inner, chunk, range) = (self.clone(), place.chunk, range.clone());
            async move {
                let shard = ShardRef { chunk, position: u8::try_from(position).unwrap_or(u8::MAX) };
                let deadline = Instant::now() + CELL_TIMEOUT;
                (position, target, inner.shards.read(target, shard, range, deadline).await)
            }
        };
        loop {
            // One copy of the shard itself is worth k others.
            let needed = match candidates.last() {
                Some((position, _)) if *position == wanted => 1,
                _ => profile.data(),
            };
            while got.len() + reads.len() < needed
                && let Some(candidate) = candidates.pop()
            {
                reads.push(read(candidate));
            }
            match reads.next().await {
                Some((position, _, Ok(bytes))) if position == wanted => return Ok(bytes),
                Some((position, _, Ok(bytes))) => got.push((position, bytes)),
                Some((position, target, Err(fault))) => {
                    tracing::debug!(chunk = %place.chunk, position, drive = %target.drive, %fault, "read for recovery");
                }
                None => {
                    return Err(StoreError::NotEnoughShards { available: got.len(), needed: profile.data() });
                }
            }
            if got.len() == profile.data() {
                return self.compute(place, wanted, got).await;
            }
        }
    }

    async fn compute(
        &self,
        place: &ChunkPlace,
        wanted: usize,
        got: Vec<(usize, Bytes)>,
    ) -> Result<Bytes, StoreError> {
        let profile = place.layout.profile();
        let len = got.first().map_or(0, |(_, bytes)| bytes.len());
        let memory = self.pool.acquire(len, Instant::now() + CELL_TIMEOUT).await;
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

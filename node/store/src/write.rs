use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use mucura_chunks::{Buffer, ChunkLayout, ErasureCode, ShardHeader, ShardName};
use mucura_metadata::{ChunkRecord, ShardException, Written};
use mucura_types::{
    BucketId, CELL_BYTES, CHUNK_BYTES_MAX, ChunkId, DriveId, INLINE_BYTES_MAX, PlacementTable, PlantedBug,
    Profile, TableId, UserId, is_planted,
};
use tokio::time::{Instant, timeout};

use crate::body::{Body, BodyFailed, BodySize};
use crate::cleanup::WrittenShards;
use crate::digest::{Digests, HashLane, Hashing};
use crate::error::StoreError;
use crate::gateway::Session;
use crate::lane::Lane;
use crate::rebuild::ChunkPlace;
use crate::shards::ShardFault;
use crate::source::Source;
use crate::store::Inner;
use crate::topology::{Target, Topology};

/// How long an upload waits for memory.
const BUFFER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an upload waits for its turn.
const PLACE_TIMEOUT: Duration = Duration::from_secs(20);
/// Drives that are tried for one shard of a chunk that lost some.
const SUBSTITUTES_MAX: usize = 4;
/// Once a write quorum of shards is durable, how long the others may take.
const STRAGGLER_TIMEOUT: Duration = Duration::from_secs(1);

/// What the shards of a body say of it, so that metadata can be rebuilt.
#[derive(Clone)]
pub(crate) struct Label {
    pub(crate) bucket: BucketId,
    pub(crate) owner: UserId,
    pub(crate) key: String,
}

/// A body on stable storage, not yet committed. Dropped without
/// [`WrittenShards::hold`], its shards are removed.
pub(crate) struct StoredBody {
    pub(crate) written: Written,
    /// Bytes of it, as it came.
    pub(crate) size: u64,
    pub(crate) digests: Digests,
    pub(crate) shards: WrittenShards,
    /// Kept open until the commit is answered.
    pub(crate) session: Option<Arc<Session>>,
}

/// What a chunk is made of.
enum Content {
    /// So many of the next bytes of the body.
    Next(u64),
    /// So many bytes that were read already, one stripe at most.
    Stripe(Buffer, usize),
}

impl From<BodyFailed> for StoreError {
    fn from(BodyFailed: BodyFailed) -> Self {
        Self::Body
    }
}

impl Inner {
    /// Stores a body: in the command if it is small, else in chunks that are
    /// durable when this returns. Chunks are full, save the last; but those of
    /// a body whose size is known only at its end have one stripe each, for a
    /// chunk begins with its length.
    pub(crate) async fn write_body(
        self: &Arc<Self>,
        body: &mut dyn Body,
        size: BodySize,
        label: Label,
        deadline: Instant,
    ) -> Result<StoredBody, StoreError> {
        let plan = body.plan();
        let mut source = Source::new(body, size.most());
        if let Some(memory) = read_small(&mut source, size).await? {
            let mut hashing = Hashing::new(plan);
            hashing.update(&memory);
            let sealed = self.site_key.seal(BODY_PURPOSE, &memory, &*self.runtime.entropy)?;
            let shards = WrittenShards::none();
            let (written, size) = (Written::Inline(sealed.into()), memory.len() as u64);
            return Ok(StoredBody { written, size, digests: hashing.finish(), shards, session: None });
        }
        let place = timeout(PLACE_TIMEOUT, self.pools.places.acquire()).await;
        let _place = place.map_err(|_| StoreError::Busy)?.map_err(StoreError::internal)?;
        let session = self.gateway.session(deadline).await?;
        let topology = self.topology().await?;
        let write = session.next_write();
        let mut shards = WrittenShards::new(self.cleanup.clone());
        let mut hash = HashLane::new(plan, self.runtime.blocking.clone());
        let mut chunks = Vec::new();
        let mut written = 0;
        while let Some(content) = self.next_chunk(&mut source, size, written, &topology).await? {
            let number = u32::try_from(chunks.len()).map_err(StoreError::internal)?;
            let chunk = ChunkId { write, number };
            let record = self
                .write_chunk(chunk, content, &topology, &label, &mut source, &mut hash, &mut shards)
                .await?;
            written += u64::from(record.len);
            chunks.push(record);
        }
        source.end().await?;
        let digests = hash.finish().await.map_err(StoreError::internal)?;
        let (size, written) = (written, Written::Chunks { write, chunks, epoch: topology.epoch });
        Ok(StoredBody { written, size, digests, shards, session: Some(session) })
    }

    /// What the chunk after `written` bytes is made of; none at the end.
    async fn next_chunk(
        &self,
        source: &mut Source<'_>,
        size: BodySize,
        written: u64,
        topology: &Topology,
    ) -> Result<Option<Content>, StoreError> {
        if let BodySize::Exact(size) = size {
            let len = (size - written).min(CHUNK_BYTES_MAX as u64);
            return Ok((len > 0).then_some(Content::Next(len)));
        }
        let profile = table_of(topology)?.profile;
        let mut memory = self.stripe_memory(CELL_BYTES * profile.shards()).await?;
        let read = source.read(&mut memory[..CELL_BYTES * profile.data()]).await?;
        Ok((read > 0).then_some(Content::Stripe(memory, read)))
    }

    async fn stripe_memory(&self, len: usize) -> Result<Buffer, StoreError> {
        let memory = self.pools.uploads.acquire(len, Instant::now() + BUFFER_TIMEOUT).await;
        memory.map_err(|_| StoreError::Busy)
    }

    #[allow(clippy::too_many_arguments)] // One chunk of one body: all of it belongs together.
    async fn write_chunk(
        self: &Arc<Self>,
        chunk: ChunkId,
        content: Content,
        topology: &Topology,
        label: &Label,
        source: &mut Source<'_>,
        hash: &mut HashLane,
        shards: &mut WrittenShards,
    ) -> Result<ChunkRecord, StoreError> {
        let (len, mut read) = match content {
            Content::Next(len) => (len, None),
            Content::Stripe(memory, len) => (len as u64, Some(memory)),
        };
        let table = table_of(topology)?;
        let profile = table.profile;
        let mapped = table.drives(chunk);
        let layout = ChunkLayout::new(len, profile).map_err(StoreError::internal)?;
        let code = Arc::new(ErasureCode::new(profile).map_err(StoreError::internal)?);
        let header = |position| ShardHeader {
            shard: ShardName { chunk, position },
            layout,
            bucket: label.bucket,
            owner: label.owner,
            key: label.key.clone(),
        };
        let mut chosen = self.health.choose(topology, mapped);
        if able(&chosen) < profile.write_quorum() {
            // What is known of drives is up to a second old: they may have come back since.
            self.polls.news().await;
            chosen = self.health.choose(topology, mapped);
        }
        let able = able(&chosen);
        if able < profile.write_quorum() {
            return Err(StoreError::NotEnoughDrives { stored: able, needed: profile.write_quorum() });
        }
        let mut lanes: Vec<Option<Lane>> = Vec::new();
        for stripe in 0..layout.stripes() {
            let cell = layout.cell_len(stripe);
            let range = layout.stripe_range(stripe);
            let data = usize::try_from(range.end - range.start).map_err(StoreError::internal)?;
            let mut memory = match read.take() {
                Some(memory) => memory,
                None => {
                    let mut memory = self.stripe_memory(cell * profile.shards()).await?;
                    source.fill(&mut memory[..data]).await?;
                    memory
                }
            };
            memory.truncate(cell * profile.shards());
            memory[data..cell * profile.data()].fill(0);
            let code = code.clone();
            let encode = move || code.encode_stripe(&mut memory).map(|()| memory.freeze());
            let cells = self.runtime.blocking.run(encode).await.map_err(StoreError::internal)?;
            let cells = cells.map_err(StoreError::internal)?;
            hash.push(cells.slice(..data)).await.map_err(StoreError::internal)?;
            // Only now, with bytes at hand, are the drives kept busy.
            if lanes.is_empty() {
                for (position, target) in (0u8..).zip(&chosen) {
                    target.iter().for_each(|target| shards.began(*target, chunk, position));
                    lanes.push(target.map(|target| Lane::begin(&self.shards, target, header(position))));
                }
            }
            let pushes = (0..).zip(&mut lanes).filter_map(|(position, lane)| {
                let cell = cells.slice(position * cell..(position + 1) * cell);
                lane.as_mut().map(|lane| lane.push(cell))
            });
            join_all(pushes).await;
            let alive = lanes.iter().flatten().filter(|lane| lane.is_alive()).count();
            if alive < profile.data() {
                return Err(StoreError::NotEnoughDrives { stored: alive, needed: profile.write_quorum() });
            }
        }

        let mut durable = self.finish_lanes(lanes, profile).await;
        if durable.iter().flatten().count() < profile.write_quorum() {
            let place = ChunkPlace { chunk, layout, targets: durable.clone() };
            self.complete_chunk(place, topology, mapped, header, &mut durable, shards).await?;
        }
        let record = record(len, profile, table.id, mapped, &durable);
        if !record.exceptions.is_empty() {
            tracing::debug!(%chunk, exceptions = ?record.exceptions, "shards are not where they belong");
        }
        Ok(record)
    }

    /// Ends the lanes; gives for each position where it is durable. Waits for
    /// all, but no longer than a moment for the last once there is a quorum.
    async fn finish_lanes(&self, lanes: Vec<Option<Lane>>, profile: Profile) -> Vec<Option<Target>> {
        let mut durable = vec![None; lanes.len()];
        let mut finishing: FuturesUnordered<_> = (0usize..)
            .zip(lanes)
            .filter_map(|(position, lane)| lane.map(|lane| (position, lane)))
            .map(|(position, lane)| async move { (position, lane.target, lane.finish().await) })
            .collect();
        loop {
            let quorum = durable.iter().flatten().count() >= profile.write_quorum();
            let next = match quorum {
                true => timeout(STRAGGLER_TIMEOUT, finishing.next()).await.unwrap_or(None),
                false => finishing.next().await,
            };
            match next {
                None => return durable,
                // A repetition of a shard that is there already.
                Some((position, target, Ok(()) | Err(ShardFault::Exists))) => {
                    durable[position] = Some(target)
                }
                Some((_, target, Err(fault))) => {
                    tracing::warn!(drive = %target.drive, node = %target.node, %fault, "a drive did not take a shard");
                    self.health.blame(target, fault);
                }
            }
        }
    }

    /// Brings a chunk that lost drives while it was written up to the write
    /// quorum, by rebuilding shards on other drives.
    async fn complete_chunk(
        self: &Arc<Self>,
        mut place: ChunkPlace,
        topology: &Topology,
        mapped: &[DriveId],
        header: impl Fn(u8) -> ShardHeader,
        durable: &mut [Option<Target>],
        shards: &mut WrittenShards,
    ) -> Result<(), StoreError> {
        let quorum = place.layout.profile().write_quorum();
        for position in 0..durable.len() {
            let number = u8::try_from(position).map_err(StoreError::internal)?;
            for _ in 0..SUBSTITUTES_MAX {
                if durable[position].is_some() || durable.iter().flatten().count() >= quorum {
                    break;
                }
                let own = mapped.get(position).and_then(|drive| topology.target(*drive));
                let own = own.filter(|target| self.health.writable(*target));
                let Some(target) = own.or_else(|| self.health.substitute(topology, mapped, durable)) else {
                    break;
                };
                shards.began(target, place.chunk, number);
                match Box::pin(self.rebuild(&place, header(number), target)).await {
                    Ok(()) => {
                        tracing::debug!(chunk = %place.chunk, position, drive = %target.drive, "shard written anew elsewhere");
                        durable[position] = Some(target);
                        place.targets[position] = Some(target);
                    }
                    Err(error) => {
                        tracing::warn!(drive = %target.drive, %error, "complete a chunk");
                        self.health.suspect(target.drive);
                    }
                }
            }
        }
        match durable.iter().flatten().count() {
            stored if stored < quorum => Err(StoreError::NotEnoughDrives { stored, needed: quorum }),
            _ => Ok(()),
        }
    }
}

/// All of a body that is small enough for the command; none if it is not.
async fn read_small(source: &mut Source<'_>, size: BodySize) -> Result<Option<Vec<u8>>, BodyFailed> {
    let mut memory = match size {
        BodySize::Exact(size) => match usize::try_from(size) {
            Ok(size) if size <= INLINE_BYTES_MAX => vec![0; size],
            _ => return Ok(None),
        },
        BodySize::AtMost(_) => vec![0; INLINE_BYTES_MAX + 1],
    };
    match size {
        BodySize::Exact(_) => source.fill(&mut memory).await?,
        BodySize::AtMost(_) => match source.read(&mut memory).await? {
            read if read > INLINE_BYTES_MAX => {
                source.put_back(&memory);
                return Ok(None);
            }
            read => memory.truncate(read),
        },
    }
    source.end().await?;
    Ok(Some(memory))
}

fn able(chosen: &[Option<Target>]) -> usize {
    chosen.iter().flatten().count()
}

fn table_of(topology: &Topology) -> Result<&PlacementTable, StoreError> {
    topology.table().ok_or_else(|| StoreError::unavailable("the site has no drives yet"))
}

/// What inline bodies are sealed for.
pub(crate) const BODY_PURPOSE: &[u8] = b"body";

fn record(
    len: u64,
    profile: Profile,
    table: TableId,
    mapped: &[DriveId],
    durable: &[Option<Target>],
) -> ChunkRecord {
    let exceptions = (0u8..)
        .zip(mapped.iter().zip(durable))
        .filter_map(|(position, (mapped, target))| {
            let at = target.map(|target| target.drive);
            (at != Some(*mapped) && !is_planted(PlantedBug::UnrecordedHandOff))
                .then_some(ShardException { position, at })
        })
        .collect();
    // A chunk has at most 64 MiB.
    ChunkRecord { len: u32::try_from(len).unwrap_or(u32::MAX), profile, table, exceptions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_types::{NodeId, StoreId};

    #[test]
    fn a_record_lists_what_is_missing_or_not_at_its_mapped_drive() {
        let at = |drive| Some(Target { drive: DriveId(drive), node: NodeId(1), store: StoreId([0; 16]) });
        let mapped = [DriveId(1), DriveId(2), DriveId(3)];
        let record = record(10, Profile::new(2, 1), TableId(1), &mapped, &[at(1), at(9), None]);
        let exceptions: Vec<_> = record.exceptions.iter().map(|e| (e.position, e.at.map(|d| d.0))).collect();
        assert_eq!(exceptions, [(1, Some(9)), (2, None)]);
    }
}

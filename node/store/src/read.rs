use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use mucura_metadata::{Body, ExecuteError, View, chunk, parts_of_upload};
use mucura_types::{ChunkId, WriteId};
use tokio::time::{Instant, timeout};

use crate::error::StoreError;
use crate::rebuild::ChunkPlace;
use crate::shards::{ShardFault, ShardRef};
use crate::store::Inner;
use crate::topology::Topology;
use crate::write::BODY_PURPOSE;

/// Stripes read ahead of the client.
const READ_AHEAD: usize = 2;
/// A shard that takes longer than this to answer is replaced by parity.
const SLOW: Duration = Duration::from_secs(1);
/// A shard that takes longer than this has failed.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Part rows read at a time.
const PART_PAGE: usize = 1000;

/// The bytes of an object, in order; each item was verified.
pub type ObjectStream = Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

/// A run of bytes of a body.
#[derive(Clone, Debug)]
enum Extent {
    /// In the metadata, sealed.
    Inline { sealed: Bytes, range: Range<u64> },
    /// In a chunk.
    Chunk { place: Arc<ChunkPlace>, range: Range<u64> },
}

/// What one step of a read brings: a stripe's share, or an inline body.
enum Step {
    Inline { sealed: Bytes, range: Range<u64> },
    Stripe { place: Arc<ChunkPlace>, range: Range<u64> },
}

/// Why a body cannot be laid out for reading.
enum LayoutFault {
    Rows(ExecuteError),
    Damage(String),
}

impl From<ExecuteError> for LayoutFault {
    fn from(error: ExecuteError) -> Self {
        Self::Rows(error)
    }
}

impl Inner {
    /// The bytes `range` of a body.
    pub(crate) async fn open_body(
        self: &Arc<Self>,
        body: Body,
        range: Range<u64>,
    ) -> Result<ObjectStream, StoreError> {
        if let Body::Inline(sealed) = body {
            let pieces = self.take_step(Step::Inline { sealed, range }).await?;
            return Ok(Box::pin(stream::iter(pieces.into_iter().map(Ok))));
        }
        let inner = self.clone();
        let extents = self
            .read(move |view| {
                let topology = inner.topology.of(view)?;
                let mut extents = Vec::new();
                Ok(lay_out(view, &topology, &body, range, &mut extents).map(|()| extents))
            })
            .await?;
        let extents = extents.map_err(|fault| match fault {
            LayoutFault::Rows(error) => error.into(),
            LayoutFault::Damage(detail) => StoreError::internal(detail),
        })?;
        let inner = self.clone();
        let stream = stream::iter(extents.into_iter().flat_map(steps))
            .map(move |step| {
                let inner = inner.clone();
                async move { inner.take_step(step).await }
            })
            .buffered(READ_AHEAD)
            .map_ok(|pieces| stream::iter(pieces.into_iter().map(Ok)))
            .try_flatten();
        // The first bytes before the answer: what cannot be read must be told
        // by a status, not by an answer that breaks off.
        let mut stream = Box::pin(stream);
        Ok(match stream.next().await.transpose()? {
            Some(first) => Box::pin(stream::iter([Ok(first)]).chain(stream)),
            None => stream,
        })
    }

    async fn take_step(self: &Arc<Self>, step: Step) -> Result<Vec<Bytes>, StoreError> {
        match step {
            Step::Inline { sealed, range } => {
                let plain = Bytes::from(self.site_key.open(BODY_PURPOSE, &sealed)?);
                let bounds = usize::try_from(range.start).unwrap_or(usize::MAX)
                    ..usize::try_from(range.end).unwrap_or(0);
                match plain.get(bounds) {
                    Some(piece) => Ok(vec![plain.slice_ref(piece)]),
                    None => Err(StoreError::internal("an inline body is shorter than its record says")),
                }
            }
            Step::Stripe { place, range } => match self.read_stripe(&place, range.clone()).await {
                // Shards may have been brought home since the place was looked
                // up: once more, from where they are now.
                Err(StoreError::NotEnoughShards { available, needed }) => {
                    match self.chunk_record(place.chunk).await? {
                        Some((topology, record)) => {
                            tracing::debug!(chunk = %place.chunk, "look up a chunk once more");
                            let place = ChunkPlace::new(place.chunk, &record, &topology)?;
                            self.read_stripe(&place, range).await
                        }
                        None => Err(StoreError::NotEnoughShards { available, needed }),
                    }
                }
                other => other,
            },
        }
    }

    async fn read_stripe(
        self: &Arc<Self>,
        place: &ChunkPlace,
        range: Range<u64>,
    ) -> Result<Vec<Bytes>, StoreError> {
        let pieces = place.layout.pieces(range);
        let reads = pieces.map(|piece| self.read_piece(place, usize::from(piece.position), piece.in_shard));
        try_join_all(reads).await
    }

    /// A range of a data shard: from the drive that holds it, or, if that does
    /// not answer well and soon, from the others.
    async fn read_piece(
        self: &Arc<Self>,
        place: &ChunkPlace,
        position: usize,
        range: Range<u64>,
    ) -> Result<Bytes, StoreError> {
        let Some(target) = place.targets.get(position).copied().flatten() else {
            return self.recover_piece(place, position, range).await;
        };
        let shard =
            ShardRef { chunk: place.chunk, position: u8::try_from(position).map_err(StoreError::internal)? };
        let deadline = Instant::now() + READ_TIMEOUT;
        let direct = self.shards.read(target, shard, range.clone(), &self.pools.reads, deadline);
        if !self.health.readable(target) {
            // It may be back before anyone has heard: a last resort.
            return match self.recover_piece(place, position, range).await {
                Err(error @ StoreError::NotEnoughShards { .. }) => direct.await.map_err(|_| error),
                other => other,
            };
        }
        tokio::pin!(direct);
        match timeout(SLOW, &mut direct).await {
            Ok(Ok(bytes)) => Ok(bytes),
            // All memory is in use: to read k others would take more of it.
            Ok(Err(ShardFault::Busy)) => Err(StoreError::Busy),
            Ok(Err(fault)) => {
                self.health.blame(target, fault);
                tracing::debug!(chunk = %place.chunk, position, drive = %target.drive, %fault, "read a shard; parity stands in");
                self.recover_piece(place, position, range).await
            }
            Err(_) => match self.recover_piece(place, position, range).await {
                Ok(bytes) => Ok(bytes),
                Err(error) => direct.await.map_err(|_| error),
            },
        }
    }

    /// A recovered range, in memory that a slow client may hold on to.
    async fn recover_piece(
        self: &Arc<Self>,
        place: &ChunkPlace,
        position: usize,
        range: Range<u64>,
    ) -> Result<Bytes, StoreError> {
        let recovered = Box::pin(self.recover(place, position, range, None)).await?;
        let memory = self.pools.reads.acquire(recovered.len(), Instant::now() + READ_TIMEOUT).await;
        let mut memory = memory.map_err(|_| StoreError::Busy)?;
        memory.copy_from_slice(&recovered);
        Ok(memory.freeze())
    }
}

/// Finds where the bytes `range` of a body are, by rows of one index.
fn lay_out(
    view: &dyn View,
    topology: &Topology,
    body: &Body,
    range: Range<u64>,
    extents: &mut Vec<Extent>,
) -> Result<(), LayoutFault> {
    match body {
        Body::Inline(sealed) => extents.push(Extent::Inline { sealed: sealed.clone(), range }),
        Body::Chunks(write) => lay_out_chunks(view, topology, *write, range, extents)?,
        Body::Parts(upload) => {
            let (mut start, mut last) = (0u64, 0u16);
            loop {
                let page = parts_of_upload(view, *upload, last, PART_PAGE)?;
                for (number, part) in &page {
                    let within = range.start.max(start)..range.end.min(start + part.size);
                    if within.start < within.end {
                        let within = within.start - start..within.end - start;
                        lay_out(view, topology, &part.body, within, extents)?;
                    }
                    start += part.size;
                    last = *number;
                }
                if page.len() < PART_PAGE || start >= range.end {
                    break;
                }
            }
        }
    }
    Ok(())
}

fn lay_out_chunks(
    view: &dyn View,
    topology: &Topology,
    write: WriteId,
    range: Range<u64>,
    extents: &mut Vec<Extent>,
) -> Result<(), LayoutFault> {
    let record_of = |number: u64| {
        let id = ChunkId { write, number: u32::try_from(number).unwrap_or(u32::MAX) };
        let missing = || LayoutFault::Damage(format!("chunk {id} has no record"));
        chunk(view, id)?.map(|record| (id, record)).ok_or_else(missing)
    };
    // All but the last are as long as the first.
    let first = record_of(0)?;
    let len = u64::from(first.1.len).max(1);
    for number in range.start / len..range.end.div_ceil(len) {
        let (id, record) = if number == 0 { first.clone() } else { record_of(number)? };
        let place = ChunkPlace::new(id, &record, topology).map_err(|e| LayoutFault::Damage(e.to_string()))?;
        let start = number * len;
        let within = range.start.max(start) - start..range.end.min(start + len) - start;
        extents.push(Extent::Chunk { place: Arc::new(place), range: within });
    }
    Ok(())
}

/// Cuts an extent into stripes.
fn steps(extent: Extent) -> impl Iterator<Item = Step> + Send {
    let (inline, place, range) = match extent {
        Extent::Inline { sealed, range } => (Some(Step::Inline { sealed, range }), None, 0..0),
        Extent::Chunk { place, range } => (None, Some(place), range),
    };
    let stripes = place.into_iter().flat_map(move |place| {
        let range = range.clone();
        (0..place.layout.stripes()).filter_map(move |stripe| {
            let stripe = place.layout.stripe_range(stripe);
            let within = range.start.max(stripe.start)..range.end.min(stripe.end);
            (within.start < within.end).then(|| Step::Stripe { place: place.clone(), range: within })
        })
    });
    inline.into_iter().chain(stripes)
}

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use mucura_metadata::{
    ChunkRecord, Command, Garbage, GarbageClass, GarbageItem, Reply, chunk, chunks_of_write, garbage,
    garbage_of_write,
};
use mucura_types::{ChunkId, HybridTime};
use tokio::time::Instant;

use crate::background::{Rests, rung};
use crate::error::StoreError;
use crate::shards::ShardRef;
use crate::store::Inner;
use crate::topology::{Target, Topology};

/// Between two looks for garbage, unless told of some.
const PERIOD: Duration = Duration::from_secs(2);
/// Items read in one go.
const PAGE: usize = 256;
/// Items that are removed at once.
const AT_ONCE: usize = 16;
/// The longest rest after a look that left items behind: those have shards on
/// a drive that does not answer.
const REST_MAX: Duration = Duration::from_secs(20);
/// A repeated Complete gets the same answer for this long.
const TOMBSTONE: Duration = Duration::from_secs(24 * 3600);
const REMOVE_TIMEOUT: Duration = Duration::from_secs(10);
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(10);

impl Inner {
    /// Removes what the metadata lists as garbage. Only the leader acts.
    pub(crate) async fn collect_garbage(self: Arc<Self>) {
        let mut rests = Rests::new(REST_MAX, self.health.returns());
        loop {
            rung(&self.garbage_found, PERIOD).await;
            if *self.consensus.leader().borrow() != Some(self.config.node) {
                continue;
            }
            let mut left = 0;
            for class in [GarbageClass::AtOnce, GarbageClass::AfterGrace, GarbageClass::Tombstone] {
                left += self.collect_class(class).await.unwrap_or_else(|error| {
                    tracing::info!(%error, ?class, "collect garbage; tried again soon");
                    1
                });
            }
            rests.after(left > 0).await;
        }
    }

    /// Garbage of this class may go if it is from before this.
    fn due_before(&self, class: GarbageClass) -> HybridTime {
        let age = match class {
            // The hybrid clock may run a little ahead of the wall clock; what
            // may go at once has no age to be compared.
            GarbageClass::AtOnce => return HybridTime(u64::MAX),
            GarbageClass::AfterGrace => self.config.grace,
            GarbageClass::Tombstone => TOMBSTONE,
        };
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        HybridTime(self.runtime.clock.now_ms().saturating_sub(age_ms) << 16)
    }

    /// Collects what is due; gives how many items are left behind.
    async fn collect_class(self: &Arc<Self>, class: GarbageClass) -> Result<u32, StoreError> {
        let before = self.due_before(class);
        let (mut after, mut left) = (None, 0);
        loop {
            let items = self.read(move |view| garbage(view, class, after, before, PAGE)).await?;
            let last = (items.len() == PAGE).then(|| items.last().copied()).flatten();
            let mut collected = stream::iter(items)
                .map(|item| {
                    let inner = self.clone();
                    async move { inner.collect_item(item).await }
                })
                .buffer_unordered(AT_ONCE);
            while let Some(gone) = collected.next().await {
                left += u32::from(!gone?);
            }
            match last {
                Some(last) => after = Some(last),
                None => return Ok(left),
            }
        }
    }

    /// Removes an item and its shards; whether all are gone.
    async fn collect_item(self: &Arc<Self>, item: GarbageItem) -> Result<bool, StoreError> {
        if !self.remove_shards(item).await? {
            return Ok(false);
        }
        let command = Command::ForgetGarbage { item };
        if self.gateway.repeatable(command, Instant::now() + PROPOSE_TIMEOUT).await? == Reply::More {
            self.garbage_found.notify_one();
        }
        tracing::debug!(?item, "garbage is gone");
        Ok(true)
    }

    /// Removes the shards of an item from every drive that answers; whether
    /// all are gone.
    async fn remove_shards(self: &Arc<Self>, item: GarbageItem) -> Result<bool, StoreError> {
        let Garbage::Write(write) = item.garbage else {
            return Ok(true);
        };
        let inner = self.clone();
        let by_target = self
            .read(move |view| {
                let topology = inner.topology.of(view)?;
                let mut by_target: BTreeMap<Target, Vec<ShardRef>> = BTreeMap::new();
                for (chunk, record) in chunks_of_write(view, write)? {
                    for position in 0..record.profile.data + record.profile.parity {
                        if let Some(target) = topology.location(chunk, &record, usize::from(position)) {
                            by_target.entry(target).or_default().push(ShardRef { chunk, position });
                        }
                    }
                }
                Ok(by_target)
            })
            .await?;
        let mut all = true;
        for (target, shards) in by_target {
            if !self.health.readable(target) {
                all = false;
                continue;
            }
            if let Err(fault) = self.shards.remove(target, shards, Instant::now() + REMOVE_TIMEOUT).await {
                tracing::info!(drive = %target.drive, %fault, "remove garbage; tried again soon");
                all = false;
            }
        }
        Ok(all)
    }

    /// The record of a chunk, with the topology of the same index. None also
    /// if it is garbage that is due: whoever mended that would work against
    /// the collection.
    pub(crate) async fn wanted_chunk(
        self: &Arc<Self>,
        id: ChunkId,
    ) -> Result<Option<(Arc<Topology>, ChunkRecord)>, StoreError> {
        let inner = self.clone();
        let found = self
            .read(move |view| {
                let topology = inner.topology.of(view)?;
                let item = garbage_of_write(view, id.write)?;
                Ok(chunk(view, id)?.map(|record| (topology, record, item)))
            })
            .await?;
        let due = |item: GarbageItem| item.since < self.due_before(item.class);
        Ok(found
            .filter(|(_, _, item)| !item.is_some_and(due))
            .map(|(topology, record, _)| (topology, record)))
    }
}

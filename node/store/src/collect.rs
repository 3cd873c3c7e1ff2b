use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mucura_metadata::{Command, Garbage, GarbageClass, GarbageItem, Reply, chunks_of_write, garbage};
use mucura_types::HybridTime;
use tokio::time::Instant;

use crate::background::rung;
use crate::error::StoreError;
use crate::shards::ShardRef;
use crate::store::Inner;
use crate::topology::Target;

/// Between two looks for garbage, unless told of some.
const PERIOD: Duration = Duration::from_secs(2);
/// Items read in one go. Those that wait for a drive to come back are passed
/// by, and do not hold up the others.
const PAGE: usize = 256;
/// A repeated Complete gets the same answer for this long.
const TOMBSTONE: Duration = Duration::from_secs(24 * 3600);
const REMOVE_TIMEOUT: Duration = Duration::from_secs(10);
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(10);

impl Inner {
    /// Removes what the metadata lists as garbage. Only the leader acts.
    pub(crate) async fn collect_garbage(self: Arc<Self>) {
        loop {
            rung(&self.garbage_found, PERIOD).await;
            if *self.consensus.leader().borrow() != Some(self.config.node) {
                continue;
            }
            for (class, age) in [
                (GarbageClass::AtOnce, Duration::ZERO),
                (GarbageClass::AfterGrace, self.config.grace),
                (GarbageClass::Tombstone, TOMBSTONE),
            ] {
                if let Err(error) = self.collect_class(class, age).await {
                    tracing::info!(%error, ?class, "collect garbage; tried again soon");
                }
            }
        }
    }

    async fn collect_class(self: &Arc<Self>, class: GarbageClass, age: Duration) -> Result<(), StoreError> {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        // The hybrid clock may run a little ahead of the wall clock; what may
        // go at once has no age to be compared.
        let before = match class {
            GarbageClass::AtOnce => HybridTime(u64::MAX),
            _ => HybridTime(self.runtime.clock.now_ms().saturating_sub(age_ms) << 16),
        };
        let mut after = None;
        loop {
            let items = self.read(move |view| garbage(view, class, after, before, PAGE)).await?;
            for item in &items {
                if self.remove_shards(*item).await? {
                    let command = Command::ForgetGarbage { item: *item };
                    let deadline = Instant::now() + PROPOSE_TIMEOUT;
                    if self.gateway.repeatable(command, deadline).await? == Reply::More {
                        self.garbage_found.notify_one();
                    }
                }
            }
            match items.last() {
                Some(last) if items.len() == PAGE => after = Some(*last),
                _ => return Ok(()),
            }
        }
    }

    /// Removes the shards of an item; whether all are gone.
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
        // Half of it gone would only make work for repair.
        if by_target.keys().any(|target| !self.health.readable(*target)) {
            return Ok(false);
        }
        for (target, shards) in by_target {
            if let Err(fault) = self.shards.remove(target, shards, Instant::now() + REMOVE_TIMEOUT).await {
                tracing::info!(drive = %target.drive, %fault, "remove garbage; tried again soon");
                return Ok(false);
            }
        }
        Ok(true)
    }
}

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use mucura_chunks::{Drive, DriveState, ShardHeader};
use mucura_metadata::{ChunkRecord, Command, chunks_at_risk, sessions};
use mucura_types::SessionId;
use tokio::time::Instant;

use crate::background::{Rests, rung};
use crate::error::StoreError;
use crate::rebuild::ChunkPlace;
use crate::shards::{DriveAudit, DriveRef, ShardFault, ShardRef};
use crate::store::Inner;
use crate::topology::{Target, Topology};

/// Between two looks, unless told of damage.
const PERIOD: Duration = Duration::from_secs(2);
/// Between two comparisons of a whole drive.
const AUDIT_PERIOD: Duration = Duration::from_secs(600);
/// Chunks at risk that are read in one go.
const PAGE: usize = 256;
/// Shards of a drive that are rebuilt at once.
const AT_ONCE: usize = 4;
/// Failed repairs of one look that are told one by one.
const TOLD_MAX: usize = 8;
/// The longest rest after a look in which repairs failed.
const REST_MAX: Duration = Duration::from_secs(60);
const READ_TIMEOUT: Duration = Duration::from_secs(5);
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(10);

impl Inner {
    /// Makes this node's drives whole: every node rebuilds what is missing on
    /// its own drives, from what the others hold.
    pub(crate) async fn repair_drives(self: Arc<Self>) {
        let mut audited = Instant::now();
        let mut live: BTreeSet<SessionId> = BTreeSet::new();
        let mut rests = Rests::new(REST_MAX, self.health.returns());
        loop {
            rung(&self.keeper.found_damage, PERIOD).await;
            // A session that has ended leaves shards that nobody will commit.
            if let Ok(now) = self.read(|view| Ok(sessions(view)?.into_keys().collect::<BTreeSet<_>>())).await
            {
                if live != now || audited.elapsed() > AUDIT_PERIOD {
                    self.reopen_audits();
                    audited = Instant::now();
                }
                live = now;
            }
            // Every drive by itself: one that is slow must not keep the others.
            let failed = join_all(self.keeper.drives().into_iter().map(|drive| {
                let inner = self.clone();
                async move { inner.repair_drive(&drive).await }
            }))
            .await;
            // What cannot be mended now is not tried over and over at once.
            rests.after(failed.into_iter().any(|count| count > 0)).await;
        }
    }

    fn reopen_audits(&self) {
        for drive in self.keeper.drives() {
            self.keeper.with_audit(drive.identity().drive, |audit| audit.due = true);
        }
    }

    /// Looks after a drive once; gives how many repairs failed.
    async fn repair_drive(self: &Arc<Self>, drive: &Drive) -> usize {
        let id = drive.identity().drive;
        // A full drive is still compared and cleaned.
        if matches!(drive.state(), DriveState::Failed { .. }) {
            return 0;
        }
        let reports = drive.take_reports();
        self.keeper.with_audit(id, |audit| {
            audit.due |= reports.lost > 0;
            audit.missing.extend(reports.reports.iter().map(|report| ShardRef::from(report.shard)));
        });
        for report in &reports.reports {
            tracing::warn!(drive = %id, shard = %report.shard, kind = ?report.kind, "a shard was lost; it will be rebuilt if it is needed");
        }
        let mut failed = 0;
        for result in [
            self.audit_if_due(drive).await.map(|()| 0),
            self.repair_missing(drive).await,
            self.bring_home(drive).await,
        ] {
            failed += result.unwrap_or_else(|error| {
                tracing::info!(drive = %id, %error, "repair; tried again soon");
                1
            });
        }
        failed
    }

    async fn audit_if_due(self: &Arc<Self>, drive: &Drive) -> Result<(), StoreError> {
        let id = drive.identity().drive;
        let due = |audit: &mut DriveAudit| std::mem::take(&mut audit.due) || !audit.complete;
        if !self.keeper.with_audit(id, due).unwrap_or(false) {
            return Ok(());
        }
        let started = Instant::now();
        match self.audit_drive(drive).await {
            Ok(found) => {
                let seconds = started.elapsed().as_secs_f64();
                tracing::info!(drive = %id, missing = found.missing, removed = found.removed, seconds, "drive compared with the metadata");
                Ok(())
            }
            Err(error) => {
                self.keeper.with_audit(id, |audit| audit.due = true);
                Err(error)
            }
        }
    }

    /// Rebuilds the shards that are known to be missing; gives how many could
    /// not be.
    async fn repair_missing(self: &Arc<Self>, drive: &Drive) -> Result<usize, StoreError> {
        let id = drive.identity().drive;
        let missing = self.keeper.with_audit(id, |audit| audit.missing.clone()).unwrap_or_default();
        if missing.is_empty() {
            return Ok(0);
        }
        // Rows that lag would make it look as if nobody needed the shard.
        self.consensus.linearize(READ_TIMEOUT).await.map_err(StoreError::unavailable)?;
        let repairs = stream::iter(missing).map(|shard| {
            let (inner, drive) = (self.clone(), drive.clone());
            async move { (shard, inner.repair_shard(&drive, shard).await) }
        });
        let mut repairs = repairs.buffer_unordered(AT_ONCE);
        let mut failed = 0;
        while let Some((shard, result)) = repairs.next().await {
            match result {
                Ok(()) => {
                    self.keeper.with_audit(id, |audit| audit.missing.remove(&shard));
                }
                Err(error) => {
                    failed += 1;
                    if failed <= TOLD_MAX {
                        tracing::info!(drive = %id, shard = ?shard, %error, "rebuild a shard; tried again soon");
                    }
                }
            }
        }
        Ok(failed)
    }

    /// Rebuilds a shard on the drive if the metadata says that it is there and
    /// it is still wanted.
    async fn repair_shard(self: &Arc<Self>, drive: &Drive, shard: ShardRef) -> Result<(), StoreError> {
        let Some((topology, record)) = self.wanted_chunk(shard.chunk).await? else {
            return Ok(());
        };
        let position = usize::from(shard.position);
        let target = self.own_target(drive);
        if topology.location(shard.chunk, &record, position) != Some(target) {
            return Ok(());
        }
        self.restore(&topology, shard, &record, target).await
    }

    /// Brings shards that belong on this drive, and are elsewhere or nowhere,
    /// to it; then the record says so.
    async fn bring_home(self: &Arc<Self>, drive: &Drive) -> Result<usize, StoreError> {
        let target = self.own_target(drive);
        let (mut after, mut failed) = (None, 0);
        loop {
            let page = self.read(move |view| chunks_at_risk(view, after, PAGE)).await?;
            for chunk in &page {
                let Some((topology, record)) = self.wanted_chunk(*chunk).await? else { continue };
                let mapped = topology.mapped(*chunk, &record);
                let ours = record
                    .exceptions
                    .iter()
                    .filter(|e| mapped.get(usize::from(e.position)) == Some(&target.drive));
                for exception in ours {
                    let shard = ShardRef { chunk: *chunk, position: exception.position };
                    let at = exception.at.and_then(|drive| topology.target(drive));
                    if let Err(error) = self.bring_one_home(&topology, shard, &record, target, at).await {
                        failed += 1;
                        if failed <= TOLD_MAX {
                            tracing::info!(shard = ?shard, %error, "bring a shard home; tried again soon");
                        }
                    }
                }
            }
            match page.last() {
                Some(chunk) if page.len() == PAGE => after = Some(*chunk),
                _ => return Ok(failed),
            }
        }
    }

    async fn bring_one_home(
        self: &Arc<Self>,
        topology: &Topology,
        shard: ShardRef,
        record: &ChunkRecord,
        target: Target,
        at: Option<Target>,
    ) -> Result<(), StoreError> {
        self.restore(topology, shard, record, target).await?;
        let (ShardRef { chunk, position }, Target { drive, store, .. }) = (shard, target);
        let home = Command::ShardHome { chunk, position, drive, store };
        let deadline = Instant::now() + PROPOSE_TIMEOUT;
        match self.gateway.repeatable(home, deadline).await {
            // Deleted meanwhile: the next comparison removes the shard.
            Err(StoreError::Rejected(mucura_metadata::Rejection::NoSuchChunk)) => return Ok(()),
            other => other?,
        };
        tracing::debug!(%drive, shard = ?shard, "shard brought home");
        // Only now is the hand-off garbage.
        if let Some(at) = at
            && let Err(fault) = self.shards.remove(at, vec![shard], deadline).await
        {
            tracing::debug!(shard = ?shard, %fault, "remove a hand-off; the next comparison does");
        }
        Ok(())
    }

    /// Sees to it that a shard is on an own drive.
    async fn restore(
        self: &Arc<Self>,
        topology: &Topology,
        shard: ShardRef,
        record: &ChunkRecord,
        target: Target,
    ) -> Result<(), StoreError> {
        let drive = self.keeper.drive(DriveRef { drive: target.drive, store: target.store });
        let drive = drive.map_err(StoreError::unavailable)?;
        if drive.lacking(vec![shard.into()]).await.map_err(StoreError::unavailable)?.is_empty() {
            return Ok(());
        }
        let place = ChunkPlace::new(shard.chunk, record, topology)?;
        let header = self.header_like(&place, shard).await?;
        Box::pin(self.rebuild(&place, header, target)).await?;
        tracing::info!(drive = %target.drive, shard = ?shard, "shard rebuilt");
        Ok(())
    }

    /// The head that a shard must have, taken from any other of its chunk.
    async fn header_like(&self, place: &ChunkPlace, shard: ShardRef) -> Result<ShardHeader, StoreError> {
        let mut last = ShardFault::NotFound;
        for (position, target) in (0u8..).zip(&place.targets) {
            let Some(target) = target.filter(|target| self.health.readable(*target)) else { continue };
            let other = ShardRef { chunk: shard.chunk, position };
            match self.shards.header(target, other, Instant::now() + HEADER_TIMEOUT).await {
                Ok(header) => return Ok(ShardHeader { shard: shard.into(), ..header }),
                Err(fault) => last = fault,
            }
        }
        Err(StoreError::unavailable(last))
    }

    fn own_target(&self, drive: &Drive) -> Target {
        let identity = drive.identity();
        Target { drive: identity.drive, node: self.config.node, store: identity.store }
    }
}

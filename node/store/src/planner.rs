use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mucura_metadata::Command;
use mucura_types::{DriveId, DriveSeat, PlacementTable, TableId, choose_profile, plan_table};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::error::StoreError;
use crate::store::Inner;
use crate::topology::Topology;

/// Between two looks at the drives.
const PERIOD: Duration = Duration::from_millis(500);
/// Drives must have stayed the same for so long before they are laid out: a
/// site that comes up brings its drives one after another.
const SETTLED: Duration = Duration::from_secs(2);
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(5);

impl Inner {
    /// Lays new chunks out over the drives there are. Only the leader acts.
    /// Chunks that are written stay where they are: they name their table.
    pub(crate) async fn plan_placement(self: Arc<Self>) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen: (BTreeSet<DriveId>, Instant) = (BTreeSet::new(), Instant::now());
        loop {
            ticks.tick().await;
            if *self.consensus.leader().borrow() != Some(self.config.node) {
                continue;
            }
            let Ok(topology) = self.topology().await else { continue };
            let drives: BTreeSet<DriveId> = topology.drives.keys().copied().collect();
            if drives != seen.0 {
                seen = (drives, Instant::now());
            } else if seen.1.elapsed() >= SETTLED
                && !laid_out(&topology)
                && let Err(error) = self.lay_out(&topology).await
            {
                tracing::info!(%error, "lay out the drives; tried again soon");
            }
        }
    }

    async fn lay_out(&self, topology: &Topology) -> Result<(), StoreError> {
        let Some(table) = plan(topology) else { return Ok(()) };
        // A drive beyond what groups there are stays without use.
        if topology.table().is_some_and(|now| now.profile == table.profile && now.groups == table.groups) {
            return Ok(());
        }
        let profile = table.profile;
        let (drives, id) = (topology.drives.len(), table.id);
        let command = Command::SetTable { table, replaces: topology.current };
        self.gateway.repeatable(command, Instant::now() + PROPOSE_TIMEOUT).await?;
        match profile.parity {
            0 => tracing::warn!(%profile, "new data has no redundancy: there is one drive"),
            _ => tracing::info!(%profile, drives, table = %id, "new data is laid out"),
        }
        Ok(())
    }
}

/// Whether new chunks use every drive that there is.
fn laid_out(topology: &Topology) -> bool {
    let used: BTreeSet<DriveId> =
        topology.table().into_iter().flat_map(|t| t.groups.iter().flatten().copied()).collect();
    used.iter().eq(topology.drives.keys())
}

/// The next table, over all drives, as near the one in use as may be; none if
/// there are no drives.
fn plan(topology: &Topology) -> Option<PlacementTable> {
    let seats: Vec<DriveSeat> = topology
        .drives
        .iter()
        .map(|(&drive, record)| DriveSeat { drive, node: record.node, weight: record.weight })
        .collect();
    let id = TableId(topology.current.map_or(1, |table| table.0 + 1));
    plan_table(id, choose_profile(&seats)?, &seats, topology.table())
}

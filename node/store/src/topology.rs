use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mucura_metadata::{ChunkRecord, DriveRecord, ExecuteError, View, drives, site, tables};
use mucura_types::{ChunkId, DriveId, NodeId, PlacementTable, StoreId, TableId};

/// Where drives are and how chunks are placed, of one epoch.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    pub(crate) epoch: u64,
    /// The table for new chunks.
    pub(crate) current: Option<TableId>,
    pub(crate) tables: BTreeMap<TableId, PlacementTable>,
    pub(crate) drives: BTreeMap<DriveId, DriveRecord>,
}

/// A drive as one addresses it: a drive that was replaced is another target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) drive: DriveId,
    pub(crate) node: NodeId,
    pub(crate) store: StoreId,
}

impl Topology {
    pub(crate) fn target(&self, drive: DriveId) -> Option<Target> {
        self.drives.get(&drive).map(|record| Target { drive, node: record.node, store: record.store })
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = Target> + '_ {
        self.drives.iter().map(|(&drive, record)| Target { drive, node: record.node, store: record.store })
    }

    pub(crate) fn table(&self) -> Option<&PlacementTable> {
        self.current.and_then(|id| self.tables.get(&id))
    }

    /// The drives that the shards of a chunk belong on, by position.
    pub(crate) fn mapped(&self, chunk: ChunkId, record: &ChunkRecord) -> &[DriveId] {
        self.tables.get(&record.table).map_or(&[], |table| table.drives(chunk))
    }

    /// Where the shard of a position is to be found now.
    pub(crate) fn location(&self, chunk: ChunkId, record: &ChunkRecord, position: usize) -> Option<Target> {
        record.location(position, self.mapped(chunk, record)).and_then(|drive| self.target(drive))
    }
}

/// The topology last seen; loaded anew only when the epoch has moved.
#[derive(Default)]
pub(crate) struct TopologyCache(Mutex<Arc<Topology>>);

impl TopologyCache {
    pub(crate) fn last(&self) -> Arc<Topology> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The topology of a view.
    pub(crate) fn of(&self, view: &dyn View) -> Result<Arc<Topology>, ExecuteError> {
        let Some(site) = site(view)? else {
            return Ok(self.last());
        };
        let last = self.last();
        if last.epoch == site.epoch {
            return Ok(last);
        }
        let topology = Arc::new(Topology {
            epoch: site.epoch,
            current: site.table,
            tables: tables(view)?,
            drives: drives(view)?,
        });
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.epoch < topology.epoch {
            *last = topology.clone();
        }
        Ok(topology)
    }
}

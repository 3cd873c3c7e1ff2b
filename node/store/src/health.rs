use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mucura_types::{DriveId, NodeId};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::shards::{DriveHealth, DriveServiceState, ShardFault};
use crate::topology::{Target, Topology};

/// A report older than this says nothing.
const STALE: Duration = Duration::from_secs(5);
/// A drive that just failed a write is passed over for so long.
const SUSPECT: Duration = Duration::from_secs(2);

/// What this node believes of all drives of the site. Only a hint: whoever is
/// passed over is asked again soon, whoever fails is found out by failing.
#[derive(Clone, Default)]
pub(crate) struct HealthBoard {
    drives: Arc<Mutex<BTreeMap<DriveId, Entry>>>,
    /// Counts drives that can be read again.
    returns: watch::Sender<u64>,
}

#[derive(Clone)]
struct Entry {
    node: NodeId,
    heard: Instant,
    suspect_until: Option<Instant>,
    health: DriveHealth,
}

impl HealthBoard {
    /// Takes in what a node said of its drives just now. A drive that it did
    /// not name keeps its last report until that is stale.
    pub(crate) fn heard(&self, node: NodeId, drives: Vec<DriveHealth>) {
        let now = Instant::now();
        let mut board = self.board();
        let mut returned = false;
        for health in drives {
            let known = board.get(&health.drive);
            let was_there = known.is_some_and(|e| e.heard.elapsed() < STALE && is_readable(e.health.state));
            returned |= !was_there && is_readable(health.state);
            let suspect_until = known.and_then(|entry| entry.suspect_until);
            board.insert(health.drive, Entry { node, heard: now, suspect_until, health });
        }
        if returned {
            self.returns.send_modify(|count| *count += 1);
        }
    }

    /// Changes when a drive can be read again: what failed for want of it is
    /// worth another try.
    pub(crate) fn returns(&self) -> watch::Receiver<u64> {
        self.returns.subscribe()
    }

    /// A node cannot be reached: nothing is known of its drives.
    pub(crate) fn lost(&self, node: NodeId) {
        self.board().retain(|_, entry| entry.node != node);
    }

    /// A drive did not take a shard.
    pub(crate) fn suspect(&self, drive: DriveId) {
        if let Some(entry) = self.board().get_mut(&drive) {
            entry.suspect_until = Some(Instant::now() + SUSPECT);
        }
    }

    /// A node did not answer: none of its drives will.
    pub(crate) fn suspect_node(&self, node: NodeId) {
        let until = Instant::now() + SUSPECT;
        for entry in self.board().values_mut().filter(|entry| entry.node == node) {
            entry.suspect_until = Some(until);
        }
    }

    /// Takes note of how a drive failed.
    pub(crate) fn blame(&self, target: Target, fault: ShardFault) {
        match fault {
            ShardFault::Unreachable => self.suspect_node(target.node),
            ShardFault::Failed | ShardFault::NoSpace | ShardFault::WrongDrive => self.suspect(target.drive),
            // The drive is well: it has much to do, or the shard is at fault.
            ShardFault::Busy
            | ShardFault::NotFound
            | ShardFault::Corrupt
            | ShardFault::Exists
            | ShardFault::Malformed => {}
        }
    }

    fn board(&self) -> MutexGuard<'_, BTreeMap<DriveId, Entry>> {
        self.drives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether shards should be sent to a drive.
    pub(crate) fn writable(&self, target: Target) -> bool {
        self.state(target) == Some(DriveServiceState::Online)
    }

    /// Whether shards can be asked of a drive.
    pub(crate) fn readable(&self, target: Target) -> bool {
        self.state(target).is_some_and(is_readable)
    }

    /// The latest report of a drive, if it is not stale.
    pub(crate) fn health(&self, target: Target) -> Option<DriveHealth> {
        let board = self.board();
        let entry = board.get(&target.drive)?;
        (entry.heard.elapsed() < STALE && entry.health.store == target.store).then(|| entry.health.clone())
    }

    fn state(&self, target: Target) -> Option<DriveServiceState> {
        let suspect = {
            let board = self.board();
            board.get(&target.drive).and_then(|entry| entry.suspect_until)
        };
        match suspect {
            Some(until) if Instant::now() < until => None,
            _ => self.health(target).map(|health| health.state),
        }
    }

    /// Where the shards of a new chunk go: each at its mapped drive, or, where
    /// that cannot take one, at another drive that holds none of the chunk yet,
    /// on a node that holds as few as can be. `None`: nowhere now.
    pub(crate) fn choose(&self, topology: &Topology, mapped: &[DriveId]) -> Vec<Option<Target>> {
        let mut chosen: Vec<Option<Target>> = mapped
            .iter()
            .map(|drive| topology.target(*drive).filter(|target| self.writable(*target)))
            .collect();
        for position in 0..chosen.len() {
            if chosen[position].is_none() {
                chosen[position] = self.substitute(topology, mapped, &chosen);
            }
        }
        chosen
    }

    /// A drive to stand in for one of `mapped`, beside those already chosen.
    pub(crate) fn substitute(
        &self,
        topology: &Topology,
        mapped: &[DriveId],
        chosen: &[Option<Target>],
    ) -> Option<Target> {
        let taken = |target: &Target| chosen.iter().flatten().any(|other| other.drive == target.drive);
        topology
            .targets()
            // A mapped drive that is down comes back for its own shard.
            .filter(|target| !mapped.contains(&target.drive) && !taken(target) && self.writable(*target))
            .min_by_key(|target| {
                let beside = chosen.iter().flatten().filter(|other| other.node == target.node).count();
                let free = self.health(*target).map_or(0, |health| health.bytes_free);
                (beside, u64::MAX - free, target.drive)
            })
    }
}

fn is_readable(state: DriveServiceState) -> bool {
    matches!(state, DriveServiceState::Online | DriveServiceState::Full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mucura_metadata::DriveRecord;
    use mucura_types::StoreId;

    fn site() -> (Topology, HealthBoard) {
        let mut topology = Topology::default();
        let board = HealthBoard::default();
        for node in 1..=3u64 {
            let mut healths = Vec::new();
            for drive in [2 * node - 1, 2 * node] {
                let drive = DriveId(u32::try_from(drive).unwrap());
                let store = StoreId([u8::try_from(drive.0).unwrap(); 16]);
                let record =
                    DriveRecord { node: NodeId(node), store, weight: 1, path: String::new(), epoch: 1 };
                topology.drives.insert(drive, record);
                healths.push(DriveHealth {
                    drive,
                    store,
                    state: DriveServiceState::Online,
                    shards: 0,
                    bytes_total: 100,
                    bytes_free: 50,
                    missing: 0,
                    audited: true,
                });
            }
            board.heard(NodeId(node), healths);
        }
        (topology, board)
    }

    fn drives(targets: &[Option<Target>]) -> Vec<Option<u32>> {
        targets.iter().map(|t| t.map(|t| t.drive.0)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_drive_that_is_down_is_stood_in_for_by_one_on_another_node() {
        let (topology, board) = site();
        let mapped = [DriveId(1), DriveId(3), DriveId(5)];
        assert_eq!(drives(&board.choose(&topology, &mapped)), [Some(1), Some(3), Some(5)]);
        board.lost(NodeId(3));
        let chosen = drives(&board.choose(&topology, &mapped));
        assert!(chosen == [Some(1), Some(3), Some(2)] || chosen == [Some(1), Some(3), Some(4)], "{chosen:?}");
        board.suspect(DriveId(1));
        assert_ne!(drives(&board.choose(&topology, &mapped))[0], Some(1));
        tokio::time::advance(SUSPECT).await;
        assert_eq!(drives(&board.choose(&topology, &mapped))[0], Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_told_when_drives_can_be_read_again_and_only_then() {
        let (_, board) = site();
        let reports = |node: u64| -> Vec<DriveHealth> {
            let board = board.board();
            board.values().filter(|e| e.node == NodeId(node)).map(|e| e.health.clone()).collect()
        };
        let all: Vec<_> = (1..=3).map(|node| (NodeId(node), reports(node))).collect();
        let hear = |node: usize| board.heard(all[node].0, all[node].1.clone());
        let returns = board.returns();
        let told = || returns.clone().has_changed().unwrap();
        hear(0);
        assert!(!told(), "it was there all the time");
        board.lost(NodeId(2));
        assert!(!told());
        hear(1);
        assert!(told(), "lost and found");
        let mut returns = board.returns();
        tokio::time::advance(STALE).await;
        hear(2);
        assert!(returns.has_changed().unwrap(), "silent and back");
        returns.borrow_and_update();
        let mut failed = all[2].1.clone();
        failed[0].state = DriveServiceState::Failed;
        board.heard(NodeId(3), failed);
        assert!(!returns.has_changed().unwrap());
        hear(2);
        assert!(returns.has_changed().unwrap(), "failed and replaced");
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_falls_silent_gets_no_shards() {
        let (topology, board) = site();
        tokio::time::advance(STALE).await;
        assert_eq!(drives(&board.choose(&topology, &[DriveId(1), DriveId(3)])), [None, None]);
    }
}

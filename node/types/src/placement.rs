use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{ChunkId, DriveId, NodeId, TableId};
use crate::profile::Profile;

/// Placement groups of a table.
pub const PLACEMENT_GROUPS: u16 = 256;

/// A placement group: the leading bits of the hash of a chunk's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlacementGroup(pub u16);

impl PlacementGroup {
    /// The group that a chunk belongs to, in every table.
    pub fn of(chunk: ChunkId) -> Self {
        let hash = blake3::hash(&chunk.to_bytes());
        Self(u16::from(hash.as_bytes()[0]))
    }
}

/// A drive as placement sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DriveSeat {
    /// Which drive.
    pub drive: DriveId,
    /// The node that it is in.
    pub node: NodeId,
    /// Its share of the shards relative to the others'; its capacity in GiB,
    /// at least 1.
    pub weight: u64,
}

/// Where the shards of each placement group live. Position p of a chunk is at
/// `groups[pg][p]` unless its record says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementTable {
    /// What chunks written by it name.
    pub id: TableId,
    /// How they are coded.
    pub profile: Profile,
    /// For each placement group the k + m drives, in order of position.
    pub groups: Vec<Vec<DriveId>>,
}

impl PlacementTable {
    /// The drives of a chunk in order of position; empty if the table is
    /// damaged.
    pub fn drives(&self, chunk: ChunkId) -> &[DriveId] {
        self.groups.get(usize::from(PlacementGroup::of(chunk).0)).map_or(&[], Vec::as_slice)
    }
}

/// Lays out a table over `drives`, each named once. The same arguments, in any
/// order, give the same table. `None` if there are fewer drives than shards.
///
/// - The drives of a group are distinct and spread over nodes as evenly as they
///   allow.
/// - Drives are filled by weight: none that gave up one of its places would
///   still be fuller than another drive that could take that place without
///   spoiling the spread.
/// - Under the profile of `previous`, the table in use, every drive that is still
///   there keeps its places and positions, but for places that are given up one
///   by one, each to make the spread or the fill more even. Under another
///   profile all is laid out afresh: its positions hold other shards.
pub fn plan_table(
    id: TableId,
    profile: Profile,
    drives: &[DriveSeat],
    previous: Option<&PlacementTable>,
) -> Option<PlacementTable> {
    let drives: BTreeSet<DriveSeat> = drives.iter().copied().collect();
    if drives.len() < profile.shards() {
        return None;
    }
    let previous = previous.filter(|table| table.profile == profile);
    let mut draft = Draft::keep(drives.into_iter().collect(), previous);
    draft.fill(profile.shards());
    draft.level();
    Some(PlacementTable { id, profile, groups: draft.in_order() })
}

/// A table in the making. A drive goes by its index in `drives`.
struct Draft<'a> {
    drives: Vec<DriveSeat>,
    /// How many groups each drive is in.
    load: Vec<u64>,
    /// The drives of each group, in no order.
    groups: Vec<Vec<usize>>,
    previous: Option<&'a PlacementTable>,
}

/// How a drive stands for a place in a group: the least gets it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// How many of the group are on its node.
    beside: usize,
    /// Its load relative to its weight, in fixed point.
    fill: i128,
}

impl<'a> Draft<'a> {
    /// What is left of the previous table.
    fn keep(drives: Vec<DriveSeat>, previous: Option<&'a PlacementTable>) -> Self {
        let load = vec![0; drives.len()];
        let groups = vec![Vec::new(); usize::from(PLACEMENT_GROUPS)];
        let mut draft = Self { drives, load, groups, previous };
        for group in 0..PLACEMENT_GROUPS {
            for id in draft.before(group) {
                if let Some(drive) = draft.drives.iter().position(|seat| seat.drive == *id) {
                    draft.join(group, drive);
                }
            }
        }
        draft
    }

    /// Gives each vacant place to the drive that ranks least for it.
    fn fill(&mut self, shards: usize) {
        for group in 0..PLACEMENT_GROUPS {
            while self.members(group).len() < shards {
                let members = self.members(group);
                let vacant = (0..self.drives.len()).filter(|drive| !members.contains(drive));
                // Ties by hash, so that neighbours differ from group to group.
                let next = vacant.min_by_key(|&drive| {
                    (self.rank(drive, members.iter(), self.load[drive]), tie(group, self.drives[drive].drive))
                });
                let Some(drive) = next else { return };
                self.join(group, drive);
            }
        }
    }

    /// Moves places one by one to drives that rank lower for them, the emptiest
    /// first, until there are none. Each move makes the table more even, so
    /// this ends.
    fn level(&mut self) {
        loop {
            let mut moved = false;
            // Those that found nothing are asked again only after all others.
            let mut open: Vec<usize> = (0..self.drives.len()).collect();
            while let Some(to) =
                open.iter().copied().min_by_key(|&drive| self.fill_of(drive, self.load[drive]))
            {
                if let Some((group, from)) = self.best_place(to) {
                    self.groups[usize::from(group)].retain(|&drive| drive != from);
                    self.load[from] -= 1;
                    self.join(group, to);
                    moved = true;
                } else {
                    open.retain(|&drive| drive != to);
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// Where `to` ranks below a drive that holds a place, and which drive: the
    /// spread comes first, then drives that are new there themselves, then the
    /// fullest.
    fn best_place(&self, to: usize) -> Option<(u16, usize)> {
        let mut best = None;
        for group in (0..PLACEMENT_GROUPS).filter(|&group| !self.members(group).contains(&to)) {
            let hash = tie(group, self.drives[to].drive);
            for &from in self.members(group) {
                let others = || self.members(group).iter().filter(|&&drive| drive != from);
                let holder = self.rank(from, others(), self.load[from] - 1);
                let taker = self.rank(to, others(), self.load[to]);
                if taker < holder {
                    let new = !self.before(group).contains(&self.drives[from].drive);
                    let gain = (holder.beside - taker.beside, new, holder.fill - taker.fill, hash);
                    best = best.max(Some((gain, group, from)));
                }
            }
        }
        best.map(|(_, group, from)| (group, from))
    }

    /// The groups with each drive at a position: those that stayed at their old
    /// one.
    fn in_order(&self) -> Vec<Vec<DriveId>> {
        let row = |group| {
            let drives = self.members(group).iter().map(|&drive| self.drives[drive].drive);
            let (stayed, mut row): (Vec<_>, Vec<_>) =
                drives.partition(|drive| self.before(group).contains(drive));
            // The order of positions decides who holds data and who parity; it
            // must not follow from the fill.
            row.sort_by_key(|&drive| tie(group ^ 0x8000, drive));
            for (position, drive) in self.before(group).iter().enumerate() {
                if stayed.contains(drive) {
                    row.insert(position, *drive);
                }
            }
            row
        };
        (0..PLACEMENT_GROUPS).map(row).collect()
    }

    fn rank<'o>(&self, drive: usize, others: impl Iterator<Item = &'o usize>, load: u64) -> Rank {
        let node = self.drives[drive].node;
        let beside = others.filter(|&&other| self.drives[other].node == node).count();
        Rank { beside, fill: self.fill_of(drive, load) }
    }

    fn fill_of(&self, drive: usize, load: u64) -> i128 {
        (i128::from(load) << 64) / i128::from(self.drives[drive].weight.max(1))
    }

    fn members(&self, group: u16) -> &[usize] {
        &self.groups[usize::from(group)]
    }

    fn before(&self, group: u16) -> &'a [DriveId] {
        self.previous.and_then(|table| table.groups.get(usize::from(group))).map_or(&[], Vec::as_slice)
    }

    fn join(&mut self, group: u16, drive: usize) {
        self.groups[usize::from(group)].push(drive);
        self.load[drive] += 1;
    }
}

fn tie(group: u16, drive: DriveId) -> [u8; 8] {
    let mut input = [0; 6];
    input[..2].copy_from_slice(&group.to_be_bytes());
    input[2..].copy_from_slice(&drive.0.to_be_bytes());
    let mut out = [0; 8];
    out.copy_from_slice(&blake3::hash(&input).as_bytes()[..8]);
    out
}

#[cfg(test)]
mod tests;

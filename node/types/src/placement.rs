use std::collections::{BTreeMap, BTreeSet};

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

/// Lays out a table: every group on distinct drives, spread over nodes as
/// evenly as they allow, and every drive filled in proportion to its weight.
/// The same arguments give the same table. `None` if there are fewer drives
/// than shards.
pub fn plan_table(id: TableId, profile: Profile, seats: &[DriveSeat]) -> Option<PlacementTable> {
    let seats: BTreeSet<DriveSeat> = seats.iter().copied().collect();
    if seats.len() < profile.shards() {
        return None;
    }
    let mut filled: BTreeMap<DriveId, u64> = BTreeMap::new();
    let mut groups = Vec::with_capacity(usize::from(PLACEMENT_GROUPS));
    for group in 0..PLACEMENT_GROUPS {
        let mut chosen: Vec<DriveSeat> = Vec::with_capacity(profile.shards());
        while chosen.len() < profile.shards() {
            let next = seats.iter().filter(|seat| !chosen.contains(seat)).min_by_key(|seat| {
                let beside = chosen.iter().filter(|other| other.node == seat.node).count();
                let load = filled.get(&seat.drive).copied().unwrap_or(0);
                // Fill relative to weight, in fixed point; ties by hash, so
                // that neighbours differ from group to group.
                let fill = (u128::from(load) << 64) / u128::from(seat.weight.max(1));
                (beside, fill, tie(group, seat.drive))
            })?;
            *filled.entry(next.drive).or_default() += 1;
            chosen.push(*next);
        }
        // The order of positions decides who holds data and who parity; it must
        // not follow from the fill.
        chosen.sort_by_key(|seat| tie(group ^ 0x8000, seat.drive));
        groups.push(chosen.into_iter().map(|seat| seat.drive).collect());
    }
    Some(PlacementTable { id, profile, groups })
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
mod tests {
    use super::*;
    use crate::profile::choose_profile;
    use proptest::prelude::*;

    fn seats(weights: &[Vec<u64>]) -> Vec<DriveSeat> {
        weights
            .iter()
            .zip(1..)
            .flat_map(|(drives, node)| drives.iter().map(move |&weight| (NodeId(node), weight)))
            .zip(1..)
            .map(|((node, weight), id)| DriveSeat { drive: DriveId(id), node, weight })
            .collect()
    }

    proptest! {
        #[test]
        fn groups_are_spread_over_drives_and_nodes(
            weights in proptest::collection::vec(proptest::collection::vec(Just(1u64), 1..5), 1..7)
        ) {
            let seats = seats(&weights);
            let profile = choose_profile(&seats).unwrap();
            let table = plan_table(TableId(1), profile, &seats).unwrap();
            prop_assert_eq!(table.groups.len(), usize::from(PLACEMENT_GROUPS));
            let node_of: BTreeMap<_, _> = seats.iter().map(|s| (s.drive, s.node)).collect();
            for group in &table.groups {
                prop_assert_eq!(group.iter().collect::<BTreeSet<_>>().len(), profile.shards());
                let mut per_node: BTreeMap<NodeId, usize> = BTreeMap::new();
                for drive in group {
                    *per_node.entry(node_of[drive]).or_default() += 1;
                }
                // No node holds two more than another that had room.
                for (node, count) in weights.iter().zip(1..).map(|(d, n)| (NodeId(n), d.len())) {
                    let here = per_node.get(&node).copied().unwrap_or(0);
                    let most = per_node.values().copied().max().unwrap_or(0);
                    prop_assert!(here + 1 >= most || here == count);
                }
            }
        }

        #[test]
        fn equal_drives_are_filled_alike(nodes in 3usize..7, drives in 1usize..4) {
            let seats = seats(&vec![vec![1; drives]; nodes]);
            let profile = choose_profile(&seats).unwrap();
            let table = plan_table(TableId(1), profile, &seats).unwrap();
            let mut count: BTreeMap<DriveId, usize> = BTreeMap::new();
            table.groups.iter().flatten().for_each(|d| *count.entry(*d).or_default() += 1);
            let mean = table.groups.len() * profile.shards() / seats.len();
            for seat in &seats {
                let here = count.get(&seat.drive).copied().unwrap_or(0);
                prop_assert!(here.abs_diff(mean) <= 2, "{} of {}", here, mean);
            }
        }
    }

    #[test]
    fn a_drive_of_twice_the_weight_gets_twice_the_shards() {
        let seats = seats(&[vec![1], vec![1], vec![1], vec![1], vec![2]]);
        let table = plan_table(TableId(1), Profile::new(1, 1), &seats).unwrap();
        let count = |id| table.groups.iter().flatten().filter(|d| d.0 == id).count();
        assert!(count(5).abs_diff(2 * count(1)) <= 4, "{} and {}", count(5), count(1));
    }
}

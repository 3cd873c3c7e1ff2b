use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::NodeId;
use crate::placement::DriveSeat;

/// How a chunk is coded: `data` cells and `parity` cells a stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Profile {
    /// Data cells a stripe, k, at least 1.
    pub data: u8,
    /// Parity cells a stripe, m.
    pub parity: u8,
}

impl Profile {
    /// `data + parity`.
    pub const fn new(data: u8, parity: u8) -> Self {
        Self { data, parity }
    }

    /// Shards that a chunk is read from, k.
    pub fn data(self) -> usize {
        usize::from(self.data)
    }

    /// Shards that may be lost, m.
    pub fn parity(self) -> usize {
        usize::from(self.parity)
    }

    /// Shards of a chunk, k + m.
    pub fn shards(self) -> usize {
        self.data() + self.parity()
    }

    /// Shards that must be on stable storage, on distinct drives, before a
    /// write is acknowledged.
    pub fn write_quorum(self) -> usize {
        self.shards().min(self.data() + 1)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.data, self.parity)
    }
}

const PREFERENCE: [Profile; 4] =
    [Profile::new(8, 3), Profile::new(4, 2), Profile::new(2, 1), Profile::new(1, 1)];

/// The profile for new data on these drives: the most economical one under
/// which the loss of any one node (any one drive, on a single node) leaves
/// every chunk readable and k + 1 drives to write to. Two nodes (or two drives)
/// get 1+1, where writes stop when one is lost; one drive gets 1+0; no drive,
/// nothing.
pub fn choose_profile(drives: &[DriveSeat]) -> Option<Profile> {
    let mut nodes: BTreeMap<NodeId, usize> = BTreeMap::new();
    for drive in drives {
        *nodes.entry(drive.node).or_default() += 1;
    }
    // What may be lost at once: how many drives each such unit has.
    let units: Vec<usize> = match nodes.len() {
        0 => return None,
        1 => vec![1; drives.len()],
        _ => nodes.into_values().collect(),
    };
    if drives.len() == 1 {
        return Some(Profile::new(1, 0));
    }
    let largest = units.iter().copied().max().unwrap_or(0);
    let fits = |profile: &Profile| {
        drives.len() >= profile.shards()
            && largest_share(&units, profile.shards()) <= profile.parity()
            && drives.len() - largest > profile.data()
    };
    PREFERENCE.into_iter().find(fits).or(Some(Profile::new(1, 1)))
}

/// The most shards of one chunk that a unit must hold when they are spread as
/// evenly as the drives allow.
fn largest_share(units: &[usize], shards: usize) -> usize {
    let mut share = 1;
    while units.iter().map(|&drives| drives.min(share)).sum::<usize>() < shards {
        share += 1;
    }
    share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::DriveId;

    fn site(nodes: u64, drives: u32) -> Vec<DriveSeat> {
        (0..nodes)
            .flat_map(|n| (0..drives).map(move |d| (n, d)))
            .zip(1..)
            .map(|((n, _), id)| DriveSeat { drive: DriveId(id), node: NodeId(n + 1), weight: 1 })
            .collect()
    }

    #[test]
    fn the_profile_follows_the_drives() {
        let chosen = |nodes, drives| choose_profile(&site(nodes, drives)).map(|p| p.to_string());
        assert_eq!(chosen(0, 0), None);
        assert_eq!(chosen(1, 1).as_deref(), Some("1+0"));
        assert_eq!(chosen(1, 2).as_deref(), Some("1+1"));
        assert_eq!(chosen(1, 3).as_deref(), Some("1+1"));
        assert_eq!(chosen(1, 4).as_deref(), Some("2+1"));
        assert_eq!(chosen(2, 1).as_deref(), Some("1+1"));
        assert_eq!(chosen(2, 2).as_deref(), Some("1+1"));
        assert_eq!(chosen(3, 1).as_deref(), Some("1+1"));
        assert_eq!(chosen(3, 2).as_deref(), Some("2+1"));
        assert_eq!(chosen(4, 2).as_deref(), Some("4+2"));
        assert_eq!(chosen(12, 1).as_deref(), Some("8+3"));
    }
}

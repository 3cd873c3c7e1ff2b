use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::shard::ShardName;

/// Which shards a drive holds, by name, in memory; and which names somebody is
/// busy with. No I/O.
#[derive(Default)]
pub(crate) struct Inventory {
    entries: BTreeMap<[u8; 21], Entry>,
    claimed: BTreeSet<ShardName>,
    last_stamp: u32,
}

/// One name on the drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Known to be a whole shard on stable storage. After an unclean stop a
    /// name is only a candidate until its file has been looked at.
    pub(crate) proven: bool,
    /// Tells this file from an earlier one of the same name.
    pub(crate) stamp: u32,
}

impl Inventory {
    /// Adds a name, or replaces what was known of it.
    pub(crate) fn insert(&mut self, shard: ShardName, proven: bool) -> Entry {
        self.last_stamp = self.last_stamp.wrapping_add(1);
        let entry = Entry { proven, stamp: self.last_stamp };
        self.entries.insert(shard.to_bytes(), entry);
        entry
    }

    /// Notes that the file has been looked at and is whole.
    pub(crate) fn prove(&mut self, shard: ShardName, stamp: u32) {
        if let Some(entry) = self.entries.get_mut(&shard.to_bytes()).filter(|entry| entry.stamp == stamp) {
            entry.proven = true;
        }
    }

    pub(crate) fn get(&self, shard: ShardName) -> Option<Entry> {
        self.entries.get(&shard.to_bytes()).copied()
    }

    pub(crate) fn remove(&mut self, shard: ShardName) -> Option<Entry> {
        self.entries.remove(&shard.to_bytes())
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether every name is known to be a whole shard.
    pub(crate) fn all_proven(&self) -> bool {
        self.entries.values().all(|entry| entry.proven)
    }

    /// Up to `limit` names after `after`, in order.
    pub(crate) fn page(&self, after: Option<ShardName>, limit: usize) -> Vec<(ShardName, Entry)> {
        let start = after.map_or(Bound::Unbounded, |shard| Bound::Excluded(shard.to_bytes()));
        let entries = self.entries.range((start, Bound::Unbounded)).take(limit);
        entries.map(|(name, entry)| (ShardName::from_bytes(*name), *entry)).collect()
    }

    /// Takes a name for oneself; `false` if somebody else has it.
    pub(crate) fn claim(&mut self, shard: ShardName) -> bool {
        self.claimed.insert(shard)
    }

    /// Lets go of a claimed name.
    pub(crate) fn release(&mut self, shard: ShardName) {
        self.claimed.remove(&shard);
    }

    /// Whether nobody is busy with any name.
    pub(crate) fn is_quiet(&self) -> bool {
        self.claimed.is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)]
mod tests {
    use super::*;
    use crate::shard::tests::name;

    #[test]
    fn pages_give_every_name_once_in_order() {
        let mut inventory = Inventory::default();
        let mut all: Vec<ShardName> = (0..25).map(|i| name(i * 7 % 25, (i % 3) as u8)).collect();
        for shard in &all {
            inventory.insert(*shard, true);
        }
        all.sort_unstable();
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = inventory.page(after, 4);
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            seen.extend(page.into_iter().map(|(shard, _)| shard));
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_proof_of_an_earlier_file_does_not_count_for_its_successor() {
        let mut inventory = Inventory::default();
        let old = inventory.insert(name(1, 0), false);
        inventory.insert(name(1, 0), false);
        inventory.prove(name(1, 0), old.stamp);
        assert!(!inventory.all_proven());
    }
}

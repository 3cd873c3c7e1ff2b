use std::collections::VecDeque;

use bytes::Bytes;

use super::record::{Change, Checkpoint};

/// Where an entry stands on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) segment: u64,
    pub(super) epoch: u64,
    pub(super) sequence: u64,
    /// Offset of the frame in the segment, and its length without padding.
    pub(super) frame: u64,
    pub(super) frame_len: usize,
    /// Offset of the entry in the frame's payload.
    pub(super) at: usize,
}

/// One entry: in memory until it is on the disk and the cache is full.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// Which submission it came with: an index may be written again after a
    /// truncation.
    pub(super) ticket: u64,
    pub(super) len: usize,
    pub(super) bytes: Option<Bytes>,
    pub(super) location: Option<Location>,
}

/// What a group holds: small state and an index of its entries.
#[derive(Default)]
pub(super) struct Group {
    point: Checkpoint,
    /// The entries from `base` on.
    slots: VecDeque<Slot>,
    /// Equal to `point.first`, except while a log is read back whose earlier
    /// segments are gone.
    base: u64,
}

impl Group {
    /// A group as a checkpoint describes it, its entries unseen.
    pub(super) fn from_checkpoint(point: Checkpoint) -> Self {
        let base = point.next.unwrap_or(0);
        Self { point, slots: VecDeque::new(), base }
    }

    pub(super) fn point(&self) -> &Checkpoint {
        &self.point
    }

    /// Whether every entry that should be there is.
    pub(super) fn is_whole(&self) -> bool {
        self.point.last().is_none() || self.base <= self.point.first
    }

    pub(super) fn slot(&self, index: u64) -> Option<&Slot> {
        self.slots.get(self.position(index)?)
    }

    pub(super) fn slot_mut(&mut self, index: u64) -> Option<&mut Slot> {
        let position = self.position(index)?;
        self.slots.get_mut(position)
    }

    fn position(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.base)?).ok()
    }

    /// Carries out a change; entries it brings come as `ticket`.
    pub(super) fn apply(&mut self, change: &Change, ticket: u64) -> Result<(), &'static str> {
        self.point.follow(change)?;
        match change {
            Change::Append { index, bytes, .. } => {
                if self.slots.is_empty() {
                    self.base = *index;
                }
                let slot = Slot { ticket, len: bytes.len(), bytes: Some(bytes.clone()), location: None };
                self.slots.push_back(slot);
            }
            Change::Truncate { .. } | Change::Purge { .. } => self.trim(),
            _ => {}
        }
        Ok(())
    }

    /// Drops the slots that the small state no longer covers.
    fn trim(&mut self) {
        let first = self.point.first;
        let next = self.point.next.unwrap_or(first);
        let before = self.position(first).unwrap_or(0).min(self.slots.len());
        self.slots.drain(..before);
        self.base = self.base.max(first);
        let keep = self.position(next).unwrap_or(0).min(self.slots.len());
        self.slots.truncate(keep);
        if self.slots.is_empty() {
            self.base = next;
        }
    }
}

impl Checkpoint {
    /// The index of the last entry.
    pub(super) fn last(&self) -> Option<u64> {
        self.next.filter(|next| *next > self.first).map(|next| next - 1)
    }

    /// Carries out a change as far as the small state shows it: the same for
    /// what is submitted, what is written and what is read back.
    pub(super) fn follow(&mut self, change: &Change) -> Result<(), &'static str> {
        match change {
            Change::Vote(vote) => self.vote = Some(vote.clone()),
            Change::Committed(id) => self.committed = Some(id.clone()),
            Change::Append { index, .. } => {
                if self.next.is_some_and(|next| next != *index) || *index == u64::MAX {
                    return Err("an entry does not follow the one before");
                }
                if self.next.is_none() {
                    self.first = *index;
                }
                self.next = Some(index + 1);
            }
            Change::Truncate { next } => {
                let next = (*next).max(self.first);
                if self.next.is_some_and(|end| next < end) {
                    self.next = Some(next);
                }
                if self.next == Some(self.first) && self.purged.is_none() {
                    // Nothing is left to go on from: any index may come.
                    self.first = 0;
                    self.next = None;
                }
            }
            Change::Purge { upto, id } => {
                if self.purged.as_ref().is_none_or(|(before, _)| before < upto) {
                    let first = upto.saturating_add(1);
                    self.purged = Some((*upto, id.clone()));
                    self.first = self.first.max(first);
                    self.next = Some(self.next.unwrap_or(first).max(first));
                }
            }
            Change::Checkpoint(is) => {
                if is != self {
                    return Err("a checkpoint does not agree with what is before it");
                }
            }
        }
        Ok(())
    }
}

use super::entropy::Stream;

/// The unit that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// The bytes of one file: as they read now, and as they are on the platter.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// A change that no sync has covered yet.
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Contents {
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.live, offset, bytes);
        self.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.live.resize(len, 0);
        self.pending.push(Change::SetLen(len));
    }

    /// Whether a power cut can leave a part of what is to be synced: bytes that
    /// lie in more than one sector.
    pub(super) fn can_tear(&self) -> bool {
        self.pending.iter().any(|change| match change {
            Change::Write { offset, bytes } => {
                let first = bytes.iter().position(|byte| *byte != 0);
                let last = bytes.iter().rposition(|byte| *byte != 0);
                first.zip(last).is_some_and(|(a, b)| (offset + a) / SECTOR != (offset + b) / SECTOR)
            }
            Change::SetLen(_) => false,
        })
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// What Linux does when a write-back fails: the pages count as clean, so
    /// that they still read well, and no later sync will write them.
    pub(super) fn fail_sync(&mut self) {
        self.pending.clear();
    }

    pub(super) fn flip(&mut self, offset: usize, mask: u8) {
        for bytes in [&mut self.live, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= mask;
            }
        }
    }

    /// The power goes: only what was synced is left.
    pub(super) fn lose(&mut self) {
        self.pending.clear();
        self.live.clone_from(&self.durable);
    }

    /// The power goes while the disk was writing back: any of the unsynced
    /// sectors and lengths may have got there.
    pub(super) fn lose_partly(&mut self, stream: &mut Stream) {
        let mode = stream.next() % 4;
        for change in std::mem::take(&mut self.pending) {
            match (mode, change) {
                (0, _) => {}
                (1, change) => change.apply(&mut self.durable),
                (_, Change::SetLen(len)) => {
                    if stream.coin() {
                        self.durable.resize(len, 0);
                    }
                }
                (_, Change::Write { offset, bytes }) => {
                    let mut at = 0;
                    while at < bytes.len() {
                        let end = (at + SECTOR - (offset + at) % SECTOR).min(bytes.len());
                        if stream.coin() {
                            put(&mut self.durable, offset + at, &bytes[at..end]);
                        }
                        at = end;
                    }
                }
            }
        }
        self.live.clone_from(&self.durable);
    }
}

impl Change {
    fn apply(self, to: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => put(to, offset, &bytes),
            Self::SetLen(len) => to.resize(len, 0),
        }
    }
}

fn put(to: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    to[offset..end].copy_from_slice(bytes);
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mucura_runtime::File;
use mucura_types::GroupId;

/// Bytes by which a new file is filled with zeros ahead of what is written, so
/// that most syncs need not change the file's size.
pub(super) const AHEAD_BYTES: u64 = 1 << 20;

/// One file of the log.
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) epoch: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    /// How far frames may reach.
    pub(super) capacity: u64,
    /// Where the next frame begins.
    pub(super) end: u64,
    /// How far the file's blocks exist.
    pub(super) allocated: u64,
    /// The last entry of each group in it, truncated ones included.
    pub(super) highest: BTreeMap<GroupId, u64>,
}

/// What a file in the log's directory is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A segment of the log.
    Segment(u64),
    /// A former segment whose blocks the next one takes over.
    Spare(u64),
    /// A segment that was being made.
    Unfinished(u64),
}

impl Named {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (number, kind) = name.split_once('.')?;
        if number.len() != 20 {
            return None;
        }
        let number = number.parse().ok()?;
        match kind {
            "wal" => Some(Self::Segment(number)),
            "free" => Some(Self::Spare(number)),
            "new" => Some(Self::Unfinished(number)),
            _ => None,
        }
    }

    pub(super) fn path(self, dir: &Path) -> PathBuf {
        dir.join(match self {
            Self::Segment(number) => format!("{number:020}.wal"),
            Self::Spare(number) => format!("{number:020}.free"),
            Self::Unfinished(number) => format!("{number:020}.new"),
        })
    }
}

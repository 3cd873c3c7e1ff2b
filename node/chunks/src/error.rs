use std::path::PathBuf;

use crate::shard::ShardName;

/// What went wrong with a chunk, a shard or a drive, told apart by what the
/// caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// The drive holds no such shard: take another position.
    #[error("shard {shard} is not on this drive")]
    NotFound {
        /// Which.
        shard: ShardName,
    },
    /// A whole shard of this name is on stable storage already: a repeated
    /// write may take it for success.
    #[error("shard {shard} is on this drive already")]
    Exists {
        /// Which.
        shard: ShardName,
    },
    /// What is stored is not what was written: take another position and have
    /// this one repaired. A [`crate::Drive`] has put it into quarantine.
    #[error("shard {shard} is damaged: {what}")]
    Corrupt {
        /// Which.
        shard: ShardName,
        /// What does not fit.
        what: &'static str,
    },
    /// The drive is full, or near it: write elsewhere. Reads and removals go on.
    #[error("no space on drive at {}", path.display())]
    NoSpace {
        /// The drive's directory.
        path: PathBuf,
    },
    /// The drive is out of service until it is opened again.
    #[error("drive at {} is out of service: {reason}", path.display())]
    Failed {
        /// The drive's directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Too much is going on (writers of the same shard, buffers, open files):
    /// try again later.
    #[error("busy: {what}")]
    Busy {
        /// What there is too much of.
        what: &'static str,
    },
    /// The arguments do not make sense: a bug in the caller.
    #[error("not possible: {what}")]
    Invalid {
        /// What is wrong with them.
        what: &'static str,
    },
    /// The directory holds no drive (an unmounted disk looks like this).
    #[error("{} is not formatted as a drive", path.display())]
    NotFormatted {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds a drive, but not the one that belongs here, or one
    /// that may not be formatted over.
    #[error("{} is not the expected drive: {found}", path.display())]
    WrongDrive {
        /// The directory.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// Another process has the drive open.
    #[error("drive at {} is in use by another process", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A directory cannot be used as a drive.
    #[error("{op} {}", path.display())]
    Io {
        /// What was being done.
        op: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ChunkError {
    pub(crate) fn invalid(what: &'static str) -> Self {
        Self::Invalid { what }
    }
}

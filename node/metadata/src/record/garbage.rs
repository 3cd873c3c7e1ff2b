use mucura_types::{HybridTime, WriteId};
use serde::{Deserialize, Serialize};

/// How soon garbage may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum GarbageClass {
    /// Nobody ever saw it: at once.
    AtOnce = 0,
    /// It was part of a visible version: after the grace period, so that
    /// running reads finish.
    AfterGrace = 1,
    /// The record of a completed upload: after the time in which a repeated
    /// Complete must get the same answer.
    Tombstone = 2,
}

/// What is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Garbage {
    /// The chunks of one write.
    Write(WriteId),
    /// The parts of an upload, each with its chunks.
    Upload(WriteId),
    /// The record of a completed upload.
    Completed(WriteId),
}

impl Garbage {
    /// The id in it.
    pub fn id(self) -> WriteId {
        match self {
            Self::Write(id) | Self::Upload(id) | Self::Completed(id) => id,
        }
    }
}

/// One row of the list of garbage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GarbageItem {
    /// How soon it may go.
    pub class: GarbageClass,
    /// When it became garbage.
    pub since: HybridTime,
    /// What it is.
    pub garbage: Garbage,
}

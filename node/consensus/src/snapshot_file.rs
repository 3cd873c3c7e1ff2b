//! Snapshot files: all rows of a state in key order, then the writes that came
//! while they were dumped.
//!
//! Whoever reads rows and redo in order and carries them out has exactly the
//! state at the end of the dump. Each frame is checksummed and names the one
//! before it, so that no byte can change, vanish or move unseen. A file bears
//! its name only once it is whole and synced; until then the name ends in
//! `.part`. The byte form is in `docs/formats/snapshot.md`.
//!
//! All calls block: asynchronous callers go through `runtime::Blocking`. It
//! must not know what rows and meta bytes mean.

mod error;
mod folder;
mod layout;
mod reader;
mod receiver;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use error::SnapshotError;
pub(crate) use folder::{list_snapshots, prune_snapshots, remove_unfinished_snapshots, snapshot_path};
pub(crate) use reader::{SnapshotItem, SnapshotReader};
pub(crate) use receiver::SnapshotReceiver;
pub(crate) use writer::{Redo, SnapshotWriter};

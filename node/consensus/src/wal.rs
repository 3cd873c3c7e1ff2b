//! The write-ahead log: votes and entries of all Raft groups, as opaque bytes.
//!
//! One writer gathers what waits into one frame, writes it, syncs it, and only
//! then begins the next: at most one frame is ever not yet on the platter.
//! From this follows how a log is read back: a bad frame at the very end was
//! being written when the power went and is cut; a bad frame with a good one
//! behind it is rot, and the log refuses to open.
//!
//! Invariants: what was acknowledged is there after a power cut; entries have
//! no holes; callbacks fire in the order of submission, after the sync; once a
//! write or sync has failed nothing more is written. The byte form is in
//! `docs/formats/log.md`.
//!
//! It must not know openraft, nor what an entry means.

mod core;
mod error;
mod frame;
mod group;
mod handle;
mod read;
mod record;
mod recovery;
mod segment;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use error::WalError;
pub(crate) use handle::{Wal, WalOptions};

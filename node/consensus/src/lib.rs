//! The replicated log of a site's metadata: openraft over a write-ahead log of
//! our own, the working state in a store that may be thrown away, snapshots,
//! and linearizable reads through any node.
//!
//! Invariants:
//! - Truth is the log and the snapshots. The state store is rebuilt from them
//!   whenever it is in doubt: after an unclean stop under another boot, on any
//!   error, and on any panic in it.
//! - A proposal is answered when it is applied, and an applied proposal is on
//!   stable storage on a majority of the voters.
//! - A read never sees half a batch, nor rows of a store found bad.
//! - openraft's types do not cross the border of this crate.
//!
//! It must not know what commands mean (`mucura_metadata` does), nor how calls
//! reach other nodes ([`Transport`]).

mod batcher;
mod boot_mark;
mod buffered_store;
mod check_quorum;
mod config;
mod consensus;
mod dump;
mod encoding;
mod error;
mod inbound;
mod incoming;
mod leader_call;
mod log_store;
mod machine;
mod members;
mod memory_store;
mod message;
mod network;
mod raft_types;
mod rounds;
mod row_digest;
mod running;
mod sled_store;
mod snapshot_file;
mod snapshot_policy;
mod snapshots;
mod state;
mod state_dir;
mod state_store;
mod status;
mod supervisor;
mod transport;
mod wal;

#[cfg(test)]
mod tests;

pub use config::{ConsensusConfig, StoreKind, Timing};
pub use consensus::{Consensus, LogIndex, Proposed};
pub use error::{ConsensusError, FatalError};
pub use status::{Member, Role, Status, Term};
pub use transport::{HandleError, Transport, TransportError};

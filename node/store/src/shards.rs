//! Shards on any drive of the site: own drives directly, others over the mesh.

mod client;
mod keeper;
mod protocol;

pub(crate) use client::{ShardClient, ShardSink};
pub(crate) use keeper::{DriveAudit, Keeper};
pub use protocol::{DriveHealth, DriveServiceState};
pub(crate) use protocol::{METHODS, Method, ShardFault, ShardRef, decode, encode};

//! Shards on any drive of the site: own drives directly, others over the mesh.

mod client;
mod keeper;
mod protocol;

pub(crate) use client::ShardClient;
pub(crate) use keeper::{DriveAudit, Keeper};
pub use protocol::{DriveHealth, DriveServiceState};
pub(crate) use protocol::{DriveRef, METHODS, Method, ShardFault, ShardRef, decode, encode};

//! What every layer speaks of: ids, the hybrid clock, profiles and placement.
//!
//! Invariant: pure. No clock, no randomness, no I/O, no dependence on the
//! iteration order of hash maps. The byte forms are described in
//! `docs/formats/`.

mod ids;
mod placement;
mod planted;
mod profile;
mod time;

pub use ids::{
    BucketId, ChunkId, DriveId, GroupId, NodeId, ParseIdError, SessionId, SiteId, StoreId, TableId, UserId,
    WriteId,
};
pub use placement::{DriveSeat, PLACEMENT_GROUPS, PlacementGroup, PlacementTable, plan_table};
#[cfg(feature = "planted-bugs")]
pub use planted::plant;
pub use planted::{CAN_HAVE_PLANTED_BUGS, PlantedBug, is_planted};
pub use profile::{Profile, choose_profile};
pub use time::{HybridTime, Order, Timestamp};

/// Bytes in one KiB.
pub const KIB: usize = 1 << 10;
/// Bytes in one MiB.
pub const MIB: usize = 1 << 20;

/// The most bytes one chunk holds.
pub const CHUNK_BYTES_MAX: usize = 64 * MIB;
/// Bytes of one cell of a chunk that has more than one stripe.
pub const CELL_BYTES: usize = MIB;
/// Bytes that share one hash within a shard.
pub const HASH_GROUP_BYTES: usize = 64 * KIB;
/// The most bytes of an object that live in the metadata.
pub const INLINE_BYTES_MAX: usize = 8 * KIB;

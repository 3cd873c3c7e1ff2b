//! Bugs planted on purpose: the simulation must catch every one of them, or it
//! would not catch ours either. They are compiled in only by the feature
//! `planted-bugs`, which `mucura` refuses to be built with, and even then do
//! nothing before one of them is chosen by [`plant`].

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum PlantedBug {
    /// The log is acknowledged before it is synced.
    LogAckBeforeSync = 1,
    /// A shard is acknowledged and never synced.
    ShardAckBeforeSync,
    /// A vote is given before it is synced.
    VoteNotSynced,
    /// The log is purged up to entries that no snapshot holds.
    LogPurgedAhead,
    /// A read does not ask the leader how far it must see.
    StaleRead,
    /// Bytes of shards are not held against their hashes.
    UncheckedCells,
    /// A conditional put does not see that the object is another by now.
    LostUpdate,
    /// A command that is repeated to a new leader is carried out again.
    ForgottenResult,
    /// The record of a chunk does not tell of shards that went elsewhere.
    UnrecordedHandOff,
    /// Shards of a write that is under way are collected as garbage.
    CollectedInFlight,
    /// A snapshot misses the rows that changed while it was taken.
    SnapshotMissesWrites,
    /// Repair puts a wrong shard, with good hashes, in the place of a right one.
    BadRepair,
}

impl PlantedBug {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::LogAckBeforeSync,
        Self::ShardAckBeforeSync,
        Self::VoteNotSynced,
        Self::LogPurgedAhead,
        Self::StaleRead,
        Self::UncheckedCells,
        Self::LostUpdate,
        Self::ForgottenResult,
        Self::UnrecordedHandOff,
        Self::CollectedInFlight,
        Self::SnapshotMissesWrites,
        Self::BadRepair,
    ];
}

/// Whether this program can have planted bugs at all.
pub const CAN_HAVE_PLANTED_BUGS: bool = cfg!(feature = "planted-bugs");

#[cfg(feature = "planted-bugs")]
static CHOSEN: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Chooses the bug that this process has from now on.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: PlantedBug) {
    CHOSEN.store(bug as u8, std::sync::atomic::Ordering::SeqCst);
}

/// Whether this process has the bug: never, and known when compiling, without
/// the feature.
#[inline]
pub fn is_planted(bug: PlantedBug) -> bool {
    #[cfg(feature = "planted-bugs")]
    return CHOSEN.load(std::sync::atomic::Ordering::Relaxed) == bug as u8;
    #[cfg(not(feature = "planted-bugs"))]
    {
        let _: PlantedBug = bug;
        false
    }
}

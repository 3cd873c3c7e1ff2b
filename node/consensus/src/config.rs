use std::path::PathBuf;
use std::time::Duration;

use mucura_types::{GroupId, MIB, NodeId};

/// How the metadata log of a node is run.
#[derive(Clone, Debug)]
pub struct ConsensusConfig {
    /// This node; never another's, and never reused after a wipe.
    pub node: NodeId,
    /// The Raft group.
    pub group: GroupId,
    /// The directory for log, snapshots and state; made if need be.
    pub dir: PathBuf,
    /// What holds the working state.
    pub store: StoreKind,
    /// Intervals and time-outs.
    pub timing: Timing,
    /// A snapshot is made when the log since the last one is larger than this
    /// and than half the state, in bytes.
    pub snapshot_log_bytes: u64,
    /// Bytes of one file of the log. An entry may take a quarter of it.
    pub log_segment_bytes: u64,
    /// Names the boot of the machine in place of what the system says; for tests.
    pub boot_id: Option<String>,
}

impl ConsensusConfig {
    /// The settings of a real site.
    pub fn new(node: NodeId, dir: PathBuf) -> Self {
        Self {
            node,
            group: GroupId(0),
            dir,
            store: StoreKind::Sled { cache_bytes: 64 * MIB as u64 },
            timing: Timing::default(),
            snapshot_log_bytes: 256 * MIB as u64,
            log_segment_bytes: 64 * MIB as u64,
            boot_id: None,
        }
    }
}

/// What holds the working state; it can always be rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// sled, with a cache of so many bytes.
    Sled {
        /// Bytes of its cache.
        cache_bytes: u64,
    },
    /// Memory: rebuilt from snapshot and log at every start.
    Memory,
}

/// Intervals and time-outs of the protocol.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between two signs of life of the leader.
    pub heartbeat: Duration,
    /// A follower that hears nothing for between `election_min` and
    /// `election_max` asks for votes.
    pub election_min: Duration,
    /// See `election_min`.
    pub election_max: Duration,
    /// How long a follower may take to install a snapshot.
    pub install: Duration,
    /// Between two looks at whether a snapshot is due.
    pub snapshot_check: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(200),
            election_min: Duration::from_millis(800),
            election_max: Duration::from_millis(1200),
            install: Duration::from_secs(600),
            snapshot_check: Duration::from_secs(1),
        }
    }
}

impl Timing {
    /// How long a leader that hears no majority keeps still, so that another can
    /// be elected: as openraft wants it, more than two time-outs.
    pub(crate) fn stillness(&self) -> Duration {
        2 * self.election_max + Duration::from_millis(100)
    }
}

impl ConsensusConfig {
    /// openraft's settings, all of them said.
    pub(crate) fn raft(&self) -> Result<openraft::Config, openraft::ConfigError> {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        openraft::Config {
            cluster_name: format!("mucura-{}", self.group),
            heartbeat_interval: ms(self.timing.heartbeat),
            heartbeat_min_interval: None,
            election_timeout_min: ms(self.timing.election_min),
            election_timeout_max: ms(self.timing.election_max),
            install_snapshot_timeout: ms(self.timing.install),
            // Our entries are batches already; bytes are bounded by the reader.
            max_payload_entries: 64,
            max_append_entries: Some(1024),
            // A follower gets a snapshot only when the log no longer reaches back.
            replication_lag_threshold: u64::MAX,
            // Snapshots and purging follow our own policy (snapshot_policy.rs).
            snapshot_policy: openraft::SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: u64::MAX,
            purge_batch_size: 1,
            api_channel_size: Some(4096),
            api_batch_capacity: 256,
            api_batch_linger_ms: 0,
            notification_channel_size: Some(65_536),
            state_machine_channel_size: Some(1024),
            backoff: "100ms 200ms 400ms ..1s".to_owned(),
            enable_tick: true,
            enable_heartbeat: true,
            enable_elect: true,
            enable_pre_vote: Some(true),
            quorum_loss_probe_interval: Some(ms(self.timing.stillness())),
            allow_log_reversion: Some(false),
            // Restarted leaders stand for election like all others.
            enable_leader_restore: Some(false),
            reset_backoff_on_transfer_leader: Some(true),
            ..openraft::Config::default()
        }
        .validate()
    }
}

use mucura_types::NodeId;

/// Why the metadata log did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsensusError {
    /// No leader was found in time: nothing was proposed.
    #[error("the metadata log has no leader that can be reached")]
    NoLeader,
    /// No answer in time. Whether a proposal took effect is unknown; proposing
    /// the same envelopes again is safe.
    #[error("the metadata log did not answer in time; the outcome is unknown")]
    Timeout,
    /// More than one proposal holds: split it. Nothing was proposed.
    #[error("{commands} commands of {bytes} bytes are more than one proposal holds")]
    TooLarge {
        /// How many.
        commands: usize,
        /// How large.
        bytes: usize,
    },
    /// This node's state is being rebuilt or has not caught up since the start.
    #[error("the metadata of this node is not ready: {0}")]
    NotReady(String),
    /// The cluster has members already, or this node is not among those given.
    #[error("the cluster cannot be set up: {0}")]
    CannotInitialise(String),
    /// The change of members was refused.
    #[error("members cannot be changed: {0}")]
    MembersRefused(String),
    /// There is no voter to hand leadership to.
    #[error("node {to} cannot take over")]
    CannotTransfer {
        /// Who was to.
        to: NodeId,
    },
    /// The node ends, or cannot go on; [`crate::Consensus::fatal`] says which.
    #[error("the metadata log has stopped on this node")]
    Stopped,
}

/// Why the metadata log cannot run on this node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FatalError {
    /// The configuration contradicts itself.
    #[error("the configuration of the metadata log is wrong: {0}")]
    Config(String),
    /// Another process uses the directory.
    #[error("the metadata directory {0} is in use by another process")]
    InUse(String),
    /// The write-ahead log cannot be opened, written or synced.
    #[error("write-ahead log: {0}")]
    Log(String),
    /// Neither the state store nor any snapshot is good, and the log does not
    /// reach back to the beginning.
    #[error("the state cannot be rebuilt from what is on this node: {0}")]
    NoSource(String),
    /// A committed entry cannot be carried out by this version.
    #[error("this version cannot carry out what was committed: {0}")]
    CannotApply(String),
    /// A directory or file beside the log failed.
    #[error("metadata directory: {0}")]
    Io(String),
    /// A bug, or an error of the library below.
    #[error("the metadata log stopped: {0}")]
    Internal(String),
}

use mucura_consensus::ConsensusError;
use mucura_metadata::{ExecuteError, Rejection};

/// Why a use case came to nothing, told apart by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The state machine said no; nothing was changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The site cannot do it now; nothing was changed. Try again.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// For operators.
        reason: String,
    },
    /// The deadline passed. It may have been done, or yet be done.
    #[error("the deadline passed; the outcome is unknown")]
    TimedOut,
    /// Too few drives took the shards; nothing was changed.
    #[error("{stored} of {needed} shards could be stored")]
    NotEnoughDrives {
        /// On stable storage.
        stored: usize,
        /// The write quorum.
        needed: usize,
    },
    /// Too few shards of a chunk can be read now.
    #[error("{available} of {needed} shards can be read")]
    NotEnoughShards {
        /// Readable.
        available: usize,
        /// How many it takes.
        needed: usize,
    },
    /// The object is sealed by a key of the client, and the request did not
    /// bring that key.
    #[error("the key is not the one that the object was sealed by")]
    WrongKey,
    /// The object is sealed by a key of the site that this node does not have.
    /// Nothing was changed; another node may have it.
    #[error(
        "this node does not have the site encryption key with the number {number}: add it to the key file"
    )]
    NoKey {
        /// Which.
        number: u32,
    },
    /// All memory for bodies is in use. Try again.
    #[error("no buffers are free")]
    Busy,
    /// The body ended early, was too long, or was refused by the one who feeds
    /// it (who knows why); nothing was changed.
    #[error("the body was not taken")]
    Body,
    /// What is stored does not make sense: a person must look.
    #[error("internal: {detail}")]
    Internal {
        /// For operators.
        detail: String,
    },
}

impl StoreError {
    pub(crate) fn internal(detail: impl std::fmt::Display) -> Self {
        Self::Internal { detail: detail.to_string() }
    }

    pub(crate) fn unavailable(reason: impl std::fmt::Display) -> Self {
        Self::Unavailable { reason: reason.to_string() }
    }
}

impl From<ConsensusError> for StoreError {
    fn from(error: ConsensusError) -> Self {
        match error {
            ConsensusError::Timeout | ConsensusError::Stopped => Self::TimedOut,
            other => Self::unavailable(other),
        }
    }
}

impl From<ExecuteError> for StoreError {
    fn from(error: ExecuteError) -> Self {
        match error {
            // The layer below has seen it too, and rebuilds the rows.
            ExecuteError::View(error) => Self::unavailable(error),
            other => Self::internal(other),
        }
    }
}

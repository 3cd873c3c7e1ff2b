use bytes::Bytes;
use mucura_types::{SessionId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, decode, encode};
use crate::command::Command;

/// How many sequence numbers of a session may be unanswered at once. The
/// results of older ones are forgotten.
pub const SEQUENCE_WINDOW: u64 = 1024;

/// One command with what makes a repetition of it harmless.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The gateway session that sends it; session 0 carries only commands that
    /// may be repeated as they are.
    pub session: SessionId,
    /// Counts up within the session; a repetition keeps its number.
    pub sequence: u64,
    /// What to do.
    pub command: Command,
}

impl Envelope {
    /// A command that may be repeated as it is.
    pub fn repeatable(command: Command) -> Self {
        Self { session: SessionId(0), sequence: 0, command }
    }

    /// Its size in a batch, in bytes.
    pub fn encoded_len(&self) -> usize {
        encode(self).len()
    }
}

/// One proposal to the log: commands in order, with the leader's wall time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The leader's wall clock when it proposed.
    pub wall: Timestamp,
    /// What to do, in this order.
    pub commands: Vec<Envelope>,
}

impl Batch {
    /// As bytes for the log.
    pub fn encode(&self) -> Bytes {
        encode(self).into()
    }

    /// The inverse of [`Batch::encode`].
    ///
    /// # Errors
    /// Damaged, or written by a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("batch", bytes)
    }
}

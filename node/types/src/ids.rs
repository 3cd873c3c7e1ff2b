use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text is not the id it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}")]
pub struct ParseIdError {
    /// What was expected.
    pub what: &'static str,
    /// What was given.
    pub text: String,
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $int:ty, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.parse().map(Self).map_err(|_| ParseIdError { what: $what, text: text.to_owned() })
            }
        }
    };
}

number_id!(
    /// A site: the nodes of one centre that share one metadata cluster.
    SiteId, u16, "a site number"
);
number_id!(
    /// A node: one `mucura serve` process with its directory. Never given twice.
    NodeId, u64, "a node number"
);
number_id!(
    /// A drive: one data directory of a node. A replacement keeps the number.
    DriveId, u32, "a drive number"
);
number_id!(
    /// A Raft group. Today there is one, number 0.
    GroupId, u32, "a group number"
);
number_id!(
    /// A bucket. Never given twice, even when the name is.
    BucketId, u64, "a bucket number"
);
number_id!(
    /// One life of a gateway, opened and ended by logged commands.
    SessionId, u64, "a session number"
);
number_id!(
    /// A placement table. Chunks name the table that they were written by.
    TableId, u32, "a table number"
);

/// A user of the store. Shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub u64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for UserId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let error = || ParseIdError { what: "a user id", text: text.to_owned() };
        if text.len() != 16 || text.bytes().any(|b| !b.is_ascii_hexdigit()) {
            return Err(error());
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| error())
    }
}

/// What one metadata store or one drive directory is told apart by: made at
/// random when it is formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for StoreId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| ParseIdError { what: "a store id", text: text.to_owned() })?;
        Ok(Self(bytes))
    }
}

/// One write of a body (an object or a part), known before its bytes arrive.
/// Shown as `session-counter` in hexadecimal; also the id of an upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WriteId {
    /// The session of the gateway that took it.
    pub session: SessionId,
    /// Counts up within the session.
    pub counter: u64,
}

impl WriteId {
    /// Big-endian, so that bytes sort as ids do.
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.session.0) << 64) | u128::from(self.counter)).to_be_bytes()
    }

    /// The inverse of [`WriteId::to_bytes`].
    #[allow(clippy::cast_possible_truncation)] // Takes the two halves apart.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self { session: SessionId((both >> 64) as u64), counter: both as u64 }
    }
}

impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.session.0, self.counter)
    }
}

impl FromStr for WriteId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let number = |digits: &str| match digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            true => u64::from_str_radix(digits, 16).ok(),
            false => None,
        };
        text.split_once('-')
            .and_then(|(session, counter)| {
                Some(Self { session: SessionId(number(session)?), counter: number(counter)? })
            })
            .ok_or_else(|| ParseIdError { what: "a write id", text: text.to_owned() })
    }
}

/// One chunk: a run of at most [`crate::CHUNK_BYTES_MAX`] bytes of a write.
/// Its bytes never change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChunkId {
    /// The write that it is a piece of.
    pub write: WriteId,
    /// Its place in the write, from 0.
    pub number: u32,
}

impl ChunkId {
    /// Big-endian, so that bytes sort as ids do.
    pub fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..16].copy_from_slice(&self.write.to_bytes());
        bytes[16..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    /// The inverse of [`ChunkId::to_bytes`].
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        let (mut write, mut number) = ([0; 16], [0; 4]);
        write.copy_from_slice(&bytes[..16]);
        number.copy_from_slice(&bytes[16..]);
        Self { write: WriteId::from_bytes(write), number: u32::from_be_bytes(number) }
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:x}", self.write, self.number)
    }
}

impl FromStr for ChunkId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.rsplit_once('-')
            .and_then(|(write, number)| {
                let number = u32::from_str_radix(number, 16).ok()?;
                Some(Self { write: write.parse().ok()?, number })
            })
            .ok_or_else(|| ParseIdError { what: "a chunk id", text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_survive_bytes_and_text_and_sort_alike(a in any::<(u64, u64, u32)>(), b in any::<(u64, u64, u32)>()) {
            let id = |(s, c, n): (u64, u64, u32)| ChunkId {
                write: WriteId { session: SessionId(s), counter: c },
                number: n,
            };
            let (a, b) = (id(a), id(b));
            prop_assert_eq!(ChunkId::from_bytes(a.to_bytes()), a);
            prop_assert_eq!(a.to_string().parse::<ChunkId>().unwrap(), a);
            prop_assert_eq!(a.write.to_string().parse::<WriteId>().unwrap(), a.write);
            prop_assert_eq!(a.to_bytes().cmp(&b.to_bytes()), a.cmp(&b));
        }

        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC*") {
            let parsed = (text.parse::<ChunkId>(), text.parse::<StoreId>(), text.parse::<UserId>());
            drop(parsed);
        }
    }
}

//! What nodes say to each other about shards (`docs/formats/shards.md`).

use std::ops::RangeInclusive;

use mucura_chunks::{ChunkError, ChunkLayout, ShardHeader, ShardName};
use mucura_types::{BucketId, ChunkId, DriveId, Profile, StoreId, UserId};
use serde::{Deserialize, Serialize};

/// The methods of the store on the mesh.
pub(crate) const METHODS: RangeInclusive<u16> = 0x0200..=0x02ff;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Method {
    /// Bulk: a shard comes in.
    Write = 0x0201,
    /// Bulk: a range of a shard goes out.
    Read = 0x0202,
    /// Call: shards are removed.
    Remove = 0x0210,
    /// Call: how the drives are.
    Health = 0x0211,
    /// Call: what the head of a shard says.
    Header = 0x0212,
    /// Call: an empty directory takes the place of a drive.
    ReplaceDrive = 0x0213,
    /// Call: how the metadata log of the node stands.
    NodeStatus = 0x0214,
    /// Call: verify all shards now.
    Scrub = 0x0215,
    /// Call: which encryption keys the node has.
    Keys = 0x0216,
}

impl Method {
    pub(crate) fn of(number: u16) -> Option<Self> {
        [
            Self::Write,
            Self::Read,
            Self::Remove,
            Self::Health,
            Self::Header,
            Self::ReplaceDrive,
            Self::NodeStatus,
            Self::Scrub,
            Self::Keys,
        ]
        .into_iter()
        .find(|method| *method as u16 == number)
    }
}

/// Why a drive did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum ShardFault {
    #[error("the drive does not hold the shard")]
    NotFound,
    #[error("the shard is damaged")]
    Corrupt,
    #[error("the drive is full")]
    NoSpace,
    #[error("the drive is out of service")]
    Failed,
    #[error("the node has too much to do")]
    Busy,
    #[error("the node does not have this drive")]
    WrongDrive,
    #[error("the shard is there already")]
    Exists,
    #[error("the request does not make sense")]
    Malformed,
    /// Only at the asking side: the node did not answer.
    #[error("the node cannot be reached")]
    Unreachable,
}

impl From<&ChunkError> for ShardFault {
    fn from(error: &ChunkError) -> Self {
        match error {
            ChunkError::NotFound { .. } => Self::NotFound,
            ChunkError::Exists { .. } => Self::Exists,
            ChunkError::Corrupt { .. } => Self::Corrupt,
            ChunkError::NoSpace { .. } => Self::NoSpace,
            ChunkError::Busy { .. } => Self::Busy,
            ChunkError::Invalid { .. } => Self::Malformed,
            ChunkError::Failed { .. }
            | ChunkError::NotFormatted { .. }
            | ChunkError::WrongDrive { .. }
            | ChunkError::InUse { .. }
            | ChunkError::Io { .. } => Self::Failed,
        }
    }
}

/// A drive, and the directory that it is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DriveRef {
    pub(crate) drive: DriveId,
    pub(crate) store: StoreId,
}

/// A shard by chunk and position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ShardRef {
    pub(crate) chunk: ChunkId,
    pub(crate) position: u8,
}

impl From<ShardName> for ShardRef {
    fn from(name: ShardName) -> Self {
        Self { chunk: name.chunk, position: name.position }
    }
}

impl From<ShardRef> for ShardName {
    fn from(shard: ShardRef) -> Self {
        Self { chunk: shard.chunk, position: shard.position }
    }
}

/// Announces a shard; its cells follow, then the end of the stream. The answer
/// is a `Result<(), ShardFault>` once it is on stable storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WriteHeader {
    pub(crate) drive: DriveRef,
    pub(crate) shard: ShardRef,
    pub(crate) chunk_len: u64,
    pub(crate) profile: Profile,
    pub(crate) bucket: BucketId,
    pub(crate) owner: UserId,
    pub(crate) key: String,
}

impl WriteHeader {
    pub(crate) fn new(drive: DriveRef, header: &ShardHeader) -> Self {
        Self {
            drive,
            shard: header.shard.into(),
            chunk_len: header.layout.len(),
            profile: header.layout.profile(),
            bucket: header.bucket,
            owner: header.owner,
            key: header.key.clone(),
        }
    }

    pub(crate) fn shard_header(&self) -> Result<ShardHeader, ShardFault> {
        let layout = ChunkLayout::new(self.chunk_len, self.profile).map_err(|_| ShardFault::Malformed)?;
        Ok(ShardHeader {
            shard: self.shard.into(),
            layout,
            bucket: self.bucket,
            owner: self.owner,
            key: self.key.clone(),
        })
    }
}

/// Asks for a range of a shard. The answer is a `Result<(), ShardFault>`, then
/// the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadHeader {
    pub(crate) drive: DriveRef,
    pub(crate) shard: ShardRef,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// Asks that shards are removed; those that are not there count as removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RemoveRequest {
    pub(crate) drive: DriveRef,
    pub(crate) shards: Vec<ShardRef>,
}

/// The state of a drive, as its node tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriveServiceState {
    /// Reads and writes.
    Online,
    /// Reads only.
    Full,
    /// Out of service.
    Failed,
}

/// How a drive is, as its node tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveHealth {
    /// Which.
    pub drive: DriveId,
    /// The directory that it is.
    pub store: StoreId,
    /// Whether it serves.
    pub state: DriveServiceState,
    /// Shards on it.
    pub shards: u64,
    /// Bytes of the file system.
    pub bytes_total: u64,
    /// Bytes that are free on it.
    pub bytes_free: u64,
    /// Shards that should be on it and are known not to be.
    pub missing: u64,
    /// Whether it has been compared with the metadata since it was opened.
    pub audited: bool,
}

pub(crate) fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    // In memory, plain structs: see `metadata::encode`.
    postcard::to_extend(message, Vec::new()).unwrap_or_default()
}

pub(crate) fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, ShardFault> {
    postcard::from_bytes(bytes).map_err(|_| ShardFault::Malformed)
}

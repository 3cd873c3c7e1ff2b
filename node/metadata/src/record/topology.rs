use bytes::Bytes;
use mucura_types::{HybridTime, NodeId, SiteId, StoreId, TableId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::reply::Outcome;

/// What the whole site shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRecord {
    /// Its number in the federation.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Counts every change of drives and tables. A commit made under an older
    /// one is refused.
    pub epoch: u64,
    /// The table that new chunks use; none while there are no drives.
    pub table: Option<TableId>,
    /// The certificate authority's certificate, PEM.
    pub ca_certificate: String,
    /// The certificate authority's key and the secret that join tokens are
    /// made with, sealed by the site key.
    pub sealed_secrets: Bytes,
}

/// A node. The id is in the row's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// For people.
    pub name: String,
    /// Where its mesh listens, `host:port`.
    pub mesh: String,
    /// Its S3 endpoint, a URL.
    pub s3: String,
    /// Its admin endpoint, a URL.
    pub admin: String,
    /// Its metadata store: a node that comes with another one was wiped.
    pub store: Option<StoreId>,
}

/// A drive. The id is in the row's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveRecord {
    /// The node that it is in.
    pub node: NodeId,
    /// The directory as it was formatted; changes when the drive is replaced.
    pub store: StoreId,
    /// Relative share of the shards.
    pub weight: u64,
    /// The directory, for people.
    pub path: String,
    /// The epoch in which it was added or replaced.
    pub epoch: u64,
}

/// A gateway session. The id is in the row's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The gateway's node.
    pub node: NodeId,
    /// Makes a repeated opening the same session.
    pub nonce: [u8; 16],
    /// When.
    pub opened: Timestamp,
}

/// The group's hybrid clock, and how many orders were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockRecord {
    pub last: HybridTime,
    pub sequence: u64,
}

/// The last number given of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CounterRecord {
    pub node: u64,
    pub drive: u32,
    pub table: u32,
    pub session: u64,
    pub user: u64,
    pub bucket: u64,
}

/// What a command of a session was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ResultRecord {
    pub sequence: u64,
    pub outcome: Outcome,
}

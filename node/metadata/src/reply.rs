use mucura_types::{BucketId, DriveId, NodeId, Order, SessionId, TableId, UserId};
use serde::{Deserialize, Serialize};

use crate::record::{Checksum, ETag, VersionId};

/// What a command was answered.
pub type Outcome = Result<Reply, Rejection>;

/// What a command that was carried out gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // Each variant is named by what it carries.
pub enum Reply {
    Done,
    Node(NodeId),
    Drive(DriveId),
    Table(TableId),
    Session(SessionId),
    User(UserId),
    Bucket(BucketId),
    /// A version was stored.
    Stored {
        order: Order,
        /// Whether clients know it as `null`.
        null: bool,
    },
    /// An object or version was deleted, or was not there.
    Deleted {
        existed: bool,
        /// The version that was deleted, or the delete marker that was made.
        version: Option<VersionId>,
        /// Whether that is a delete marker.
        marker: bool,
    },
    /// A version was changed.
    Changed {
        version: VersionId,
    },
    /// An upload became this version.
    Completed {
        order: Order,
        null: bool,
        etag: ETag,
        checksum: Option<Checksum>,
    },
    /// A step was taken; there is more of the same to do.
    More,
}

/// Why a command was not carried out; nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// The site was set up before.
    #[error("the site was set up before")]
    AlreadyInitialised,
    /// The site has not been set up.
    #[error("the site has not been set up")]
    NotInitialised,
    /// The session was ended: its gateway must open another.
    #[error("the session was ended")]
    SessionEnded,
    /// A command of this number was answered too long ago to know how.
    #[error("the command's number lies behind the window of its session")]
    SequenceForgotten,
    /// Drives or tables changed since the write began.
    #[error("the topology is at epoch {current}")]
    StaleEpoch {
        /// The epoch now.
        current: u64,
    },
    /// No such node.
    #[error("no such node")]
    NoSuchNode,
    /// The node came with another metadata store than it had: it was wiped.
    #[error("the node is known with another metadata store")]
    WrongStore,
    /// No such drive.
    #[error("no such drive")]
    NoSuchDrive,
    /// No such chunk.
    #[error("no such chunk")]
    NoSuchChunk,
    /// No such user.
    #[error("no such user")]
    NoSuchUser,
    /// The name is taken.
    #[error("there is a user of that name")]
    UserExists,
    /// The user owns buckets.
    #[error("the user owns buckets")]
    UserOwnsBuckets,
    /// No such access key.
    #[error("no such access key")]
    NoSuchAccessKey,
    /// The access key is taken.
    #[error("there is an access key of that name")]
    AccessKeyExists,
    /// No such bucket.
    #[error("no such bucket")]
    NoSuchBucket,
    /// The name is taken.
    #[error("there is a bucket of that name")]
    BucketExists {
        /// By the one who asks.
        by_you: bool,
    },
    /// The bucket holds objects.
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    /// The user has as many buckets as a user may have.
    #[error("too many buckets")]
    TooManyBuckets,
    /// No such object.
    #[error("no such key")]
    NoSuchKey,
    /// The object has no such version.
    #[error("no such version")]
    NoSuchVersion,
    /// The version is a delete marker: there is nothing to be said of it.
    #[error("the version is a delete marker")]
    DeleteMarker {
        /// Whether the request named it.
        named: bool,
    },
    /// The version is locked.
    #[error("the version is locked")]
    Locked,
    /// The bucket's versions cannot be locked.
    #[error("the bucket has no object lock")]
    NoObjectLock,
    /// The settings of the bucket do not go together.
    #[error("the bucket is not in a state for this")]
    BucketState,
    /// The bucket's access control list grants something to others.
    #[error("the access control list of the bucket grants something to others")]
    AclNotPrivate,
    /// The bucket does not take access control lists.
    #[error("the bucket does not take access control lists")]
    AclsDisabled,
    /// A condition of the request does not hold.
    #[error("a condition does not hold")]
    PreconditionFailed,
    /// No such upload.
    #[error("no such upload")]
    NoSuchUpload,
    /// A part of the list is not there, or its tag is another.
    #[error("part {number} is not there or is another")]
    InvalidPart {
        /// Which.
        number: u16,
    },
    /// The list of parts is not in ascending order.
    #[error("the parts are not in ascending order")]
    InvalidPartOrder,
    /// A part before the last is smaller than 5 MiB.
    #[error("part {number} is too small")]
    PartTooSmall {
        /// Which.
        number: u16,
        /// Its bytes.
        size: u64,
    },
    /// The object would be larger than an object may be.
    #[error("the object is too large")]
    ObjectTooLarge,
    /// The session that the body was written under was ended: its shards may be
    /// gone.
    #[error("the session of the write was ended")]
    WriteSessionEnded,
    /// The command contradicts itself: a fault of its sender.
    #[error("malformed command: {0}")]
    Malformed(MalformedCommand),
    /// No such webhook.
    #[error("no such webhook")]
    NoSuchWebhook,
    /// The name is taken.
    #[error("there is a webhook of that name")]
    WebhookExists,
    /// The site has as many webhooks or queues as it may have.
    #[error("too many webhooks or queues")]
    TooManyTargets,
}

/// How a command contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[allow(missing_docs)]
pub enum MalformedCommand {
    #[error("chunks do not add up to the size")]
    ChunkSizes,
    #[error("a chunk names a shard position that its profile does not have")]
    ShardPosition,
    #[error("a table names drives that are not there")]
    TableDrives,
    #[error("a text is empty or too long")]
    TextLength,
    #[error("an inline body is too long")]
    InlineLength,
    #[error("a part number is out of bounds")]
    PartNumber,
}

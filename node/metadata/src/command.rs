use bytes::Bytes;
use mucura_types::{
    BucketId, ChunkId, DriveId, NodeId, Order, PlacementTable, SessionId, SiteId, StoreId, TableId, UserId,
    WriteId,
};
use serde::{Deserialize, Serialize};

use crate::record::{
    Acl, Attributes, BucketDocument, Checksum, ChecksumAlgorithm, ChunkRecord, DefaultRetention, ETag,
    EventTarget, GarbageItem, NodeRecord, NotificationRule, Origin, Ownership, PublicAccessBlock, RequestIds,
    Retention, Seal, VersionId, Versioning,
};

/// What can be asked of the state machine. Variants are only ever added, at
/// the end: their numbers are in every log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Sets up the site. Once.
    InitSite(SiteSeed),
    /// Gives a number to a node that joins. The id of its metadata store, which
    /// it must bring, makes it repeatable.
    AddNode {
        /// What is known of it.
        node: NodeRecord,
    },
    /// A node says where it is now.
    ReportNode {
        /// Which.
        id: NodeId,
        /// How it is now. Its store is fixed by the first report.
        node: NodeRecord,
    },
    /// Gives a number to a drive that was formatted. The store id makes it
    /// repeatable.
    AddDrive {
        /// The node that it is in.
        node: NodeId,
        /// The directory's own id.
        store: StoreId,
        /// Its share of the shards.
        weight: u64,
        /// The directory, for people.
        path: String,
    },
    /// An empty directory takes the place of a drive.
    ReplaceDrive {
        /// Which.
        drive: DriveId,
        /// The id of the directory that it had.
        replaces: StoreId,
        /// The new directory's own id.
        store: StoreId,
        /// The new directory, for people.
        path: String,
    },
    /// New chunks are placed by another table from now on.
    SetTable {
        /// Its id must be one more than the last.
        table: PlacementTable,
        /// The table in use when it was computed.
        replaces: Option<TableId>,
    },
    /// Opens a gateway session.
    OpenSession {
        /// The gateway's node.
        node: NodeId,
        /// Random; makes it repeatable.
        nonce: [u8; 16],
        /// Whether the sessions that the node had are over: its process was
        /// started anew.
        takes_over: bool,
    },
    /// Ends a session: nothing that it wrote and did not commit ever will be.
    EndSession {
        /// Which.
        session: SessionId,
    },
    /// Makes a user with a first access key.
    CreateUser(CreateUser),
    /// Removes a user who owns no buckets, and the user's keys.
    DeleteUser {
        /// Who.
        user: UserId,
    },
    /// Gives a user another access key.
    CreateKey {
        /// Who.
        user: UserId,
        /// The key.
        key: NewKey,
    },
    /// Removes an access key.
    DeleteKey {
        /// Which.
        access_key: String,
    },
    /// Allows or stops the use of an access key.
    SetKeyEnabled {
        /// Which.
        access_key: String,
        /// Whether it may be used.
        enabled: bool,
    },
    /// Makes a bucket.
    CreateBucket {
        /// Its name, checked by the front end.
        name: String,
        /// Who will own it.
        owner: UserId,
        /// How many buckets the owner may have.
        limit: u32,
        /// What it begins with.
        settings: NewBucket,
    },
    /// Removes an empty bucket; uploads under way in it are aborted.
    DeleteBucket {
        /// Its name.
        name: String,
        /// Its number, so that another bucket of the name is not hit.
        id: BucketId,
    },
    /// Makes an object version whose body is stored.
    PutObject(PutObject),
    /// Deletes an object, or one version of it.
    DeleteObject(DeleteObject),
    /// Begins a multipart upload.
    CreateUpload(CreateUpload),
    /// Makes a part whose body is stored.
    PutPart(PutPart),
    /// Makes an object of the parts of an upload.
    CompleteUpload(CompleteUpload),
    /// Drops an upload and its parts.
    AbortUpload {
        /// Where.
        bucket: BucketId,
        /// Which key.
        key: Bytes,
        /// Which upload.
        upload: WriteId,
    },
    /// The shard of a position is where it should be.
    ShardHome {
        /// Which chunk.
        chunk: ChunkId,
        /// Which position.
        position: u8,
        /// The drive that holds it, by the placement table.
        drive: DriveId,
        /// The directory that holds it: a drive replaced meanwhile does not.
        store: StoreId,
    },
    /// The shards of an item of garbage are gone (or, of an upload, its parts
    /// are to be listed as garbage themselves); forgets the rows. Answers
    /// [`crate::Reply::More`] while rows are left.
    ForgetGarbage {
        /// Which.
        item: GarbageItem,
    },
    /// Changes a setting of a bucket.
    ChangeBucket {
        /// Which.
        bucket: BucketId,
        /// What.
        change: BucketChange,
    },
    /// Changes what is said of a version besides its bytes.
    ChangeVersion(ChangeVersion),
    /// Background work says how far it came, so that it can go on elsewhere.
    NoteProgress {
        /// Which work.
        work: String,
        /// How far, in its own words; empty forgets it.
        place: Bytes,
    },
    /// A change in a bucket that tells others of it.
    Told {
        /// Where the change comes from.
        origin: Origin,
        /// The change.
        change: ObjectChange,
    },
    /// Allows a webhook.
    AddWebhook {
        /// Unique.
        name: String,
        /// What is called.
        url: String,
        /// The secret that calls are signed with, sealed by the site key.
        sealed_secret: Option<Bytes>,
    },
    /// Removes a webhook and the events that wait for it. Answers
    /// [`crate::Reply::More`] while events are left.
    RemoveWebhook {
        /// Which.
        name: String,
    },
    /// Events were taken over by whom they were for. Answers
    /// [`crate::Reply::More`] while some of them are left.
    DropEvents {
        /// Whose.
        target: EventTarget,
        /// The last of them.
        through: u64,
    },
    /// The data key of an upload is wrapped by another key of the site.
    RewrapUpload {
        /// Where.
        bucket: BucketId,
        /// Which key.
        key: Bytes,
        /// Which upload.
        upload: WriteId,
        /// How.
        rewrap: Rewrap,
    },
}

/// A change that others may be told of.
#[allow(clippy::large_enum_variant)] // Most are puts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ObjectChange {
    /// See [`Command::PutObject`].
    Put(PutObject),
    /// See [`Command::DeleteObject`].
    Delete(DeleteObject),
    /// See [`Command::CompleteUpload`].
    Complete(CompleteUpload),
    /// See [`Command::ChangeVersion`].
    Change(ChangeVersion),
}

impl ObjectChange {
    /// The command of this change. `origin` is given where the bucket has
    /// rules that say who is told.
    pub fn into_command(self, origin: Option<Origin>) -> Command {
        match (origin, self) {
            (Some(origin), change) => Command::Told { origin, change },
            (None, Self::Put(put)) => Command::PutObject(put),
            (None, Self::Delete(delete)) => Command::DeleteObject(delete),
            (None, Self::Complete(complete)) => Command::CompleteUpload(complete),
            (None, Self::Change(change)) => Command::ChangeVersion(change),
        }
    }
}

/// Who is told what happens in a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The document, as clients read it.
    pub text: Bytes,
    /// What it says.
    pub rules: Vec<NotificationRule>,
    /// The request that sets it; targets that are new to the bucket hear of it.
    pub request: RequestIds,
}

/// A data key of the site, wrapped anew; the bodies stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrap {
    /// How it must be wrapped now.
    pub replaces: Bytes,
    /// How it is from now on.
    pub wrapped_key: Bytes,
}

/// What a new bucket begins with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewBucket {
    /// Who may do what.
    pub acl: Option<Acl>,
    /// Who owns what others write.
    pub ownership: Option<Ownership>,
    /// Whether its versions can be locked; then it keeps them.
    pub lock: bool,
}

/// A change of a setting of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BucketChange {
    /// Whether it keeps the versions that are replaced; never to `Never`.
    Versioning(Versioning),
    /// What versions get that bring no retention; it is lockable from now on.
    Lock(Option<DefaultRetention>),
    /// Who may do what; none: the owner alone.
    Acl(Option<Acl>),
    /// Who owns what others write.
    Ownership(Option<Ownership>),
    /// What must not be public.
    PublicAccess(Option<PublicAccessBlock>),
    /// A document, or none.
    Document {
        /// Which.
        document: BucketDocument,
        /// Its text.
        text: Option<Bytes>,
    },
    /// Who is told what happens in it; none: nobody.
    Notification(Option<Notification>),
}

/// A deletion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteObject {
    /// Where.
    pub bucket: BucketId,
    /// Which key.
    pub key: Bytes,
    /// Which version, for good; none: the object, which a bucket that keeps
    /// versions says by a delete marker.
    pub version: Option<VersionId>,
    /// Who deletes it: the owner of a delete marker.
    pub by: UserId,
    /// Whether a retention of mode governance is bypassed.
    pub bypass: bool,
    /// Under which condition.
    pub condition: DeleteCondition,
}

/// A change of what is said of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeVersion {
    /// Where.
    pub bucket: BucketId,
    /// Which key.
    pub key: Bytes,
    /// Which version; none: the current one.
    pub version: Option<VersionId>,
    /// The place that it must have: another may have got its id.
    pub at: Option<Order>,
    /// What.
    pub change: VersionChange,
}

/// What of a version is changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum VersionChange {
    /// Its tags, all of them.
    Tags(Vec<(String, String)>),
    /// Who may do what; none: the owner alone.
    Acl(Option<Acl>),
    /// Until when it is kept.
    Retention {
        /// The new one.
        retention: Option<Retention>,
        /// Whether one of mode governance is bypassed.
        bypass: bool,
    },
    /// Whether it is kept until further notice.
    LegalHold(bool),
    /// Its storage class; none: the standard one.
    StorageClass {
        /// The class that it must have.
        from: Option<String>,
        /// The tags that it must have, others beside them or not.
        tags: Vec<(String, String)>,
        /// The new one.
        to: Option<String>,
    },
    /// Its data key is wrapped by another key of the site.
    Rewrap(Rewrap),
}

/// What a new site begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteSeed {
    /// Its number.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// The certificate authority's certificate, PEM.
    pub ca_certificate: String,
    /// Sealed secrets (`SiteRecord`).
    pub sealed_secrets: Bytes,
    /// Its first nodes, in order of their numbers, from 1.
    pub nodes: Vec<NodeRecord>,
}

/// A new user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateUser {
    /// Unique.
    pub name: String,
    /// For people.
    pub email: String,
    /// The first access key.
    pub key: NewKey,
}

/// A new access key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewKey {
    /// Its text, made at random by the sender.
    pub access_key: String,
    /// The secret, sealed by the site key.
    pub sealed_secret: Bytes,
}

/// A body that is stored: in the command itself, or in chunks that are durable
/// already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Written {
    /// Sealed by the site key.
    Inline(Bytes),
    /// The chunks of a write, in order.
    Chunks {
        /// Which write.
        write: WriteId,
        /// Its chunks.
        chunks: Vec<ChunkRecord>,
        /// The epoch that the drives were chosen under.
        epoch: u64,
    },
}

/// A condition of a write on the object that is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WriteCondition {
    /// The object must be there with one of these tags; an empty list: with any.
    pub if_match: Option<Vec<ETag>>,
    /// The object must not be there with one of these tags; an empty list: not
    /// at all.
    pub if_none_match: Option<Vec<ETag>>,
}

/// A condition of a deletion. A deletion of what is not there succeeds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeleteCondition {
    /// The object, if there, must have one of these tags; an empty list: any.
    pub if_match: Option<Vec<ETag>>,
    /// The current version must be this one.
    pub current: Option<Order>,
    /// There must be no other version of the key.
    pub alone: bool,
    /// The version must be there and have these tags, others beside them or not.
    pub tags: Vec<(String, String)>,
    /// The version must be this one, and not the newest of its key.
    pub noncurrent: Option<Noncurrent>,
}

/// A version that is not the newest of its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noncurrent {
    /// Its place.
    pub at: Order,
    /// The place of the next newer version of the key: since then it is what
    /// it is.
    pub successor: Order,
    /// So many newer versions there must be at least, the newest not counted.
    pub newer: u8,
}

/// A new version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PutObject {
    /// Where.
    pub bucket: BucketId,
    /// Its key.
    pub key: Bytes,
    /// Who writes it.
    pub owner: UserId,
    /// Bytes.
    pub size: u64,
    /// Entity tag.
    pub etag: ETag,
    /// The client's checksum.
    pub checksum: Option<Checksum>,
    /// What else the client said.
    pub attributes: Attributes,
    /// The bytes.
    pub body: Written,
    /// How they are sealed.
    pub seal: Option<Seal>,
    /// Under which condition.
    pub condition: WriteCondition,
}

/// A new upload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateUpload {
    /// Where.
    pub bucket: BucketId,
    /// Its key.
    pub key: Bytes,
    /// Its id.
    pub upload: WriteId,
    /// Who begins it.
    pub initiator: UserId,
    /// Whose the object will be.
    pub owner: UserId,
    /// What the object will carry.
    pub attributes: Attributes,
    /// The checksum asked for: the algorithm, and whether it is to be over the
    /// full object.
    pub checksum: Option<(ChecksumAlgorithm, bool)>,
}

/// A new part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PutPart {
    /// Where.
    pub bucket: BucketId,
    /// Its key.
    pub key: Bytes,
    /// The upload.
    pub upload: WriteId,
    /// From 1 to 10,000.
    pub number: u16,
    /// Bytes.
    pub size: u64,
    /// MD5 of the bytes.
    pub md5: [u8; 16],
    /// The client's checksum.
    pub checksum: Option<Checksum>,
    /// The bytes.
    pub body: Written,
    /// How they are sealed.
    pub seal: Option<Seal>,
}

/// The end of an upload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompleteUpload {
    /// Where.
    pub bucket: BucketId,
    /// Its key.
    pub key: Bytes,
    /// The upload.
    pub upload: WriteId,
    /// The parts that the object is made of: number and MD5, in order.
    pub parts: Vec<(u16, [u8; 16])>,
    /// The object's tag, computed from the list.
    pub etag: ETag,
    /// The object's checksum, computed from the parts'.
    pub checksum: Option<Checksum>,
    /// Under which condition.
    pub condition: WriteCondition,
    /// The smallest size of a part before the last, in bytes.
    pub part_bytes_min: u64,
}

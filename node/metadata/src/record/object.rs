use bytes::Bytes;
use mucura_types::{BucketId, Order, Timestamp, UserId, WriteId};
use serde::{Deserialize, Serialize};

use crate::record::{Acl, ETag, Encryption, Lock, Seal};

/// A checksum that the client asked for, of the algorithms that S3 names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Which.
    pub algorithm: ChecksumAlgorithm,
    /// Over what.
    pub kind: ChecksumKind,
    /// Its bytes, big-endian where it is a number.
    pub value: Bytes,
}

/// The checksum algorithms of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ChecksumAlgorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// What a checksum is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChecksumKind {
    /// All bytes of the object.
    FullObject,
    /// The checksums of this many parts.
    Composite(u16),
}

/// What a client says of an object besides its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Standard headers that are given back, by lower-case name.
    pub headers: Vec<(String, String)>,
    /// User metadata, by lower-case name without `x-amz-meta-`.
    pub user: Vec<(String, String)>,
    /// Its tags, in the order that the client gave.
    pub tags: Vec<(String, String)>,
    /// Who may do what; none: the owner alone.
    pub acl: Option<Acl>,
    /// What keeps it from being deleted.
    pub lock: Lock,
    /// How its bytes are sealed; none: they are not.
    pub encryption: Option<Encryption>,
    /// The storage class that it asks for; none: the standard one. That of a
    /// version, which changes with time, is in its summary and never here.
    pub storage_class: Option<String>,
}

/// Where the bytes of a version or part are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// Here, sealed by the site key.
    Inline(Bytes),
    /// In the chunks of this write.
    Chunks(WriteId),
    /// In the parts of this upload, in order of part number.
    Parts(WriteId),
}

/// What a listing shows of a version; the beginning of its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionSummary {
    /// Whether the version says that the object is deleted.
    pub delete_marker: bool,
    /// Whether clients know it as `null`.
    pub null: bool,
    /// Bytes.
    pub size: u64,
    /// Entity tag.
    pub etag: ETag,
    /// Shown as Last-Modified.
    pub modified: Timestamp,
    /// Who wrote it.
    pub owner: UserId,
    /// The client's checksum, if it gave one.
    pub checksum: Option<Checksum>,
    /// Its storage class; none: the standard one.
    pub storage_class: Option<String>,
}

/// One version of an object. Its order is in its row's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// What a listing shows.
    pub summary: VersionSummary,
    /// Where the bytes are.
    pub body: Body,
    /// How it is sealed, if the version is encrypted and has a body of its own.
    pub seal: Option<Seal>,
    /// What the client said of it.
    pub attributes: Attributes,
}

/// A multipart upload under way. Key and id are in its row's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRecord {
    /// When it began.
    pub created: Timestamp,
    /// Who began it.
    pub initiator: UserId,
    /// Whose the object will be.
    pub owner: UserId,
    /// What the object will carry.
    pub attributes: Attributes,
    /// The checksum that the parts and the object shall have.
    pub checksum: Option<(ChecksumAlgorithm, bool)>,
}

/// A part of an upload, or of the object that it became. Its number is in its
/// row's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Bytes.
    pub size: u64,
    /// MD5 of the bytes: the part's entity tag.
    pub md5: [u8; 16],
    /// When it was stored.
    pub modified: Timestamp,
    /// The client's checksum, if it gave one.
    pub checksum: Option<Checksum>,
    /// Where the bytes are; never parts again.
    pub body: Body,
    /// How they are sealed, if the version is to be encrypted.
    pub seal: Option<Seal>,
}

/// What a completed upload became, kept so that a repeated Complete gets the
/// same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletedRecord {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: Bytes,
    /// The version.
    pub order: Order,
    /// Whether clients know it as `null`.
    pub null: bool,
    /// Its entity tag.
    pub etag: ETag,
    /// Its checksum.
    pub checksum: Option<Checksum>,
}

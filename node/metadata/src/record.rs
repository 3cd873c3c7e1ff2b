//! What the rows hold. Every value begins with a format byte (`codec`).

mod access;
mod bucket;
mod chunk;
mod encryption;
mod etag;
mod garbage;
mod lock;
mod notification;
mod object;
mod people;
mod topology;
mod version_id;

pub use access::{Acl, Grant, Grantee, Ownership, Permission, PublicAccessBlock};
pub use bucket::{BucketDocument, BucketRecord, ObjectLock, Versioning};
pub use chunk::{ChunkRecord, ShardException};
pub use encryption::{Encryption, EncryptionMethod, Seal};
pub use etag::ETag;
pub use garbage::{Garbage, GarbageClass, GarbageItem};
pub use lock::{DefaultRetention, Lock, Retention, RetentionMode, RetentionPeriod};
pub use notification::{
    Act, Event, EventRecord, EventTarget, NotificationRule, ObjectEvent, Origin, QueueRecord, RequestIds,
    WebhookRecord,
};
pub use object::{
    Attributes, Body, Checksum, ChecksumAlgorithm, ChecksumKind, CompletedRecord, PartRecord, UploadRecord,
    VersionRecord, VersionSummary,
};
pub use people::{AccessKeyRecord, UserRecord};
pub(crate) use topology::{ClockRecord, CounterRecord, ResultRecord};
pub use topology::{DriveRecord, NodeRecord, SessionRecord, SiteRecord};
pub use version_id::{NotAVersionId, VersionId};

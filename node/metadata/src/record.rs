//! What the rows hold. Every value begins with a format byte (`codec`).

mod chunk;
mod etag;
mod garbage;
mod object;
mod people;
mod topology;

pub use chunk::{ChunkRecord, ShardException};
pub use etag::ETag;
pub use garbage::{Garbage, GarbageClass, GarbageItem};
pub use object::{
    Attributes, Body, BucketRecord, Checksum, ChecksumAlgorithm, ChecksumKind, CompletedRecord, PartRecord,
    UploadRecord, VersionRecord, VersionSummary,
};
pub use people::{AccessKeyRecord, UserRecord};
pub(crate) use topology::{ClockRecord, CounterRecord, ResultRecord};
pub use topology::{DriveRecord, NodeRecord, SessionRecord, SiteRecord};

//! The replicated state machine: `decide(command, view) -> writes + reply`.
//!
//! Commands come in batches from the log; [`execute`] turns a batch and the
//! rows it meets into physical writes and one outcome a command. Everything a
//! site knows (users, buckets, versions, chunks, drives, sessions) is rows in
//! one ordered space; their bytes are described in `docs/formats/metadata.md`.
//!
//! Invariants:
//! - Pure. No clock, no randomness, no I/O; the same batch on the same rows
//!   gives the same writes on every node, for ever. Time and ids come in with
//!   the command.
//! - What a user did wrong is an [`Rejection`], a normal outcome. An
//!   [`ExecuteError`] means that this node must stop.
//! - A command that was answered once is answered the same way again.

mod batch;
mod codec;
mod command;
mod decide;
mod execute;
mod keys;
mod overlay;
mod query;
mod record;
mod reply;
mod view;

pub use batch::{Batch, Envelope, SEQUENCE_WINDOW};
pub use codec::{DecodeError, decode, encode};
pub use command::{
    BucketChange, ChangeVersion, Command, CompleteUpload, CreateUpload, CreateUser, DeleteCondition,
    DeleteObject, NewBucket, NewKey, Noncurrent, Notification, ObjectChange, PutObject, PutPart, Rewrap,
    SiteSeed, VersionChange, WriteCondition, Written,
};
pub use execute::{ExecuteError, Executed, WriteSet, execute};
pub use query::{
    ListPage, ListQuery, ListedObject, ListedPart, ListedUpload, ListedVersion, PartPage, UploadPage,
    UploadQuery, VersionPage, VersionQuery, bucket, bucket_by_id_is_empty, bucket_document, bucket_name,
    buckets_from, buckets_of, chunk, chunks_at_risk, chunks_from, chunks_of_write, completed_upload,
    current_version, drives, events, garbage, garbage_of_write, keys_of_user, list_objects, list_parts,
    list_uploads, list_versions, newest_version, node, nodes, notification_rules, part, parts_of_upload,
    parts_within, places, progress, queue, queues, session, sessions, site, table, tables, upload, user,
    user_by_key, user_by_name, users, version, versions_from, visit_versions, webhook, webhooks,
};
pub use record::{
    AccessKeyRecord, Acl, Act, Attributes, Body, BucketDocument, BucketRecord, Checksum, ChecksumAlgorithm,
    ChecksumKind, ChunkRecord, CompletedRecord, DefaultRetention, DriveRecord, ETag, Encryption,
    EncryptionMethod, Event, EventRecord, EventTarget, Garbage, GarbageClass, GarbageItem, Grant, Grantee,
    Lock, NodeRecord, NotAVersionId, NotificationRule, ObjectEvent, ObjectLock, Origin, Ownership,
    PartRecord, Permission, PublicAccessBlock, QueueRecord, RequestIds, Retention, RetentionMode,
    RetentionPeriod, Seal, SessionRecord, ShardException, SiteRecord, UploadRecord, UserRecord, VersionId,
    VersionRecord, VersionSummary, Versioning, WebhookRecord,
};
pub use reply::{MalformedCommand, Outcome, Rejection, Reply};
pub use view::{View, ViewError};

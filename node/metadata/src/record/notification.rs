use std::net::IpAddr;

use bytes::Bytes;
use mucura_types::{HybridTime, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::record::{ETag, VersionId};

/// The longest name of a target, bytes (SQS, `CreateQueue`).
const NAME_BYTES_MAX: usize = 80;

/// What happened to an object, of what S3 tells ("supported event types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ObjectEvent {
    CreatedPut,
    CreatedPost,
    CreatedCopy,
    CreatedByParts,
    Removed,
    RemovedByMarker,
    TagsPut,
    TagsDeleted,
    AclPut,
    Expired,
    ExpiredByMarker,
    Transitioned,
}

/// By what kind of request, or work of the store's own, an object is changed.
/// Together with what comes of it this makes the [`ObjectEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// A PUT.
    Put,
    /// An upload by form.
    Post,
    /// A copy.
    Copy,
    /// The end of a multipart upload.
    Complete,
    /// A deletion that a client asks for.
    Delete,
    /// A deletion by a rule of lifecycle.
    Expire,
    /// Tags are set.
    PutTags,
    /// Tags are taken away.
    DeleteTags,
    /// An access control list is set.
    PutAcl,
    /// A rule of lifecycle moves it to another storage class.
    Transition,
}

impl Act {
    /// The event that it makes; `marker`: a delete marker came of it.
    pub(crate) fn event(self, marker: bool) -> ObjectEvent {
        match (self, marker) {
            (Self::Put, _) => ObjectEvent::CreatedPut,
            (Self::Post, _) => ObjectEvent::CreatedPost,
            (Self::Copy, _) => ObjectEvent::CreatedCopy,
            (Self::Complete, _) => ObjectEvent::CreatedByParts,
            (Self::Delete, false) => ObjectEvent::Removed,
            (Self::Delete, true) => ObjectEvent::RemovedByMarker,
            (Self::Expire, false) => ObjectEvent::Expired,
            (Self::Expire, true) => ObjectEvent::ExpiredByMarker,
            (Self::PutTags, _) => ObjectEvent::TagsPut,
            (Self::DeleteTags, _) => ObjectEvent::TagsDeleted,
            (Self::PutAcl, _) => ObjectEvent::AclPut,
            (Self::Transition, _) => ObjectEvent::Transitioned,
        }
    }
}

/// Where a change comes from, as those who are told of it hear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What kind of request it is.
    pub act: Act,
    /// Who asks; none: the store itself.
    pub user: Option<UserId>,
    /// From where, if that is known.
    pub source: Option<IpAddr>,
    /// The request's ids.
    pub request: RequestIds,
}

impl Origin {
    /// Work of the store's own.
    pub fn of_store(act: Act) -> Self {
        Self { act, user: None, source: None, request: RequestIds::default() }
    }
}

/// What a request is found by; empty where there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestIds {
    /// `x-amz-request-id`.
    pub request_id: String,
    /// `x-amz-id-2`.
    pub host_id: String,
}

/// Who is told of events. Each has a queue of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EventTarget {
    /// A queue that is read through the admin API. Made when a bucket names it.
    Queue(String),
    /// A URL that is called. Only operators make them.
    Webhook(String),
}

impl EventTarget {
    /// Its name among those of its kind.
    pub fn name(&self) -> &str {
        match self {
            Self::Queue(name) | Self::Webhook(name) => name,
        }
    }

    /// Whether a text can be a name: 1 to 80 letters, digits and `- _ .`.
    pub fn is_name(text: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
    }
}

/// Which events of which keys of a bucket go where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationRule {
    /// Its name in the bucket.
    pub id: String,
    /// Who is told.
    pub target: EventTarget,
    /// Of what.
    pub events: Vec<ObjectEvent>,
    /// What keys begin with.
    pub prefix: Bytes,
    /// What keys end in.
    pub suffix: Bytes,
}

impl NotificationRule {
    /// Whether an event of a key fits.
    pub fn matches(&self, event: ObjectEvent, key: &[u8]) -> bool {
        self.events.contains(&event) && key.starts_with(&self.prefix) && key.ends_with(&self.suffix)
    }
}

/// The queue of a target: numbers from `first` up to `next` wait. They begin
/// at the time that the queue was made, so that none comes again under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRecord {
    /// The number of the oldest event that waits.
    pub first: u64,
    /// The number of the next event.
    pub next: u64,
    /// Events that were dropped because too many waited.
    pub lost: u64,
    /// Buckets whose rules name it.
    pub buckets: u64,
}

impl QueueRecord {
    /// Events that wait.
    pub fn waiting(&self) -> u64 {
        self.next.saturating_sub(self.first)
    }
}

/// A webhook. Its name is in its row's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRecord {
    /// What is called.
    pub url: String,
    /// The secret that its calls are signed with, sealed by the site key.
    pub sealed_secret: Option<Bytes>,
    /// When it was made.
    pub created: Timestamp,
}

/// What waits in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A bucket begins to tell the target things.
    Test {
        /// Which.
        bucket: String,
        /// When.
        at: Timestamp,
        /// By which request.
        request: RequestIds,
    },
    /// Something happened to an object.
    Object(EventRecord),
}

impl Event {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Test { at, .. } => *at,
            Self::Object(record) => record.at.timestamp(),
        }
    }
}

/// Something that happened to an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// What.
    pub event: ObjectEvent,
    /// When: greater for what happened later.
    pub at: HybridTime,
    /// The id of the rule that asked for this.
    pub rule: String,
    /// The bucket's name.
    pub bucket: String,
    /// Who owns it.
    pub bucket_owner: UserId,
    /// The key.
    pub key: Bytes,
    /// Bytes, of what was made.
    pub size: Option<u64>,
    /// Entity tag, of what is there.
    pub etag: Option<ETag>,
    /// The version, where versions are kept.
    pub version: Option<VersionId>,
    /// Who did it; none: the store itself.
    pub user: Option<UserId>,
    /// From where.
    pub source: Option<IpAddr>,
    /// By which request.
    pub request: RequestIds,
}

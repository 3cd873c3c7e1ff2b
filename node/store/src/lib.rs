//! The use cases of the store (put, get, list, copy, multipart, delete, users)
//! and its background work (repair, scrub, collection, placement,
//! lifecycle).
//!
//! A [`Store`] is one node's part: a gateway for the clients that talk to it,
//! and the keeper of its own drives. It joins what lies below: the replicated
//! metadata (`consensus`), the drives (`chunks`) and the peers (`mesh`).
//!
//! Invariants:
//! - A write is acknowledged only when its shards are on stable storage on a
//!   write quorum of distinct drives and its metadata entry is committed.
//! - Every answer rests on a linearizable read that began after the request
//!   arrived ([`Fresh`]).
//! - What a write left behind that was not committed is removed: at once by
//!   its gateway, or after its session has ended by whoever holds it.
//! - It knows nothing of HTTP or of S3's XML, save that it has the lifecycle
//!   rules read and judged by who knows them; errors are kinds that a front end
//!   turns into codes.

mod audit;
mod background;
mod body;
mod buckets;
mod cleanup;
mod collect;
mod deliver;
mod digest;
mod drives;
mod encrypted;
pub mod encryption;
mod error;
mod events;
mod fresh;
mod gateway;
mod health;
mod key_keeper;
mod lane;
mod lifecycle;
mod objects;
mod people;
mod planner;
mod poll;
mod pools;
mod read;
mod reader;
mod rebuild;
mod repair;
mod rewrap;
mod scrub;
mod sealed;
mod session;
mod shards;
mod source;
mod status;
mod store;
mod topology;
mod uploads;
mod write;

pub use body::{Body, BodyFailed, BodyPlan, BodySize, Md5Plan};
pub use deliver::{Courier, NotDelivered, Webhook};
pub use digest::Digests;
pub use encrypted::SealWith;
pub use error::StoreError;
pub use events::QueueStatus;
pub use fresh::{Fresh, Names, Principal};
pub use key_keeper::{KeyStatus, KeysRefused, KeysStatus};
pub use lifecycle::{LifecycleConfig, LifecycleStatus};
pub use objects::{CopySource, Deleted, ObjectInfo, ObjectStream, PutObjectRequest, Stored};
pub use people::{ANONYMOUS_USER, NewUser, ROOT_NAME, ROOT_USER};
pub use reader::ObjectReader;
pub use rewrap::RewrapStatus;
pub use sealed::SiteKey;
pub use shards::{DriveHealth, DriveServiceState};
pub use status::{DriveStatus, NodeStatus, RaftStatus, SiteStatus};
pub use store::{Store, StoreConfig};
pub use uploads::{CompleteRequest, NewUpload, PART_BYTES_MIN, PartInfo, PutPartRequest};

use mucura_types::{BucketId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::record::{Acl, DefaultRetention, Ownership, PublicAccessBlock};

/// A bucket. Its larger settings are documents in rows of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketRecord {
    /// Its number: another one if the name is created again.
    pub id: BucketId,
    /// Who created it.
    pub owner: UserId,
    /// When.
    pub created: Timestamp,
    /// What becomes of versions that are replaced.
    pub versioning: Versioning,
    /// Whether its versions can be locked.
    pub lock: Option<ObjectLock>,
    /// Who may do what; none: the owner alone.
    pub acl: Option<Acl>,
    /// Who owns what others write; none was set: they do.
    pub ownership: Option<Ownership>,
    /// What must not be public.
    pub public_access: Option<PublicAccessBlock>,
    /// The documents that it has, in order.
    pub documents: Vec<BucketDocument>,
}

/// Whether a bucket keeps the versions that are replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    /// It never did: each object has one version, `null`.
    #[default]
    Never,
    /// It does.
    Enabled,
    /// It did: what is written now is version `null`.
    Suspended,
}

/// The object lock of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLock {
    /// What versions get that bring no retention.
    pub default: Option<DefaultRetention>,
}

/// A setting that is kept as the text that the client gave, or an equal one:
/// the state machine does not read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum BucketDocument {
    Policy = 1,
    Cors = 2,
    Lifecycle = 3,
    Website = 4,
    Tagging = 5,
    Encryption = 6,
    Notification = 7,
    Logging = 8,
}

impl BucketRecord {
    /// Whether it has such a document.
    pub fn has(&self, document: BucketDocument) -> bool {
        self.documents.contains(&document)
    }
}

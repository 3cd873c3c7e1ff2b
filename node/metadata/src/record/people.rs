use bytes::Bytes;
use mucura_types::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// A user. The id is in the row's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// Unique; lower case.
    pub name: String,
    /// For people.
    pub email: String,
    /// When.
    pub created: Timestamp,
}

/// An access key. Its text is in the row's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKeyRecord {
    /// Whose it is.
    pub user: UserId,
    /// The secret, sealed by the site key.
    pub sealed_secret: Bytes,
    /// Whether requests may be signed with it.
    pub enabled: bool,
    /// When.
    pub created: Timestamp,
}
